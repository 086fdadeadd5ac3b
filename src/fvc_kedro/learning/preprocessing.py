"""What happens to the columns of an expert before its classifier: scaling, cutting and whitening."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fvc_kedro.learning.rows import strata

Values = NDArray[np.float64]

_SMALLEST_VARIANCE = 1e-20  # relative to the squared mean; what rounding leaves of a constant
_SMALLEST_LENGTH = 1e-9  # of a direction that the rows span, relative to the longest; below it is rounding
_SMALLEST_EIGENVALUE = 1e-12  # of the covariance of standardised columns


class BoundedScaler(TransformerMixin, BaseEstimator):
    """Standardise columns and cut extreme values.

    Cutting bounds the weight of a single unusual value. A column that is constant in training becomes 0 for every row.
    Unlike ``StandardScaler``, it computes the weighted variance in two passes, so the variance of a constant
    column is never negative.

    Parameters
    ----------
    limit : float
        Values are cut at this many standard deviations from the mean.

    Attributes
    ----------
    mean_, scale_ : ndarray, shape (n_columns,)
        Weighted mean and standard deviation in training. The scale of a constant column is infinite.
    """

    def __init__(self, limit: float = 3.0) -> None:
        self.limit = limit

    def fit(self, X: Values, y: Any = None, sample_weight: Values | None = None) -> BoundedScaler:  # noqa: ARG002, N803
        """Learn mean and scale from rows of shape (n_rows, n_columns)."""
        values = np.asarray(X, np.float64)
        self.mean_ = np.average(values, axis=0, weights=sample_weight)
        variance = np.average((values - self.mean_) ** 2, axis=0, weights=sample_weight)
        varies = variance > _SMALLEST_VARIANCE * np.maximum(1.0, self.mean_**2)
        self.scale_ = np.sqrt(np.where(varies, variance, np.inf))
        return self

    def transform(self, X: Values) -> Values:  # noqa: N803 - scikit-learn's name
        """Scale and cut rows."""
        check_is_fitted(self)
        return np.clip((np.asarray(X, np.float64) - self.mean_) / self.scale_, -self.limit, self.limit)


class WithinClassWhitening(TransformerMixin, BaseEstimator):
    """Make columns uncorrelated with unit variance within the classes.

    After it, a direction in which videos of one class vary a lot counts no more than one in which they hardly vary.
    The covariance is pooled over the two classes and shrunk towards a multiple of the identity. Rows are centred
    on the midpoint between the class means. With fewer rows than columns, the output is restricted to the space
    that the centred training rows span; there are then fewer output columns than rows.

    Parameters
    ----------
    shrinkage : float or "auto"
        Above 0 to 1. 1 whitens nothing. ``auto`` takes the estimate of Ledoit and Wolf.

    Attributes
    ----------
    center_ : ndarray, shape (n_columns,)
    whitening_ : ndarray, shape (n_columns, n_output_columns)
    shrinkage_ : float
        The shrinkage used.

    References
    ----------
    Fisher, "The use of multiple measurements in taxonomic problems", 1936. Ledoit & Wolf, "A well-conditioned estimator
    for large-dimensional covariance matrices", 2004.
    """

    def __init__(self, shrinkage: float | str = 0.4) -> None:
        self.shrinkage = shrinkage

    def fit(
        self,
        X: Values,  # noqa: N803 - scikit-learn's name
        y: NDArray[np.int64],
        sample_weight: Values | None = None,
        corpora: NDArray[np.str_] | None = None,
    ) -> WithinClassWhitening:
        """Learn the whitening from rows of shape (n_rows, n_columns) of two classes.

        Where the corpus of each row is given, the covariance is that within the classes of each corpus: what differs
        from corpus to corpus is no noise of a video.
        """
        values = np.asarray(X, np.float64)
        n_rows, n_columns = values.shape
        weights = np.ones(n_rows) if sample_weight is None else np.asarray(sample_weight, np.float64)
        means = np.stack([np.average(values[y == label], axis=0, weights=weights[y == label]) for label in (0, 1)])
        self.center_ = means.mean(axis=0)
        residuals = values - means[y]
        for rows in () if corpora is None else strata(corpora, y):
            n_own = int(np.sum(rows))
            lost = np.sqrt(max(n_own - 1, 1) / n_own)  # few rows lie near their own mean
            residuals[rows] = (values[rows] - np.average(values[rows], axis=0, weights=weights[rows])) / lost
        residuals *= np.sqrt(weights / weights.mean())[:, None]
        automatic = isinstance(self.shrinkage, str)
        self.shrinkage_ = float(ledoit_wolf_shrinkage(residuals, assume_centered=True) if automatic else self.shrinkage)
        mean_variance = float(np.sum(residuals**2)) / n_rows / n_columns
        basis = np.eye(n_columns)
        if n_rows < n_columns:
            _, lengths, directions = np.linalg.svd(values - self.center_, full_matrices=False)
            basis = directions[lengths > _SMALLEST_LENGTH * max(lengths[0], 1.0)].T
            residuals = residuals @ basis
        covariance = (1 - self.shrinkage_) * (residuals.T @ residuals) / n_rows
        covariance += self.shrinkage_ * mean_variance * np.eye(len(covariance))
        variances, directions = np.linalg.eigh(covariance)
        self.whitening_ = basis @ (directions / np.sqrt(np.maximum(variances, _SMALLEST_EIGENVALUE)))
        return self

    def transform(self, X: Values) -> Values:  # noqa: N803 - scikit-learn's name
        """Whiten rows."""
        check_is_fitted(self)
        return np.asarray((np.asarray(X, np.float64) - self.center_) @ self.whitening_)


def fit_preprocessing(
    values: Values,
    y: NDArray[np.int64],
    weights: Values,
    shrinkage: float | str | None,
    corpora: NDArray[np.str_] | None = None,
) -> tuple[Pipeline, Values]:
    """Fit imputing by the median, scaling and, unless ``shrinkage`` is None, whitening.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_columns)
        NaN where a value is missing.
    y : ndarray of int, shape (n_rows,)
    weights : ndarray, shape (n_rows,)
    shrinkage : float, "auto" or None
        As of :class:`WithinClassWhitening`.
    corpora : ndarray of str, shape (n_rows,), optional
        The corpus of each row, where they are of several.

    Returns
    -------
    pipeline : Pipeline
        Fitted.
    values : ndarray
        The same rows, transformed.
    """
    steps: list[tuple[str, Any]] = [
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
        ("scale", BoundedScaler()),
    ]
    weighted: dict[str, Any] = {"scale__sample_weight": weights}
    if shrinkage is not None:
        steps.append(("whiten", WithinClassWhitening(shrinkage)))
        weighted |= {"whiten__sample_weight": weights, "whiten__corpora": corpora}
    pipeline = Pipeline(steps)
    return pipeline, np.asarray(pipeline.fit_transform(values, y, **weighted))
