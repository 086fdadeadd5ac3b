"""What a feature family looks at: a picture or a rectangle of it, with what several families need of it.

Everything that is costly and shared (pixel sums, diagonal details, jump profiles, tiles) is computed when it is
first asked for, and once.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from fvc_kedro.forensics.kernels import Jumps, diagonal_details, jumps
from fvc_kedro.forensics.luma_statistics import LumaSums, luma_sums
from fvc_kedro.forensics.motion import BlockMotion, block_motion
from fvc_kedro.video.frame import Frame, Plane, Rectangle

_LIMITED_RANGE_GAIN = 255 / 219
_LIMITED_RANGE_CHROMA_GAIN = 255 / 224
_LIMITED_RANGE_BLACK = 16
_TILE_SIDES = (64, 32)
_CROP_TILE_SIDES = (32,)  # one side for small and large crops, so that a face and its surround compare
_MOST_TILES_ACROSS = 4
_GRID = 8


class View:
    """A picture, or a rectangle of it, and the same rectangle of its successor.

    Parameters
    ----------
    frame : Frame
    successor : View, optional
        View of the next frame of the video; None after the last.
    tile_sides : tuple of int
        Sides that tiles may have in pixels; the first that fits is taken.
    """

    def __init__(self, frame: Frame, successor: View | None = None, tile_sides: tuple[int, ...] = _TILE_SIDES) -> None:
        self.frame = frame
        self.successor = successor
        self._tile_sides = tile_sides

    def crop(self, region: Rectangle) -> View:
        """Look at ``region`` (x, y, width, height in pixels of the whole picture) of picture and successor.

        Tiles of a crop have 32 pixels a side, whatever its size.
        """
        successor = self.successor
        cropped = None if successor is None else View(successor.frame.crop(region), None, _CROP_TILE_SIDES)
        return View(self.frame.crop(region), cropped, _CROP_TILE_SIDES)

    @cached_property
    def luma(self) -> Plane:
        """Luma code values, shape (height, width), uint8, contiguous and not to be written to."""
        luma = np.ascontiguousarray(self.frame.luma)
        luma.flags.writeable = False  # copies and decoder buffers are then one type to compiled code
        return luma

    @property
    def gain(self) -> float:
        """Factor that brings differences of luma code values to 0-255."""
        return 1.0 if self.frame.full_range else _LIMITED_RANGE_GAIN

    @property
    def chroma_gain(self) -> float:
        """Factor that brings differences of chroma code values to 0-255."""
        return 1.0 if self.frame.full_range else _LIMITED_RANGE_CHROMA_GAIN

    @property
    def black(self) -> int:
        """Code value of black."""
        return 0 if self.frame.full_range else _LIMITED_RANGE_BLACK

    @property
    def origin(self) -> tuple[int, int]:
        """Place (x, y) of the top left pixel in the whole picture."""
        return (0, 0) if self.frame.region is None else self.frame.region[:2]

    @cached_property
    def sums(self) -> LumaSums:
        """Sums over the luma plane, in code values."""
        return luma_sums(self.luma)

    @cached_property
    def details(self) -> NDArray[np.int16]:
        """Diagonal details of the luma, see :func:`fvc_kedro.forensics.kernels.diagonal_details`."""
        return diagonal_details(self.luma)

    @cached_property
    def jumps(self) -> Jumps:
        """Jumps between neighbouring pixels, by column and by row."""
        return jumps(self.luma)

    @cached_property
    def motion(self) -> BlockMotion:
        """Motion of blocks towards the successor, which must be there."""
        if self.successor is None:
            raise ValueError("a view without a successor has no motion")
        return block_motion(self.luma, self.successor.luma)

    @cached_property
    def chroma(self) -> tuple[Plane, Plane] | None:
        """Cb and Cr at half the luma's size, contiguous; None for a grey video."""
        if self.frame.picture.format.name.startswith("gray"):
            return None
        _, blue, red = self.frame.planes()
        if self.frame.region is not None:
            x, y, width, height = (value // 2 for value in self.frame.region)
            blue, red = blue[y : y + height, x : x + width], red[y : y + height, x : x + width]
        planes = np.ascontiguousarray(blue), np.ascontiguousarray(red)
        for plane in planes:
            plane.flags.writeable = False
        return planes

    @cached_property
    def half_luma(self) -> Plane:
        """Luma averaged over 2x2 pixels, shape (height // 2, width // 2)."""
        height, width = self.luma.shape
        even = self.luma[: height // 2 * 2, : width // 2 * 2]
        half = np.asarray(cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)
        half.flags.writeable = False
        return half

    @cached_property
    def tiles(self) -> Plane:
        """Square cut-outs at native resolution on an even lattice, shape (n, side, side), uint8.

        At most 4 across and 4 down; of a whole picture the side is 64 pixels, or 32 where it is too small
        for that. None at all (n = 0) where it is smaller still.
        """
        height, width = self.luma.shape
        side = next((side for side in self._tile_sides if side <= min(height, width)), 0)
        if side == 0:
            return np.empty((0, self._tile_sides[-1], self._tile_sides[-1]), np.uint8)
        tops, lefts = _even_places(height, side), _even_places(width, side)
        return np.stack([self.luma[y : y + side, x : x + side] for y in tops for x in lefts])


def _even_places(length: int, side: int) -> list[int]:
    """Place at most so many stretches of a side evenly, on the 8-pixel grid; return their starts."""
    n = min(_MOST_TILES_ACROSS, length // side)
    return [((2 * k + 1) * length // (2 * n) - side // 2) // _GRID * _GRID for k in range(n)]
