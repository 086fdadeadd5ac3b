"""Coefficients of 8x8 blocks: their spread, their zeros, and traces of quantisation.

Quantisation leaves histograms with gaps at its step. The last one shows where its step is 2 grey levels or more,
and one before it where the last is finer.

References
----------
Giudice, Guarnera & Battiato, "Fighting deepfakes by detecting GAN DCT anomalies", 2021 (Laplacian scales).
Popescu & Farid, "Statistical tools for digital forensics", 2004 (periodic histograms).
Fu, Shi & Su, "A generalized Benford's law for JPEG coefficients and its applications in image forensics", 2007.
"""

from __future__ import annotations

from math import cos, log, log10, nan, pi, sqrt
from typing import Any

import numpy as np
from numba import float32, float64, uint32, uint64
from numpy.typing import NDArray

from fvc_kedro.forensics.family import ALL, MEAN, Measure, frame_family
from fvc_kedro.forensics.kernels import compiled
from fvc_kedro.forensics.view import View
from fvc_kedro.video.frame import Plane

BLOCK = 8
_MOST_BLOCKS_ACROSS = 32
# Bands of like frequency: the sum of the horizontal and the vertical frequency number.
BANDS = ((1, 1), (2, 2), (3, 4), (5, 6), (7, 9), (10, 14))
_FREQUENCY = np.add.outer(np.arange(BLOCK), np.arange(BLOCK)).ravel()
_BAND_OF = np.array([sum(frequency > high for _, high in BANDS) for frequency in _FREQUENCY])
_LOW = np.flatnonzero((_FREQUENCY > 0) & (_FREQUENCY <= 2))
_LARGEST = 64  # coefficients from it on are left out of the histograms
_LONGEST_PERIOD = 16  # grey levels
_ZERO = 0.5  # grey levels
_BENFORD = [log10(1 + 1 / digit) for digit in range(1, 10)]
_FIRST_DIGIT = np.array([int(str(number)[0]) for number in range(4096)], np.uint8)
_FLOOR = 0.05

# The transform is scaled up by the root of 8 each way, so that coefficients which are eighths come out exact.
_SCALE = np.float32(1 / 8)
_COS_1, _COS_2, _COS_3, _COS_5, _COS_6, _COS_7 = (np.float32(sqrt(2) * cos(k * pi / 16)) for k in (1, 2, 3, 5, 6, 7))
# Where the transform leaves the coefficients of each frequency, in one direction and in both.
_LINE_OF_ONE = np.array([0, 7, 3, 6, 1, 5, 2, 4])
_LINE_OF = np.add.outer(BLOCK * _LINE_OF_ONE, _LINE_OF_ONE).ravel()

_SOME = "length, fps, brightness"
MEASURES = [
    *(
        measure
        for number, (low, high) in enumerate(BANDS, start=1)
        for measure in (
            Measure(f"band{number}_scale", f"ln of 0.05 plus the Laplacian scale (mean absolute value) of the "
                    f"coefficients with u + v from {low} to {high}", "ln grey levels", _SOME, MEAN),
            Measure(f"band{number}_tail", "ln of the kurtosis of these coefficients, their mean taken as 0", "ln",
                    f"{_SOME}, contrast", MEAN),
            Measure(f"band{number}_zeros", "share of these coefficients under half a grey level", "share", _SOME, MEAN),
        )
    ),
    Measure("periodicity", "ln of the highest peak over the median of the spectrum of the histograms of the five "
            "lowest AC coefficients, periods of 2 to 16 grey levels", "ln", _SOME, ALL),
    Measure("benford", "chi-square distance of the first digits of the AC coefficients from Benford's law",
            "1", _SOME, ALL),
]  # fmt: skip


def _places(first: int, length: int) -> NDArray[np.int64]:
    """Place at most 32 whole blocks of the file's own grid, evenly spread."""
    offset = -first % BLOCK
    n_blocks = max(length - offset, 0) // BLOCK
    n = min(n_blocks, _MOST_BLOCKS_ACROSS)
    return offset + BLOCK * ((2 * np.arange(n) + 1) * n_blocks // (2 * max(n, 1)))


@compiled
def _gather(
    luma: Plane, tops: NDArray[np.int64], lefts: NDArray[np.int64], lines: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Copy the pixels of blocks to ``lines``, shape (64, n_blocks), a line for each place in a block."""
    for row in range(tops.size):
        for y in range(BLOCK):
            pixels = luma[tops[row] + y]
            for x in range(BLOCK):
                line = lines[BLOCK * y + x, row * lefts.size : (row + 1) * lefts.size]
                for column in range(lefts.size):
                    line[column] = float32(pixels[uint64(lefts[column] + x)])


@compiled
def _rotate(
    first: NDArray[np.float32], second: NDArray[np.float32], near: Any, far: Any
) -> None:  # pragma: no cover - compiled
    for k in range(first.shape[0]):
        a, b = first[k], second[k]
        first[k] = near * a + far * b
        second[k] = far * a - near * b


@compiled
def _add_subtract(first: NDArray[np.float32], second: NDArray[np.float32]) -> None:  # pragma: no cover - compiled
    for k in range(first.shape[0]):
        a, b = first[k], second[k]
        first[k] = a + b
        second[k] = a - b


@compiled
def _mix(
    a: NDArray[np.float32], b: NDArray[np.float32], c: NDArray[np.float32], d: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Odd half of the transform: coefficients 1, 3, 5 and 7 of the differences."""
    for k in range(a.shape[0]):
        a_k, b_k, c_k, d_k = a[k], b[k], c[k], d[k]
        a[k] = _COS_1 * a_k + _COS_3 * b_k + _COS_5 * c_k + _COS_7 * d_k
        b[k] = _COS_3 * a_k - _COS_7 * b_k - _COS_1 * c_k - _COS_5 * d_k
        c[k] = _COS_5 * a_k - _COS_1 * b_k + _COS_7 * c_k + _COS_3 * d_k
        d[k] = _COS_7 * a_k - _COS_5 * b_k + _COS_3 * c_k - _COS_1 * d_k


@compiled
def _transform(lines: NDArray[np.float32], start: int, step: int) -> None:  # pragma: no cover - compiled
    """DCT of eight lines in place, scaled up; they then hold coefficients 0, 4, 6, 2, 7, 5, 3 and 1.

    Sums and differences come first, so that the AC coefficients of a flat block are exactly 0.
    """
    for k in range(4):
        _add_subtract(lines[start + k * step], lines[start + (7 - k) * step])
    for k in range(2):
        _add_subtract(lines[start + k * step], lines[start + (3 - k) * step])
    _add_subtract(lines[start], lines[start + step])
    _rotate(lines[start + 3 * step], lines[start + 2 * step], _COS_2, _COS_6)
    _mix(lines[start + 7 * step], lines[start + 6 * step], lines[start + 5 * step], lines[start + 4 * step])


@compiled
def _transform_blocks(lines: NDArray[np.float32]) -> None:  # pragma: no cover - compiled
    for x in range(BLOCK):
        _transform(lines, x, BLOCK)
    for u in range(BLOCK):
        _transform(lines, BLOCK * u, 1)


def coefficients(luma: Plane, origin: tuple[int, int] = (0, 0)) -> NDArray[np.float32]:
    """Orthonormal DCT of at most 32x32 blocks of the file's own 8x8 grid.

    The order of its float32 sums is written out, so a plane has the same coefficients on every processor.

    Parameters
    ----------
    luma : ndarray of uint8, shape (height, width)
    origin : (x, y)
        Place of its first pixel on the grid.

    Returns
    -------
    ndarray of float32, shape (64, n_blocks)
        By vertical, then horizontal frequency.
    """
    tops, lefts = _places(origin[1], luma.shape[0]), _places(origin[0], luma.shape[1])
    lines = np.empty((BLOCK * BLOCK, tops.size * lefts.size), np.float32)
    if lines.size:
        _gather(luma, tops, lefts, lines)
        _transform_blocks(lines)
    return np.asarray(lines[_LINE_OF] * _SCALE)


@compiled
def _band_sums(
    values: NDArray[np.float32], band_of: NDArray[np.int64], sums: NDArray[np.float64]
) -> None:  # pragma: no cover - compiled
    """Add up, by band: number, magnitudes, squares, fourth powers, and how many lie under half a grey level."""
    for place in range(1, values.shape[0]):
        first, second, fourth, zeros = 0.0, 0.0, 0.0, 0
        for value in values[place]:
            magnitude = abs(value)
            square = float64(magnitude) * float64(magnitude)
            first += magnitude
            second += square
            fourth += square * square
            zeros += magnitude < _ZERO
        band = band_of[place]
        sums[band, 0] += values.shape[1]
        sums[band, 1] += first
        sums[band, 2] += second
        sums[band, 3] += fourth
        sums[band, 4] += zeros


def band_figures(values: NDArray[np.float32]) -> list[float]:
    """Scale, tail and zeros of the coefficients of each band; ``values`` as of :func:`coefficients`."""
    sums = np.zeros((len(BANDS), 5))
    _band_sums(values, _BAND_OF, sums)
    figures = []
    for number, first, second, fourth, zeros in sums.tolist():
        figures += [
            log(_FLOOR + first / number),
            log(fourth * number / second**2) if second > 0 else nan,
            zeros / number,
        ]
    return figures


@compiled
def _histograms(
    values: NDArray[np.float32], places: NDArray[np.int64], counts: NDArray[np.float64]
) -> None:  # pragma: no cover - compiled
    for number in range(places.size):
        for value in values[places[number]]:
            rounded = int(np.rint(value))
            if -_LARGEST <= rounded < _LARGEST:
                counts[number, rounded + _LARGEST] += 1


def periodicity(values: NDArray[np.float32]) -> float:
    """Ln of the highest peak of the histograms' spectra over their median, of the five lowest AC coefficients.

    A median under one count is taken as one.
    """
    counts = np.zeros((_LOW.size, 2 * _LARGEST))
    _histograms(values, _LOW, counts)
    spectra = np.sort(np.abs(np.fft.rfft(counts)[:, 2 * _LARGEST // _LONGEST_PERIOD :]))
    peak = float(np.mean(spectra[:, -1] / np.maximum(spectra[:, spectra.shape[1] // 2], 1.0)))
    return log(peak) if peak > 0 else nan


@compiled
def _count_digits(
    values: NDArray[np.float32], digits: NDArray[np.uint8], counts: NDArray[np.int64]
) -> None:  # pragma: no cover - compiled
    for place in range(1, values.shape[0]):
        line = values[place]
        for k in range(line.shape[0]):
            # turn by turn, as adding to one count again and again would have to wait
            counts[k % 2, digits[uint32(abs(line[k]))]] += 1


def benford_distance(values: NDArray[np.float32]) -> float:
    """Chi-square distance of the first digits of the AC coefficients of at least 1 from Benford's law."""
    counts = np.zeros((2, 10), np.int64)
    _count_digits(values, _FIRST_DIGIT, counts)
    seen = counts.sum(axis=0)[1:].tolist()
    total = sum(seen)
    if total == 0:
        return nan
    return float(sum((count / total - share) ** 2 / share for count, share in zip(seen, _BENFORD, strict=True)))


def per_frame(view: View) -> list[float]:
    """All DCT figures of one view; NaN where it holds no whole block."""
    values = coefficients(view.luma, view.origin)
    if values.size == 0:
        return [nan] * len(MEASURES)
    values *= np.float32(view.gain)
    return [*band_figures(values), periodicity(values), benford_distance(values)]


FAMILY = frame_family(
    "dct",
    MEASURES,
    per_frame,
    version=1,
    about="How the coefficients of 8x8 blocks are spread.",
    source="Giudice et al., 2021; Popescu & Farid, 2004; Fu et al., 2007",
    cost=0.15,
    missing="the picture holds no whole block of 8x8 pixels, or is flat, or has no coefficient of the size counted",
)
