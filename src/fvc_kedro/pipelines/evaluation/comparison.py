"""The detector beside what it must beat, on the same folds: chance, metadata, simple baselines, other classifiers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import clone

from fvc_kedro.datasets.trials import Trial, TrialBatch, TrialResults
from fvc_kedro.forensics import feature_names
from fvc_kedro.learning.candidates import (
    Candidate,
    boosting_candidates,
    discriminant_candidates,
    logistic_candidates,
)
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.resampling import METRICS, draw_groups, holm, judge_videos, mcnemar_test
from fvc_kedro.parameters import EvaluationParameters, ExecutionParameters
from fvc_kedro.pipelines.measuring import KEY_COLUMNS
from fvc_kedro.pipelines.training_rows import (
    TrainingDataError,
    groups_of,
    labels_of,
    rows_of,
    splits_of,
    stated,
    videos_of,
)

logger = logging.getLogger(__name__)

DETECTOR = "svm"
MAJORITY = "majority"
METADATA = ("metadata_logistic", "metadata_boosting")
# What is compared, in the order of the report, and what each is.
METHODS = {
    DETECTOR: "the detector: whitened support vector machines by place, fused",
    MAJORITY: "always the share of fakes in the corpus as probability, its larger class as label",
    METADATA[0]: "logistic regression on bitrate, frame rate, size, duration, bytes, platform, codec: no pixel",
    METADATA[1]: "boosted trees on the same metadata: no pixel",
    "classic_svm": "a whitened support vector machine on the 15 classic features",
    "single_svm": "one whitened support vector machine on all columns of the detector",
    "logistic_regression": "logistic regression on all columns of the detector",
    "linear_discriminant": "linear discriminant with shrunk covariance on all columns of the detector",
    "gradient_boosting": "boosted trees on all columns of the detector",
}
_LOGISTIC_C = (0.001, 0.1, 10)
# Of the logistic regression on metadata, whatever the detector's grid: a shortcut must not hide behind a setting.
_METADATA_C = (0.01, 1, 100)
_FACTS = ("bytes", "width", "height", "pixel_aspect_ratio", "fps", "n_frames", "duration_s", "bitrate")
_NAMES = ("platform", "codec", "pixel_format")
PREDICTION_SCHEMA: Mapping[Any, Any] = {
    "method": pl.String,
    "repeat": pl.Int64,
    "fold": pl.Int64,
    "video_id": pl.String,
    "label": pl.String,
    "group": pl.String,
    "corpus": pl.String,
    "probability": pl.Float64,
}
COMPARISON_SCHEMA = {
    "method": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "difference": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
}
TEST_SCHEMA = {
    "method": pl.String,
    "only_detector_right": pl.Int64,
    "only_method_right": pl.Int64,
    "p_value": pl.Float64,
    "p_value_holm": pl.Float64,
}


def trained_methods(measured: Sequence[str]) -> list[str]:
    """Name the methods that are trained to be compared, where these columns were measured."""
    untrained = {DETECTOR, MAJORITY}
    if not set(feature_names(["classic"])) <= set(measured):
        untrained.add("classic_svm")
    return [method for method in METHODS if method not in untrained]


def metadata_table(corpus_index: pl.DataFrame, videos: pl.DataFrame) -> pl.DataFrame:
    """Lay out what is known of videos without decoding a picture.

    Parameters
    ----------
    corpus_index : DataFrame
    videos : DataFrame
        Key columns of the videos wanted, sorted.

    Returns
    -------
    DataFrame
        Key columns; the logarithm of each container fact; where some lack it, an indicator of that; an indicator
        for each platform, codec and pixel format.
    """
    known = corpus_index.select("video_id", *_FACTS, *map(stated, _NAMES))
    facts = videos.join(known, on="video_id", how="left", maintain_order="left")
    missing = [name for name in _FACTS if facts[name].null_count()]
    indicators = [pl.col(name).is_null().cast(pl.Float64).alias(f"{name}: missing") for name in missing]
    indicators += [
        (pl.col(name) == value).cast(pl.Float64).alias(f"{name}: {value}")
        for name in _NAMES
        for value in facts[name].unique().sort()
    ]
    return facts.select(*KEY_COLUMNS, *[pl.col(name).cast(pl.Float64).log1p() for name in _FACTS], *indicators)


def plan_comparison(
    training_table: pl.DataFrame,
    corpus_index: pl.DataFrame,
    folds: pl.DataFrame,
    svm_detector: VideoDetector,
    execution: dict[str, Any],
) -> TrialBatch:
    """Ask for the cross-validation of every method but the detector on every repeat of the folds.

    Returns
    -------
    TrialBatch
        Trials about their ``method`` and ``repeat``.
    """
    seed, every_column = svm_detector.seed, svm_detector.columns
    facts = metadata_table(corpus_index, videos_of(training_table))
    settings = {
        "classic_svm": {"experts": {"classic": feature_names(["classic"])}},
        "single_svm": {"experts": {"all": every_column}},
        "logistic_regression": _plain(logistic_candidates(_LOGISTIC_C), {"all": every_column}),
        "linear_discriminant": _plain(discriminant_candidates(), {"all": every_column}),
        "gradient_boosting": _plain(boosting_candidates(seed), {"all": every_column}),
    }
    if "classic_svm" not in trained_methods(training_table.columns):
        logger.warning("classic_svm is not compared: the family classic is not in features.families")
        del settings["classic_svm"]
    detectors = metadata_detectors(svm_detector, facts)
    detectors |= {method: clone(svm_detector).set_params(**changes) for method, changes in settings.items()}
    trials = []
    for method, detector in detectors.items():
        table = facts if method in METADATA else training_table
        rows = rows_of(table, detector.columns)
        trials += [
            Trial({"method": method, "repeat": repeat}, rows, splits_of(table, folds, repeat), detector)
            for repeat in sorted(folds["repeat"].unique())
        ]
    return TrialBatch(trials, ExecutionParameters.model_validate(execution).to_execution(), "baselines")


def metadata_detectors(svm_detector: VideoDetector, facts: pl.DataFrame) -> dict[str, VideoDetector]:
    """Make the detectors that see metadata alone, by method, with the other settings of the detector.

    Parameters
    ----------
    svm_detector : VideoDetector
    facts : DataFrame
        As of :func:`metadata_table`.
    """
    experts = {"metadata": facts.columns[len(KEY_COLUMNS) :]}
    candidates = (logistic_candidates(_METADATA_C), boosting_candidates(svm_detector.seed))
    return {
        method: clone(svm_detector).set_params(**_plain(own, experts))
        for method, own in zip(METADATA, candidates, strict=True)
    }


def _plain(candidates: list[Candidate], experts: dict[str, list[str]]) -> dict[str, Any]:
    """Return the settings of a detector with one expert that is not whitened."""
    return {"candidates": candidates, "experts": experts, "shrinkage": None}


def tabulate_predictions(
    oof_predictions: pl.DataFrame, comparison_trials: TrialResults, folds: pl.DataFrame
) -> pl.DataFrame:
    """Lay out the out-of-fold predictions of all methods, the detector and the larger class included.

    Returns
    -------
    DataFrame
        A row a method, repeat and video: method, repeat, fold, video_id, label, group, corpus, ``probability`` of
        fake; in the order of the methods, then sorted.
    """
    keys = ["repeat", "video_id", "fold"]
    if not oof_predictions.select(keys).sort(keys).equals(folds.select(keys).sort(keys)):
        raise TrainingDataError(
            "the predictions of the detector are not those of these folds: "
            "kedro run --pipelines svm_training,evaluation,reporting"
        )
    for about, reason in comparison_trials.failures:
        logger.warning("%s is not compared in repeat %s: %s", about["method"], about["repeat"], reason)
    parts = [
        oof_predictions.with_columns(method=pl.lit(DETECTOR)),
        folds.with_columns(method=pl.lit(MAJORITY), probability=pl.lit(float(labels_of(folds).mean()))),
    ]
    if not comparison_trials.predictions.is_empty():
        parts.append(comparison_trials.predictions)
    order = pl.Enum(list(METHODS))
    return (
        pl.concat([part.select(PREDICTION_SCHEMA.keys()).cast(PREDICTION_SCHEMA) for part in parts])
        .sort(pl.col("method").cast(order), "repeat", "video_id")
        .select(PREDICTION_SCHEMA.keys())
    )


def repeats_of(predictions: pl.DataFrame) -> tuple[pl.DataFrame, NDArray[np.float64]]:
    """Spread the predictions of one method: a row a video, its probabilities a column a repeat.

    Returns
    -------
    videos : DataFrame
        Key columns, sorted by video_id.
    probability : ndarray, shape (n_videos, n_repeats)
    """
    ordered = predictions.sort("repeat", "video_id")
    videos = ordered.filter(pl.col("repeat") == ordered["repeat"].min()).select(KEY_COLUMNS)
    return videos, ordered["probability"].to_numpy().reshape(-1, len(videos)).T


def compare_methods(method_predictions: pl.DataFrame, evaluation: dict[str, Any]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Judge every method, and how it differs from the detector.

    Returns
    -------
    method_comparison : DataFrame
        A row a method and metric: value, its 95 % interval by a bootstrap over groups, and the difference from the
        detector (the method less the detector) with its interval, on the same resamples.
    method_tests : DataFrame
        A row a method: the videos that only the detector and only the method call rightly in the first repeat, and
        McNemar's exact p-value, as it is and corrected for their number as Holm does.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    spread = {
        method: repeats_of(method_predictions.filter(pl.col("method") == method))
        for method in method_predictions["method"].unique(maintain_order=True)
    }
    videos, detector = spread[DETECTOR]
    y, groups = labels_of(videos), groups_of(videos)
    counts = draw_groups(np.unique(groups).size, settings.n_bootstrap, settings.seed)
    judged = {method: judge_videos(y, probability, groups, counts) for method, (_, probability) in spread.items()}
    rows = []
    for method in spread:
        figures, differences = judged[method].figures(), judged[method].less(judged[DETECTOR])
        rows += [(method, metric, *figures[metric], *differences[metric]) for metric in METRICS]
    comparison = pl.DataFrame(rows, schema=COMPARISON_SCHEMA, orient="row")
    others = [method for method in spread if method != DETECTOR]
    tests = [mcnemar_test(y, _called(detector), _called(spread[method][1])) for method in others]
    corrected = holm([p_value for _, _, p_value in tests])
    return comparison.with_columns(pl.col(pl.Float64).fill_nan(None)), pl.DataFrame(
        [(method, *test, p) for method, test, p in zip(others, tests, corrected, strict=True)],
        schema=TEST_SCHEMA,
        orient="row",
    )


def _called(probability: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(probability[:, 0] >= 0.5, np.int64)
