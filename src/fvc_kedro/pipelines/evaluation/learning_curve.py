"""What more groups would bring: the detector trained on a share of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fvc_kedro.datasets.trials import Trial, TrialBatch
from fvc_kedro.execution import Outcomes
from fvc_kedro.learning.folds import Split
from fvc_kedro.learning.metrics import rows_by_group
from fvc_kedro.learning.resampling import draw_groups, judge_videos
from fvc_kedro.learning.rows import Rows
from fvc_kedro.parameters import EvaluationParameters, ExecutionParameters, SvmParameters
from fvc_kedro.pipelines.training_rows import groups_of, is_too_large, procedure_of, rows_of, splits_of

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
    svm: dict[str, Any],
    evaluation: dict[str, Any],
    execution: dict[str, Any],
) -> TrialBatch:
    """Ask for the cross-validation of the detector on shares of the groups of each training part.

    Returns
    -------
    TrialBatch
        Trials named ``<share>/<repeat>/<mean number of training groups>``.
    """
    parameters, settings = SvmParameters.model_validate(svm), EvaluationParameters.model_validate(evaluation)
    trials: dict[str, Trial] = {}
    if settings.learning_curve and not is_too_large(training_table, settings.max_rows, "learning curve"):
        rows = rows_of(training_table)
        for share in sorted({*settings.learning_curve, 1.0}):
            for repeat in sorted(folds["repeat"].unique()):
                generator = np.random.default_rng([settings.seed, repeat, round(share * 1000)])
                splits = [
                    (_share_of_groups(rows, train, share, generator), test)
                    for train, test in splits_of(training_table, folds, repeat).values()
                ]
                name = f"{share:g}/{repeat}/{_mean_groups(rows, splits):.1f}"
                trials[name] = Trial(rows, splits, procedure_of(parameters, repeat))
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


def _mean_groups(rows: Rows, splits: Sequence[Split]) -> float:
    return float(np.mean([np.unique(rows.groups[train]).size for train, _ in splits]))


def tabulate_learning_curve(learning_curve_trials: Outcomes[pl.DataFrame], evaluation: dict[str, Any]) -> pl.DataFrame:
    """Judge each share of the groups.

    Returns
    -------
    DataFrame
        A row a share: ``n_groups`` trained on (mean over folds and repeats), ``roc_auc`` with its 95 % interval by a
        bootstrap over the groups judged, ``mean_group_auc``; sorted. Empty where the curve was left out.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    for name, reason in learning_curve_trials.failures.items():
        logger.warning("The share %s of the learning curve is left out: %s", name.split("/")[0], reason)
    by_share: dict[float, list[tuple[float, pl.DataFrame]]] = {}
    for name, found in learning_curve_trials.values.items():
        share_text, _, n_groups_text = name.split("/")
        by_share.setdefault(float(share_text), []).append((float(n_groups_text), found))
    rows = []
    for share, repeats in sorted(by_share.items()):
        first = repeats[0][1]
        groups = groups_of(first)
        counts = draw_groups(np.unique(groups).size, settings.n_bootstrap, settings.seed)
        probability = np.column_stack([found["probability"].to_numpy() for _, found in repeats])
        figures = judge_videos(first["y"].to_numpy(), probability, groups, counts).figures()
        n_groups = float(np.mean([number for number, _ in repeats]))
        rows.append((share, n_groups, len(repeats), *figures["roc_auc"], figures["mean_group_auc"][0]))
    table = pl.DataFrame(rows, schema=CURVE_SCHEMA, orient="row")
    return table.with_columns(pl.col(pl.Float64).fill_nan(None))
