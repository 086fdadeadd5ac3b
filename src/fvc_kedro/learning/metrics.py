"""What a classifier is worth, and how sure that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn import metrics

from fvc_kedro.learning.folds import Groups, Labels

CLASSES = ("real", "fake")
Scores = NDArray[np.float64]
_SHORT = {"f1_score": "f1"}


def column_of_metric(metric: str) -> str:
    """Name the column that holds a metric of test videos in tables, such as ``test_f1`` for ``f1_score``."""
    return f"test_{_SHORT.get(metric, metric)}"


def classification_metrics(y: Labels, probability: Scores) -> dict[str, float | None]:
    """Judge probabilities of fake against the truth; predictions are those of at least one half.

    Parameters
    ----------
    y : ndarray of int, shape (n_videos,)
        0 for real, 1 for fake.
    probability : ndarray, shape (n_videos,)
        Probability of fake.

    Returns
    -------
    dict
        Named metrics, with precision, recall, F1 and support of each class. ``roc_auc`` and
        ``average_precision`` are None where only one class is present.
    """
    predicted = (probability >= 0.5).astype(np.int64)
    both = np.unique(y).size == 2
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        y, predicted, labels=[0, 1], zero_division=0.0
    )
    result: dict[str, float | None] = {
        "accuracy": float(metrics.accuracy_score(y, predicted)),
        "balanced_accuracy": float(np.mean(recall[support > 0])),
        "precision": float(precision[1]),
        "recall": float(recall[1]),
        "f1_score": float(f1[1]),
        "roc_auc": float(metrics.roc_auc_score(y, probability)) if both else None,
        "average_precision": float(metrics.average_precision_score(y, probability)) if both else None,
        "log_loss": float(metrics.log_loss(y, np.column_stack([1 - probability, probability]), labels=[0, 1])),
        "brier": float(np.mean((probability - y) ** 2)),
    }
    for label, name in enumerate(CLASSES):
        result[f"{name}_precision"] = float(precision[label])
        result[f"{name}_recall"] = float(recall[label])
        result[f"{name}_f1_score"] = float(f1[label])
        result[f"{name}_support"] = float(support[label])
    return result


def roc_auc(y: Labels, scores: Scores) -> float:
    """Area under the ROC curve: the share of pairs of a real and a fake one that are ranked right, ties as half.

    Much cheaper than scikit-learn's for the many small resamples of a bootstrap, and equal to it.

    Parameters
    ----------
    y : ndarray of int, shape (n_videos,)
        0 for real, 1 for fake.
    scores : ndarray, shape (n_videos,)

    Returns
    -------
    float
        NaN where only one class is present.

    References
    ----------
    Mann & Whitney, "On a test of whether one of two random variables is stochastically larger", 1947.
    """
    n_fake = int(np.sum(y))
    n_real = len(y) - n_fake
    if n_fake == 0 or n_real == 0:
        return float("nan")
    ranks = rankdata(scores)
    return (float(np.sum(ranks[y == 1])) - n_fake * (n_fake + 1) / 2) / (n_fake * n_real)


def rows_by_group(groups: Groups) -> list[NDArray[np.int64]]:
    """Row numbers of each group, the groups in alphabetical order."""
    _, places, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.split(np.argsort(places, kind="stable"), np.cumsum(counts)[:-1])


def mean_group_auc(y: Labels, scores: Scores, groups: Groups) -> float:
    """Mean over the groups that hold both classes of the area under the ROC curve within each; NaN without one.

    What differs from group to group, such as the scene, cannot help or harm it.
    """
    values = [roc_auc(y[rows], scores[rows]) for rows in rows_by_group(groups)]
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
