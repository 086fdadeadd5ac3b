"""Search of the grid of C and kernel inside a training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from sklearn.model_selection import GridSearchCV

from fvc_kedro.learning.detector import make_classifier, make_pipeline
from fvc_kedro.learning.folds import Groups, Labels, assert_disjoint, grouped_sample, inner_folds


@dataclass(frozen=True, slots=True)
class GridPoint:
    """One point of the grid and how it did.

    Attributes
    ----------
    kernel, C
        The point.
    mean_roc_auc, std_roc_auc : float
        Area under the ROC curve over the inner test parts.
    rank : int
        1 for the best.
    n_rows : int
        Rows that the search looked at.
    """

    kernel: str
    C: float
    mean_roc_auc: float
    std_roc_auc: float
    rank: int
    n_rows: int


def search_grid(
    table: pl.DataFrame,
    y: Labels,
    groups: Groups,
    *,
    C: Sequence[float],  # noqa: N803 - scikit-learn's name
    kernels: Sequence[str],
    fraction: float,
    min_rows: int,
    n_folds: int,
    seed: int,
) -> list[GridPoint]:
    """Score every point of the grid by grouped cross-validation on a grouped sample of the rows.

    Parameters
    ----------
    table : DataFrame
        Feature columns only.
    y, groups : ndarray, shape (n_rows,)
    C : sequence of float
    kernels : sequence of {"linear", "rbf"}
    fraction, min_rows
        Size of the sample, see :func:`fvc_kedro.learning.folds.grouped_sample`.
    n_folds : int
        Inner folds.
    seed : int

    Returns
    -------
    list of GridPoint
        In the order of the grid, kernels outermost. Among equals the first is ranked best.
    """
    sample = grouped_sample(y, groups, fraction, min_rows, seed)
    splits = inner_folds(y[sample], groups[sample], n_folds, seed)
    for train, test in splits:
        assert_disjoint(groups[sample], train, test)
    points = [(kernel, value) for kernel in kernels for value in C]
    search = GridSearchCV(
        make_pipeline(table.columns, make_classifier(*points[0], seed)),
        {"classify": [make_classifier(kernel, value, seed) for kernel, value in points]},
        scoring="roc_auc",
        cv=splits,
        refit=False,
        error_score="raise",
    )
    scores = search.fit(table[sample.tolist()], y[sample]).cv_results_
    order = sorted(range(len(points)), key=lambda i: (-scores["mean_test_score"][i], i))
    return [
        GridPoint(
            kernel=kernel,
            C=float(value),
            mean_roc_auc=float(scores["mean_test_score"][i]),
            std_roc_auc=float(scores["std_test_score"][i]),
            rank=order.index(i) + 1,
            n_rows=len(sample),
        )
        for i, (kernel, value) in enumerate(points)
    ]
