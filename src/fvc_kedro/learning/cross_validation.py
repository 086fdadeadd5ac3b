"""Searching, fitting and judging on given folds in one go, for comparing choices of features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import Split, assert_disjoint
from fvc_kedro.learning.rows import Rows
from fvc_kedro.learning.search import GridPoint, Search, classifier_for, search_grid


def fit_best(rows: Rows, points: Sequence[GridPoint], search: Search, n_calibration_folds: int) -> VideoDetector:
    """Fit and calibrate a detector with the parameters of the best grid point."""
    best = min(points, key=lambda point: point.rank)
    return fit_detector(rows, best.kernel, best.C, search, n_calibration_folds)


def fit_detector(
    rows: Rows,
    kernel: str,
    C: float,  # noqa: N803 - scikit-learn's name
    search: Search,
    n_calibration_folds: int,
) -> VideoDetector:
    """Fit and calibrate a detector with the given parameters."""
    classifier = classifier_for(rows, kernel, C, search)
    detector = VideoDetector(classifier, search.n_features, search.segment_score, n_calibration_folds, search.seed)
    return detector.fit(rows.features, rows.y, rows.groups, rows.videos)


def judge(detector: VideoDetector, rows: Rows) -> dict[str, tuple[float, float]]:
    """Margin and probability of fake of each video, in alphabetical order."""
    margins = detector.video_margins(rows.features, rows.videos)
    fake = detector.probabilities(np.array(list(margins.values())))[:, 1]
    return {video: (margin, float(p)) for (video, margin), p in zip(margins.items(), fake, strict=True)}


def out_of_fold(
    rows: Rows, splits: Sequence[Split], search: Search, n_calibration_folds: int
) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Judge every video by a detector that was searched, fitted and calibrated without its group.

    Parameters
    ----------
    rows : Rows
    splits : sequence of (train, test)
        Row numbers; every row is in exactly one test part.
    search : Search
    n_calibration_folds : int

    Returns
    -------
    videos : ndarray of str, shape (n_videos,)
        In alphabetical order.
    probability : ndarray of float64, shape (n_videos,)
        Of fake.
    """
    probability: dict[str, float] = {}
    for train, test in splits:
        assert_disjoint(rows.groups, train, test)
        seen, unseen = rows.take(train), rows.take(test)
        detector = fit_best(seen, search_grid(seen, search), search, n_calibration_folds)
        probability |= {video: fake for video, (_, fake) in judge(detector, unseen).items()}
    videos = np.array(sorted(probability), dtype=np.str_)
    return videos, np.array([probability[str(video)] for video in videos])
