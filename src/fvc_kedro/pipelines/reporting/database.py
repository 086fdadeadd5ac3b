"""The tables of all pipelines gathered for SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from fvc_kedro.learning.metrics import classification_metrics, column_of_metric
from fvc_kedro.pipelines.evaluation.comparison import DETECTOR, check_same_models
from fvc_kedro.pipelines.training_rows import labels_of

# Every parquet entry of the catalog: each is a table of its own name.
TABLES = (
    "checked_manifest",
    "corpus_index",
    "rejected_videos",
    "segment_features",
    "features_metadata",
    "failed_videos",
    "scaled_metadata",
    "scaled_features",
    "failed_scaled_videos",
    "training_table",
    "folds",
    "grid_search",
    "oof_predictions",
    "cv_metrics",
    "thresholds",
    "method_predictions",
    "method_comparison",
    "method_tests",
    "permutation_test",
    "learning_curve",
    "family_ablation",
    "family_importance",
    "slices",
    "mistakes",
)
RESULTS = "results"

_ABOUT_A_FOLD = {
    "repeat": pl.Int64,
    "fold": pl.Int64,
    "C": pl.Float64,
    "kernel": pl.String,
    "n_train": pl.Int64,
    "n_test": pl.Int64,
}
FoldMetrics = Mapping[str, dict[str, Any] | Callable[[], dict[str, Any]]]


def gather_tables(fold_metrics: FoldMetrics, **tables: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Gather all tables by name, with ``results`` made from the metrics of the folds.

    Parameters
    ----------
    fold_metrics : mapping
        By fold name, the metrics, or what loads them.
    **tables : DataFrame
        Every table of ``TABLES``.

    Raises
    ------
    TrainingDataError
        If the detector's out-of-fold predictions are not those that were evaluated.
    """
    check_same_models(tables["oof_predictions"], tables["method_predictions"])
    return tables | {RESULTS: results_of(fold_metrics, tables["method_predictions"])}


def results_of(fold_metrics: FoldMetrics, method_predictions: pl.DataFrame) -> pl.DataFrame:
    """Make a table of the metrics of the folds.

    Returns
    -------
    DataFrame
        A row a fold model: what it is (``repeat``, ``fold``, ``C``, ``kernel``, ``n_train``, ``n_test``) as it stands
        in its metrics.json, and ``test_…`` for each metric, named as in ``cv_metrics``. Then the same for the
        folds of further repeats, whose models were not kept (their ``C`` and ``kernel`` are null).
    """
    found = [{"repeat": 1} | (metrics() if callable(metrics) else metrics) for metrics in fold_metrics.values()]
    found += _further_repeats(method_predictions.filter(pl.col("method") == DETECTOR, pl.col("repeat") > 1))
    keys = list(dict.fromkeys(key for metrics in found for key in metrics)) or ["fold"]
    about = [key for key in _ABOUT_A_FOLD if key in keys]
    measured = [key for key in keys if key not in _ABOUT_A_FOLD]
    rows = [[metrics.get(key) for key in about + measured] for metrics in found]
    schema = {key: _ABOUT_A_FOLD[key] for key in about} | {column_of_metric(key): pl.Float64 for key in measured}
    return pl.DataFrame(rows, schema=schema, orient="row").sort([key for key in ("repeat", "fold") if key in about])


def _further_repeats(predictions: pl.DataFrame) -> list[dict[str, Any]]:
    found = []
    for (repeat, fold), tested in predictions.group_by("repeat", "fold", maintain_order=True):
        n_videos = predictions.filter(pl.col("repeat") == repeat).height
        about = {"repeat": repeat, "fold": fold, "n_train": n_videos - len(tested), "n_test": len(tested)}
        found.append(about | classification_metrics(labels_of(tested), tested["probability"].to_numpy()))
    return found
