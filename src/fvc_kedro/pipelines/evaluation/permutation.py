"""Whether the whole procedure, search and all, does better than with labels that mean nothing."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import polars as pl

from fvc_kedro.datasets.trials import Trial, TrialBatch
from fvc_kedro.execution import Outcomes
from fvc_kedro.learning.metrics import mean_group_auc, roc_auc
from fvc_kedro.learning.resampling import permute_labels
from fvc_kedro.learning.rows import Rows
from fvc_kedro.parameters import EvaluationParameters, ExecutionParameters, SvmParameters
from fvc_kedro.pipelines.training_rows import (
    draw_folds,
    groups_of,
    is_too_large,
    labels_of,
    procedure_of,
    rows_of,
    splits_of,
    videos_of,
)

logger = logging.getLogger(__name__)

PERMUTATION_SCHEMA = {"permutation": pl.Int64, "roc_auc": pl.Float64, "mean_group_auc": pl.Float64}


def plan_permutations(
    training_table: pl.DataFrame,
    folds: pl.DataFrame,
    svm: dict[str, Any],
    evaluation: dict[str, Any],
    execution: dict[str, Any],
) -> TrialBatch:
    """Ask for the cross-validation of the detector with the true labels and with permuted ones.

    Labels are permuted within the groups that hold both classes, else between groups; folds are drawn anew by the
    permuted labels, as they were by the true ones.

    Returns
    -------
    TrialBatch
        Trials named by the number of the permutation, 0 for the true labels.
    """
    parameters, settings = SvmParameters.model_validate(svm), EvaluationParameters.model_validate(evaluation)
    trials: dict[str, Trial] = {}
    if settings.n_permutations and not is_too_large(training_table, settings.max_rows, "permutation test"):
        rows, procedure = rows_of(training_table), procedure_of(parameters)
        trials["0"] = Trial(rows, list(splits_of(training_table, folds).values()), procedure)
        videos = videos_of(training_table)
        once = parameters.model_copy(update={"n_repeats": 1})
        for number in range(1, settings.n_permutations + 1):
            y = permute_labels(labels_of(videos), groups_of(videos), (settings.seed + number) % 2**32)
            permuted = videos.with_columns(label=pl.Series(np.where(y == 1, "fake", "real")))
            label_of_row = training_table.select("video_id").join(
                permuted.select("video_id", "label"), on="video_id", how="left", maintain_order="left"
            )
            trials[str(number)] = Trial(
                Rows(rows.features, labels_of(label_of_row), rows.groups, rows.videos),
                list(splits_of(training_table, draw_folds(permuted, once)).values()),
                procedure,
            )
    return TrialBatch(trials, ExecutionParameters.model_validate(execution).to_execution(), "permutations")


def tabulate_permutations(permutation_trials: Outcomes[pl.DataFrame]) -> pl.DataFrame:
    """Compute the area under the ROC curve of every permutation, judged by the labels it was trained with.

    Returns
    -------
    DataFrame
        ``permutation`` (0: the true labels), ``roc_auc`` pooled and ``mean_group_auc``, sorted. Empty where the
        test was left out.
    """
    for name, reason in permutation_trials.failures.items():
        logger.warning("Permutation %s is left out: %s", name, reason)
    rows = []
    for name, found in permutation_trials.values.items():
        y, probability = found["y"].to_numpy(), found["probability"].to_numpy()
        within = mean_group_auc(y, probability, groups_of(found))
        rows.append((int(name), roc_auc(y, probability), None if np.isnan(within) else within))
    return pl.DataFrame(rows, schema=PERMUTATION_SCHEMA, orient="row").sort("permutation")
