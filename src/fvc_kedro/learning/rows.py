"""The rows that a classifier learns from: videos or their segments, with what belongs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fvc_kedro.learning.folds import Groups, Labels

_MOST_TIMES = 5.0


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a training table.

    Attributes
    ----------
    features : DataFrame
        Feature columns only, a row a segment or a video.
    y : ndarray of int, shape (n_rows,)
        0 for real, 1 for fake; the same for all rows of a video.
    groups : ndarray of str, shape (n_rows,)
        What must never be split; the same for all rows of a video.
    videos : ndarray of str, shape (n_rows,)
        The video that a row is of.
    corpora : ndarray of str, shape (n_rows,), optional
        The corpus that a row is of; None where all are of one.
    """

    features: pl.DataFrame
    y: Labels
    groups: Groups
    videos: NDArray[np.str_]
    corpora: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[np.int64]) -> Rows:
        """Return the rows of the given numbers."""
        return Rows(self.features[rows], self.y[rows], self.groups[rows], self.videos[rows], self.corpora_of(rows))

    def corpora_of(self, rows: NDArray[Any]) -> NDArray[np.str_] | None:
        """Return the corpora of some rows, given by number or by a mask; None where all are of one."""
        return None if self.corpora is None else self.corpora[rows]

    def prevalence(self) -> float:
        """Share of fakes among the videos."""
        return float(self.y[first_rows(self.videos)].mean())


def balanced_weights(
    y: Labels, videos: NDArray[np.str_], corpora: NDArray[np.str_] | None = None
) -> NDArray[np.float64]:
    """Weight rows so that every video of a class counts the same; the mean weight is 1 in each class.

    Parameters
    ----------
    y : ndarray of int, shape (n_rows,)
    videos : ndarray of str, shape (n_rows,)
    corpora : ndarray of str, shape (n_rows,), optional
        Where given, every corpus counts the same in each class that it has, and in it every video of the class. So the
        share of fakes in a corpus tells nothing of the label. But no video counts more than five times what it
        would if all videos counted the same: the few of a small corpus must not stand for much.
    """
    _, places, counts = np.unique(videos, return_inverse=True, return_counts=True)
    by_video = 1 / counts[places]
    weights = by_video.copy()
    if corpora is not None:
        for rows in strata(corpora, y):
            of_class = y == y[rows][0]
            equal_share = by_video[of_class].sum() / np.unique(corpora[of_class]).size
            weights[rows] *= min(_MOST_TIMES, equal_share / by_video[rows].sum())
    for label in (0, 1):
        rows = y == label
        if rows.any():
            weights[rows] /= weights[rows].mean()
    return np.asarray(weights)


def strata(corpora: NDArray[np.str_], y: Labels) -> list[NDArray[np.bool_]]:
    """Tell which rows are of each class of each corpus, for those that have any."""
    masks = [(corpora == corpus) & (y == label) for corpus in np.unique(corpora) for label in (0, 1)]
    return [mask for mask in masks if mask.any()]


def mean_by_video(
    values: NDArray[np.float64], videos: NDArray[np.str_]
) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Average the rows of each video; missing values do not count.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_columns)
        NaN where a value is missing.
    videos : ndarray of str, shape (n_rows,)

    Returns
    -------
    names : ndarray of str, shape (n_videos,)
        The videos in alphabetical order.
    means : ndarray, shape (n_videos, n_columns)
        NaN where all rows of a video miss the value.
    """
    names, places = np.unique(videos, return_inverse=True)
    known = ~np.isnan(values)
    sums, counts = np.zeros((len(names), values.shape[1])), np.zeros((len(names), values.shape[1]))
    np.add.at(sums, places, np.where(known, values, 0.0))
    np.add.at(counts, places, known)
    return names, np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def first_rows(videos: NDArray[np.str_]) -> NDArray[np.int64]:
    """Find a row of each video, the videos in alphabetical order."""
    return np.asarray(np.unique(videos, return_index=True)[1], np.int64)
