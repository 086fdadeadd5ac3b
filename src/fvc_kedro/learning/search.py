"""Choosing a grid point by grouped cross-validation inside a training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.learning.calibration import fit_fusion
from fvc_kedro.learning.candidates import Candidate
from fvc_kedro.learning.folds import Labels
from fvc_kedro.learning.metrics import roc_auc

# In area under the ROC curve. A standard error over three folds is itself mostly chance: it is often 0 or above .1.
_SMALLEST_GAIN = 0.02


@dataclass(frozen=True, slots=True)
class GridPoint:
    """One point of the grid and how it did.

    Attributes
    ----------
    kernel, C
        The point.
    mean_roc_auc, std_roc_auc : float
        Area under the ROC curve of the videos, over the inner test parts.
    chosen : bool
        Whether the search chose it.
    n_videos : int
        Videos that the search looked at.
    """

    kernel: str | None
    C: float | None
    mean_roc_auc: float
    std_roc_auc: float
    chosen: bool
    n_videos: int


def score_candidates(
    candidates: Sequence[Candidate],
    margins: NDArray[np.float64],
    y: Labels,
    folds: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> list[GridPoint]:
    """Score every candidate by the fused evidence of its experts, and choose one.

    The choice is the first candidate, in the order given, that is nearly as good as the best. So the order of the grid
    is an order of preference, and chance does not choose a candidate that is known to transfer worse.

    Parameters
    ----------
    candidates : sequence of Candidate
    margins : ndarray, shape (n_candidates, n_videos, n_experts)
        Out of fold; NaN where an expert abstains.
    y : ndarray of int, shape (n_videos,)
    folds : ndarray of int, shape (n_videos,)
        Inner test part of each video. Parts of one class are passed over.
    weights : ndarray, shape (n_videos,), optional
        How much each video counts in the calibration of the experts.
    """
    scores = np.array([_score_by_fold(one, y, folds, weights) for one in margins])
    scores = scores[:, ~np.isnan(scores).any(axis=0)]
    if scores.shape[1] == 0:
        scores = np.full((len(candidates), 1), 0.5)
    means, deviations = scores.mean(axis=1), scores.std(axis=1)
    chosen = int(np.argmax(means >= means.max() - _SMALLEST_GAIN))
    return [
        GridPoint(one.kernel, one.C, float(means[number]), float(deviations[number]), number == chosen, len(y))
        for number, one in enumerate(candidates)
    ]


def _score_by_fold(
    margins: NDArray[np.float64], y: Labels, folds: NDArray[np.int64], weights: NDArray[np.float64] | None
) -> list[float]:
    totals = np.nansum(fit_fusion(margins, y, weights).evidence(margins), axis=1)
    return [roc_auc(y[folds == fold], totals[folds == fold]) for fold in np.unique(folds)]
