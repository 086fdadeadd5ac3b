"""Features of a letterboxed copy: what is left of a video when all are brought to one size."""

from __future__ import annotations

import cv2
import numpy as np

from fvc_kedro.video.frame import Frame, Plane
from fvc_kedro.video.probe import VideoInfo

VERSION = 1

FRAME_FEATURES = {
    "edge_density": "share of pixels that are Canny edges, thresholds 50 and 150 (Canny, 1986)",
    "texture_uniformity": "angular second moment of the grey-level co-occurrence, one pixel to the right, "
    "32 levels (Haralick et al., 1973)",
    "blue_spread": "standard deviation of the blue channel",
    "green_spread": "standard deviation of the green channel",
    "red_spread": "standard deviation of the red channel",
    "block_boundary": "mean jump across the 8x8 grid over the mean jump off it; 1 without blocking (Wang et al., 2000)",
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

    def __init__(self, _: VideoInfo) -> None:
        self._frames: list[list[float]] = []

    def update(self, frame: Frame) -> None:
        """Take in one sampled frame."""
        luma = frame.luma
        spreads = frame.bgr().reshape(-1, 3).std(axis=0).tolist()
        self._frames.append([edge_density(luma), texture_uniformity(luma), *spreads, block_boundary(luma)])

    def result(self) -> dict[str, float]:
        """Return the mean over the frames of each feature."""
        means = np.mean(np.array(self._frames, dtype=np.float64), axis=0)
        return dict(zip(FRAME_FEATURES, means.tolist(), strict=True))
