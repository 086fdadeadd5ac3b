"""Colour beside luma: how sharp it is, whether its noise goes with the luma's, and how far it reaches.

References
----------
McCloskey & Albright, "Detecting GAN-generated imagery using color cues", 2018.
"""

from __future__ import annotations

from math import log, nan
from typing import Any

import numpy as np
from numba import int32, int64, uint8, uint32
from numpy.typing import NDArray

from fvc_kedro.forensics.family import Measure, frame_family
from fvc_kedro.forensics.kernels import compiled, diagonal_details, normalised, products
from fvc_kedro.forensics.view import View
from fvc_kedro.video.frame import Plane

_NEUTRAL = 128
_MARGIN = 4  # code values from black or white
_TAIL_SHARE = 0.99

_SOME = "length, fps"
MEASURES = [
    Measure("detail_over_luma", "ln of the chroma's mean squared diagonal Haar detail over the luma's at the same size",
            "ln", f"{_SOME}, brightness"),
    Measure("blue_red_correlation", "correlation of the diagonal details of Cb and Cr", "1", f"{_SOME}, brightness"),
    Measure("blue_luma_correlation", "correlation of the diagonal details of Cb and luma", "1", f"{_SOME}, brightness"),
    Measure("red_luma_correlation", "correlation of the diagonal details of Cr and luma", "1", f"{_SOME}, brightness"),
    Measure("saturation", "ln of 1 plus the mean distance from grey in the plane of Cb and Cr", "ln grey levels",
            f"{_SOME}, brightness"),
    Measure("saturation_tail", "99th percentile of that distance over its mean", "1", f"{_SOME}, brightness"),
    Measure("under_exposed", "share of pixels with luma at most 4 code values above black", "share", _SOME, ("mean",)),
    Measure("over_exposed", "share of pixels with luma at most 4 code values below white", "share", _SOME, ("mean",)),
]  # fmt: skip


@compiled
def _distances_from_grey(blue: Plane, red: Plane, counts: NDArray[np.int32]) -> Any:  # pragma: no cover - compiled
    """Count the squared distances from grey; return the largest."""
    largest = int32(0)
    for y in range(blue.shape[0]):
        blue_row, red_row = blue[y], red[y]
        for x in range(blue_row.shape[0]):
            across, down = int32(int32(blue_row[x]) - _NEUTRAL), int32(int32(red_row[x]) - _NEUTRAL)
            squared = int32(int32(across * across) + int32(down * down))
            largest = max(largest, squared)
            counts[uint32(squared)] += 1
    return largest


@compiled
def saturation(blue: Plane, red: Plane, share: float) -> Any:  # pragma: no cover - compiled
    """Mean of the distances from grey in the plane of Cb and Cr, and the quantile at ``share``, in code values."""
    counts = np.zeros(2 * _NEUTRAL * _NEUTRAL + 1, np.int32)
    largest = _distances_from_grey(blue, red, counts)
    place = share * (blue.size - 1)
    before = int(place)
    seen, total, low, high = int64(0), 0.0, -1.0, -1.0
    for squared in range(largest + 1):
        if counts[squared] > 0:
            distance = np.sqrt(float(squared))
            total += counts[squared] * distance
            seen += counts[squared]
            if low < 0 and seen > before:
                low = distance
            if high < 0 and seen > min(before + 1, blue.size - 1):
                high = distance
    return total / blue.size, low + (high - low) * (place - before)


@compiled
def exposed(luma: Plane, dark: int, bright: int) -> Any:  # pragma: no cover - compiled
    """How many pixels are at most ``dark``, and how many at least ``bright``."""
    under, over = int64(0), int64(0)
    for y in range(luma.shape[0]):
        row = luma[y]
        row_under, row_over = uint32(0), uint32(0)
        for x in range(row.shape[0]):
            row_under = uint32(row_under + uint32(row[x] <= uint8(dark)))
            row_over = uint32(row_over + uint32(row[x] >= uint8(bright)))
        under += int64(row_under)
        over += int64(row_over)
    return under, over


def per_frame(view: View) -> list[float]:
    """All chroma figures of one view; NaN for grey videos."""
    planes = view.chroma
    if planes is None or min(*planes[0].shape, *view.luma.shape) < 2:
        return [nan] * len(MEASURES)
    height, width = (min(sizes) for sizes in zip(planes[0].shape, view.half_luma.shape, strict=True))
    if min(height, width) < 2:
        return [nan] * len(MEASURES)
    blue, red, luma = (diagonal_details(plane[:height, :width]) for plane in (*planes, view.half_luma))
    blue_red, blue_2, red_2 = products(blue, red)
    blue_luma, _, luma_2 = products(blue, luma)
    red_luma = products(red, luma)[0]
    mean, tail = saturation(*planes, _TAIL_SHARE)
    white = 255 if view.frame.full_range else 235
    under, over = exposed(view.luma, view.black + _MARGIN, white - _MARGIN)
    relative_gain = view.chroma_gain / view.gain
    return [
        log(relative_gain**2 * (blue_2 + red_2) / (2 * luma_2)) if blue_2 + red_2 and luma_2 else nan,
        normalised(blue_red, blue_2, red_2),
        normalised(blue_luma, blue_2, luma_2),
        normalised(red_luma, red_2, luma_2),
        log(1 + view.chroma_gain * mean),
        tail / mean if mean > 0 else nan,
        under / view.luma.size,
        over / view.luma.size,
    ]


FAMILY = frame_family(
    "chroma",
    MEASURES,
    per_frame,
    version=1,
    about="How colour goes with luma.",
    source="McCloskey & Albright, 2018",
    cost=0.1,
    missing="the video is grey, under 4 pixels wide or high, or without diagonal details in colour or luma",
)
