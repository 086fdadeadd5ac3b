"""Co-occurrences of neighbouring noise residuals of first to third order.

Compression, resampling and generated texture each change which small differences stand side by side,
long before an eye sees anything.

References
----------
Pevný, Bas & Fridrich, "Steganalysis by subtractive pixel adjacency matrix", 2010.
Fridrich & Kodovský, "Rich models for steganalysis of digital images", 2012.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numba import int16, uint8, uint32
from numpy.typing import NDArray

from fvc_kedro.forensics.family import MEAN, Measure, frame_family
from fvc_kedro.forensics.kernels import compiled
from fvc_kedro.forensics.view import View
from fvc_kedro.video.frame import Plane

TRUNCATION = 2
STEPS = (2, 4, 6)  # quantisation of the residuals of order 1 to 3, in grey levels
_LEVELS = 2 * TRUNCATION + 1
_REACH = 8 * 255  # no residual is larger


def _same_pairs(pair: tuple[int, int]) -> set[tuple[int, int]]:
    """Pairs that differ by sign or direction only, and count as one."""
    a, b = pair
    return {(a, b), (b, a), (-a, -b), (-b, -a)}


_VALUES = range(-TRUNCATION, TRUNCATION + 1)
PAIRS = sorted({max(_same_pairs(pair)) for pair in product(_VALUES, _VALUES)})
_CLASS_OF = np.array([PAIRS.index(max(_same_pairs(pair))) for pair in product(_VALUES, _VALUES)])
_RESIDUALS = np.arange(_REACH + 1)


@cache
def _least_residuals(gain: float) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Least residual of each order that rounds to one step and to two, in whole code values; halves round to even."""
    one, two = (
        np.array([np.flatnonzero(np.round(_RESIDUALS / step) >= n_steps)[0] for step in STEPS]) for n_steps in (1, 2)
    )
    return np.rint(one / gain).astype(np.int16), np.rint(two / gain).astype(np.int16)


def _name(order: int, pair: tuple[int, int]) -> str:
    return f"order{order}_" + "_".join(f"minus{-value}" if value < 0 else str(value) for value in pair)


MEASURES = [
    Measure(
        _name(order, pair),
        f"share of neighbouring residuals of order {order}, rounded to steps of {step} and cut at +-{TRUNCATION}, "
        f"that are {pair} or the same up to sign and direction; rows and columns of the tiles",
        "share",
        "length, fps, brightness",
        MEAN,
    )
    for order, step in enumerate(STEPS, start=1)
    for pair in PAIRS
]


@compiled
def _level(residual: Any, one: Any, two: Any) -> Any:  # pragma: no cover - compiled
    above = int16(residual >= one) + int16(residual >= two)
    below = int16(residual <= -one) + int16(residual <= -two)
    return uint8(TRUNCATION + above - below)


@compiled
def _residual_levels(
    pixels: Plane, one: NDArray[np.int16], two: NDArray[np.int16], levels: NDArray[np.uint8]
) -> None:  # pragma: no cover - compiled
    """Levels of the residuals of order 1 to 3 that begin at each pixel of a row but the last three."""
    n = pixels.shape[0] - 3
    pixels_0, pixels_1, pixels_2, pixels_3 = pixels[:n], pixels[1 : n + 1], pixels[2 : n + 2], pixels[3:]
    first_levels, second_levels, third_levels = levels[0], levels[1], levels[2]
    one_1, one_2, one_3 = one[0], one[1], one[2]
    two_1, two_2, two_3 = two[0], two[1], two[2]
    for x in range(n):
        step_0 = int16(int16(pixels_1[x]) - int16(pixels_0[x]))
        step_1 = int16(int16(pixels_2[x]) - int16(pixels_1[x]))
        step_2 = int16(int16(pixels_3[x]) - int16(pixels_2[x]))
        bend_0, bend_1 = int16(step_1 - step_0), int16(step_2 - step_1)
        first_levels[x] = _level(step_0, one_1, two_1)
        second_levels[x] = _level(bend_0, one_2, two_2)
        third_levels[x] = _level(int16(bend_1 - bend_0), one_3, two_3)


@compiled
def _pair_codes(levels: NDArray[np.uint8], codes: NDArray[np.uint8]) -> None:  # pragma: no cover - compiled
    """Give each pair of neighbouring levels its number, but for the last one."""
    n = codes.shape[0] - 1
    here, after = levels[:n], levels[1 : n + 1]
    for x in range(n):
        codes[x] = uint8(uint8(_LEVELS * here[x]) + after[x])


@compiled
def _count_line(codes: NDArray[np.uint8], counts: NDArray[np.int32]) -> None:  # pragma: no cover - compiled
    # turn by turn, as adding to one count again and again would have to wait
    counts_0, counts_1, counts_2, counts_3 = counts[0], counts[1], counts[2], counts[3]
    whole = codes.shape[0] // 4 * 4
    for x in range(0, whole, 4):
        counts_0[uint32(codes[uint32(x)])] += 1
        counts_1[uint32(codes[uint32(x + 1)])] += 1
        counts_2[uint32(codes[uint32(x + 2)])] += 1
        counts_3[uint32(codes[uint32(x + 3)])] += 1
    for x in range(whole, codes.shape[0]):
        counts_0[uint32(codes[x])] += 1


@compiled
def _count_pairs(
    tiles: Plane, one: NDArray[np.int16], two: NDArray[np.int16], counts: NDArray[np.int64]
) -> None:  # pragma: no cover - compiled
    """Count pairs of levels of the three residuals along the rows of each tile."""
    n, height, width = tiles.shape
    size = height * width
    # A tile is one row of pixels to what follows; residuals across the border of two rows are not counted.
    pixels = np.zeros(size + 3, np.uint8)
    levels, codes = np.empty((3, size), np.uint8), np.zeros(size, np.uint8)
    narrow = np.zeros((3, 4, _LEVELS * _LEVELS), np.int32)
    for tile in range(n):
        pixels[:size] = tiles[tile].reshape(size)
        _residual_levels(pixels, one, two, levels)
        for order in range(3):
            _pair_codes(levels[order], codes)
            for y in range(height):
                _count_line(codes[y * width : (y + 1) * width - 2 - order], narrow[order])
    for order in range(3):
        for turn in range(4):
            for pair in range(_LEVELS * _LEVELS):
                counts[order, pair] += narrow[order, turn, pair]


def pair_shares(tiles: Plane, gain: float = 1.0) -> NDArray[np.float64]:
    """Share of each class of pairs.

    Parameters
    ----------
    tiles : ndarray of uint8, shape (n, side, side)
        Side of at least 5.
    gain : float
        Factor that brings differences of code values to grey levels of 0-255.

    Returns
    -------
    ndarray of float64, shape (3, 9)
        By order and class, in the order of ``PAIRS``; each row sums to 1. NaN without tiles.
    """
    if len(tiles) == 0:
        return np.full((len(STEPS), len(PAIRS)), np.nan)
    counts = np.zeros((len(STEPS), _LEVELS * _LEVELS), np.int64)
    for turned in (tiles, np.ascontiguousarray(tiles.transpose(0, 2, 1))):
        _count_pairs(turned, *_least_residuals(gain), counts)
    shares = np.zeros((len(STEPS), len(PAIRS)))
    np.add.at(shares.T, _CLASS_OF, counts.T / counts.sum(axis=1))
    return shares


def per_frame(view: View) -> list[float]:
    """Shares of all classes of pairs in one view."""
    return pair_shares(view.tiles, view.gain).ravel().tolist()


FAMILY = frame_family(
    "cooccurrence",
    MEASURES,
    per_frame,
    version=1,
    about="Which small differences stand side by side.",
    source="Pevný et al., 2010; Fridrich & Kodovský, 2012",
    cost=0.1,
    missing="the picture is under 32 pixels wide or high",
)
