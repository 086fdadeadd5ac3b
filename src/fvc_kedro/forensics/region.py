"""The families of the picture taken inside a face, on the ring around it, and compared.

What is pasted in, or made anew, differs from what stands beside it in the same picture under the same
compression. Without a face the region in which most changes is compared with its surround.

Crops have native resolution and are never resized: resizing destroys the traces.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import log, nan

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.forensics import blockiness, cooccurrence, noise, sharpness, spectrum, temporal
from fvc_kedro.forensics.faces import SMALLEST_FACE, Face, FaceTracker, network_digest
from fvc_kedro.forensics.family import (
    Family,
    Feature,
    FrameExtractor,
    Measure,
    Segment,
    frame_features,
)
from fvc_kedro.forensics.motion import most_changing_region
from fvc_kedro.forensics.view import View
from fvc_kedro.video.frame import Rectangle

# Each family's measures with its name before theirs.
_FAMILIES = {
    "cooccurrence": cooccurrence,
    "spectrum": spectrum,
    "sharpness": sharpness,
    "noise": noise,
    "blockiness": blockiness,
    "temporal": temporal,
}
_AGGREGATES = ("mean", "std", "mode_share")
_BLOCK = 8  # pixels; sides that are multiples of it need no padding
_NARROWEST = 32  # pixels; a strip of a ring that is narrower is left out

_INNER = [
    (f"{family}_{measure.name}", measure, tuple(a for a in measure.aggregates if a in _AGGREGATES))
    for family, module in _FAMILIES.items()
    for measure in module.MEASURES
]
_COMPARABLE = np.array([measure.unit != "phase" for _, measure, _ in _INNER])  # phases cannot be subtracted


def _measures(place: str, where: str, *, compared: bool = False) -> list[Measure]:
    return [
        Measure(f"{place}_{name}", f"{where}: {measure.definition}", measure.unit, measure.unchanged_by, aggregates)
        for (name, measure, aggregates), comparable in zip(_INNER, _COMPARABLE, strict=True)
        if comparable or not compared
    ]


FACE_MEASURES = [
    *_measures("face", "in the face"),
    *_measures("ring", "on the ring around the face"),
    *_measures("difference", "in the face less on its ring", compared=True),
]
MOVING_MEASURES = [
    *_measures("moving", "in the region in which most changes"),
    *_measures("surround", "on the ring around the region in which most changes"),
    *_measures("contrast", "in the region in which most changes less on its ring", compared=True),
]
PLACES = ("face", "ring", "difference", "moving", "surround", "contrast")


def columns_of_place(place: str) -> list[str]:
    """Names of the features taken at one of ``PLACES``."""
    measures = [measure for measure in (*FACE_MEASURES, *MOVING_MEASURES) if measure.name.startswith(f"{place}_")]
    return list(frame_features("region", measures))


_TRACK_FEATURES = {
    "region_face_found": Feature("whether a face was found in any frame", "0 or 1", "length, fps, brightness"),
    "region_face_share": Feature("share of the frames in which a face was found", "share", "length, fps, brightness"),
    "region_face_size": Feature("ln of the mean area of the face over the picture's", "ln", "length, fps, resolution"),
    "region_face_jitter": Feature(
        "median distance of the face's centre from the middle between those in the frames looked at before and after, "
        "over the face's width; it grows with the time between them",
        "1",
        "resolution, brightness",
    ),
    "region_landmark_jitter": Feature(
        "the same of the landmarks within the face's box, their mean; they are found anew with each detection",
        "1",
        "resolution, brightness",
    ),
}


def ring_strips(inner: Rectangle, width: int, height: int) -> list[Rectangle]:
    """Four strips around a rectangle, about half as wide as it, that together are the ring around it.

    Parameters
    ----------
    inner : (x, y, width, height)
    width, height : int
        Size of the picture in pixels.

    Returns
    -------
    list of (x, y, width, height)
        On even pixels, inside the picture; strips narrower than 32 pixels are left out.
    """
    x, y, inner_width, inner_height = inner
    across, down = (max(side // 2 // _BLOCK * _BLOCK, _NARROWEST) for side in (inner_width, inner_height))
    left, right = max(x - across, 0), min(x + inner_width + across, width)
    top, bottom = max(y - down, 0), min(y + inner_height + down, height)
    strips = [
        (left, top, right, y),
        (left, y + inner_height, right, bottom),
        (left, y, x, y + inner_height),
        (x + inner_width, y, right, y + inner_height),
    ]
    even = [tuple(value // 2 * 2 for value in strip) for strip in strips]
    sizes = [(a, b, c - a, d - b) for a, b, c, d in even]
    return [strip for strip in sizes if min(strip[2:]) >= _NARROWEST]


def _figures(view: View) -> NDArray[np.float64]:
    return np.concatenate([module.per_frame(view) for module in _FAMILIES.values()])


def compare(view: View, inner: Rectangle) -> list[float]:
    """Measure inside a rectangle, on the ring around it, and the difference.

    Parameters
    ----------
    view : View
        The whole picture.
    inner : (x, y, width, height)
        In pixels.

    Returns
    -------
    list of float
        For each measure its value inside; then its mean over the strips of the ring; then the difference
        where there can be one. NaN where there is none.
    """
    height, width = view.luma.shape
    inside = _figures(view.crop(inner))
    strips = [_figures(view.crop(strip)) for strip in ring_strips(inner, width, height)]
    around = np.full_like(inside, nan)
    if strips:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of strips that all lack a measure
            around = np.nanmean(strips, axis=0)
    return [*inside.tolist(), *around.tolist(), *(inside - around)[_COMPARABLE].tolist()]


def jitter(places: NDArray[np.float64]) -> float:
    """Median distance of a place from the middle between its neighbours in time.

    Parameters
    ----------
    places : ndarray of float64, shape (n_frames, 2)
        NaN where there is none; frames beside such a one do not count.

    Returns
    -------
    float
        NaN with fewer than three places on end.
    """
    distances = np.hypot(*(places[1:-1] - (places[:-2] + places[2:]) / 2).T)
    distances = distances[~np.isnan(distances)]
    return float(np.median(distances)) if distances.size else nan


class RegionExtractor:
    """Compares the face, or without one the region in which most changes, with what is around it.

    That region is chosen anew in each frame, by all changes seen so far.
    """

    def __init__(self, segment: Segment) -> None:
        self._tracker = FaceTracker(segment.info.rotation)
        self._faces: list[Face | None] = []
        self._has_face = False
        self._n_pixels = segment.info.width * segment.info.height
        self._face_rows = FrameExtractor("region", FACE_MEASURES, self._face_figures)
        self._moving_rows = FrameExtractor("region", MOVING_MEASURES, self._moving_figures)
        self._changes: NDArray[np.float64] | None = None

    def update(self, view: View) -> None:
        """Take in one sampled frame."""
        face = self._tracker.update(view.frame)
        self._faces.append(face)
        self._has_face |= face is not None
        if face is not None:
            self._face_rows.update(view)
        elif not self._has_face:
            self._moving_rows.update(view)

    def _face_figures(self, view: View) -> Sequence[float]:
        face = self._faces[-1]
        if face is None:
            raise ValueError("there is no face in this frame")
        return compare(view, face.box)

    def _moving_figures(self, view: View) -> Sequence[float]:
        height, width = view.luma.shape
        if view.successor is None or min(height, width) < 2 * SMALLEST_FACE or view.motion.still.size == 0:
            return [nan] * len(MOVING_MEASURES)
        self._changes = view.motion.still if self._changes is None else self._changes + view.motion.still
        return compare(view, most_changing_region(self._changes, width, height))

    def result(self) -> dict[str, float]:
        """Return the features; those of the moving region are missing where a face was found."""
        nothing = FrameExtractor("region", MOVING_MEASURES, self._moving_figures)
        moving = nothing if self._has_face else self._moving_rows
        return self._track() | self._face_rows.result() | moving.result()

    def _track(self) -> dict[str, float]:
        faces = [face for face in self._faces if face is not None]
        if not faces:
            figures = [0.0, 0.0, nan, nan, nan]
        else:
            boxes = np.array([(nan,) * 4 if face is None else face.box for face in self._faces], np.float64)
            landmarks = np.array(
                [np.full((5, 2), nan) if face is None else face.landmarks for face in self._faces], np.float64
            )
            width = float(np.nanmean(boxes[:, 2]))
            centres = boxes[:, :2] + boxes[:, 2:] / 2
            inside = landmarks - centres[:, None]
            figures = [
                1.0,
                len(faces) / len(self._faces),
                log(float(np.nanmean(boxes[:, 2] * boxes[:, 3])) / self._n_pixels),
                jitter(centres) / width,
                float(np.mean([jitter(inside[:, number]) for number in range(5)])) / width,
            ]
        return dict(zip(_TRACK_FEATURES, figures, strict=True))


def _depends_on() -> str:
    versions = [f"{name} {module.FAMILY.version}" for name, module in _FAMILIES.items()]
    return ", ".join([*versions, network_digest()])


FAMILY = Family(
    version=2,
    about="The families above inside the face and around it; without a face, where most changes and around that.",
    source="Li et al., 2018 (what a face swap leaves in the face alone); definitions of this project",
    features=_TRACK_FEATURES | frame_features("region", FACE_MEASURES) | frame_features("region", MOVING_MEASURES),
    extractor=RegionExtractor,
    cost=1.1,
    missing="there is no face of at least 32 pixels (face, ring, difference), or there is one (moving, surround, "
    "contrast); or as for the family that is measured there",
    looks_ahead=True,
    depends_on=_depends_on,
)
