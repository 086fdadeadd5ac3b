"""Blur and sharpness as ratios, which follow neither contrast nor the number of pixels.

References
----------
Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000 (energy of the Laplacian).
Crete, Dolmiere, Ladret & Nicolas, "The blur effect: perception and estimation with a new no-reference
perceptual blur metric", 2007.
"""

from __future__ import annotations

from math import log, nan

from fvc_kedro.forensics.family import Measure, frame_family
from fvc_kedro.forensics.kernels import jump_totals, power_sums
from fvc_kedro.forensics.view import View
from fvc_kedro.video.frame import Plane

_RATIO = "length, fps, brightness, contrast"

MEASURES = [
    Measure("reblur", "share of the jumps between neighbours that a 9-tap mean leaves", "share", _RATIO),
    Measure("laplacian_over_gradient", "ln of the Laplacian's energy over the Sobel gradient's", "ln", _RATIO),
    Measure("detail_over_gradient", "ln of the diagonal Haar details' energy over the Sobel gradient's", "ln", _RATIO),
    Measure(
        "scale_ratio", "ln of the mean jump between neighbours over that in the picture at half size", "ln", _RATIO
    ),
    Measure("residual_tail", "ln of the kurtosis of the 3x3 high-pass residual, its mean taken as 0", "ln", _RATIO),
    Measure("gradient_variation", "standard deviation over mean of the Sobel gradient's magnitude", "1", _RATIO),
]


def _log_ratio(above: float, below: float) -> float:
    return log(above / below) if above > 0 and below > 0 else nan


def per_frame(view: View) -> list[float]:
    """All sharpness figures of one view; NaN where the picture is flat."""
    n, sums, jump = view.luma.size, view.sums, view.jumps
    detail_2 = power_sums(view.details)[0] / max(view.details.size, 1)
    gradient = sums.gradient / n
    spread = max(sums.gradient_2 / n - gradient**2, 0.0) ** 0.5
    return [
        1 - jump.lost / jump.compared if jump.compared else nan,
        _log_ratio(sums.laplacian_2, sums.gradient_2),
        _log_ratio(detail_2, sums.gradient_2 / n),
        _scale_ratio(view),
        _log_ratio(n * sums.residual_4, float(sums.residual_2) ** 2),
        spread / gradient if gradient else nan,
    ]


def _mean_jump(across: int, down: int, luma: Plane) -> float:
    height, width = luma.shape
    return float(across / (height * (width - 1)) + down / (width * (height - 1)))


def _scale_ratio(view: View) -> float:
    if min(view.luma.shape) < 4:
        return nan
    whole = _mean_jump(int(view.jumps.columns.sum()), int(view.jumps.rows.sum()), view.luma)
    across, down = jump_totals(view.half_luma)
    return _log_ratio(whole, _mean_jump(across, down, view.half_luma))


FAMILY = frame_family(
    "sharpness",
    MEASURES,
    per_frame,
    version=1,
    about="How sharp the picture is, whatever its contrast.",
    source="Pech-Pacheco et al., 2000; Crete et al., 2007",
    cost=0.3,
    missing="the picture is flat, lacks gradients or diagonal details, or is under 10 pixels wide or high",
)
