"""Sizes, rotation and letterboxing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fvc_kedro.video.frame import Frame, Rectangle


def displayed_size(width: int, height: int, rotation: int = 0, pixel_aspect_ratio: float = 1.0) -> tuple[int, int]:
    """Width and height of a picture in pixels as a player shows it.

    Its width is stretched by the ratio, then it is turned by ``rotation`` degrees.
    """
    width = max(1, round(width * pixel_aspect_ratio))
    return (height, width) if rotation % 180 else (width, height)


def letterbox_region(width: int, height: int, size: int) -> Rectangle:
    """Where a picture comes to lie when it is fitted into a square with its aspect kept.

    Width, height and offsets are even, as 4:2:0 asks; the picture is centred as far as that allows.

    Parameters
    ----------
    width, height : int
        Size of the picture in pixels.
    size : int
        Side of the square in pixels, even, at least 2.

    Returns
    -------
    (x, y, width, height)

    Raises
    ------
    ValueError
        If a side is below 1 or ``size`` is odd or below 2.
    """
    if min(width, height) < 1:
        raise ValueError(f"a picture has at least one pixel each way, got {width}x{height}")
    if size < 2 or size % 2:
        raise ValueError(f"the side of a letterbox must be even and at least 2, got {size}")
    factor = size / max(width, height)
    inner_width = max(2, 2 * round(width * factor / 2))
    inner_height = max(2, 2 * round(height * factor / 2))
    return ((size - inner_width) // 4 * 2, (size - inner_height) // 4 * 2, inner_width, inner_height)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Transform that fits every frame into a black square, upright, by area averaging.

    Parameters
    ----------
    size : int
        Side of the square in pixels, even.
    rotation : int
        Degrees, counter-clockwise, by which a player turns the picture: 0, 90, 180 or 270.
    pixel_aspect_ratio : float
        Width over height of a stored pixel.
    """

    size: int
    rotation: int = 0
    pixel_aspect_ratio: float = 1.0

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Letterbox the planes of each frame, without a detour over RGB."""
        for frame in frames:
            picture = frame.as_yuv420p()
            shown = displayed_size(picture.width, picture.height, self.rotation, self.pixel_aspect_ratio)
            x, y, shown_width, shown_height = letterbox_region(*shown, self.size)
            width, height = displayed_size(shown_width, shown_height, self.rotation)
            fitted = Frame(picture.reformat(width, height, interpolation="AREA", threads=1)).planes()
            turned = (np.rot90(plane, self.rotation // 90) for plane in fitted)
            yield Frame.on_black(self.size, turned, (x, y), frame.index, frame.time_s, full_range=frame.full_range)
