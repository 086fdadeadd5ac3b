"""How blocks of a picture move to the next one, and where most changes."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numba import int32, uint64
from numpy.typing import NDArray

from fvc_kedro.forensics.kernels import compiled
from fvc_kedro.video.frame import Plane, Rectangle

BLOCK = 16  # pixels
REACH = 12  # pixels, farthest that a block is looked for in each direction
_MOST_BLOCKS_ACROSS, _MOST_BLOCKS_DOWN = 12, 8


class BlockMotion(NamedTuple):
    """Motion of blocks on an even lattice.

    Attributes
    ----------
    vectors : ndarray of int64, shape (rows, columns, 2)
        Best shift (down, across) of each block, in pixels.
    still, moved : ndarray of float64, shape (rows, columns)
        Mean absolute difference to the next picture without and with the shift, in code values.
    """

    vectors: NDArray[np.int64]
    still: NDArray[np.float64]
    moved: NDArray[np.float64]


@compiled
def _difference(
    luma: Plane, successor: Plane, y: int, x: int, new_y: int, new_x: int, enough: int
) -> Any:  # pragma: no cover - compiled
    """Sum of the absolute differences of two blocks, or of their first rows where these reach ``enough``."""
    total = int32(0)
    for row in range(BLOCK):
        for column in range(BLOCK):
            # unsigned, so that no index is checked for being negative
            here = int32(luma[uint64(y + row), uint64(x + column)])
            there = int32(successor[uint64(new_y + row), uint64(new_x + column)])
            total = int32(total + abs(int32(here - there)))
        if row % 4 == 3 and total >= enough:
            break
    return total


@compiled
def _match(
    luma: Plane,
    successor: Plane,
    tops: NDArray[np.int64],
    lefts: NDArray[np.int64],
    vectors: NDArray[np.int64],
    still: NDArray[np.float64],
    moved: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """Search each block downhill from no motion, in ever smaller steps."""
    height, width = luma.shape
    for row in range(tops.size):
        for column in range(lefts.size):
            y, x = tops[row], lefts[column]
            best = _difference(luma, successor, y, x, y, x, BLOCK * BLOCK * 256)
            still[row, column] = best / (BLOCK * BLOCK)
            down, across = 0, 0
            step = 4
            while step > 0 and best > 0:
                found_down, found_across = down, across
                for way in range(8):
                    turn = way if way < 4 else way + 1  # the eight neighbours
                    new_down = down + step * (turn // 3 - 1)
                    new_across = across + step * (turn % 3 - 1)
                    new_y, new_x = y + new_down, x + new_across
                    if abs(new_down) > REACH or abs(new_across) > REACH:
                        continue
                    if new_y < 0 or new_y + BLOCK > height or new_x < 0 or new_x + BLOCK > width:
                        continue
                    difference = _difference(luma, successor, y, x, new_y, new_x, best)
                    if difference < best:
                        best, found_down, found_across = difference, new_down, new_across
                if found_down == down and found_across == across:
                    step //= 2
                down, across = found_down, found_across
            vectors[row, column, 0], vectors[row, column, 1] = down, across
            moved[row, column] = best / (BLOCK * BLOCK)


def _places(length: int, most: int) -> NDArray[np.int64]:
    n = min(most, length // BLOCK)
    return np.array([(2 * k + 1) * length // (2 * n) - BLOCK // 2 for k in range(n)], np.int64)


def block_motion(luma: Plane, successor: Plane) -> BlockMotion:
    """Match at most 12x8 blocks of 16x16 pixels, evenly spread, with the next picture.

    The search goes downhill from no motion in steps of 4, 2 and 1 pixels, to at most 12 pixels away
    (after Zhu & Ma, "A new diamond search algorithm for fast block-matching motion estimation", 2000).

    Parameters
    ----------
    luma, successor : ndarray of uint8, shape (height, width)

    Raises
    ------
    ValueError
        If they differ in size.
    """
    if luma.shape != successor.shape:
        raise ValueError(f"pictures of {luma.shape} and {successor.shape} pixels cannot be matched")
    tops, lefts = _places(luma.shape[0], _MOST_BLOCKS_DOWN), _places(luma.shape[1], _MOST_BLOCKS_ACROSS)
    shape = (tops.size, lefts.size)
    motion = BlockMotion(np.zeros((*shape, 2), np.int64), np.zeros(shape), np.zeros(shape))
    _match(luma, successor, tops, lefts, *motion)
    return motion


def disagreement(vectors: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far each block's shift is from the median shift of the 5x5 blocks around it, in pixels.

    A camera's motion and a large object's leave neighbours agreed; what is laid over the picture moves in
    its own way.

    Parameters
    ----------
    vectors : ndarray of int64, shape (rows, columns, 2)

    Returns
    -------
    ndarray of float64, shape (rows, columns)
    """
    medians = [cv2.medianBlur(vectors[..., axis].astype(np.float32), 5) for axis in (0, 1)]
    return np.asarray(np.hypot(vectors[..., 0] - medians[0], vectors[..., 1] - medians[1]))


def local_contrast(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the 3x3 places around each place less the mean of the ring around them, out to 7x7.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)

    Returns
    -------
    ndarray of float64, shape (rows, columns)
        Beyond the border values are mirrored.
    """
    inner, outer = (
        cv2.boxFilter(values, -1, (side, side), normalize=False, borderType=cv2.BORDER_REFLECT) for side in (3, 7)
    )
    return np.asarray(inner / 9 - (outer - inner) / 40)


def most_changing_region(differences: NDArray[np.float64], width: int, height: int) -> Rectangle:
    """Find the region, a third of the shorter side each way, in which most changes.

    Parameters
    ----------
    differences : ndarray of float64, shape (rows, columns)
        Change at each place of an even lattice over the picture.
    width, height : int
        Size of the picture in pixels.

    Returns
    -------
    (x, y, width, height)
        On even pixels, its side a multiple of 8 and at least 32 pixels where the picture is so large; in the
        middle where there is no place to compare.
    """
    side = max(min(width, height) // 3, min(32, width, height))
    side = max(side // 8 * 8 if side >= 32 else side // 2 * 2, 1)
    rows, columns = differences.shape
    if differences.size == 0:
        return _within(width / 2, side, width), _within(height / 2, side, height), side, side
    across, down = max(1, round(side * columns / width)), max(1, round(side * rows / height))
    summed = cv2.boxFilter(differences, -1, (across, down), normalize=False, borderType=cv2.BORDER_CONSTANT)
    row, column = (int(place) for place in np.unravel_index(int(summed.argmax()), summed.shape))
    # the filter sums from half a window before a place, rounded down, on
    x = (column - across // 2 + across / 2) * width / columns
    y = (row - down // 2 + down / 2) * height / rows
    return _within(x, side, width), _within(y, side, height), side, side


def _within(centre: float, side: int, length: int) -> int:
    """Even start of a stretch of ``side`` around a centre, inside 0 to ``length``."""
    return min(max(int(centre) - side // 2, 0), length - side) // 2 * 2
