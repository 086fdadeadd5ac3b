"""Jumps between neighbours on the grids of block codecs, over those off them.

A video that was compressed, cropped or moved, and compressed again carries a second grid with another phase.

References
----------
Wang, Bovik & Evans, "Blind measurement of blocking artifacts in images", 2000.
Li, Yuan & Yu, "Passive detection of doctored JPEG image via block artifact grid extraction", 2009.
"""

from __future__ import annotations

from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.forensics.family import ALL, Measure, frame_family
from fvc_kedro.forensics.kernels import compiled
from fvc_kedro.forensics.view import View

PERIODS = (4, 8, 16)
_FLOOR = 0.25  # grey levels, keeps the logarithm of flat lines finite
_FEWEST_PERIODS = 2
_NO_STRENGTH = 1e-9  # ln, well above rounding

_GRID = "length, fps, brightness"
MEASURES = [
    *(
        measure
        for period in PERIODS
        for measure in (
            Measure(
                f"best{period}",
                f"mean ln jump at the strongest phase of period {period} less that at the other phases; mean of both "
                "directions",
                "ln",
                _GRID,
            ),
            Measure(
                f"own{period}", f"the same at the phase of the file's own grid of period {period}", "ln", _GRID, ALL
            ),
        )
    ),
    Measure(
        "off_grid8",
        "share of the two directions whose strongest phase of period 8 is not the file's own grid",
        "share",
        _GRID,
        ("mean",),
    ),
    Measure("phase8", "strongest phases of period 8, as 8 times the vertical plus the horizontal one", "phase", _GRID,
            ("mode_share",)),
]  # fmt: skip


def log_jumps(jumps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ln of the mean jump at each place, in grey levels, plus 0.25."""
    return np.asarray(np.log(jumps + _FLOOR))


@compiled
def phase_strengths(logs: NDArray[np.float64], period: int, first: int) -> Any:  # pragma: no cover - compiled
    """How much larger the jumps at each phase of a grid are than those at the others.

    Parameters
    ----------
    logs : ndarray, shape (n,)
        Ln of the mean jump at each place.
    period : int
        In pixels.
    first : int
        Place in the whole picture of the first pixel after the first jump.

    Returns
    -------
    ndarray of float64, shape (period,)
        Mean ln jump at a phase less the mean of the other phases; NaN where there are fewer than two periods.
    """
    if logs.size < _FEWEST_PERIODS * period:
        return np.full(period, np.nan)
    sums, counts = np.zeros(period), np.zeros(period)
    for place in range(logs.size):
        phase = (first + place) % period
        sums[phase] += logs[place]
        counts[phase] += 1
    means = sums / counts
    return (means - means.sum() / period) * period / (period - 1)


def _strongest(strengths: NDArray[np.float64]) -> float:
    """Phase of the strongest grid; NaN where no phase is stronger than the others."""
    place = int(strengths.argmax())
    return float(place) if strengths[place] > _NO_STRENGTH else nan


def per_frame(view: View) -> list[float]:
    """All blockiness figures of one view."""
    height, width = view.luma.shape
    x, y = view.origin
    log_columns = log_jumps(view.jumps.columns * (view.gain / height))
    log_rows = log_jumps(view.jumps.rows * (view.gain / width))
    figures: list[float] = []
    phases = (nan, nan)
    for period in PERIODS:
        across, down = phase_strengths(log_columns, period, x + 1), phase_strengths(log_rows, period, y + 1)
        figures += [float(across.max() + down.max()) / 2, float(across[0] + down[0]) / 2]
        if period == 8:
            phases = _strongest(across), _strongest(down)
    off = nan if isnan(sum(phases)) else ((phases[0] != 0) + (phases[1] != 0)) / 2
    return [*figures, off, 8 * phases[1] + phases[0]]


FAMILY = frame_family(
    "blockiness",
    MEASURES,
    per_frame,
    version=1,
    about="Which block grids show, and where they lie.",
    source="Wang et al., 2000; Li et al., 2009",
    cost=0.1,
    missing="the picture is at most two periods (8, 16 or 32 pixels) wide or high, or flat",
)
