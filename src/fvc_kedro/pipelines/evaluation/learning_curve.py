"""What more groups would bring: the detector trained on a share of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import clone

from fvc_kedro.datasets.trials import Trial, TrialBatch, TrialResults
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import Split
from fvc_kedro.learning.metrics import rows_by_group
from fvc_kedro.learning.resampling import draw_groups, judge_videos
from fvc_kedro.learning.rows import Rows
from fvc_kedro.parameters import EvaluationParameters, ExecutionParameters
from fvc_kedro.pipelines.evaluation.comparison import repeats_of
from fvc_kedro.pipelines.training_rows import (
    groups_of,
    is_too_large,
    labels_of,
    rows_of,
    splits_of,
)

logger = logging.getLogger(__name__)

CURVE_SCHEMA = {
    "share": pl.Float64,
    "n_groups": pl.Float64,
    "n_repeats": pl.Int64,
    "roc_auc": pl.Float64,
    "roc_auc_low": pl.Float64,
    "roc_auc_high": pl.Float64,
    "mean_group_auc": pl.Float64,
}


def plan_learning_curve(
    training_table: pl.DataFrame,
    folds: pl.DataFrame,
    svm_detector: VideoDetector,
    evaluation: dict[str, Any],
    execution: dict[str, Any],
) -> TrialBatch:
    """Ask for the cross-validation of the detector on shares of the groups of each training part.

    Returns
    -------
    TrialBatch
        Trials about the ``share``, the ``repeat`` and the mean number of training groups, ``n_groups``.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    trials: list[Trial] = []
    if settings.learning_curve and not is_too_large(training_table, settings.max_rows, "learning curve"):
        rows = rows_of(training_table, svm_detector.columns)
        for share in sorted(set(settings.learning_curve)):
            for repeat in sorted(folds["repeat"].unique()):
                generator = np.random.default_rng([settings.seed, repeat, round(share * 1000)])
                splits = {
                    fold: (_share_of_groups(rows, train, share, generator), test)
                    for fold, (train, test) in splits_of(training_table, folds, repeat).items()
                }
                about = {"share": share, "repeat": repeat, "n_groups": _mean_groups(rows, splits.values())}
                trials.append(Trial(about, rows, splits, clone(svm_detector)))
    return TrialBatch(trials, ExecutionParameters.model_validate(execution).to_execution(), "learning curve")


def _share_of_groups(
    rows: Rows, train: NDArray[np.int64], share: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Rows of a random share of the groups of a training part, both classes drawn from alike."""
    groups, y = rows.groups[train], rows.y[train]
    by_kind: dict[tuple[int, ...], list[NDArray[np.int64]]] = {}
    for members in rows_by_group(groups):
        by_kind.setdefault(tuple(np.unique(y[members])), []).append(members)
    chosen: list[NDArray[np.int64]] = []
    for _, parts in sorted(by_kind.items()):
        n_wanted = min(len(parts), max(2, round(share * len(parts))))
        chosen += [parts[number] for number in generator.permutation(len(parts))[:n_wanted]]
    return train[np.sort(np.concatenate(chosen))]


def _mean_groups(rows: Rows, splits: Iterable[Split]) -> float:
    return float(np.mean([np.unique(rows.groups[train]).size for train, _ in splits]))


def tabulate_learning_curve(
    oof_predictions: pl.DataFrame,
    folds: pl.DataFrame,
    learning_curve_trials: TrialResults,
    evaluation: dict[str, Any],
) -> pl.DataFrame:
    """Compute the metrics for each share of the groups; those of all groups are the detector's own.

    Returns
    -------
    DataFrame
        A row a share: ``n_groups`` trained on (mean over folds and repeats), ``roc_auc`` with its 95 % interval by a
        bootstrap over the test groups, ``mean_group_auc``; sorted. Empty where the curve was left out.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    for about, reason in learning_curve_trials.failures:
        logger.warning("The share %s of the learning curve is left out: %s", about["share"], reason)
    if learning_curve_trials.predictions.is_empty():
        return pl.DataFrame(schema=CURVE_SCHEMA)
    columns = ["share", "repeat", "n_groups", "video_id", "label", "group", "corpus", "probability"]
    own = oof_predictions.with_columns(share=pl.lit(1.0), n_groups=pl.lit(_mean_training_groups(folds)))
    predictions = pl.concat(
        [
            table.select(columns).with_columns(pl.col("repeat").cast(pl.Int64))
            for table in (learning_curve_trials.predictions, own)
        ]
    )
    rows = []
    for (share,), found in predictions.sort("share").group_by("share", maintain_order=True):
        videos, probability = repeats_of(found)
        groups = groups_of(videos)
        counts = draw_groups(np.unique(groups).size, settings.n_bootstrap, settings.seed)
        figures = judge_videos(labels_of(videos), probability, groups, counts).figures()
        n_groups = found["n_groups"].mean()
        rows.append((share, n_groups, probability.shape[1], *figures["roc_auc"], figures["mean_group_auc"][0]))
    table = pl.DataFrame(rows, schema=CURVE_SCHEMA, orient="row")
    return table.with_columns(pl.col(pl.Float64).fill_nan(None))


def _mean_training_groups(folds: pl.DataFrame) -> float:
    tested = folds.group_by("fold").agg(pl.col("group").n_unique())["group"].to_numpy()
    return folds["group"].n_unique() - float(np.mean(tested))
