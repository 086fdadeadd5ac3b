"""Pixel statistics of one luma plane, gathered in two compiled passes: over neighbourhoods and over blocks.

Sums of whole numbers are kept as 64-bit integers, so they are exact and do not depend on the order
of summation; only the gradient magnitude and the fourth power of the residual are summed in float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from fvc_kedro.video.frame import Plane

_BLOCK = 8


class LumaSums(NamedTuple):
    """Sums over one luma plane, in raw code values.

    ``residual`` is the 3x3 high-pass (8 in the centre, -1 around), ``laplacian`` the 4-neighbour
    Laplacian, ``gradient`` the magnitude of the 3x3 Sobel gradient; borders are reflect-101.
    """

    residual_2: int
    residual_4: float
    laplacian: int
    laplacian_2: int
    gradient: float
    gradient_2: int


@numba.njit(cache=True, nogil=True)
def _fill_row(source: Plane, target: NDArray[np.int32]) -> None:  # pragma: no cover - compiled
    width = source.shape[0]
    for x in range(width):
        target[x + 1] = source[x]
    target[0] = source[min(1, width - 1)]
    target[width + 1] = source[max(width - 2, 0)]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _neighbourhood_sums(luma: Plane) -> Any:  # pragma: no cover - compiled
    height, width = luma.shape
    above = np.empty(width + 2, np.int32)
    here = np.empty(width + 2, np.int32)
    below = np.empty(width + 2, np.int32)
    magnitude = np.empty(width, np.float32)
    squares = np.empty(width, np.int32)
    residual_2, laplacian, laplacian_2, gradient_2 = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    residual_4, gradient = 0.0, 0.0
    _fill_row(luma[min(1, height - 1)], above)
    _fill_row(luma[0], here)
    for y in range(height):
        _fill_row(luma[y + 1 if y + 1 < height else max(height - 2, 0)], below)
        for x in range(width):
            cross = above[x + 1] + below[x + 1] + here[x] + here[x + 2]
            corners = above[x] + above[x + 2] + below[x] + below[x + 2]
            centre = here[x + 1]
            lap = cross - 4 * centre
            laplacian += lap
            laplacian_2 += lap * lap
            residual = 8 * centre - cross - corners
            squares[x] = residual * residual
            residual_2 += squares[x]
            across = above[x + 2] - above[x] + 2 * (here[x + 2] - here[x]) + below[x + 2] - below[x]
            down = below[x] - above[x] + 2 * (below[x + 1] - above[x + 1]) + below[x + 2] - above[x + 2]
            square = across * across + down * down
            gradient_2 += square
            magnitude[x] = np.sqrt(np.float32(square))
        row_4, row_gradient = 0.0, 0.0
        for x in range(width):
            row_4 += np.float64(squares[x]) * np.float64(squares[x])
            row_gradient += np.float64(magnitude[x])
        residual_4 += row_4
        gradient += row_gradient
        above, here, below = here, below, above
    return residual_2, residual_4, laplacian, laplacian_2, gradient, gradient_2


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _block_sums(
    luma: Plane, sums: NDArray[np.int64], squares: NDArray[np.int64], products: NDArray[np.float64]
) -> None:  # pragma: no cover - compiled
    height, width = luma.shape
    rows, columns = sums.shape
    for block_y in range(rows):
        for block_x in range(columns):
            total, square = np.int64(0), np.int64(0)
            product = 0.0
            first = np.int64(luma[block_y * _BLOCK, block_x * _BLOCK])
            for v in range(_BLOCK):
                y = min(block_y * _BLOCK + v, height - 1)
                row_product = 0.0
                for u in range(_BLOCK):
                    value = np.int64(luma[y, min(block_x * _BLOCK + u, width - 1)])
                    total += value
                    square += value * value
                    row_product += _DCT_COLUMN_SUMS[u] * (value - first)
                product += _DCT_COLUMN_SUMS[v] * row_product
            sums[block_y, block_x] = total
            squares[block_y, block_x] = square
            # relative to the first pixel, so that a flat block has exactly no AC
            products[block_y, block_x] = product - (total - _BLOCK * _BLOCK * first) / _BLOCK


def _dct_matrix(size: int) -> NDArray[np.float64]:
    """Orthonormal DCT-II matrix, one basis vector a row."""
    k = np.arange(size)[:, None]
    matrix: NDArray[np.float64] = np.cos(np.pi * k * (2 * np.arange(size) + 1) / (2 * size)) * np.sqrt(2 / size)
    matrix[0] /= np.sqrt(2)
    return matrix


_DCT_COLUMN_SUMS = _dct_matrix(_BLOCK).sum(axis=0)


def neighbourhood_sums(luma: Plane) -> LumaSums:
    """Sum residual, Laplacian and gradient over a luma plane of shape (height, width), uint8."""
    return LumaSums(*_neighbourhood_sums(luma))


class BlockSums(NamedTuple):
    """Per 8x8 block of an edge-padded plane, shape (rows, columns): sums that give its DCT figures.

    ``total`` is the sum of the pixels (8 times the DC), ``squares`` the sum of their squares (by
    Parseval the energy of all 64 coefficients), ``ac_coefficients`` the sum of the 63 AC coefficients
    (w'Xw with w the column sums of the orthonormal DCT matrix, X less its first pixel, less the DC).
    """

    total: NDArray[np.int64]
    squares: NDArray[np.int64]
    ac_coefficients: NDArray[np.float64]


def block_sums(luma: Plane) -> BlockSums:
    """Sum over the 8x8 blocks of a luma plane of shape (height, width), uint8, without any transform."""
    shape = tuple(-(-side // _BLOCK) for side in luma.shape)
    sums = BlockSums(np.empty(shape, np.int64), np.empty(shape, np.int64), np.empty(shape, np.float64))
    _block_sums(luma, *sums)
    return sums
