"""Ways to tamper with a video, as transforms of a stream of BGR pictures.

Each is a frozen dataclass, so that its repr tells all its settings. Where it happens is told by regions.py,
how new content is made to fit by blending.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol

import cv2
import numpy as np

from fvc_kedro.pipelines.sample_corpus.blending import blend, fit, match_colour, match_gamma, translate
from fvc_kedro.pipelines.sample_corpus.regions import Ellipse, Pictures, Region
from fvc_kedro.video import Frame, UnusableVideoError, Video
from fvc_kedro.video.frame import Plane

_GRID = 8  # libx264 does not always encode other sizes to the same bytes
_SHARPENED = 1.0  # standard deviation, in pixels, of the blur that sharpening subtracts


class Tampering(Protocol):
    """Changes a stream of pictures, shape (height, width, 3), uint8."""

    def __call__(self, pictures: Pictures) -> Pictures:
        """Return the changed stream."""


def _repeat(video: Video) -> Pictures:
    while True:
        for frame in video.frames():
            yield frame.bgr()


def _beside_donor(region: Region, pictures: Pictures, donor: Video) -> Iterator[tuple[Plane, Plane, Ellipse]]:
    """Yield picture, donor's picture and region; the donor's content moves with the region, as an object would.

    A shorter donor is repeated.
    """
    start: Ellipse | None = None
    for (picture, place), foreign in zip(region.follow(pictures), _repeat(donor), strict=False):
        start = start or place
        height, width = picture.shape[:2]
        fitted = fit(foreign, width, height)
        yield picture, translate(fitted, (place.x - start.x) * width, (place.y - start.y) * height), place


@dataclass(frozen=True, slots=True)
class Splice:
    """A region taken from another video as it is, feathered in or blended by Poisson's equation.

    References
    ----------
    Pérez, Gangnet & Blake, "Poisson image editing", 2003.
    """

    region: Region
    poisson: bool
    donor: Video = field(repr=False)
    donor_hash: str = ""

    def __call__(self, pictures: Pictures) -> Pictures:
        """Lay the donor's region over each picture."""
        for picture, foreign, place in _beside_donor(self.region, pictures, self.donor):
            content = _poisson_clone(foreign, picture, place) if self.poisson else foreign
            yield blend(content, picture, place.opacity(*picture.shape[:2]))


def _poisson_clone(over: Plane, under: Plane, place: Ellipse) -> Plane:
    mask = place.mask(*under.shape[:2])
    x, y, width, height = cv2.boundingRect(mask)
    centre = (x + width // 2, y + height // 2)
    return np.asarray(cv2.seamlessClone(over, under, mask, centre, cv2.NORMAL_CLONE), np.uint8)


@dataclass(frozen=True, slots=True)
class FaceSwap:
    """Another person's face, laid on the face and scaled to it, its gamma and colours matched to what it covers.

    Parameters
    ----------
    region, donor_region : Region
        The face, and the face of the donor.
    donor : Video
        Repeated where it is shorter.
    donor_hash : str
        Content hash of the donor.
    """

    region: Region
    donor_region: Region
    donor: Video = field(repr=False)
    donor_hash: str = ""

    def __call__(self, pictures: Pictures) -> Pictures:
        """Lay the donor's face over that of each picture."""
        donated = self.donor_region.follow(_repeat(self.donor))
        for (picture, place), (foreign, source) in zip(self.region.follow(pictures), donated, strict=False):
            opacity = place.opacity(*picture.shape[:2])
            bent = match_gamma(_lay(foreign, source, place, picture), picture, opacity)
            yield blend(match_colour(bent, picture, opacity), picture, opacity)


def _lay(content: Plane, source: Ellipse, place: Ellipse, picture: Plane) -> Plane:
    """Scale and move content so that its region ``source`` comes to lie on the region ``place`` of the picture."""
    height, width = picture.shape[:2]
    scaled_width = max(1, round(width * place.radius_x / source.radius_x))
    scaled_height = max(1, round(height * place.radius_y / source.radius_y))
    scaled = fit(content, scaled_width, scaled_height)
    across, down = place.x * width - source.x * scaled_width, place.y * height - source.y * scaled_height
    return translate(scaled, across, down, (width, height))


@dataclass(frozen=True, slots=True)
class FaceBlend:
    """A face laid on itself, a little off in place, size and colour: what is left is the boundary of a blend.

    Parameters
    ----------
    region : Region
    across, down : float
        How far off it lies, as shares of the face's width and height.
    zoom : float
        Factor on its size.
    contrast, brightness : float
        Factor on the grey levels' distance from 128, and levels that are added.
    share : float
        Opacity inside the boundary, above 0 to 1.

    References
    ----------
    Li et al., "Face X-ray for more general face forgery detection", 2020.
    Shiohara & Yamasaki, "Detecting deepfakes with self-blended images", 2022.
    """

    region: Region
    across: float
    down: float
    zoom: float
    contrast: float
    brightness: float
    share: float

    def __call__(self, pictures: Pictures) -> Pictures:
        """Blend the face of each picture with itself."""
        levels = (np.arange(256) - 128) * self.contrast + 128 + self.brightness
        table = np.rint(levels).clip(0, 255).astype(np.uint8)
        for picture, place in self.region.follow(pictures):
            beside = replace(
                place,
                x=place.x + 2 * self.across * place.radius_x,
                y=place.y + 2 * self.down * place.radius_y,
                radius_x=self.zoom * place.radius_x,
                radius_y=self.zoom * place.radius_y,
            )
            content = _lay(np.asarray(cv2.LUT(picture, table), np.uint8), place, beside, picture)
            yield blend(content, picture, self.share * place.opacity(*picture.shape[:2]))


def _draw_jitter(generator: np.random.Generator, spread: float) -> tuple[float, float]:
    """Draw pixels across and down, normal with a standard deviation, at most twice that."""
    across, down = np.clip(generator.normal(0, spread, 2), -2 * spread, 2 * spread)
    return float(across), float(down)


@dataclass(frozen=True, slots=True)
class FaceJitter:
    """A face put back a little beside its place and a little brighter or darker, anew in each picture.

    So do manipulations that work picture by picture.

    Parameters
    ----------
    region : Region
    jitter : float
        Standard deviation of the place, in pixels; at most twice that.
    flicker : float
        Standard deviation of the brightness, in grey levels.
    seed : int
        Of both.
    """

    region: Region
    jitter: float
    flicker: float
    seed: int

    def __call__(self, pictures: Pictures) -> Pictures:
        """Move the face of each picture."""
        generator = np.random.default_rng(self.seed)
        for picture, place in self.region.follow(pictures):
            moved = translate(picture, *_draw_jitter(generator, self.jitter))
            content = np.rint(moved + generator.normal(0, self.flicker)).clip(0, 255).astype(np.uint8)
            yield blend(content, picture, place.opacity(*picture.shape[:2]))


def _through_bottleneck(picture: Plane, factor: float) -> Plane:
    """Shrink a picture by a factor and enlarge it again."""
    height, width = picture.shape[:2]
    return fit(fit(picture, max(1, round(width / factor)), max(1, round(height / factor))), width, height)


@dataclass(frozen=True, slots=True)
class Resynthesis:
    """A region made anew at a lower resolution, with a shift in colour, as early face swaps did."""

    region: Region
    factor: float
    shift: tuple[float, float, float]

    def __call__(self, pictures: Pictures) -> Pictures:
        """Resynthesise the region of each picture."""
        for picture, place in self.region.follow(pictures):
            content = _through_bottleneck(picture, self.factor) + np.array(self.shift, np.float32)
            shifted = np.asarray(np.rint(content).clip(0, 255), np.uint8)
            yield blend(shifted, picture, place.opacity(*picture.shape[:2]))


@dataclass(frozen=True, slots=True)
class Reenactment:
    """A region made anew as a learned decoder would, and pasted back with a jittered registration.

    The content passes a bottleneck, loses noise, is sharpened and gets back the colours of the original:
    what is left of it is texture, not tone.

    Parameters
    ----------
    region : Region
    factor : float
        Narrowness of the bottleneck: factor on the resolution, above 1.
    smoothing : float
        Grey levels under which differences between neighbours are smoothed away (bilateral filter).
    sharpening : float
        Weight of the unsharp mask.
    jitter : float
        Standard deviation, in pixels, by which the content is put beside its place in each picture;
        at most twice that.
    seed : int
        Of the jitter.

    References
    ----------
    Tomasi & Manduchi, "Bilateral filtering for gray and color images", 1998.
    Li & Lyu, "Exposing DeepFake videos by detecting face warping artifacts", 2019 (the traces imitated).
    """

    region: Region
    factor: float
    smoothing: float
    sharpening: float
    jitter: float
    seed: int

    def __call__(self, pictures: Pictures) -> Pictures:
        """Make the region of each picture anew."""
        generator = np.random.default_rng(self.seed)
        for picture, place in self.region.follow(pictures):
            height, width = picture.shape[:2]
            across, down = _draw_jitter(generator, self.jitter)
            opacity = place.moved(across / width, down / height).opacity(height, width)
            content = translate(self._decode(picture), across, down)
            yield blend(match_colour(content, picture, opacity), picture, opacity)

    def _decode(self, picture: Plane) -> Plane:
        smooth = cv2.bilateralFilter(picture, 5, self.smoothing, 2.0)
        content = _through_bottleneck(np.asarray(smooth, np.uint8), self.factor)
        blurred = cv2.GaussianBlur(content, (0, 0), _SHARPENED)
        sharp = cv2.addWeighted(content, 1 + self.sharpening, blurred, -self.sharpening, 0)
        return np.asarray(sharp, np.uint8)


@dataclass(frozen=True, slots=True)
class CopyMove:
    """A region of the picture copied to another place of the same picture.

    Parameters
    ----------
    region : Region
        Where it is copied to.
    shift_x : float
        How far off the source lies towards the middle of the picture (left or right), as a share of the width.
    shift_y : float
        How far above the region the source lies, as a share of the height.
    """

    region: Region
    shift_x: float
    shift_y: float

    def __call__(self, pictures: Pictures) -> Pictures:
        """Copy the source over the region of each picture."""
        side = 0
        for picture, place in self.region.follow(pictures):
            side = side or (1 if place.x >= 0.5 else -1)  # of the first picture: it must not change on the way
            height, width = picture.shape[:2]
            moved = translate(picture, side * round(self.shift_x * width), round(self.shift_y * height))
            yield blend(moved, picture, place.opacity(height, width))


@dataclass(frozen=True, slots=True)
class Inpainting:
    """A region removed and filled from its surround.

    The seam is hard, as filling is continuous by itself and feathering would bring back the rim of what was removed.

    References
    ----------
    Telea, "An image inpainting technique based on the fast marching method", 2004.
    """

    region: Region

    def __call__(self, pictures: Pictures) -> Pictures:
        """Fill the region of each picture."""
        for picture, place in self.region.follow(pictures):
            mask = place.mask(*picture.shape[:2])
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
        Stretch of the clip that is kept, in frames. Tampering begins with the stretch; what cuts frames out
        of it is given those that follow.
    scale : float
        Factor on width and height; sizes are rounded to multiples of 8.
    tampering : Tampering, optional
        None for a real version, which passes through the same conversions all the same.
    revision : int
        Raised whenever equal settings may give other pictures, so that kept videos are made anew.
    """

    start: int
    length: int
    scale: float
    tampering: Tampering | None
    revision: int = 3

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Make the version's frames.

        Raises
        ------
        UnusableVideoError
            If the scale leaves no pixel.
        """
        pictures: Pictures = (frame.bgr() for frame in islice(frames, self.start, None))
        if self.tampering is not None:
            pictures = self.tampering(pictures)
        for picture in islice(pictures, self.length):
            height, width = picture.shape[:2]
            size = (_GRID * round(self.scale * width / _GRID), _GRID * round(self.scale * height / _GRID))
            if 0 in size:
                raise UnusableVideoError(f"a scale of {self.scale:g} is too small for {width} by {height} pixels")
            yield Frame.from_bgr(fit(picture, *size))
