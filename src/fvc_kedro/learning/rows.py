"""The rows that a classifier learns from: videos or their segments, with what belongs together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fvc_kedro.learning.folds import Groups, Labels

# How the margins of a video's segments become the margin of the video.
SEGMENT_SCORES: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "mean": lambda margins: float(np.mean(margins)),
    "median": lambda margins: float(np.median(margins)),
    "max": lambda margins: float(np.max(margins)),
}


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
    """

    features: pl.DataFrame
    y: Labels
    groups: Groups
    videos: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[np.int64]) -> Rows:
        """Return the rows of the given numbers."""
        return Rows(self.features[rows.tolist()], self.y[rows], self.groups[rows], self.videos[rows])

    def share_of_fakes(self) -> float:
        """Share of fakes among the videos."""
        return float(self.y[first_rows(self.videos)].mean())

    def weights(self) -> NDArray[np.float64]:
        """Weight of each row, so that every video of a class counts the same; their mean is 1 in each class."""
        _, places, counts = np.unique(self.videos, return_inverse=True, return_counts=True)
        weights = 1 / counts[places]
        for label in (0, 1):
            rows = self.y == label
            if rows.any():
                weights[rows] /= weights[rows].mean()
        return np.asarray(weights)


def by_video(values: NDArray[np.float64], videos: NDArray[np.str_], score: str) -> dict[str, float]:
    """Sum up the margins of each video's rows.

    Parameters
    ----------
    values : ndarray, shape (n_rows,)
    videos : ndarray of str, shape (n_rows,)
    score : {"mean", "median", "max"}

    Returns
    -------
    dict
        By video, in alphabetical order.

    Raises
    ------
    ValueError
        If the score is another one.
    """
    if score not in SEGMENT_SCORES:
        raise ValueError(f"segment_score must be one of {sorted(SEGMENT_SCORES)}, got {score!r}")
    order = np.argsort(videos, kind="stable")
    names, starts = np.unique(videos[order], return_index=True)
    parts = np.split(values[order], starts[1:])
    return {str(name): SEGMENT_SCORES[score](part) for name, part in zip(names, parts, strict=True)}


def first_rows(videos: NDArray[np.str_]) -> NDArray[np.int64]:
    """Find a row of each video, the videos in alphabetical order."""
    return np.asarray(np.unique(videos, return_index=True)[1], np.int64)
