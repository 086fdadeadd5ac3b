"""Noise level block by block, and how much it differs from place to place.

What is pasted in or made anew brings noise of its own, or none.

References
----------
Mahdian & Saic, "Using noise inconsistencies for blind image forensics", 2009.
Lyu, Pan & Zhang, "Exposing region splicing forgeries with blind local noise estimation", 2014.
Moran, "Notes on continuous stochastic phenomena", 1950 (spatial autocorrelation).
"""

from __future__ import annotations

from math import log, nan

import numpy as np
from numba import int32, int64, uint8, uint32
from numpy.typing import NDArray

from fvc_kedro.forensics.family import Measure, frame_family
from fvc_kedro.forensics.kernels import compiled, power_sums, quantile
from fvc_kedro.forensics.view import View
from fvc_kedro.video.frame import Plane

BLOCK = 16  # pixels
_HALF = BLOCK // 2
# The median of |x| is 0.6745 sigma for Gaussian x; the details are twice those of the orthonormal wavelet.
_SIGMA_OF_MEDIAN = 1 / (2 * 0.6745)
_FLOOR = 0.25  # grey levels, about the noise of rounding; keeps the logarithm of flat blocks finite
_LUMA_CLASSES = 4
_FEWEST_BLOCKS = 4

_PLACE = "length, fps"
MEASURES = [
    Measure("level", "median over 16x16 blocks of log2(0.25 + sigma), sigma by the median absolute diagonal Haar "
            "detail", "log2 grey levels", "length, fps, brightness"),
    Measure("spread", "90th less 10th percentile of that over blocks", "log2", f"{_PLACE}, brightness"),
    Measure("spread_given_luma", "the same after taking away the median of the blocks of like luma",
            "log2", f"{_PLACE}, brightness"),
    Measure("upper_tail", "99th percentile less median of what is left, over blocks", "log2", f"{_PLACE}, brightness"),
    Measure("lower_tail", "median less 1st percentile of what is left, over blocks", "log2", f"{_PLACE}, brightness"),
    Measure("autocorrelation", "Moran's I of what is left, between blocks side by side", "1", f"{_PLACE}, brightness"),
    Measure("kurtosis", "ln of the kurtosis of the diagonal Haar details, their mean taken as 0", "ln",
            f"{_PLACE}, brightness, contrast"),
]  # fmt: skip


@compiled
def _block_medians(details: NDArray[np.int16], medians: NDArray[np.float64]) -> None:  # pragma: no cover - compiled
    """Median absolute detail of every whole block, by counting."""
    middle = _HALF * _HALF // 2
    counts = np.zeros(512, np.uint8)
    for row in range(medians.shape[0]):
        for column in range(medians.shape[1]):
            counts[:] = 0
            for y in range(_HALF):
                line = details[row * _HALF + y, column * _HALF : (column + 1) * _HALF]
                for x in range(_HALF):
                    counts[uint32(abs(int32(line[x])))] += uint8(1)
            value, seen = 0, int64(counts[0])
            while seen < middle:
                value += 1
                seen += int64(counts[value])
            lower = value
            while seen < middle + 1:
                value += 1
                seen += int64(counts[value])
            medians[row, column] = (lower + value) / 2


@compiled
def _block_means(luma: Plane, means: NDArray[np.float64]) -> None:  # pragma: no cover - compiled
    for row in range(means.shape[0]):
        for column in range(means.shape[1]):
            total = int32(0)
            for y in range(BLOCK):
                line = luma[row * BLOCK + y, column * BLOCK : (column + 1) * BLOCK]
                for x in range(BLOCK):
                    total = int32(total + int32(line[x]))
            means[row, column] = total / (BLOCK * BLOCK)


def block_noise(luma: Plane, details: NDArray[np.int16]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Noise level and mean luma of every whole 16x16 block.

    Parameters
    ----------
    luma : ndarray of uint8, shape (height, width)
    details : ndarray of int16, shape (height // 2, width // 2)
        Its diagonal details.

    Returns
    -------
    sigma, luma : ndarray of float64, shape (height // 16, width // 16)
        In code values.
    """
    shape = (luma.shape[0] // BLOCK, luma.shape[1] // BLOCK)
    medians, means = np.empty(shape), np.empty(shape)
    _block_medians(details, medians)
    _block_means(luma, means)
    return medians * _SIGMA_OF_MEDIAN, means


def given_luma(levels: NDArray[np.float64], luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Noise levels freed of the median of the blocks of like luma.

    Blocks are alike in the same quartile of luma, or in the same of fewer classes where quartiles would
    hold fewer than four blocks each.
    """
    n_classes = min(_LUMA_CLASSES, max(levels.size // _FEWEST_BLOCKS, 1))
    ordered = np.sort(luma, axis=None)
    classes = np.zeros(luma.shape, np.uint8)
    for number in range(1, n_classes):
        classes += luma > quantile(ordered, number / n_classes)
    medians = np.zeros(n_classes)
    for number in range(n_classes):
        members = levels[classes == number]
        if members.size:
            members.sort()
            medians[number] = quantile(members, 0.5)
    return np.asarray(levels - medians[classes])


@compiled
def moran(values: NDArray[np.float64]) -> float:  # pragma: no cover - compiled
    """Moran's I between horizontal and vertical neighbours of a map; NaN where all are equal or no two adjoin."""
    height, width = values.shape
    n_pairs = height * (width - 1) + (height - 1) * width
    mean = values.sum() / values.size
    products, squares = 0.0, 0.0
    for y in range(height):
        for x in range(width):
            here = values[y, x] - mean
            squares += here * here
            if x + 1 < width:
                products += here * (values[y, x + 1] - mean)
            if y + 1 < height:
                products += here * (values[y + 1, x] - mean)
    variance = squares / values.size
    return products / n_pairs / variance if n_pairs > 0 and variance > 1e-12 else np.nan


def _log_kurtosis(details: NDArray[np.int16]) -> float:
    second, fourth = power_sums(details)
    return log(fourth * details.size / second**2) if second else nan


def per_frame(view: View) -> list[float]:
    """All noise figures of one view; NaN where there are fewer than four blocks."""
    sigma, luma = block_noise(view.luma, view.details)
    if sigma.size < _FEWEST_BLOCKS:
        return [nan] * len(MEASURES)
    levels = np.log2(_FLOOR + view.gain * sigma)
    rest = given_luma(levels, luma)
    ordered, ordered_rest = np.sort(levels, axis=None), np.sort(rest, axis=None)
    rest_50 = quantile(ordered_rest, 0.5)
    return [
        quantile(ordered, 0.5),
        quantile(ordered, 0.9) - quantile(ordered, 0.1),
        quantile(ordered_rest, 0.9) - quantile(ordered_rest, 0.1),
        quantile(ordered_rest, 0.99) - rest_50,
        rest_50 - quantile(ordered_rest, 0.01),
        moran(rest),
        _log_kurtosis(view.details),
    ]


FAMILY = frame_family(
    "noise",
    MEASURES,
    per_frame,
    version=1,
    about="How noise differs from place to place.",
    source="Mahdian & Saic, 2009; Lyu et al., 2014",
    cost=0.25,
    missing="the picture holds fewer than four blocks of 16x16 pixels, has no diagonal details, or is equally noisy "
    "everywhere",
)
