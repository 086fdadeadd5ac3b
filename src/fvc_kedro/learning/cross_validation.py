"""Searching, fitting and judging on given folds in one go, for comparing machines and choices of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier

from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import Split, assert_disjoint
from fvc_kedro.learning.rows import Rows, first_rows
from fvc_kedro.learning.search import GridPoint, Search, classifier_for, search_grid

# Machines with nothing to search, by name: from a seed to a classifier.
_UNSEARCHED: dict[str, Callable[[int], Any]] = {
    "discriminant": lambda _: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5]),
    "boosting": lambda seed: HistGradientBoostingClassifier(
        class_weight="balanced", min_samples_leaf=10, early_stopping=False, random_state=seed
    ),
}
_DIGITS = 12
MACHINES = ("svm", "logistic", *_UNSEARCHED)


@dataclass(frozen=True, slots=True)
class Procedure:
    """How a training part becomes a detector, whole: search, fit, calibration.

    Parameters
    ----------
    search : Search
    n_calibration_folds : int
    machine : {"svm", "logistic", "discriminant", "boosting"}
        ``svm`` searches the grid; ``logistic`` searches its values of C for a logistic regression; ``discriminant``
        (linear, its covariance shrunk as Ledoit and Wolf do, 2004) and ``boosting`` (of trees on histograms, with
        scikit-learn's settings but smaller leaves) search nothing.
    searched_once : bool
        Whether the grid is searched on all rows, test parts and all, before they are split. Optimistic.
    """

    search: Search
    n_calibration_folds: int
    machine: str = "svm"
    searched_once: bool = False

    def __post_init__(self) -> None:
        if self.machine not in MACHINES:
            raise ValueError(f"machine must be one of {MACHINES}, got {self.machine!r}")

    @property
    def grid(self) -> Search:
        """The search with the kernels of this machine."""
        return replace(self.search, kernels=["logistic"]) if self.machine == "logistic" else self.search

    def fit(
        self, rows: Rows, points: Sequence[GridPoint] | None = None, share_of_fakes: float | None = None
    ) -> VideoDetector:
        """Search (unless points that were searched are given), fit and calibrate to a share of fakes."""
        n_folds = self.n_calibration_folds
        if self.machine in _UNSEARCHED:
            return _fit(rows, _UNSEARCHED[self.machine](self.search.seed), self.search, n_folds, share_of_fakes)
        return fit_best(rows, points or search_grid(rows, self.grid), self.grid, n_folds, share_of_fakes)


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Every video, in alphabetical order, as judged by a detector that has not seen its group.

    Attributes
    ----------
    videos, groups : ndarray of str, shape (n_videos,)
    y : ndarray of int, shape (n_videos,)
        0 for real, 1 for fake, as the detectors were told.
    folds : ndarray of int, shape (n_videos,)
        From 1.
    probability : ndarray of float64, shape (n_videos,)
        Of fake.
    """

    videos: NDArray[np.str_]
    groups: NDArray[np.str_]
    y: NDArray[np.int64]
    folds: NDArray[np.int64]
    probability: NDArray[np.float64]


def fit_best(
    rows: Rows,
    points: Sequence[GridPoint],
    search: Search,
    n_calibration_folds: int,
    share_of_fakes: float | None = None,
) -> VideoDetector:
    """Fit and calibrate a detector with the parameters of the best grid point."""
    best = min(points, key=lambda point: point.rank)
    return fit_detector(rows, best.kernel, best.C, search, n_calibration_folds, share_of_fakes)


def fit_detector(
    rows: Rows,
    kernel: str,
    C: float,  # noqa: N803 - scikit-learn's name
    search: Search,
    n_calibration_folds: int,
    share_of_fakes: float | None = None,
) -> VideoDetector:
    """Fit and calibrate a detector with the given parameters."""
    return _fit(rows, classifier_for(rows, kernel, C, search), search, n_calibration_folds, share_of_fakes)


def _fit(
    rows: Rows, classifier: Any, search: Search, n_calibration_folds: int, share_of_fakes: float | None
) -> VideoDetector:
    detector = VideoDetector(
        classifier, search.n_features, search.segment_score, n_calibration_folds, search.seed, share_of_fakes
    )
    return detector.fit(rows.features, rows.y, rows.groups, rows.videos)


def judge(detector: VideoDetector, rows: Rows) -> dict[str, tuple[float, float]]:
    """Margin and probability of fake of each video, in alphabetical order."""
    margins = detector.video_margins(rows.features, rows.videos)
    fake = detector.probabilities(np.array(list(margins.values())))[:, 1]
    # Detectors that tell nothing must come to one and the same probability, or rounding would rank the folds.
    return {video: (margin, round(float(p), _DIGITS)) for (video, margin), p in zip(margins.items(), fake, strict=True)}


def out_of_fold(rows: Rows, splits: Sequence[Split], procedure: Procedure) -> OutOfFold:
    """Judge every video by a detector that was searched, fitted and calibrated without its group.

    All detectors assume the share of fakes among all videos, which is known of a corpus beforehand; nothing else of a
    test part has a part in what judges it.

    Parameters
    ----------
    rows : Rows
    splits : sequence of (train, test)
        Row numbers; every row is in exactly one test part, and no group on both sides.
    procedure : Procedure

    Raises
    ------
    ValueError
        If a row is in no test part or in several.
    LeakageError
        If a group stands on both sides of a split.
    """
    tested = np.sort(np.concatenate([test for _, test in splits]))
    if not np.array_equal(tested, np.arange(len(rows))):
        raise ValueError(f"every row must be in exactly one test part; {len(rows)} rows, {len(tested)} in test parts")
    is_searched = procedure.machine not in _UNSEARCHED
    points = search_grid(rows, procedure.grid) if procedure.searched_once and is_searched else None
    first, share_of_fakes = first_rows(rows.videos), rows.share_of_fakes()
    fold_of: dict[str, int] = {}
    probability: dict[str, float] = {}
    for number, (train, test) in enumerate(splits, start=1):
        assert_disjoint(rows.groups, train, test)
        judged = judge(procedure.fit(rows.take(train), points, share_of_fakes), rows.take(test))
        fold_of |= dict.fromkeys(judged, number)
        probability |= {video: fake for video, (_, fake) in judged.items()}
    videos = [str(video) for video in rows.videos[first]]
    return OutOfFold(
        rows.videos[first],
        rows.groups[first],
        rows.y[first],
        np.array([fold_of[video] for video in videos], np.int64),
        np.array([probability[video] for video in videos]),
    )
