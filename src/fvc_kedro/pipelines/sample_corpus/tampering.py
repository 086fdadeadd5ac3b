"""Ways to tamper with a video, as transforms of a stream of BGR pictures.

Each is a frozen dataclass, so that its repr tells all its settings. Places and sizes are shares of the
picture's width and height, so one setting fits every clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from fvc_kedro.video import Frame, Video
from fvc_kedro.video.frame import Plane

Pictures = Iterator[Plane]
_GRID = 8  # libx264 does not always encode other sizes to the same bytes
_FEATHER = 0.25  # softness of a region's border, as a share of its smaller radius


class Tampering(Protocol):
    """Changes a stream of pictures, shape (height, width, 3), uint8."""

    def __call__(self, pictures: Pictures) -> Pictures:
        """Return the changed stream."""


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An elliptical region that drifts over the picture.

    Parameters
    ----------
    x, y : float
        Centre in the first picture, as shares of width and height.
    radius_x, radius_y : float
        Half axes, as shares of width and height.
    drift_x, drift_y : float
        Shares of width and height by which the centre moves in each picture.
    """

    x: float
    y: float
    radius_x: float
    radius_y: float
    drift_x: float = 0.0
    drift_y: float = 0.0

    def at(self, number: int) -> Ellipse:
        """Return the region in picture ``number``, kept inside the picture."""
        return replace(
            self,
            x=min(max(self.x + number * self.drift_x, self.radius_x), 1 - self.radius_x),
            y=min(max(self.y + number * self.drift_y, self.radius_y), 1 - self.radius_y),
        )

    def mask(self, height: int, width: int) -> Plane:
        """Return the region as 255 inside and 0 outside, shape (height, width)."""
        mask = np.zeros((height, width), np.uint8)
        centre = (round(self.x * width), round(self.y * height))
        axes = (max(1, round(self.radius_x * width) - 2), max(1, round(self.radius_y * height) - 2))
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
        return mask

    def feathered(self, height: int, width: int) -> NDArray[np.float32]:
        """Return the region's opacity with soft borders, 0 to 1, shape (height, width, 1)."""
        spread = max(1.0, _FEATHER * min(self.radius_x * width, self.radius_y * height))
        opaque = self.mask(height, width).astype(np.float32) / 255
        return cv2.GaussianBlur(opaque, (0, 0), spread / 2)[:, :, None].astype(np.float32)


def _resize(picture: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def blend(over: Plane, under: Plane, opacity: NDArray[np.float32]) -> Plane:
    """Lay one picture over another with the given opacity."""
    mixed = opacity * over.astype(np.float32) + (1 - opacity) * under.astype(np.float32)
    return np.asarray(np.rint(mixed).clip(0, 255), np.uint8)


@dataclass(frozen=True, slots=True)
class Splice:
    """A moving region taken from another video, feathered in or blended by Poisson's equation.

    References
    ----------
    Pérez, Gangnet & Blake, "Poisson image editing", 2003.
    """

    region: Ellipse
    poisson: bool
    donor: Video = field(repr=False)
    donor_hash: str = ""

    def __call__(self, pictures: Pictures) -> Pictures:
        """Lay the donor's region over each picture; a shorter donor is repeated."""
        donor_pictures = cycle([frame.bgr() for frame in self.donor.frames()])
        for number, (picture, donor) in enumerate(zip(pictures, donor_pictures, strict=False)):
            height, width = picture.shape[:2]
            region = self.region.at(number)
            fitted = _resize(donor, (width, height))
            if self.poisson:
                mask = region.mask(height, width)
                x, y, box_width, box_height = cv2.boundingRect(mask)
                centre = (x + box_width // 2, y + box_height // 2)
                yield np.asarray(cv2.seamlessClone(fitted, picture, mask, centre, cv2.NORMAL_CLONE), np.uint8)
            else:
                yield blend(fitted, picture, region.feathered(height, width))


@dataclass(frozen=True, slots=True)
class Resynthesis:
    """A region made anew at a lower resolution, with a shift in colour, feathered in, as face swaps do."""

    region: Ellipse
    factor: float
    shift: tuple[float, float, float]

    def __call__(self, pictures: Pictures) -> Pictures:
        """Resynthesise the region of each picture."""
        for number, picture in enumerate(pictures):
            height, width = picture.shape[:2]
            small_size = (max(1, round(width / self.factor)), max(1, round(height / self.factor)))
            small = cv2.resize(picture, small_size, interpolation=cv2.INTER_AREA)
            large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
            shifted = np.clip(large + np.array(self.shift, np.float32), 0, 255).astype(np.uint8)
            yield blend(shifted, picture, self.region.at(number).feathered(height, width))


@dataclass(frozen=True, slots=True)
class CopyMove:
    """A region of the picture copied to another place of the same picture."""

    region: Ellipse
    shift_x: float
    shift_y: float

    def __call__(self, pictures: Pictures) -> Pictures:
        """Copy the pixels that lie a shift away over the region of each picture."""
        for number, picture in enumerate(pictures):
            height, width = picture.shape[:2]
            moved = np.roll(picture, (round(self.shift_y * height), round(self.shift_x * width)), axis=(0, 1))
            yield blend(moved, picture, self.region.at(number).feathered(height, width))


@dataclass(frozen=True, slots=True)
class Inpainting:
    """A region removed and filled from its surround.

    References
    ----------
    Telea, "An image inpainting technique based on the fast marching method", 2004.
    """

    region: Ellipse

    def __call__(self, pictures: Pictures) -> Pictures:
        """Fill the region of each picture."""
        for number, picture in enumerate(pictures):
            mask = self.region.at(number).mask(*picture.shape[:2])
            yield np.asarray(cv2.inpaint(picture, mask, 3, cv2.INPAINT_TELEA), np.uint8)


@dataclass(frozen=True, slots=True)
class FrameFreeze:
    """One picture held for a while, the rest delayed."""

    at: int
    count: int

    def __call__(self, pictures: Pictures) -> Pictures:
        """Show picture ``at`` again ``count`` times."""
        for number, picture in enumerate(pictures):
            yield picture
            if number == self.at:
                for _ in range(self.count):
                    yield picture


@dataclass(frozen=True, slots=True)
class FrameDeletion:
    """A stretch of pictures cut out."""

    at: int
    count: int

    def __call__(self, pictures: Pictures) -> Pictures:
        """Leave out ``count`` pictures from number ``at`` on."""
        for number, picture in enumerate(pictures):
            if not self.at <= number < self.at + self.count:
                yield picture


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a clip as a platform would publish it: a stretch of it at some scale, tampered with or not.

    Parameters
    ----------
    start, length : int
        Stretch of the (tampered) clip that is kept, in frames.
    scale : float
        Factor on width and height; sizes are rounded to multiples of 8.
    tampering : Tampering, optional
        None for a real version, which passes through the same conversions all the same.
    """

    start: int
    length: int
    scale: float
    tampering: Tampering | None

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Make the version's frames."""
        pictures: Pictures = (frame.bgr() for frame in frames)
        if self.tampering is not None:
            pictures = self.tampering(pictures)
        for picture in islice(pictures, self.start, self.start + self.length):
            height, width = picture.shape[:2]
            size = (_GRID * round(self.scale * width / _GRID), _GRID * round(self.scale * height / _GRID))
            yield Frame.from_bgr(_resize(picture, size))
