"""One decoded picture, and the views of it that measures ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import av
import cv2
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
# Formats of more bits whose planes are otherwise the same, such as yuv422p10le and yuv422p.
_DEEP = re.compile(r"(?P<eight_bits>gray|yuva?\d{3}p|gbra?p)(?P<bits>9|10|12|14|16)le")
_LIMITED_RANGE = 1  # AVCOL_RANGE_MPEG
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_BLACK_LUMA = {False: 16, True: 0}  # by whether the luma has full range
_NEUTRAL_CHROMA = 128


def _plane(picture: av.VideoFrame, number: int, width: int, height: int, dtype: type[np.generic] = np.uint8) -> Any:
    plane: Any = picture.planes[number]
    rows = np.frombuffer(plane, dtype, count=plane.line_size // np.dtype(dtype).itemsize * height)
    return rows.reshape(height, -1)[:, :width]


def _eight_bits(picture: av.VideoFrame, number: int) -> Plane:
    """Round a plane of more bits to eight; read one of eight in place."""
    plane: Any = picture.planes[number]
    deep = _DEEP.fullmatch(picture.format.name)
    if deep is None:
        return np.asarray(_plane(picture, number, plane.width, plane.height))
    bits = int(deep["bits"])
    # 10 bits run over 0-1023 or, four times the eight-bit values, over 64-940
    factor = 255 / (2**bits - 1) if _has_full_range(picture) else 2.0 ** (8 - bits)
    values = _plane(picture, number, plane.width, plane.height, np.uint16)
    return np.asarray(cv2.convertScaleAbs(values, alpha=factor), np.uint8)


def _has_full_range(picture: av.VideoFrame) -> bool:
    return picture.format.name.startswith(("yuvj", "gbr")) or int(picture.color_range) == _FULL_RANGE


def _has_luma_plane(picture: av.VideoFrame) -> bool:
    name = picture.format.name
    return name in _LUMA_FIRST or (_DEEP.fullmatch(name) is not None and not name.startswith("gbr"))


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
        picture.color_range = _FULL_RANGE if full_range else _LIMITED_RANGE
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
        picture.color_range = _FULL_RANGE if full_range else _LIMITED_RANGE
        return cls(picture, index, time_s)

    @property
    def luma(self) -> Plane:
        """Luma plane, shape (height, width), uint8: a view of the decoder's buffer, not to be written to."""
        picture = self.picture if _has_luma_plane(self.picture) else self.as_yuv420p()
        return self._cut(_eight_bits(picture, 0))

    @property
    def full_range(self) -> bool:
        """Whether luma runs over 0-255 rather than 16-235."""
        return _has_luma_plane(self.picture) and _has_full_range(self.picture)

    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Y, Cb and Cr planes as 4:2:0, uint8, of the whole picture."""
        picture = self.as_yuv420p()
        luma, blue, red = (_eight_bits(picture, number) for number in range(3))
        return luma, blue, red

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
        """Return the whole picture as 4:2:0, eight bits, of the luma's range; the decoder's own where it is that."""
        picture = self.picture
        name = picture.format.name
        if name in ("yuv420p", "yuvj420p"):
            return picture
        if name.startswith("gray") and _has_luma_plane(picture):
            return _gray_as_yuv420p(picture, full_range=self.full_range)
        if _DEEP.fullmatch(name):
            picture = _copy_of_eight_bits(picture)
        # other formats, such as RGB, become of limited range
        target = _FULL_RANGE if self.full_range else _LIMITED_RANGE
        source = target if _has_luma_plane(picture) else None
        return picture.reformat(format="yuv420p", src_color_range=source, dst_color_range=target)


def _copy_of_eight_bits(picture: av.VideoFrame) -> av.VideoFrame:
    deep = _DEEP.fullmatch(picture.format.name)
    copy = av.VideoFrame(picture.width, picture.height, deep["eight_bits"] if deep else picture.format.name)
    for number in range(len(copy.planes)):
        _plane(copy, number, copy.planes[number].width, copy.planes[number].height)[:] = _eight_bits(picture, number)
    copy.color_range = picture.color_range
    return copy


def _gray_as_yuv420p(picture: av.VideoFrame, *, full_range: bool) -> av.VideoFrame:
    copy = av.VideoFrame(picture.width, picture.height, "yuv420p")
    for number in range(3):
        plane = _plane(copy, number, copy.planes[number].width, copy.planes[number].height)
        plane[:] = _NEUTRAL_CHROMA if number else _eight_bits(picture, 0)
    copy.color_range = _FULL_RANGE if full_range else _LIMITED_RANGE
    return copy
