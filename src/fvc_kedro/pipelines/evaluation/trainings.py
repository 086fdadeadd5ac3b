"""How many detectors the evaluation fits, told before the first of them."""

from __future__ import annotations

import logging
from typing import Any

import polars as pl

from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import TooFewGroupsError
from fvc_kedro.parameters import EvaluationParameters, SvmParameters
from fvc_kedro.pipelines.evaluation.ablation import choices_of_experts
from fvc_kedro.pipelines.evaluation.comparison import METADATA, trained_methods
from fvc_kedro.pipelines.training_rows import draw_folds, videos_of

logger = logging.getLogger(__name__)


def count_fits(
    training_table: pl.DataFrame,
    folds: pl.DataFrame,
    svm_detector: VideoDetector,
    svm: dict[str, Any],
    evaluation: dict[str, Any],
) -> dict[str, int]:
    """Count the detectors to be fitted, one a fold, by what they are for, in the order of the run.

    Equal trainings are counted each, although they are done once. Permuted labels are taken to be parted into as many
    folds as the true ones.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    n_all, n_first = folds["fold"].n_unique(), folds.filter(repeat=1)["fold"].n_unique()
    counts = {
        "baselines": len(trained_methods(training_table.columns)) * n_all,
        "corpora": _count_corpora(videos_of(training_table), SvmParameters.model_validate(svm)),
    }
    if len(training_table) <= settings.max_rows:
        counts |= {
            "learning curve": len(set(settings.learning_curve)) * n_all,
            "ablation": len(choices_of_experts(svm_detector.experts, training_table.columns)) * n_first,
            "permutations": settings.n_permutations * n_first,
        }
    return {name: count for name, count in counts.items() if count}


def announce_trainings(
    training_table: pl.DataFrame,
    folds: pl.DataFrame,
    svm_detector: VideoDetector,
    svm: dict[str, Any],
    evaluation: dict[str, Any],
) -> None:
    """Log how many detectors are to be fitted, and how to do without most of them."""
    counts = count_fits(training_table, folds, svm_detector, svm, evaluation)
    logger.info(
        "The evaluation fits %d detectors, less those that are equal or kept from an earlier run: %s%s",
        sum(counts.values()),
        ", ".join(f"{count} for {name}" for name, count in counts.items()),
        f" (--params evaluation.n_permutations=0 leaves the permutation test and its {counts['permutations']} out)"
        if "permutations" in counts
        else "",
    )


def _count_corpora(videos: pl.DataFrame, parameters: SvmParameters) -> int:
    """Of several corpora, each is trained on once for the others and, with metadata too, by folds within it."""
    once = parameters.model_copy(update={"n_repeats": 1, "outer": "auto"})
    count = 0
    for _, own in videos.group_by("corpus") if videos["corpus"].n_unique() > 1 else []:
        count += 1
        try:
            count += (1 + len(METADATA)) * draw_folds(own, once)["fold"].n_unique()
        except TooFewGroupsError:  # it is not cross-validated
            continue
    return count
