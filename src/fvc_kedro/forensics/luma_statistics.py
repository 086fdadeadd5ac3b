"""Pixel statistics of one luma plane, gathered in a single compiled pass over its rows.

Whole numbers are summed as integers, so they are exact whatever the order; the gradient magnitude and
the fourth power of the residual are summed column by column, eight rows in float32, then in float64.
The order of these sums is written out, so a plane has the same sums on every processor.

The loops are written for the compiler's vectoriser: 16-bit arithmetic wherever it cannot overflow,
slices that start at 0 (an index with an offset would be checked for being negative), and sums across
a row kept to so many columns that 32 bits hold them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numba import float32, int16, int32, int64, uint16, uint32
from numpy.typing import NDArray

from fvc_kedro.video.frame import Plane

BLOCK = 8
# 1024 squared residuals of at most (8 * 255)^2 fit in 32 bits, and so do 65,536 squared pixels
_COLUMNS_AT_ONCE = 1024
_ROWS_AT_ONCE = 65_536


class LumaSums(NamedTuple):
    """Sums over one luma plane, in raw code values.

    ``residual`` is the 3x3 high-pass (8 in the centre, -1 around), ``laplacian`` the 4-neighbour
    Laplacian, ``gradient`` the magnitude of the 3x3 Sobel gradient; their borders are reflect-101.
    Blocks are 8x8, of the plane padded to whole blocks with its last row and column.

    Attributes
    ----------
    residual_2, laplacian, laplacian_2, gradient_2 : int
        Over all pixels; ``_2`` is of the squares.
    residual_4, gradient : float
        Over all pixels; ``_4`` is of the fourth powers.
    block_total_2 : int
        Over the blocks, of the squared sum of a block's pixels.
    padded_2 : int
        Over the pixels of all blocks, of their squares.
    in_block : ndarray of int64, shape (8, 8)
        Over the blocks, of the pixel at each place in a block.
    rows, rows_2 : ndarray of int64, shape (ceil(height / 8) - 1,)
        Along rows 8, 16 and so on, of the pixels and of their squares.
    columns, columns_2 : ndarray of int64, shape (width,)
        Along every column.
    """

    residual_2: int
    residual_4: float
    laplacian: int
    laplacian_2: int
    gradient: float
    gradient_2: int
    block_total_2: int
    padded_2: int
    in_block: NDArray[np.int64]
    rows: NDArray[np.int64]
    rows_2: NDArray[np.int64]
    columns: NDArray[np.int64]
    columns_2: NDArray[np.int64]


_compiled = numba.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")


@_compiled
def _filters(
    a0: Any, a1: Any, a2: Any, h0: Any, h1: Any, h2: Any, b0: Any, b1: Any, b2: Any
) -> Any:  # pragma: no cover - compiled
    """Laplacian, high-pass residual and both Sobel gradients from a 3x3 neighbourhood, row by row."""
    v0, v1, v2 = int16(a0 + b0), int16(a1 + b1), int16(a2 + b2)
    sides = int16(h0 + h2)
    laplacian = int16(v1 + sides - int16(4 * h1))
    residual = int16(int16(8 * h1) - v1 - sides - v0 - v2)
    across = int16(v2 - v0 + int16(2 * int16(h2 - h0)))
    down = int16(int16(b0 - a0) + int16(2 * int16(b1 - a1)) + int16(b2 - a2))
    return laplacian, residual, across, down


@_compiled
def _filter_columns(
    above: Plane, here: Plane, below: Plane, fourths: NDArray[np.float32], magnitudes: NDArray[np.float32]
) -> Any:  # pragma: no cover - compiled
    """Filter the columns between the first and the last of three rows; add to ``fourths`` and ``magnitudes``."""
    n = fourths.shape[0]
    above_0, above_1, above_2 = above[:n], above[1 : n + 1], above[2 : n + 2]
    here_0, here_1, here_2 = here[:n], here[1 : n + 1], here[2 : n + 2]
    below_0, below_1, below_2 = below[:n], below[1 : n + 1], below[2 : n + 2]
    residual_2, laplacian, laplacian_2, gradient_2 = uint32(0), int32(0), uint32(0), uint32(0)
    for x in range(n):
        filtered, residual, across, down = _filters(
            int16(above_0[x]), int16(above_1[x]), int16(above_2[x]),
            int16(here_0[x]), int16(here_1[x]), int16(here_2[x]),
            int16(below_0[x]), int16(below_1[x]), int16(below_2[x]),
        )  # fmt: skip
        laplacian = int32(laplacian + int32(filtered))
        laplacian_2 = uint32(laplacian_2 + uint32(int32(int32(filtered) * int32(filtered))))
        square = int32(int32(residual) * int32(residual))
        residual_2 = uint32(residual_2 + uint32(square))
        slope = int32(int32(int32(across) * int32(across)) + int32(int32(down) * int32(down)))
        gradient_2 = uint32(gradient_2 + uint32(slope))
        fourths[x] += float32(square) * float32(square)
        magnitudes[x] += np.sqrt(float32(slope))
    return residual_2, laplacian, laplacian_2, gradient_2


@_compiled
def _filter_row(
    above: Plane, here: Plane, below: Plane, fourths: NDArray[np.float32], magnitudes: NDArray[np.float32]
) -> Any:  # pragma: no cover - compiled
    width = here.shape[0]
    residual_2, laplacian, laplacian_2, gradient_2 = int64(0), int64(0), int64(0), int64(0)
    for x in range(0, width, max(width - 1, 1)):  # the first and the last column
        left, right = abs(x - 1), x + 1
        if right >= width:
            right = abs(width - 2)
        if width == 1:
            left, right = 0, 0
        filtered, residual, across, down = _filters(
            int16(above[left]), int16(above[x]), int16(above[right]),
            int16(here[left]), int16(here[x]), int16(here[right]),
            int16(below[left]), int16(below[x]), int16(below[right]),
        )  # fmt: skip
        square = int64(residual) * int64(residual)
        slope = int64(across) * int64(across) + int64(down) * int64(down)
        residual_2 += square
        laplacian += int64(filtered)
        laplacian_2 += int64(filtered) * int64(filtered)
        gradient_2 += slope
        fourths[x] += float32(square) * float32(square)
        magnitudes[x] += np.sqrt(float32(slope))
    start = 1
    while start < width - 1:
        stop = min(start + _COLUMNS_AT_ONCE, width - 1)
        sums = _filter_columns(
            above[start - 1 : stop + 1],
            here[start - 1 : stop + 1],
            below[start - 1 : stop + 1],
            fourths[start:stop],
            magnitudes[start:stop],
        )
        residual_2 += int64(sums[0])
        laplacian += int64(sums[1])
        laplacian_2 += int64(sums[2])
        gradient_2 += int64(sums[3])
        start = stop
    return residual_2, laplacian, laplacian_2, gradient_2


@_compiled
def _add_row(
    row: Plane, band: NDArray[np.uint16], phase: NDArray[np.uint32], squares: NDArray[np.uint32]
) -> None:  # pragma: no cover - compiled
    for x in range(row.shape[0]):
        value = uint16(row[x])
        band[x] = uint16(band[x] + value)
        phase[x] = uint32(phase[x] + uint32(value))
        squares[x] = uint32(squares[x] + uint32(uint32(value) * uint32(value)))


@_compiled
def _block_totals_2(band: NDArray[np.uint16]) -> Any:  # pragma: no cover - compiled
    """Sum the squared totals of the blocks of a band of 8 rows, given its column sums; the last is repeated."""
    width = band.shape[0]
    whole = width // BLOCK
    result = int64(0)
    for block in range(whole):
        total = int32(0)
        for u in range(BLOCK):
            total += int32(band[BLOCK * block + u])
        result += int64(total) * int64(total)
    if whole * BLOCK < width:
        total = int32(0)
        for u in range(BLOCK):
            total += int32(band[min(BLOCK * whole + u, width - 1)])
        result += int64(total) * int64(total)
    return result


@_compiled
def _flush(narrow: Any, wide: Any) -> None:  # pragma: no cover - compiled
    for x in range(narrow.shape[0]):
        wide[x] += narrow[x]
        narrow[x] = 0


@_compiled
def _luma_sums(
    luma: Plane,
    rows: NDArray[np.int64],
    rows_2: NDArray[np.int64],
    phases: NDArray[np.int64],
    columns_2: NDArray[np.int64],
    fourths: NDArray[np.float64],
    magnitudes: NDArray[np.float64],
) -> Any:  # pragma: no cover - compiled
    height, width = luma.shape
    band = np.zeros(width, np.uint16)
    narrow_phases = np.zeros((BLOCK, width), np.uint32)
    narrow_squares = np.zeros(width, np.uint32)
    narrow_fourths = np.zeros(width, np.float32)
    narrow_magnitudes = np.zeros(width, np.float32)
    residual_2, laplacian, laplacian_2, gradient_2 = int64(0), int64(0), int64(0), int64(0)
    block_total_2, padding_2 = int64(0), int64(0)
    for y in range(height):
        here = luma[y]
        above = luma[y - 1] if y > 0 else luma[min(1, height - 1)]
        below = luma[y + 1] if y + 1 < height else luma[max(height - 2, 0)]
        sums = _filter_row(above, here, below, narrow_fourths, narrow_magnitudes)
        residual_2 += sums[0]
        laplacian += sums[1]
        laplacian_2 += sums[2]
        gradient_2 += sums[3]
        _add_row(here, band, narrow_phases[y % BLOCK], narrow_squares)
        if y % BLOCK == 0 and y > 0:
            total, square = int64(0), int64(0)
            for x in range(width):
                total += int64(here[x])
                square += int64(here[x]) * int64(here[x])
            rows[y // BLOCK - 1] = total
            rows_2[y // BLOCK - 1] = square
        if y == height - 1:
            scratch = np.zeros(width, np.uint32)
            for v in range(y % BLOCK + 1, BLOCK):
                _add_row(here, band, narrow_phases[v], scratch)
            for x in range(width):
                padding_2 += int64(scratch[x]) * (1 if x < width - 1 else 1 + (-width) % BLOCK)
        if y % BLOCK == BLOCK - 1 or y == height - 1:
            block_total_2 += _block_totals_2(band)
            band[:] = 0
            _flush(narrow_fourths, fourths)
            _flush(narrow_magnitudes, magnitudes)
        if y % _ROWS_AT_ONCE == _ROWS_AT_ONCE - 1 or y == height - 1:
            _flush(narrow_squares, columns_2)
            for v in range(BLOCK):
                _flush(narrow_phases[v], phases[v])
    padding_2 += columns_2[width - 1] * ((-width) % BLOCK)
    return residual_2, laplacian, laplacian_2, gradient_2, block_total_2, padding_2


def luma_sums(luma: Plane) -> LumaSums:
    """Sum over a luma plane of shape (height, width), uint8, at least one pixel each way."""
    height, width = luma.shape
    n_lines = -(-height // BLOCK) - 1
    rows, rows_2 = np.zeros(n_lines, np.int64), np.zeros(n_lines, np.int64)
    phases, columns_2 = np.zeros((BLOCK, width), np.int64), np.zeros(width, np.int64)
    fourths, magnitudes = np.zeros(width), np.zeros(width)
    residual_2, laplacian, laplacian_2, gradient_2, block_total_2, padding_2 = _luma_sums(
        luma, rows, rows_2, phases, columns_2, fourths, magnitudes
    )
    padded = np.pad(phases, ((0, 0), (0, -width % BLOCK)), mode="edge") if width % BLOCK else phases
    last = luma[-1].astype(np.int64)
    return LumaSums(
        residual_2=residual_2,
        residual_4=float(fourths.sum()),
        laplacian=laplacian,
        laplacian_2=laplacian_2,
        gradient=float(magnitudes.sum()),
        gradient_2=gradient_2,
        block_total_2=block_total_2,
        padded_2=int(columns_2.sum()) + padding_2,
        in_block=padded.reshape(BLOCK, -1, BLOCK).sum(axis=1),
        rows=rows,
        rows_2=rows_2,
        columns=phases.sum(axis=0) - (-height % BLOCK) * last,
        columns_2=columns_2,
    )
