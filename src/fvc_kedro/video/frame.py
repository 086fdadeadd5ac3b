"""One decoded picture, and the views of it that measures ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Rectangle = tuple[int, int, int, int]

# Eight-bit formats whose first plane is the luma, readable in place.
_LUMA_FIRST = frozenset(
    {"gray", "nv12", "nv21"}
    | {f"yuv{sampling}p" for sampling in ("410", "411", "420", "422", "440", "444")}
    | {f"yuvj{sampling}p" for sampling in ("411", "420", "422", "440", "444")}
    | {f"yuva{sampling}p" for sampling in ("420", "422", "444")}
)
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_BLACK_LUMA = {False: 16, True: 0}  # by whether the luma has full range
_NEUTRAL_CHROMA = 128


def _plane(picture: av.VideoFrame, number: int, width: int, height: int) -> Plane:
    plane: Any = picture.planes[number]
    rows = np.frombuffer(plane, np.uint8, count=plane.line_size * height)
    return rows.reshape(height, plane.line_size)[:, :width]


@dataclass(frozen=True)
class Frame:
    """A picture of a video with its place in time.

    Parameters
    ----------
    picture : av.VideoFrame
        The decoder's picture; its buffer is read in place where its format allows.
    index : int
        Number of the frame in presentation order, from 0.
    time_s : float
        Presentation time in seconds from the first frame.
    region : (x, y, width, height), optional
        The part of the picture that the frame stands for; all of it by default.
    """

    picture: av.VideoFrame
    index: int = 0
    time_s: float = 0.0
    region: Rectangle | None = None

    @classmethod
    def from_bgr(cls, pixels: Plane, index: int = 0, time_s: float = 0.0) -> Frame:
        """Make a frame of BGR pixels, shape (height, width, 3), uint8."""
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="bgr24")
        return cls(picture, index, time_s)

    @classmethod
    def from_luma(cls, luma: Plane, index: int = 0, time_s: float = 0.0, *, full_range: bool = True) -> Frame:
        """Make a grey frame of a luma plane, shape (height, width), uint8."""
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(luma), format="gray")
        picture.color_range = _FULL_RANGE if full_range else 1
        return cls(picture, index, time_s)

    @classmethod
    def on_black(
        cls,
        size: int,
        planes: Iterable[Plane],
        corner: tuple[int, int],
        index: int = 0,
        time_s: float = 0.0,
        *,
        full_range: bool = False,
    ) -> Frame:
        """Make a black 4:2:0 square of an even size with a picture in it.

        ``planes`` are the picture's Y, Cb and Cr, the chroma at half size; ``corner`` is the even (x, y)
        of its top left.
        """
        picture = av.VideoFrame(size, size, "yuv420p")
        for number, plane in enumerate(planes):
            shrink = 2 if number else 1
            square = _plane(picture, number, size // shrink, size // shrink)
            square[:] = _NEUTRAL_CHROMA if number else _BLACK_LUMA[full_range]
            x, y = corner[0] // shrink, corner[1] // shrink
            square[y : y + plane.shape[0], x : x + plane.shape[1]] = plane
        picture.color_range = _FULL_RANGE if full_range else 1
        return cls(picture, index, time_s)

    @property
    def luma(self) -> Plane:
        """Luma plane, shape (height, width), uint8: a view of the decoder's buffer, not to be written to."""
        picture = self.picture
        if picture.format.name not in _LUMA_FIRST:
            picture = self.as_yuv420p()
        return self._cut(_plane(picture, 0, picture.width, picture.height))

    @property
    def full_range(self) -> bool:
        """Whether luma runs over 0-255 rather than 16-235."""
        name = self.picture.format.name
        return name in _LUMA_FIRST and (name.startswith("yuvj") or int(self.picture.color_range) == _FULL_RANGE)

    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Y, Cb and Cr planes as 4:2:0, uint8, of the whole picture."""
        picture = self.as_yuv420p()
        width, height = picture.width, picture.height
        half = ((width + 1) // 2, (height + 1) // 2)
        return _plane(picture, 0, width, height), _plane(picture, 1, *half), _plane(picture, 2, *half)

    def bgr(self) -> Plane:
        """BGR pixels, shape (height, width, 3), uint8."""
        pixels: Any = self.picture.to_ndarray(format="bgr24")
        return self._cut(pixels)

    def crop(self, region: Rectangle) -> Frame:
        """Return the same frame, seen only inside ``region`` (x, y, width, height in pixels)."""
        return replace(self, region=region)

    def _cut(self, pixels: Plane) -> Plane:
        if self.region is None:
            return pixels
        x, y, width, height = self.region
        return pixels[y : y + height, x : x + width]

    def as_yuv420p(self) -> av.VideoFrame:
        """Return the whole picture as 4:2:0, eight bits; the decoder's own where it is that."""
        if self.picture.format.name in ("yuv420p", "yuvj420p"):
            return self.picture
        if self.picture.format.name.startswith("yuv"):
            return self.picture.reformat(format="yuv420p")
        return self.picture.reformat(format="yuv420p", dst_color_range=1)
