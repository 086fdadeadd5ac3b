"""Search of the grid of C and kernel inside a training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fvc_kedro.learning.detector import is_wide, make_classifier, make_preprocessing
from fvc_kedro.learning.folds import Split, TooFewGroupsError, assert_disjoint, grouped_sample, inner_folds
from fvc_kedro.learning.metrics import roc_auc
from fvc_kedro.learning.rows import Rows, by_video, first_rows
from fvc_kedro.learning.shared_fits import margins_of_each


@dataclass(frozen=True, slots=True)
class GridPoint:
    """One point of the grid and how it did.

    Attributes
    ----------
    kernel, C
        The point.
    mean_roc_auc, std_roc_auc : float
        Area under the ROC curve of the videos over the inner test parts.
    rank : int
        1 for the best.
    n_videos : int
        Videos that the search looked at.
    """

    kernel: str
    C: float
    mean_roc_auc: float
    std_roc_auc: float
    rank: int
    n_videos: int


@dataclass(frozen=True, slots=True)
class Search:
    """How the grid is searched.

    Parameters
    ----------
    C : sequence of float
        Values for each kernel, but for rbf those of ``rbf_C`` where given.
    kernels : sequence of {"linear", "rbf", "logistic"}
    fraction, min_videos
        Size of the sample, see :func:`fvc_kedro.learning.folds.grouped_sample`.
    n_folds : int
        Inner folds.
    n_features : int
        As of :class:`fvc_kedro.learning.detector.VideoDetector`.
    segment_score : str
        As of the same.
    seed : int
    rbf_above_rows, rbf_n_components : int
        With more rows than this in the training part, the rbf kernel is approximated by so many of them, see
        :class:`fvc_kedro.learning.nystroem.NystroemSVC`.
    """

    C: Sequence[float]
    kernels: Sequence[str]
    fraction: float
    min_videos: int
    n_folds: int
    n_features: int = 0
    segment_score: str = "mean"
    seed: int = 0
    rbf_above_rows: int = 10_000
    rbf_n_components: int = 300
    rbf_C: Sequence[float] | None = None  # noqa: N815 - scikit-learn's name of it

    @property
    def points(self) -> list[tuple[str, float]]:
        """Kernel and C of every point of the grid, kernels outermost."""
        own = {"rbf": self.C if self.rbf_C is None else self.rbf_C}
        return [(kernel, value) for kernel in self.kernels for value in own.get(kernel, self.C)]


def classifier_for(rows: Rows, kernel: str, C: float, search: Search) -> Any:  # noqa: N803 - scikit-learn's name
    """Make the classifier of a grid point for a training part.

    Which machine it is depends on all rows of the part, so that the same one is searched and fitted, however
    few of them an inner fold has.
    """
    n_components = search.rbf_n_components if len(rows) > search.rbf_above_rows else 0
    return make_classifier(kernel, C, search.seed, is_wide=is_wide(rows, search.n_features), n_components=n_components)


def search_grid(rows: Rows, search: Search) -> list[GridPoint]:
    """Score every point of the grid by grouped cross-validation on a grouped sample of the videos.

    Imputing, scaling and selection are learnt in each inner training part, once for all points.

    Returns
    -------
    list of GridPoint
        In the order of the grid, kernels outermost. Among equals the first is ranked best.
    """
    sample, splits = _sample_and_folds(rows, search)
    points = search.points
    classifiers = [classifier_for(rows, kernel, value, search) for kernel, value in points]
    scores = np.array(
        [_score_each(classifiers, sample.take(train), sample.take(test), search) for train, test in splits]
    )
    scores = scores[~np.isnan(scores).any(axis=1)]  # a test part of one class has no ROC curve
    if len(scores) == 0:
        scores = np.full((1, len(points)), 0.5)
    means, deviations = scores.mean(axis=0), scores.std(axis=0)
    order = sorted(range(len(points)), key=lambda i: (-means[i], i))
    return [
        GridPoint(
            kernel=kernel,
            C=float(value),
            mean_roc_auc=float(means[i]),
            std_roc_auc=float(deviations[i]),
            rank=order.index(i) + 1,
            n_videos=len(first_rows(sample.videos)),
        )
        for i, (kernel, value) in enumerate(points)
    ]


def _sample_and_folds(rows: Rows, search: Search) -> tuple[Rows, list[Split]]:
    """Rows of a grouped sample of the videos, or all where that cannot be folded, and their folds."""
    first = first_rows(rows.videos)
    chosen = grouped_sample(rows.y[first], rows.groups[first], search.fraction, search.min_videos, search.seed)
    sample = rows.take(np.flatnonzero(np.isin(rows.videos, rows.videos[first][chosen])))
    try:
        splits = inner_folds(sample.y, sample.groups, search.n_folds, search.seed)
    except TooFewGroupsError:
        sample = rows
        splits = inner_folds(rows.y, rows.groups, search.n_folds, search.seed)
    for train, test in splits:
        assert_disjoint(sample.groups, train, test)
    return sample, splits


def _score_each(classifiers: Sequence[Any], train: Rows, test: Rows, search: Search) -> list[float]:
    """Area under the ROC curve of the test videos for each classifier; NaN where they are of one class."""
    truth = test.y[first_rows(test.videos)]
    if np.unique(truth).size < 2:
        return [float("nan")] * len(classifiers)
    preprocessing = make_preprocessing(train.features.columns, search.n_features)
    weights = train.weights()
    values = preprocessing.fit_transform(train.features, train.y, scale__sample_weight=weights)
    test_values = preprocessing.transform(test.features)
    scores = []
    for margins in margins_of_each(classifiers, values, train.y, weights, test_values):
        of_videos = by_video(margins, test.videos, search.segment_score)
        scores.append(roc_auc(truth, np.array(list(of_videos.values()))))
    return scores
