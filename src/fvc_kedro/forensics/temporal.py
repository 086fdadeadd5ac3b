"""What changes from a frame to the next.

Frames left out or held show as spikes and duplicates. Noise of a camera is new in every frame; what is
pasted in, or made anew frame by frame, differs in how its details live on. The jump of the difference is the robust
z-score of its largest spike.

References
----------
Wang & Farid, "Exposing digital forgeries in video by detecting duplication", 2007.
Grönquist, Ren, He, Verardo & Süsstrunk, "Efficient temporally-aware deepfake detection using H.264 motion
vectors", 2023.
"""

from __future__ import annotations

from math import log, nan

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.forensics.family import Family, Feature, FrameExtractor, Measure, Segment, frame_features
from fvc_kedro.forensics.kernels import compiled, correlation, difference_sums
from fvc_kedro.forensics.motion import REACH, BlockMotion, disagreement, local_contrast
from fvc_kedro.forensics.view import View

_FLOOR = 0.05  # grey levels, keeps the logarithm of no change finite
_DUPLICATE = 0.02  # grey levels
_FEWEST_PLACES = 3  # blocks each way, for a place to have a surround
_LONGEST = round(REACH * 2**0.5)  # pixels, of a shift

MEASURES = [
    Measure("difference", "ln of 0.05 plus the mean absolute difference to the next frame", "ln grey levels", "length"),
    Measure("unchanged", "share of pixels that the next frame repeats", "share", "length"),
    Measure("duplicate", "whether the next frame repeats this one: a mean absolute difference under 0.02 grey levels",
            "share", "length, resolution", ("mean",)),
    Measure("detail_correlation", "correlation of the diagonal Haar details with the next frame's", "1",
            "length, brightness, contrast"),
    Measure("compensated", "ln of the mean absolute difference after block matching over that before, of 16x16 "
            "blocks", "ln", "length, brightness, contrast"),
    Measure("motion", "ln of 1 plus the mean length of the blocks' shifts", "ln pixels", "length, brightness"),
    Measure("motion_entropy", "entropy of the lengths of the shifts, rounded to pixels", "bits", "length, brightness"),
    Measure("motion_coherence", "1 less the mean distance of a shift from its neighbours' over twice the mean length",
            "1", "length, brightness"),
]  # fmt: skip


@compiled
def _length(down: int, across: int) -> float:  # pragma: no cover - compiled
    return float(np.sqrt(down * down + across * across))


@compiled
def motion_length(vectors: NDArray[np.int64]) -> float:  # pragma: no cover - compiled
    """Mean length in pixels of shifts (down, across), shape (rows, columns, 2)."""
    rows, columns = vectors.shape[:2]
    total = 0.0
    for row in range(rows):
        for column in range(columns):
            total += _length(vectors[row, column, 0], vectors[row, column, 1])
    return float(total / (rows * columns))


@compiled
def motion_entropy(vectors: NDArray[np.int64]) -> float:  # pragma: no cover - compiled
    """Entropy in bits of the lengths of shifts, rounded to whole pixels."""
    rows, columns = vectors.shape[:2]
    counts = np.zeros(_LONGEST + 1, np.int64)
    for row in range(rows):
        for column in range(columns):
            counts[int(np.rint(_length(vectors[row, column, 0], vectors[row, column, 1])))] += 1
    entropy = 0.0
    for count in counts:
        if count > 0:
            share = count / (rows * columns)
            entropy -= share * np.log2(share)
    return entropy


@compiled
def motion_coherence(vectors: NDArray[np.int64]) -> float:  # pragma: no cover - compiled
    """How much neighbouring shifts agree: 1 for all the same, about 0 for chance; NaN without motion or neighbours."""
    rows, columns = vectors.shape[:2]
    n_pairs = rows * (columns - 1) + (rows - 1) * columns
    length = motion_length(vectors)
    if length == 0 or n_pairs == 0:
        return np.nan
    total = 0.0
    for row in range(rows):
        for column in range(columns):
            down, across = vectors[row, column]
            if column + 1 < columns:
                total += _length(vectors[row, column + 1, 0] - down, vectors[row, column + 1, 1] - across)
            if row + 1 < rows:
                total += _length(vectors[row + 1, column, 0] - down, vectors[row + 1, column, 1] - across)
    return float(1 - total / n_pairs / (2 * length))


def _motion_figures(motion: BlockMotion, gain: float) -> list[float]:
    if motion.still.size == 0:
        return [nan] * 4
    still, moved = gain * float(motion.still.mean()), gain * float(motion.moved.mean())
    return [
        log((moved + _FLOOR) / (still + _FLOOR)),
        log(1 + motion_length(motion.vectors)),
        motion_entropy(motion.vectors),
        motion_coherence(motion.vectors),
    ]


def per_frame(view: View) -> list[float]:
    """All temporal figures of one view and its successor; NaN for the last frame of a video."""
    successor = view.successor
    if successor is None or successor.luma.shape != view.luma.shape:
        return [nan] * len(MEASURES)
    total, changed = difference_sums(view.luma, successor.luma)
    difference = view.gain * total / view.luma.size
    return [
        log(_FLOOR + difference),
        1 - changed / view.luma.size,
        float(difference < _DUPLICATE),
        correlation(view.details, successor.details),
        *_motion_figures(view.motion, view.gain),
    ]


# Averaged over the frames of a segment, place by place, before any place is compared with its surround.
_MAPS = {
    "disagreement": ("distance of a block's shift from the median shift of the 5x5 blocks around it", "pixels"),
    "residual": ("ln of 0.05 plus a block's mean absolute difference after block matching", "ln grey levels"),
    "gain": ("ln of that over the same before block matching", "ln"),
}
_EXTREMES = {
    "highest": "highest over the picture",
    "lowest": "lowest over the picture",
    "spread": "standard deviation over the picture",
}
LOCAL_FEATURES = {
    f"temporal_local_{name}_{extreme}": Feature(
        f"{definition}, mean over frames, of 3x3 blocks less that of the ring around them; {over}",
        unit,
        "length, brightness",
    )
    for name, (definition, unit) in _MAPS.items()
    for extreme, over in _EXTREMES.items()
}


class TemporalExtractor:
    """Gathers the figures of single frames, and maps of where the motion of blocks stands out."""

    def __init__(self, _: Segment) -> None:
        self._frames = FrameExtractor("temporal", MEASURES, per_frame)
        self._sum: NDArray[np.float64] | None = None
        self._n_maps = 0

    def update(self, view: View) -> None:
        """Take in one sampled frame; one without a successor has no motion."""
        self._frames.update(view)
        successor = view.successor
        if successor is not None and successor.luma.shape == view.luma.shape and view.motion.still.size:
            maps = _maps(view.motion, view.gain)
            self._sum = maps if self._sum is None else self._sum + maps
            self._n_maps += 1

    def result(self) -> dict[str, float]:
        """Return the aggregates of the frames, and the extremes of the mean maps' local contrasts."""
        if self._sum is None or min(self._sum.shape[1:]) < _FEWEST_PLACES:
            return self._frames.result() | dict.fromkeys(LOCAL_FEATURES, nan)
        contrasts = [local_contrast(values) for values in self._sum / self._n_maps]
        extremes = [[float(one.max()), float(one.min()), float(one.std())] for one in contrasts]
        return self._frames.result() | dict(zip(LOCAL_FEATURES, np.ravel(extremes).tolist(), strict=True))


def _maps(motion: BlockMotion, gain: float) -> NDArray[np.float64]:
    """Disagreement, residual and gain of every block, shape (3, rows, columns)."""
    moved, still = np.log(gain * motion.moved + _FLOOR), np.log(gain * motion.still + _FLOOR)
    return np.stack([disagreement(motion.vectors), moved, moved - still])


FAMILY = Family(
    version=1,
    about="What changes from a frame to the next, and where that stands out.",
    source="Wang & Farid, 2007; Grönquist et al., 2023; the maps are this project's",
    features=frame_features("temporal", MEASURES) | LOCAL_FEATURES,
    extractor=TemporalExtractor,
    cost=0.45,
    missing="there is no next frame, the picture is under 32 pixels wide or high (48 for the maps), has no diagonal "
    "details or does not move",
    looks_ahead=True,
    every_frame=True,
)
