"""The detector beside what it must beat, on the same folds: chance, metadata, a simple baseline, other machines."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fvc_kedro.datasets.trials import Trial, TrialBatch
from fvc_kedro.execution import Outcomes
from fvc_kedro.forensics import feature_names
from fvc_kedro.learning.resampling import METRICS, draw_groups, holm, judge_videos, mcnemar_test
from fvc_kedro.learning.rows import Rows
from fvc_kedro.parameters import EvaluationParameters, ExecutionParameters, GridParameters, SvmParameters
from fvc_kedro.pipelines.measuring import KEY_COLUMNS
from fvc_kedro.pipelines.training_rows import (
    TrainingDataError,
    check_trained_with,
    groups_of,
    labels_of,
    procedure_of,
    rows_of,
    splits_of,
    stated,
    units_of,
    videos_of,
)

logger = logging.getLogger(__name__)

DETECTOR = "svm"
MAJORITY = "majority"
METADATA = ("metadata_logistic", "metadata_boosting")
# What is compared, in the order of the report, and what each is.
METHODS = {
    DETECTOR: "the detector: support vector machine on the features of svm.families",
    MAJORITY: "always the share of fakes in the corpus as probability, its larger class as label",
    METADATA[0]: "logistic regression on bitrate, frame rate, size, duration, bytes, platform, codec: no pixel",
    METADATA[1]: "boosted trees on the same metadata: no pixel",
    "classic_svm": "the same machine on the 15 classic features",
    "logistic_regression": "logistic regression on the detector's features",
    "linear_discriminant": "linear discriminant with shrunk covariance on the detector's features",
    "gradient_boosting": "boosted trees on the detector's features",
}
# Of the logistic regression on metadata, whatever the detector's grid: a shortcut must not hide behind a setting.
_METADATA_GRID = GridParameters(C=[0.01, 1, 100], kernel=["linear"])
_FACTS = ("bytes", "width", "height", "fps", "n_frames", "duration_s", "bitrate")
_NAMES = ("platform", "codec", "pixel_format")
PREDICTION_SCHEMA: Mapping[Any, Any] = {
    "method": pl.String,
    "repeat": pl.Int64,
    "fold": pl.Int64,
    "video_id": pl.String,
    "label": pl.String,
    "group": pl.String,
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
    segment_features: pl.DataFrame,
    features_metadata: pl.DataFrame,
    corpus_index: pl.DataFrame,
    folds: pl.DataFrame,
    grid_search: pl.DataFrame,
    svm: dict[str, Any],
    execution: dict[str, Any],
) -> TrialBatch:
    """Ask for the cross-validation of every method on every repeat of the folds.

    Returns
    -------
    TrialBatch
        Trials named ``<method>/<repeat>``.

    Raises
    ------
    TrainingDataError
        If the folds and the grid are those of other parameters.
    """
    parameters = SvmParameters.model_validate(svm)
    check_trained_with(training_table, folds, grid_search, parameters)
    videos = videos_of(training_table)
    facts = metadata_table(corpus_index, videos)
    tables: dict[str, tuple[pl.DataFrame, Rows, str]] = {}
    own, metadata = rows_of(training_table), rows_of(facts)
    tables[DETECTOR] = (training_table, own, "svm")
    tables |= {
        name: (facts, metadata, machine) for name, machine in zip(METADATA, ("logistic", "boosting"), strict=True)
    }
    units = units_of(segment_features, features_metadata, parameters.unit)
    if set(feature_names(["classic"])) <= set(units.columns):
        classic = training_table.select(*KEY_COLUMNS, "segment").join(
            units.select("video_id", "segment", *feature_names(["classic"])),
            on=["video_id", "segment"],
            how="left",
            maintain_order="left",
        )
        tables["classic_svm"] = (classic, rows_of(classic), "svm")
    else:
        logger.warning("classic_svm is not compared: the family classic is not in features.families")
    tables["logistic_regression"] = (training_table, own, "logistic")
    tables["linear_discriminant"] = (training_table, own, "discriminant")
    tables["gradient_boosting"] = (training_table, own, "boosting")
    metadata_parameters = parameters.model_copy(update={"grid": _METADATA_GRID, "n_features": 0})
    trials = {
        f"{name}/{repeat}": Trial(
            rows,
            list(splits_of(table, folds, repeat).values()),
            procedure_of(metadata_parameters if name in METADATA else parameters, repeat, machine),
        )
        for name, (table, rows, machine) in tables.items()
        for repeat in sorted(folds["repeat"].unique())
    }
    return TrialBatch(trials, ExecutionParameters.model_validate(execution).to_execution(), "methods compared")


def tabulate_predictions(comparison_trials: Outcomes[pl.DataFrame], folds: pl.DataFrame) -> pl.DataFrame:
    """Lay out the out-of-fold predictions of all methods, that of the larger class included.

    Returns
    -------
    DataFrame
        A row a method, repeat and video: method, repeat, fold, video_id, label, group, ``probability`` of fake; in the
        order of the methods, then sorted.
    """
    for name, reason in comparison_trials.failures.items():
        logger.warning("%s is not compared: %s", name, reason)
    share = float(labels_of(folds).mean())
    parts = [folds.with_columns(method=pl.lit(MAJORITY), probability=pl.lit(share))]
    for name, found in comparison_trials.values.items():
        method, _, repeat = name.rpartition("/")
        parts.append(
            found.with_columns(
                method=pl.lit(method),
                repeat=pl.lit(int(repeat), pl.Int64),
                label=pl.when(pl.col("y") == 1).then(pl.lit("fake")).otherwise(pl.lit("real")),
            )
        )
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


def check_same_models(oof_predictions: pl.DataFrame, method_predictions: pl.DataFrame) -> None:
    """Check that training and evaluation are of one run, or the report would tell of two."""
    evaluated = method_predictions.filter(method=DETECTOR, repeat=1).sort("video_id")
    if evaluated.is_empty():  # the log says why
        return
    trained = oof_predictions.sort("video_id")
    same = trained["video_id"].equals(evaluated["video_id"]) and np.allclose(
        trained["probability"], evaluated["probability"], atol=1e-6
    )
    if not same:
        raise TrainingDataError(
            "the models of 06_models are not those that were evaluated: kedro run --pipelines evaluation,reporting"
        )


def _called(probability: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(probability[:, 0] >= 0.5, np.int64)
