"""Compiled passes over luma planes that several feature families share.

As in ``luma_statistics``, sums are of whole numbers, so they are exact and the same on every processor.
"""

from __future__ import annotations

from math import nan, sqrt
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import int16, int32, int64, uint16, uint32, uint64
from numpy.typing import NDArray

from fvc_kedro.video.frame import Plane

compiled = numba.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")

_ROWS_AT_ONCE = 256  # so many jumps of at most 255 fit in 16 bits
_LOST_ROWS_AT_ONCE = 28  # so many losses of at most 9 * 255 fit in 16 bits
REBLUR_REACH = 4  # the 9-tap mean of Crete's measure reaches 4 pixels to each side


@compiled
def _diagonal_row(upper: Plane, lower: Plane, row: NDArray[np.int16]) -> None:  # pragma: no cover - compiled
    for x in range(row.shape[0]):
        a, b = int16(upper[2 * x]), int16(upper[2 * x + 1])
        c, d = int16(lower[2 * x]), int16(lower[2 * x + 1])
        row[x] = int16(int16(a - b) - int16(c - d))


@compiled
def diagonal_details(luma: Plane) -> NDArray[np.int16]:  # pragma: no cover - compiled
    """Twice the diagonal band (HH) of the orthonormal Haar wavelet: a - b - c + d of every 2x2 pixels.

    Parameters
    ----------
    luma : ndarray of uint8, shape (height, width)

    Returns
    -------
    ndarray of int16, shape (height // 2, width // 2)
    """
    height, width = luma.shape
    details = np.empty((height // 2, width // 2), np.int16)
    for y in range(height // 2):
        _diagonal_row(luma[2 * y], luma[2 * y + 1], details[y])
    return details


class Jumps(NamedTuple):
    """Absolute differences of neighbouring pixels, in code values.

    Attributes
    ----------
    columns : ndarray of int64, shape (width - 1,)
        Over the rows, of the jumps between column x and x + 1.
    rows : ndarray of int64, shape (height - 1,)
        Over the columns, of the jumps between row y and y + 1.
    compared : int
        Sum of the jumps 4 pixels and more from the border, 9 times.
    lost : int
        Sum of what 9 times each of those jumps exceeds the same jump after a mean over 9 pixels.
    """

    columns: NDArray[np.int64]
    rows: NDArray[np.int64]
    compared: int
    lost: int


@compiled
def _across(row: Plane, sums: NDArray[np.uint16]) -> None:  # pragma: no cover - compiled
    n = sums.shape[0]
    left, right = row[:n], row[1 : n + 1]
    for x in range(n):
        difference = int16(int16(right[x]) - int16(left[x]))
        sums[x] = uint16(sums[x] + uint16(abs(difference)))


@compiled
def _distance(first: Plane, second: Plane) -> Any:  # pragma: no cover - compiled
    """Sum of the absolute differences of two rows, in the form that compilers know an instruction for."""
    total = int32(0)
    for x in range(first.shape[0]):
        difference = int32(int32(first[x]) - int32(second[x]))
        total = int32(total + int32(abs(difference)))
    return total


@compiled
def _add_lost(
    far_before: Plane, before: Plane, after: Plane, far_after: Plane, lost: NDArray[np.uint16]
) -> None:  # pragma: no cover - compiled
    """Add what 9 times each jump exceeds 9 times the jump of the 9-tap mean."""
    for x in range(lost.shape[0]):
        jump = int16(9 * abs(int16(int16(after[x]) - int16(before[x]))))
        blurred = int16(abs(int16(int16(far_after[x]) - int16(far_before[x]))))
        lost[x] = uint16(lost[x] + uint16(max(int16(jump - blurred), int16(0))))


@compiled
def _take(narrow: NDArray[np.uint16]) -> Any:  # pragma: no cover - compiled
    """Sum up and set to 0."""
    total = int64(0)
    for x in range(narrow.shape[0]):
        total += int64(narrow[x])
        narrow[x] = 0
    return total


@compiled
def _jumps(luma: Plane, columns: NDArray[np.int64], rows: NDArray[np.int64]) -> Any:  # pragma: no cover - compiled
    """Fill ``columns`` and ``rows``; return the sum of what the jumps lose."""
    height, width = luma.shape
    reach = REBLUR_REACH
    n_across = max(width - 2 * reach - 1, 0)
    narrow, lost_down, lost_across = (
        np.zeros(width - 1, np.uint16), np.zeros(width, np.uint16), np.zeros(n_across, np.uint16)
    )  # fmt: skip
    lost = int64(0)
    for y in range(height):
        row = luma[y]
        _across(row, narrow)
        if y + 1 < height:
            rows[y] = int64(_distance(row, luma[y + 1]))
        _add_lost(row, row[reach:], row[reach + 1 :], row[2 * reach + 1 :], lost_across)
        if reach <= y < height - reach - 1:
            _add_lost(luma[y - reach], row, luma[y + 1], luma[y + 1 + reach], lost_down)
        last = y == height - 1
        if last or y % _LOST_ROWS_AT_ONCE == _LOST_ROWS_AT_ONCE - 1:
            lost += _take(lost_across) + _take(lost_down)
        if last or y % _ROWS_AT_ONCE == _ROWS_AT_ONCE - 1:
            for x in range(width - 1):
                columns[x] += int64(narrow[x])
                narrow[x] = 0
    return lost


def jumps(luma: Plane) -> Jumps:
    """Sum up the jumps between neighbours in a luma plane of shape (height, width), uint8, not empty."""
    height, width = luma.shape
    columns, rows = np.zeros(width - 1, np.int64), np.zeros(height - 1, np.int64)
    lost = int(_jumps(luma, columns, rows))
    inner = columns[REBLUR_REACH : width - 1 - REBLUR_REACH], rows[REBLUR_REACH : height - 1 - REBLUR_REACH]
    compared = 9 * (int(inner[0].sum()) + int(inner[1].sum()))
    return Jumps(columns, rows, compared, lost)


@compiled
def jump_totals(luma: Plane) -> Any:  # pragma: no cover - compiled
    """Sum of the absolute differences of neighbours along all rows, and along all columns."""
    height, width = luma.shape
    across, down = int64(0), int64(0)
    for y in range(height):
        row = luma[y]
        across += int64(_distance(row[: width - 1], row[1:]))
        if y + 1 < height:
            down += int64(_distance(row, luma[y + 1]))
    return across, down


@compiled
def _products_of_rows(first: NDArray[np.int16], second: NDArray[np.int16]) -> Any:  # pragma: no cover - compiled
    total, first_2, second_2 = int32(0), int32(0), int32(0)
    for x in range(first.shape[0]):
        a, b = int32(first[x]), int32(second[x])
        total = int32(total + int32(a * b))
        first_2 = int32(first_2 + int32(a * a))
        second_2 = int32(second_2 + int32(b * b))
    return total, first_2, second_2


@compiled
def products(first: NDArray[np.int16], second: NDArray[np.int16]) -> Any:  # pragma: no cover - compiled
    """Sum up the products of two planes of details, and the squares of each."""
    total, first_2, second_2 = int64(0), int64(0), int64(0)
    width = first.shape[1]
    for y in range(first.shape[0]):
        start = 0
        while start < width:  # 4096 products of at most 510^2 fit in 32 bits
            stop = min(start + 4096, width)
            sums = _products_of_rows(first[y, start:stop], second[y, start:stop])
            total += int64(sums[0])
            first_2 += int64(sums[1])
            second_2 += int64(sums[2])
            start = stop
    return total, first_2, second_2


def normalised(product: int, first_2: int, second_2: int) -> float:
    """Correlation from a sum of products and two of squares, the means counting as 0; NaN where a square is 0."""
    return product / sqrt(first_2 * second_2) if first_2 and second_2 else nan


def correlation(first: NDArray[np.int16], second: NDArray[np.int16]) -> float:
    """Correlation of two planes of details, whose means count as 0; NaN where one of them is all 0."""
    return normalised(*products(first, second))


@compiled
def power_sums(details: NDArray[np.int16]) -> Any:  # pragma: no cover - compiled
    """Sum up the squares and the fourth powers of a plane of details of at most 510."""
    second, fourth = uint64(0), uint64(0)
    for y in range(details.shape[0]):
        row = details[y]
        for x in range(row.shape[0]):
            square = uint32(int32(int32(row[x]) * int32(row[x])))
            second = uint64(second + uint64(square))
            fourth = uint64(fourth + uint64(uint64(square) * uint64(square)))
    return int64(second), int64(fourth)


@compiled
def _changed(first: Plane, second: Plane) -> Any:  # pragma: no cover - compiled
    changed = uint32(0)
    for x in range(first.shape[0]):
        changed = uint32(changed + uint32(first[x] != second[x]))
    return changed


@compiled
def difference_sums(first: Plane, second: Plane) -> Any:  # pragma: no cover - compiled
    """Sum of the absolute differences of two planes, and how many pixels differ."""
    total, changed = int64(0), int64(0)
    for y in range(first.shape[0]):
        total += int64(_distance(first[y], second[y]))
        changed += int64(_changed(first[y], second[y]))
    return total, changed


def quantile(ordered: NDArray[np.float64], share: float) -> float:
    """Quantile of numbers in ascending order, between two of them in proportion, as ``numpy.quantile`` has it.

    For a few hundred numbers sorting them and this is ten times as fast.
    """
    place = share * (ordered.size - 1)
    before = int(place)
    low, high = float(ordered[before]), float(ordered[min(before + 1, ordered.size - 1)])
    return low + (high - low) * (place - before)
