"""Grouped cross-validation of a support vector machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from sklearn.calibration import CalibratedClassifierCV

from fvc_kedro.learning.detector import fake_probability, fit_detector, make_classifier, margins
from fvc_kedro.learning.folds import Groups, Labels, assert_disjoint, grouped_folds
from fvc_kedro.learning.metrics import classification_metrics
from fvc_kedro.learning.search import search_grid
from fvc_kedro.parameters import SvmParameters
from fvc_kedro.pipelines.measuring import KEY_COLUMNS

WHOLE_CORPUS = "all"
GRID_SCHEMA = {
    "scope": pl.String,
    "kernel": pl.String,
    "C": pl.Float64,
    "mean_roc_auc": pl.Float64,
    "std_roc_auc": pl.Float64,
    "rank": pl.Int64,
    "n_rows": pl.Int64,
}
FoldModels = dict[str, Callable[[], CalibratedClassifierCV]]


class TrainingDataError(ValueError):
    """Tables that nothing can be trained on; the text says why."""


def assemble_training_table(
    features_metadata: pl.DataFrame, scaled_metadata: pl.DataFrame, scaled_features: pl.DataFrame, svm: dict[str, Any]
) -> pl.DataFrame:
    """Join the chosen feature sets by video.

    A video is used where it was both measured and scaled, so that every choice of feature sets trains
    on the same videos.

    Returns
    -------
    DataFrame
        video_id, label, group and the features, sorted by video_id.

    Raises
    ------
    TrainingDataError
        If a key stands twice in a table or no video of one class is left.
    """
    chosen = SvmParameters.model_validate(svm).feature_sets
    for name, table in (("features_metadata", features_metadata), ("scaled_metadata", scaled_metadata)):
        if table["video_id"].is_duplicated().any():
            raise TrainingDataError(f"a video_id stands twice in {name}: run the pipeline that makes it again")
    keys = features_metadata.select(KEY_COLUMNS).join(scaled_metadata.select("video_id"), on="video_id", how="semi")
    table = keys.sort("video_id")
    if "original" in chosen:
        table = table.join(features_metadata, on=KEY_COLUMNS, how="left", validate="1:1", maintain_order="left")
    if "scaled" in chosen:
        table = table.join(scaled_features, on=KEY_COLUMNS, how="left", validate="1:1", maintain_order="left")
    counts = {label: table.filter(pl.col("label") == label).height for label in ("real", "fake")}
    if not all(counts.values()):
        raise TrainingDataError(
            f"both classes are needed; of the videos both measured and scaled, {counts} are left: see failed_videos "
            "and failed_scaled_videos for the reasons"
        )
    return table


def make_folds(training_table: pl.DataFrame, svm: dict[str, Any]) -> pl.DataFrame:
    """Part the videos into stratified folds of whole groups.

    Returns
    -------
    DataFrame
        video_id, label, group and ``fold`` from 1, in which the video is tested.
    """
    parameters = SvmParameters.model_validate(svm)
    y, groups = _labels(training_table), _groups(training_table)
    folds = np.zeros(len(y), np.int64)
    for number, (_, test) in enumerate(grouped_folds(y, groups, parameters.n_folds, parameters.seed), start=1):
        folds[test] = number
    return training_table.select(KEY_COLUMNS).with_columns(fold=pl.Series(folds))


def search_folds(training_table: pl.DataFrame, folds: pl.DataFrame, svm: dict[str, Any]) -> pl.DataFrame:
    """Search the grid inside every training part, and on the whole corpus for the final detector.

    Returns
    -------
    DataFrame
        A row for each ``scope`` (``fold_1``… or ``all``) and grid point. With the search mode
        ``global`` only ``all`` is searched, and every fold uses it, which is optimistic.
    """
    parameters = SvmParameters.model_validate(svm)
    scopes = {WHOLE_CORPUS: np.arange(len(training_table))}
    if parameters.search.mode == "per_fold":
        scopes = {name: train for name, (train, _) in _splits(training_table, folds).items()} | scopes
    y, groups = _labels(training_table), _groups(training_table)
    table = _features(training_table)
    rows = [
        {"scope": scope} | asdict(point)
        for scope, train in scopes.items()
        for point in search_grid(
            table[train.tolist()],
            y[train],
            groups[train],
            C=parameters.grid.C,
            kernels=parameters.grid.kernel,
            fraction=parameters.search.fraction,
            min_rows=parameters.search.min_rows,
            n_folds=parameters.search.n_folds,
            seed=parameters.seed,
        )
    ]
    return pl.DataFrame(rows, schema=GRID_SCHEMA)


def train_fold_models(
    training_table: pl.DataFrame, folds: pl.DataFrame, grid_search: pl.DataFrame, svm: dict[str, Any]
) -> dict[str, CalibratedClassifierCV]:
    """Fit and calibrate a model on each training part with the best parameters found there."""
    return {
        name: _fit(training_table, train, grid_search, name, SvmParameters.model_validate(svm))
        for name, (train, _) in _splits(training_table, folds).items()
    }


def train_detector(
    training_table: pl.DataFrame, grid_search: pl.DataFrame, svm: dict[str, Any]
) -> CalibratedClassifierCV:
    """Fit and calibrate the final model on all videos."""
    everything = np.arange(len(training_table))
    return _fit(training_table, everything, grid_search, WHOLE_CORPUS, SvmParameters.model_validate(svm))


def predict_out_of_fold(training_table: pl.DataFrame, folds: pl.DataFrame, fold_models: FoldModels) -> pl.DataFrame:
    """Judge every video by the model that has not seen its group.

    Returns
    -------
    DataFrame
        video_id, label, group, fold, ``margin`` (positive towards fake), ``probability`` of fake,
        ``predicted`` label, sorted by video_id.
    """
    table = _features(training_table)
    margin = np.full(len(table), np.nan)
    probability = np.full(len(table), np.nan)
    for name, (_, test) in _splits(training_table, folds).items():
        model = fold_models[name]()
        margin[test] = margins(model, table[test.tolist()])
        probability[test] = fake_probability(model, table[test.tolist()])
    return folds.with_columns(
        margin=pl.Series(margin),
        probability=pl.Series(probability),
        predicted=pl.Series(np.where(probability >= 0.5, "fake", "real")),
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
        metrics = classification_metrics(_labels(tested), tested["probability"].to_numpy())
        fold_metrics[name] = about | metrics
        rows.append(about | {f"test_{_SHORT.get(key, key)}": value for key, value in metrics.items()})
    schema = {"fold": pl.Int64, "C": pl.Float64, "kernel": pl.String, "n_train": pl.Int64, "n_test": pl.Int64}
    schema |= {key: pl.Float64 for key in rows[0] if key.startswith("test_")}
    return fold_metrics, pl.DataFrame(rows, schema=schema)


_SHORT = {"f1_score": "f1"}


def _fit(
    table: pl.DataFrame, train: np.ndarray, grid_search: pl.DataFrame, scope: str, parameters: SvmParameters
) -> CalibratedClassifierCV:
    best = _best_point(grid_search, scope)
    return fit_detector(
        _features(table)[train.tolist()],
        _labels(table)[train],
        _groups(table)[train],
        make_classifier(best["kernel"], best["C"], parameters.seed),
        parameters.n_calibration_folds,
        parameters.seed,
    )


def _best_point(grid_search: pl.DataFrame, scope: str) -> dict[str, Any]:
    best = grid_search.filter(pl.col("rank") == 1)
    chosen = best.filter(pl.col("scope") == scope)
    if chosen.is_empty():
        chosen = best.filter(pl.col("scope") == WHOLE_CORPUS)
    return chosen.row(0, named=True)


def _splits(table: pl.DataFrame, folds: pl.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Training and test rows of each fold; the groups on the two sides are checked to be different."""
    if not table["video_id"].equals(folds["video_id"]):
        raise TrainingDataError("folds and training_table list other videos: run svm_training as a whole again")
    numbers, groups = folds["fold"].to_numpy(), _groups(table)
    splits = {}
    for fold in np.unique(numbers):
        train, test = np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)
        assert_disjoint(groups, train, test)
        splits[f"fold_{fold}"] = (train, test)
    return splits


def _features(table: pl.DataFrame) -> pl.DataFrame:
    return table.drop(KEY_COLUMNS)


def _labels(table: pl.DataFrame) -> Labels:
    return (table["label"] == "fake").to_numpy().astype(np.int64)


def _groups(table: pl.DataFrame) -> Groups:
    return table["group"].to_numpy().astype(np.str_)
