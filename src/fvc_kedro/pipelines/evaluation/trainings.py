"""How many trainings the evaluation takes, told before the first of them."""

from __future__ import annotations

import logging
from typing import Any

import polars as pl

from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.parameters import EvaluationParameters
from fvc_kedro.pipelines.evaluation.ablation import choices_of_experts
from fvc_kedro.pipelines.evaluation.comparison import METADATA, TRAINED_METHODS

logger = logging.getLogger(__name__)


def count_trainings(
    training_table: pl.DataFrame, folds: pl.DataFrame, svm_detector: VideoDetector, evaluation: dict[str, Any]
) -> dict[str, int]:
    """Count the trainings that the evaluation asks for, each a cross-validation, by what they are for."""
    settings = EvaluationParameters.model_validate(evaluation)
    n_repeats = folds["repeat"].n_unique()
    counts = {"baselines": len(TRAINED_METHODS) * n_repeats}
    n_corpora = folds["corpus"].n_unique()
    if n_corpora > 1:  # each on the others and, with metadata too, within itself
        counts["corpora"] = n_corpora * (2 + len(METADATA))
    if len(training_table) <= settings.max_rows:
        counts |= {
            "learning curve": len(set(settings.learning_curve)) * n_repeats,
            "ablation": len(choices_of_experts(svm_detector.experts, training_table.columns)),
            "permutations": settings.n_permutations,
        }
    return {name: count for name, count in counts.items() if count}


def announce_trainings(
    training_table: pl.DataFrame, folds: pl.DataFrame, svm_detector: VideoDetector, evaluation: dict[str, Any]
) -> None:
    """Log how many trainings are to come, and how to do without most of them."""
    counts = count_trainings(training_table, folds, svm_detector, evaluation)
    logger.info(
        "The evaluation takes %d trainings, less those that an earlier run has kept: %s%s",
        sum(counts.values()),
        ", ".join(f"{count} {name}" for name, count in counts.items()),
        f" (--params evaluation.n_permutations=0 leaves the permutation test and its {counts['permutations']} out)"
        if "permutations" in counts
        else "",
    )
