"""Where a picture is tampered with: a drifting ellipse or a face.

Each is a frozen dataclass, so that its repr tells all its settings. Places and sizes are shares of the
picture's width and height, so one setting fits every clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.forensics.faces import DETECTIONS_A_SECOND, FaceTracker
from fvc_kedro.video import Frame, Video
from fvc_kedro.video.frame import Plane, Rectangle

Pictures = Iterator[Plane]
_BORDER = 2  # pixels at the picture's edge that a hard mask leaves out: Poisson's equation needs a surround
_FACE_SMOOTHING = 0.5  # weight of the new box: detections twice a second would make the region pulse


class Region(Protocol):
    """Says in which part of each picture something happens."""

    def follow(self, pictures: Pictures) -> Iterator[tuple[Plane, Ellipse]]:
        """Yield each picture, shape (height, width, 3), with the region in it."""


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An elliptical region that drifts over the picture.

    Parameters
    ----------
    x, y : float
        Centre in the first picture, as shares of width and height.
    radius_x, radius_y : float
        Half axes, as shares of width and height.
    feather : float
        Softness of the seam: share of the radius, inwards from the border, over which the region becomes opaque.
    drift_x, drift_y : float
        Shares of width and height by which the centre moves in each picture.
    """

    x: float
    y: float
    radius_x: float
    radius_y: float
    feather: float = 0.25
    drift_x: float = 0.0
    drift_y: float = 0.0

    def follow(self, pictures: Pictures) -> Iterator[tuple[Plane, Ellipse]]:
        """Let the region drift from picture to picture."""
        for number, picture in enumerate(pictures):
            yield picture, self.moved(number * self.drift_x, number * self.drift_y)

    def moved(self, across: float, down: float) -> Ellipse:
        """Return the region moved by shares of width and height, kept inside the picture."""
        return replace(
            self,
            x=min(max(self.x + across, self.radius_x), 1 - self.radius_x),
            y=min(max(self.y + down, self.radius_y), 1 - self.radius_y),
        )

    def opacity(self, height: int, width: int) -> NDArray[np.float32]:
        """Return how much of the region shows: 1 inside, 0 from the border on, shape (height, width, 1)."""
        depth = np.clip((1 - self._distance(height, width)) / max(self.feather, 1e-6), 0, 1)
        return np.asarray(depth * depth * (3 - 2 * depth), np.float32)[:, :, None]

    def mask(self, height: int, width: int) -> Plane:
        """Return the region without feathering, 255 inside and 0 outside, shape (height, width)."""
        mask = np.where(self._distance(height, width) < 1, 255, 0).astype(np.uint8)
        mask[:_BORDER] = mask[-_BORDER:] = 0
        mask[:, :_BORDER] = mask[:, -_BORDER:] = 0
        return mask

    def _distance(self, height: int, width: int) -> NDArray[np.float32]:
        """Return the distance of pixel centres from the region's centre, in radii."""
        across = ((np.arange(width, dtype=np.float32) + 0.5) / width - self.x) / self.radius_x
        down = ((np.arange(height, dtype=np.float32) + 0.5) / height - self.y) / self.radius_y
        return np.sqrt(across**2 + down[:, None] ** 2).astype(np.float32)


@dataclass(frozen=True, slots=True)
class FaceRegion:
    """The largest face where the first pictures show one, another region where they show none.

    The choice is made once, by most of the pictures of the first half second or so, so that the region
    does not hop. A face that is lost later keeps its last place until it is found again.

    Parameters
    ----------
    otherwise : Region
        Used for the whole stream where no face is found.
    feather : float
        Softness of a face's seam, as of an Ellipse.
    fps : float
        Pictures a second of the stream: the tracker looks for faces a few times a second.
    rotation : int
        Degrees, counter-clockwise, by which a player turns the picture.
    """

    otherwise: Region
    feather: float
    fps: float
    rotation: int = 0

    def follow(self, pictures: Pictures) -> Iterator[tuple[Plane, Ellipse]]:
        """Follow the face, or the other region."""
        tracked = _track_face(pictures, self.fps, self.rotation)
        first, face = _look_at_first(tracked, self.fps)
        if face is None:
            yield from self.otherwise.follow(chain((picture for picture, _ in first), pictures))
            return
        for picture, place in _follow_face(chain(first, tracked), face):
            yield picture, replace(place, feather=self.feather)


def shows_face(video: Video) -> bool:
    """Tell whether a video begins with a face, as a ``FaceRegion`` would see it."""
    info = video.info
    tracked = _track_face((frame.bgr() for frame in video.frames()), info.fps, info.rotation)
    return _look_at_first(tracked, info.fps)[1] is not None


def _track_face(pictures: Pictures, fps: float, rotation: int) -> Iterator[tuple[Plane, Ellipse | None]]:
    tracker = FaceTracker(rotation)
    for number, picture in enumerate(pictures):
        face = tracker.update(Frame.from_bgr(picture, number, number / fps))
        yield picture, None if face is None else _around(face.box, picture)


def _around(box: Rectangle, picture: Plane) -> Ellipse:
    x, y, box_width, box_height = box
    height, width = picture.shape[:2]
    return Ellipse(
        (x + box_width / 2) / width, (y + box_height / 2) / height, box_width / width / 2, box_height / height / 2
    )


def _look_at_first(
    tracked: Iterator[tuple[Plane, Ellipse | None]], fps: float
) -> tuple[list[tuple[Plane, Ellipse | None]], Ellipse | None]:
    """Return the pictures up to the tracker's second detection, and the face if most of them show one."""
    first = list(islice(tracked, 2 + int(fps / DETECTIONS_A_SECOND)))
    faces = [face for _, face in first if face is not None]
    return first, faces[0] if 2 * len(faces) > len(first) else None


def _follow_face(tracked: Iterator[tuple[Plane, Ellipse | None]], place: Ellipse) -> Iterator[tuple[Plane, Ellipse]]:
    """Smooth the places of the face; where it is lost, the last one stays."""
    for picture, face in tracked:
        if face is not None:
            place = _between(place, face)
        yield picture, place


def _between(old: Ellipse, new: Ellipse) -> Ellipse:
    def mix(before: float, after: float) -> float:
        return before + _FACE_SMOOTHING * (after - before)

    return replace(
        old,
        x=mix(old.x, new.x),
        y=mix(old.y, new.y),
        radius_x=mix(old.radius_x, new.radius_x),
        radius_y=mix(old.radius_y, new.radius_y),
    )
