"""Whether the whole procedure, search and all, does better than with labels that mean nothing."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from sklearn.base import clone

from fvc_kedro.datasets.trials import Trial, TrialBatch, TrialResults
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import TooFewGroupsError
from fvc_kedro.learning.metrics import mean_group_auc, roc_auc
from fvc_kedro.learning.resampling import permute_labels
from fvc_kedro.parameters import EvaluationParameters, ExecutionParameters, SvmParameters
from fvc_kedro.pipelines.training_rows import (
    corpora_of,
    draw_folds,
    groups_of,
    is_too_large,
    labels_of,
    rows_of,
    splits_of,
    videos_of,
)

logger = logging.getLogger(__name__)

PERMUTATION_SCHEMA = {"permutation": pl.Int64, "roc_auc": pl.Float64, "mean_group_auc": pl.Float64}


def plan_permutations(
    training_table: pl.DataFrame,
    svm_detector: VideoDetector,
    svm: dict[str, Any],
    evaluation: dict[str, Any],
    execution: dict[str, Any],
) -> TrialBatch:
    """Ask for the cross-validation of the detector with permuted labels.

    Labels are permuted within the groups that hold both classes, else between groups; folds are drawn anew by the
    permuted labels, as they were by the true ones.

    Returns
    -------
    TrialBatch
        Trials about the number of the ``permutation``, from 1.
    """
    parameters, settings = SvmParameters.model_validate(svm), EvaluationParameters.model_validate(evaluation)
    trials: list[Trial] = []
    if settings.n_permutations and not is_too_large(training_table, settings.max_rows, "permutation test"):
        rows, videos = rows_of(training_table, svm_detector.columns), videos_of(training_table)
        once = parameters.model_copy(update={"n_repeats": 1})
        for number in range(1, settings.n_permutations + 1):
            y = permute_labels(
                labels_of(videos), groups_of(videos), (settings.seed + number) % 2**32, corpora_of(videos)
            )
            permuted = videos.with_columns(label=pl.Series(np.where(y == 1, "fake", "real")))
            label_of_row = training_table.select("video_id").join(
                permuted.select("video_id", "label"), on="video_id", how="left", maintain_order="left"
            )
            permuted_rows = replace(rows, y=labels_of(label_of_row))
            try:
                splits = splits_of(training_table, draw_folds(permuted, once), 1)
            except TooFewGroupsError as error:
                logger.warning("Permutation %d is left out: %s", number, error)
                continue
            trials.append(Trial({"permutation": number}, permuted_rows, splits, clone(svm_detector)))
    return TrialBatch(trials, ExecutionParameters.model_validate(execution).to_execution(), "permutations")


def tabulate_permutations(oof_predictions: pl.DataFrame, permutation_trials: TrialResults) -> pl.DataFrame:
    """Compute the area under the ROC curve of every permutation, by the labels it was trained with.

    A permutation is one drawing of the folds, so it is compared with the first repeat of the detector.

    Returns
    -------
    DataFrame
        ``permutation`` (0: the true labels), ``roc_auc`` pooled and ``mean_group_auc``, sorted. Empty where the
        test was left out.
    """
    for about, reason in permutation_trials.failures:
        logger.warning("Permutation %d is left out: %s", about["permutation"], reason)
    if permutation_trials.predictions.is_empty():
        return pl.DataFrame(schema=PERMUTATION_SCHEMA)
    columns = ["permutation", "label", "group", "probability"]
    true_labels = oof_predictions.filter(repeat=1).with_columns(permutation=pl.lit(0, pl.Int64)).select(columns)
    permuted = permutation_trials.predictions.with_columns(pl.col("permutation").cast(pl.Int64)).select(columns)
    rows = []
    for (number,), found in pl.concat([true_labels, permuted]).group_by("permutation", maintain_order=True):
        y, probability = labels_of(found), found["probability"].to_numpy()
        within = mean_group_auc(y, probability, groups_of(found))
        rows.append((number, roc_auc(y, probability), None if np.isnan(within) else within))
    return pl.DataFrame(rows, schema=PERMUTATION_SCHEMA, orient="row").sort("permutation")
