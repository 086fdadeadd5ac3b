"""Features of a letterboxed copy: what is left of a video when all are brought to one size."""

from __future__ import annotations

import cv2
import numpy as np

from fvc_kedro.forensics.family import Family, Feature, Segment
from fvc_kedro.forensics.view import View
from fvc_kedro.video.frame import Plane

FEATURES = {
    "edge_density": Feature(
        "share of pixels that are Canny edges, thresholds 50 and 150 (Canny, 1986)", "share", "length, fps"
    ),
    "texture_uniformity": Feature(
        "angular second moment of the grey-level co-occurrence, one pixel to the right, 32 levels "
        "(Haralick et al., 1973)",
        "1",
        "length, fps",
    ),
    "blue_spread": Feature("standard deviation of the blue channel", "grey levels", "length, fps"),
    "green_spread": Feature("standard deviation of the green channel", "grey levels", "length, fps"),
    "red_spread": Feature("standard deviation of the red channel", "grey levels", "length, fps"),
    "block_boundary": Feature(
        "mean jump across the 8x8 grid over the mean jump off it; 1 without blocking (Wang et al., 2000)",
        "1",
        "length, fps",
    ),
}
_BLOCK = 8
_LEVELS = 32
_CANNY_THRESHOLDS = (50, 150)


def edge_density(luma: Plane) -> float:
    """Share of pixels, 0 to 1, that Canny's detector calls edges."""
    return float(np.count_nonzero(cv2.Canny(np.ascontiguousarray(luma), *_CANNY_THRESHOLDS)) / luma.size)


def texture_uniformity(luma: Plane) -> float:
    """Sum of the squared co-occurrence shares of horizontal neighbours; 1 for a flat picture."""
    if luma.shape[1] < 2:
        return 1.0
    levels = luma.astype(np.intp) * _LEVELS // 256
    pairs = levels[:, :-1] * _LEVELS + levels[:, 1:]
    shares = np.bincount(pairs.ravel(), minlength=_LEVELS * _LEVELS) / pairs.size
    return float(np.sum(shares**2))


def block_boundary(luma: Plane) -> float:
    """Mean absolute jump across 8x8 boundaries over the one elsewhere.

    1 where there is no blocking, or nothing to compare: no jump at all, or no boundary in the picture.
    """
    values = luma.astype(np.int16)
    across, down = np.abs(np.diff(values, axis=1)), np.abs(np.diff(values, axis=0))
    on = np.concatenate([across[:, _BLOCK - 1 :: _BLOCK].ravel(), down[_BLOCK - 1 :: _BLOCK].ravel()])
    n_off = across.size + down.size - on.size
    total_on = int(on.sum(dtype=np.int64))
    total_off = int(across.sum(dtype=np.int64) + down.sum(dtype=np.int64)) - total_on
    if on.size == 0 or total_off == 0:
        return 1.0
    return (total_on / on.size) / (total_off / n_off)


class ScaledCopyExtractor:
    """Gathers the features of a letterboxed copy over its sampled frames."""

    def __init__(self, _: Segment) -> None:
        self._frames: list[list[float]] = []

    def update(self, view: View) -> None:
        """Take in one sampled frame."""
        luma = view.luma
        spreads = view.frame.bgr().reshape(-1, 3).std(axis=0).tolist()
        self._frames.append([edge_density(luma), texture_uniformity(luma), *spreads, block_boundary(luma)])

    def result(self) -> dict[str, float]:
        """Return the mean over the frames of each feature."""
        means = np.mean(np.array(self._frames, dtype=np.float64), axis=0)
        return dict(zip(FEATURES, means.tolist(), strict=True))


FAMILY = Family(
    version=2,
    about="What is left of a video when all are brought to one size (only in the pipeline scaling).",
    source="Canny, 1986; Haralick et al., 1973; Wang et al., 2000",
    features=FEATURES,
    extractor=ScaledCopyExtractor,
    cost=None,
    every_frame=True,
)
