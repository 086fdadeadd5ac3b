"""Batch alignment: move an unlabelled batch of videos to where the videos trained on lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

Values = NDArray[np.float64]

RARE = 0.1  # share of a class below which a batch counts as one of the other class alone
_SMALLEST_VARIANCE = 1e-3  # relative to the mean variance trained on; keeps directions without any spread from growing


class NotAlignableError(ValueError):
    """A detector that does not hold what alignment needs; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean, shape (n_columns,), and covariance, shape (n_columns, n_columns), of the columns of an expert."""

    mean: Values
    covariance: Values


def moments_of(values: Values, weights: Values, corpora: NDArray[np.str_] | None = None) -> Moments:
    """Compute the weighted mean and covariance of rows.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_columns)
    weights : ndarray, shape (n_rows,)
    corpora : ndarray of str, shape (n_rows,), optional
        Where given, the covariance is that around the mean of each corpus: a batch of one origin does not vary as
        corpora differ.
    """
    mean = np.average(values, axis=0, weights=weights)
    residuals = values - mean
    for corpus in () if corpora is None else np.unique(corpora):
        rows = corpora == corpus
        residuals[rows] = values[rows] - np.average(values[rows], axis=0, weights=weights[rows])
    residuals *= np.sqrt(weights / weights.sum())[:, None]
    return Moments(mean, residuals.T @ residuals)


class BatchAlignment(TransformerMixin, BaseEstimator):
    """Map rows linearly so that mean and covariance of their batch become those trained on.

    No label is used. The covariance of the batch is mixed with the one trained on, which counts as much as
    ``prior_videos`` videos. So a small batch is little more than shifted. Among the linear maps that give the wanted
    covariance, it is the one that moves the rows least: a batch that lies where the videos trained on lie stays there.

    Parameters
    ----------
    source : Moments
        Those of the rows trained on.
    prior_videos : float
        Above 0.

    Attributes
    ----------
    mean_ : ndarray, shape (n_columns,)
        Of the batch.
    map_ : ndarray, shape (n_columns, n_columns)
        Symmetric.

    References
    ----------
    Sun, Feng & Saenko, "Return of frustratingly easy domain adaptation", 2016 (alignment of second-order statistics).
    Pitié & Kokaram, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", 2007 (the
    map that moves least).
    """

    def __init__(self, source: Moments, prior_videos: float = 5.0) -> None:
        self.source = source
        self.prior_videos = prior_videos

    def fit(self, X: Values, videos: NDArray[np.str_]) -> BatchAlignment:  # noqa: N803 - scikit-learn's name
        """Learn the map from the rows of a batch, in which every video counts the same.

        Parameters
        ----------
        X : ndarray, shape (n_rows, n_columns)
        videos : ndarray of str, shape (n_rows,)
            The video of each row.
        """
        _, places, counts = np.unique(videos, return_inverse=True, return_counts=True)
        batch = moments_of(np.asarray(X, np.float64), 1 / counts[places])
        share = self.prior_videos / (len(counts) + self.prior_videos)
        source = self.source.covariance
        ridge = max(_SMALLEST_VARIANCE * float(np.diag(source).mean()), np.finfo(np.float64).tiny) * np.eye(len(source))
        mixed = (1 - share) * batch.covariance + share * source
        root, inverse = _powers(mixed + ridge, 0.5, -0.5)
        (middle,) = _powers(root @ (source + ridge) @ root, 0.5)
        self.mean_ = batch.mean
        self.map_ = inverse @ middle @ inverse
        return self

    def transform(self, X: Values) -> Values:  # noqa: N803 - scikit-learn's name
        """Map rows."""
        check_is_fitted(self)
        return np.asarray((np.asarray(X, np.float64) - self.mean_) @ self.map_ + self.source.mean)


def few_groups_warning(n_groups: int, few_groups: int) -> list[str]:
    """Say that a batch has few groups; nothing where it has ``few_groups`` or more."""
    if n_groups >= few_groups:
        return []
    return [
        f"the batch has {n_groups} groups, fewer than cross_corpus.few_groups, {few_groups}: other groups of the same "
        "origin might give other scores (on the development corpora, the standard deviation over batches of the share "
        "of reals called fake was .32 with 6 groups, .22 with 12 and .10 with 20); align more videos of the same "
        "origin at once, or go by the plain scores"
    ]


def rare_class_warning(share_of_fakes: float) -> list[str]:
    """Say that a batch has hardly any video of a class by its labels; nothing where it has both."""
    if RARE <= share_of_fakes <= 1 - RARE:
        return []
    rare = rare_class(share_of_fakes)
    return [
        f"{share_of_fakes:.0%} of the batch are labelled fake: alignment assumes both classes in it, and still calls "
        f"about half of it {rare}; add {rare} videos, or go by the plain scores"
    ]


def rare_class(share_of_fakes: float) -> str:
    """Name the class that a batch has fewer videos of."""
    return "real" if share_of_fakes > 0.5 else "fake"


def _powers(matrix: Values, *exponents: float) -> list[Any]:
    """Powers of a symmetric positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return [(vectors * np.maximum(values, np.finfo(np.float64).tiny) ** exponent) @ vectors.T for exponent in exponents]
