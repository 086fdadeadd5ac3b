"""What each part of the features is worth: alone, and by what is lost without it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from sklearn.base import clone

from fvc_kedro.datasets.trials import Trial, TrialBatch, TrialResults
from fvc_kedro.forensics import PARTS, columns_of
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.resampling import draw_groups, judge_videos
from fvc_kedro.parameters import EvaluationParameters, ExecutionParameters
from fvc_kedro.pipelines.training_rows import (
    groups_of,
    is_too_large,
    labels_of,
    rows_of,
    splits_of,
)

logger = logging.getLogger(__name__)

ABLATION_SCHEMA = {
    "features": pl.String,
    "kind": pl.String,
    "n_features": pl.Int64,
    "roc_auc": pl.Float64,
    "roc_auc_low": pl.Float64,
    "roc_auc_high": pl.Float64,
    "mean_group_auc": pl.Float64,
    "difference": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
}


def choices_of_experts(
    experts: Mapping[str, Sequence[str]], measured: Sequence[str]
) -> dict[tuple[str, str], dict[str, Sequence[str]]]:
    """List the experts to try instead of those of the detector.

    Parameters
    ----------
    experts : mapping of str to sequence of str
        Columns of the detector's experts.
    measured : sequence of str
        Columns that were measured.

    Returns
    -------
    dict
        By (name, kind): ``alone`` is one expert of the detector, one family, or one place of the family region;
        ``left out`` is the detector without one expert.
    """
    choices: dict[tuple[str, str], dict[str, Sequence[str]]] = {}
    if len(experts) > 1:
        for name, columns in experts.items():
            choices[name, "alone"] = {name: columns}
            choices[name, "left out"] = {other: own for other, own in experts.items() if other != name}
    for part in PARTS:
        own = columns_of([part])
        is_new = own not in list(experts.values()) and (part, "alone") not in choices
        if part != "region" and set(own) <= set(measured) and is_new:
            choices[part, "alone"] = {"part": own}
    return choices


def plan_ablation(
    training_table: pl.DataFrame,
    folds: pl.DataFrame,
    svm_detector: VideoDetector,
    evaluation: dict[str, Any],
    execution: dict[str, Any],
) -> TrialBatch:
    """Ask for the cross-validation of the detector with each choice of experts, on the folds of the first repeat.

    Returns
    -------
    TrialBatch
        Trials about the ``features``, their ``kind`` and their number, ``n_features``.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    trials: list[Trial] = []
    if not is_too_large(training_table, settings.max_rows, "ablation"):
        splits = splits_of(training_table, folds, 1)
        for (name, kind), experts in choices_of_experts(svm_detector.experts, training_table.columns).items():
            detector = clone(svm_detector).set_params(experts=experts)
            about = {"features": name, "kind": kind, "n_features": len(detector.columns)}
            trials.append(Trial(about, rows_of(training_table, detector.columns), splits, detector))
    return TrialBatch(trials, ExecutionParameters.model_validate(execution).to_execution(), "ablation")


def tabulate_ablation(
    oof_predictions: pl.DataFrame,
    ablation_trials: TrialResults,
    svm_detector: VideoDetector,
    evaluation: dict[str, Any],
) -> pl.DataFrame:
    """Compute the metrics of each choice of experts, and how it differs from the detector.

    Returns
    -------
    DataFrame
        A row for each choice: the ``features``, the ``kind`` (default, alone, left out), number of columns, the
        area under the ROC curve of the out-of-fold probabilities of all videos with its 95 % interval by
        a bootstrap over groups, the mean area within groups, and the paired difference from the default
        with its interval; all on the first repeat. Empty where the ablation was left out.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    if ablation_trials.failures:
        names = ", ".join(f"{about['features']} ({about['kind']})" for about, _ in ablation_trials.failures)
        logger.info("The ablation leaves out what too few groups show: %s", names)
    if ablation_trials.predictions.is_empty():
        return pl.DataFrame(schema=ABLATION_SCHEMA)
    default = oof_predictions.filter(repeat=1).sort("video_id")
    y, groups = labels_of(default), groups_of(default)
    counts = draw_groups(np.unique(groups).size, settings.n_bootstrap, settings.seed)
    own = judge_videos(y, default["probability"].to_numpy(), groups, counts)
    judged = [(("default", "default", len(svm_detector.columns)), own)]
    keys = ["features", "kind", "n_features"]
    for key, found in ablation_trials.predictions.group_by(keys, maintain_order=True):
        probability = found.sort("video_id")["probability"].to_numpy()
        judged.append((key, judge_videos(y, probability, groups, counts)))
    rows = []
    for key, one in judged:
        figures = one.figures()
        rows.append((*key, *figures["roc_auc"], figures["mean_group_auc"][0], *one.less(own)["roc_auc"]))
    return pl.DataFrame(rows, schema=ABLATION_SCHEMA, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))
