"""Grouped cross-validation of a support vector machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from fvc_kedro.forensics import feature_names
from fvc_kedro.learning.cross_validation import fit_detector, judge
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.metrics import classification_metrics, column_of_metric
from fvc_kedro.learning.rows import Rows
from fvc_kedro.learning.search import search_grid
from fvc_kedro.learning.thresholds import choose_verdicts, threshold_rows
from fvc_kedro.parameters import SvmParameters
from fvc_kedro.pipelines.measuring import KEY_COLUMNS
from fvc_kedro.pipelines.training_rows import (
    WHOLE_CORPUS,
    TrainingDataError,
    draw_folds,
    groups_of,
    labels_of,
    rows_of,
    search_of,
    splits_of,
    units_of,
    videos_of,
)

GRID_SCHEMA = {
    "scope": pl.String,
    "kernel": pl.String,
    "C": pl.Float64,
    "mean_roc_auc": pl.Float64,
    "std_roc_auc": pl.Float64,
    "rank": pl.Int64,
    "n_videos": pl.Int64,
}
THRESHOLD_SCHEMA = {
    "false_positive_rate": pl.Float64,
    "threshold": pl.Float64,
    "least_real_groups": pl.Int64,
    "measured_false_positive_rate": pl.Float64,
    "measured_true_positive_rate": pl.Float64,
}
FoldModels = dict[str, Callable[[], VideoDetector]]


def assemble_training_table(
    segment_features: pl.DataFrame,
    features_metadata: pl.DataFrame,
    scaled_metadata: pl.DataFrame,
    scaled_features: pl.DataFrame,
    svm: dict[str, Any],
) -> pl.DataFrame:
    """Choose the families to train on, by segment or by video, and join the chosen feature sets.

    A video is used where it was both measured and scaled, so that every choice of feature sets trains
    on the same videos. Features of the scaled copy are the same for all segments of a video.

    Returns
    -------
    DataFrame
        video_id, label, group, ``segment`` (always 0 for ``unit: video``) and the features, sorted by video_id
        and segment.

    Raises
    ------
    TrainingDataError
        If a key stands twice in a table, a feature was not measured or no video of one class is left.
    """
    parameters = SvmParameters.model_validate(svm)
    tables = {"features_metadata": features_metadata, "scaled_metadata": scaled_metadata}
    for name, table in ({"segment_features": segment_features} | tables).items():
        key = ["video_id", "segment"] if name == "segment_features" else ["video_id"]
        if table.select(key).is_duplicated().any():
            raise TrainingDataError(
                f"a {' and '.join(key)} stands twice in {name}: run the pipeline that makes it again"
            )
    units = units_of(segment_features, features_metadata, parameters.unit).join(
        scaled_metadata.select("video_id"), on="video_id", how="semi", maintain_order="left"
    )
    table = units.select(*KEY_COLUMNS, "segment")
    if "original" in parameters.feature_sets:
        names = feature_names(parameters.families)
        unmeasured = sorted(set(names) - set(units.columns))
        if unmeasured:
            raise TrainingDataError(
                f"{len(unmeasured)} features of svm.families were not measured, such as {unmeasured[:3]}: "
                "kedro run --pipelines feature_engineering"
            )
        table = table.hstack(units.select(names))
    if "scaled" in parameters.feature_sets:
        table = table.join(scaled_features, on=KEY_COLUMNS, how="left", validate="m:1", maintain_order="left")
    names = table.columns[len(KEY_COLUMNS) + 1 :]
    if len(table) and table.select(pl.all_horizontal(pl.col(names).is_null().all())).item():
        raise TrainingDataError("no feature has a value in any video: kedro run --pipelines feature_engineering")
    counts = {label: table.filter(pl.col("label") == label)["video_id"].n_unique() for label in ("real", "fake")}
    if not all(counts.values()):
        raise TrainingDataError(
            f"both classes are needed; of the videos both measured and scaled, {counts} are left: see failed_videos "
            "and failed_scaled_videos for the reasons"
        )
    return table


def make_folds(training_table: pl.DataFrame, svm: dict[str, Any]) -> pl.DataFrame:
    """Part the videos into stratified folds of whole groups, once for each repeat.

    Returns
    -------
    DataFrame
        A row a video and repeat: video_id, label, group, ``repeat`` from 1 and ``fold`` from 1, in which the video is
        tested. The models that are kept are those of the first repeat.
    """
    videos = videos_of(training_table)
    return draw_folds(videos, SvmParameters.model_validate(svm))


def search_folds(training_table: pl.DataFrame, folds: pl.DataFrame, svm: dict[str, Any]) -> pl.DataFrame:
    """Search the grid inside every training part, and on the whole corpus for the final detector.

    Returns
    -------
    DataFrame
        A row for each ``scope`` (``fold_1``… or ``all``) and grid point. With the search mode
        ``global`` only ``all`` is searched, and every fold uses it, which is optimistic.
    """
    parameters = SvmParameters.model_validate(svm)
    rows = rows_of(training_table)
    scopes = {WHOLE_CORPUS: np.arange(len(rows))}
    if parameters.search.mode == "per_fold":
        scopes = {name: train for name, (train, _) in splits_of(training_table, folds).items()} | scopes
    points = [
        {"scope": scope} | asdict(point)
        for scope, train in scopes.items()
        for point in search_grid(rows.take(train), search_of(parameters))
    ]
    return pl.DataFrame(points, schema=GRID_SCHEMA)


def train_fold_models(
    training_table: pl.DataFrame, folds: pl.DataFrame, grid_search: pl.DataFrame, svm: dict[str, Any]
) -> dict[str, VideoDetector]:
    """Fit and calibrate a model on each training part with the best parameters found there."""
    parameters, rows = SvmParameters.model_validate(svm), rows_of(training_table)
    share_of_fakes = rows.share_of_fakes()
    return {
        name: _fit(rows.take(train), grid_search, name, parameters, share_of_fakes)
        for name, (train, _) in splits_of(training_table, folds).items()
    }


def train_detector(
    training_table: pl.DataFrame, grid_search: pl.DataFrame, oof_predictions: pl.DataFrame, svm: dict[str, Any]
) -> VideoDetector:
    """Fit and calibrate the final model on all videos; its verdicts are those chosen on out-of-fold scores."""
    parameters = SvmParameters.model_validate(svm)
    rows = rows_of(training_table)
    detector = _fit(rows, grid_search, WHOLE_CORPUS, parameters, rows.share_of_fakes())
    detector.verdicts_ = choose_verdicts(
        labels_of(oof_predictions),
        oof_predictions["probability"].to_numpy(),
        groups_of(oof_predictions),
        oof_predictions["fold"].to_numpy(),
        parameters.verdict.false_positive_rate,
        parameters.verdict.false_negative_rate,
    )
    return detector


def predict_out_of_fold(training_table: pl.DataFrame, folds: pl.DataFrame, fold_models: FoldModels) -> pl.DataFrame:
    """Judge every video by the model that has not seen its group.

    Returns
    -------
    DataFrame
        A row a video: video_id, label, group, fold, ``margin`` (of its segments together, positive towards
        fake), ``probability`` of fake, ``predicted`` label, sorted by video_id.
    """
    rows = rows_of(training_table)
    judged: dict[str, tuple[float, float]] = {}
    for name, (_, test) in splits_of(training_table, folds).items():
        judged |= judge(fold_models[name](), rows.take(test))
    first = folds.filter(pl.col("repeat") == 1).drop("repeat")
    margins, probability = zip(*(judged[video] for video in first["video_id"]), strict=True)
    return first.with_columns(margin=pl.Series(margins), probability=pl.Series(probability)).with_columns(
        predicted=pl.when(pl.col("probability") >= 0.5).then(pl.lit("fake")).otherwise(pl.lit("real"))
    )


def evaluate_folds(
    oof_predictions: pl.DataFrame, grid_search: pl.DataFrame
) -> tuple[dict[str, dict[str, Any]], pl.DataFrame]:
    """Compute the metrics of every fold on its test videos.

    Returns
    -------
    fold_metrics : dict
        By fold name, the metrics with C, kernel, n_train and n_test.
    cv_metrics : DataFrame
        A row a fold: ``fold``, ``C``, ``kernel``, ``n_train``, ``n_test`` and ``test_…`` for each metric.
    """
    fold_metrics: dict[str, dict[str, Any]] = {}
    rows = []
    for fold in sorted(oof_predictions["fold"].unique()):
        name = f"fold_{fold}"
        tested = oof_predictions.filter(pl.col("fold") == fold)
        best = _best_point(grid_search, name)
        about = {
            "fold": fold,
            "C": best["C"],
            "kernel": best["kernel"],
            "n_train": len(oof_predictions) - len(tested),
            "n_test": len(tested),
        }
        metrics = classification_metrics(labels_of(tested), tested["probability"].to_numpy())
        fold_metrics[name] = about | metrics
        rows.append(about | {column_of_metric(key): value for key, value in metrics.items()})
    schema = {"fold": pl.Int64, "C": pl.Float64, "kernel": pl.String, "n_train": pl.Int64, "n_test": pl.Int64}
    schema |= {key: pl.Float64 for key in rows[0] if key.startswith("test_")}
    return fold_metrics, pl.DataFrame(rows, schema=schema)


def choose_thresholds(oof_predictions: pl.DataFrame, svm: dict[str, Any]) -> pl.DataFrame:
    """Choose, on out-of-fold scores, the threshold for each false positive rate asked for.

    Returns
    -------
    DataFrame
        A row a rate, as of :func:`fvc_kedro.learning.thresholds.threshold_rows`.
    """
    rows = threshold_rows(
        labels_of(oof_predictions),
        oof_predictions["probability"].to_numpy(),
        groups_of(oof_predictions),
        oof_predictions["fold"].to_numpy(),
        sorted(SvmParameters.model_validate(svm).false_positive_rates),
    )
    return pl.DataFrame(rows, schema=THRESHOLD_SCHEMA)


def _fit(
    rows: Rows, grid_search: pl.DataFrame, scope: str, parameters: SvmParameters, share_of_fakes: float
) -> VideoDetector:
    best, search = _best_point(grid_search, scope), search_of(parameters)
    return fit_detector(rows, best["kernel"], best["C"], search, parameters.n_calibration_folds, share_of_fakes)


def _best_point(grid_search: pl.DataFrame, scope: str) -> dict[str, Any]:
    best = grid_search.filter(pl.col("rank") == 1)
    chosen = best.filter(pl.col("scope") == scope)
    if chosen.is_empty():
        chosen = best.filter(pl.col("scope") == WHOLE_CORPUS)
    return chosen.row(0, named=True)
