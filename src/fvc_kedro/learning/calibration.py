"""From margins to log odds: Platt's sigmoid for each expert, and the sum over the experts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from fvc_kedro.learning.folds import Labels

_SMALLEST_RANGE = 1e-9  # of margins, relative to their size; what rounding leaves of a constant
_SMALLEST_SLOPE = 0.02  # log odds in a standard deviation of the margins


class _OneColumn(ClassifierMixin, BaseEstimator):
    """Takes a single column as the margin, so that scikit-learn's calibration can be fitted to margins."""

    def fit(self, margins: NDArray[np.float64], y: Labels) -> _OneColumn:  # noqa: ARG002 - scikit-learn's signature
        self.classes_ = np.unique(y)
        self.n_features_in_ = 1
        return self

    def decision_function(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        return margins[:, 0]

    def predict(self, margins: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.asarray(self.classes_[(margins[:, 0] > 0).astype(np.int64)])


def rising_sigmoid(
    margins: NDArray[np.float64], y: Labels, weights: NDArray[np.float64] | None = None
) -> tuple[float, float]:
    """Fit Platt's sigmoid, which must rise with the margin.

    Where the margins tell nothing, the fit may fall by chance, which would reverse every ranking. The sigmoid is
    then nearly flat, at the prevalence: the slope is at least 0.02 per standard deviation, or per unit of margin where
    all margins are equal.

    Parameters
    ----------
    margins : ndarray, shape (n_videos,)
        Out of fold.
    y : ndarray of int, shape (n_videos,)
    weights : ndarray, shape (n_videos,), optional
        How much each video counts; by default all count the same.

    Returns
    -------
    slope, intercept : float
        Of the log odds of fake over the margin.

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    if np.ptp(margins) <= _SMALLEST_RANGE * max(1.0, float(np.abs(margins).max())):
        return _SMALLEST_SLOPE, _log_odds(y, weights) - _SMALLEST_SLOPE * float(margins.mean())
    column, everything = margins[:, None], np.arange(len(y))
    frozen = FrozenEstimator(_OneColumn().fit(column, y))
    platt = CalibratedClassifierCV(frozen, method="sigmoid", cv=[(everything, everything)], ensemble=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Since FrozenEstimator does not appear to accept sample_weight")
        platt.fit(column, y, weights)
    sigmoid = platt.calibrated_classifiers_[0].calibrators[0]
    slope, intercept = -float(sigmoid.a_), -float(sigmoid.b_)
    smallest = _SMALLEST_SLOPE / max(float(margins.std()), 1e-12)
    if slope >= smallest:
        return slope, intercept
    return smallest, _log_odds(y, weights) - smallest * float(margins.mean())


def _log_odds(y: Labels, weights: NDArray[np.float64] | None) -> float:
    return float(logit(np.average(y, weights=weights)))


@dataclass(frozen=True, slots=True)
class Fusion:
    """Log odds of fake as a sum over experts.

    An expert's evidence is ``slope * margin + intercept``: how far it moves the log odds away from those of the
    prevalence. An expert that abstains moves nothing.

    Attributes
    ----------
    slopes, intercepts : ndarray, shape (n_experts,)
        NaN for an expert that could not be calibrated: it always abstains.
    intercept : float
        Log odds of fake where no expert says anything.
    """

    slopes: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    intercept: float

    def evidence(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Evidence of each expert, NaN where it abstains; same shape as the margins, (n_rows, n_experts)."""
        return self.slopes * margins + self.intercepts


def fit_fusion(margins: NDArray[np.float64], y: Labels, weights: NDArray[np.float64] | None = None) -> Fusion:
    """Calibrate every expert by Platt's sigmoid, then the sum of their evidence by another one.

    The second sigmoid rescales the sum: below one where experts repeat each other. Both are fitted to the same
    out-of-fold margins.

    Parameters
    ----------
    margins : ndarray, shape (n_videos, n_experts)
        Out of fold; NaN where an expert abstains.
    y : ndarray of int, shape (n_videos,)
    weights : ndarray, shape (n_videos,), optional
        How much each video counts; by default all count the same.
    """
    slopes, intercepts = np.full(margins.shape[1], np.nan), np.full(margins.shape[1], np.nan)
    for expert, column in enumerate(margins.T):
        known = ~np.isnan(column)
        if np.unique(y[known]).size == 2:
            known_weights = None if weights is None else weights[known]
            slopes[expert], intercepts[expert] = rising_sigmoid(column[known], y[known], known_weights)
            intercepts[expert] -= _log_odds(y[known], known_weights)
    slope, intercept = rising_sigmoid(np.nansum(slopes * margins + intercepts, axis=1), y, weights)
    return Fusion(slope * slopes, slope * intercepts, intercept)
