"""The tables of all pipelines gathered for SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from fvc_kedro.learning.metrics import column_of_metric

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
    "family_ablation",
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
    """
    return tables | {RESULTS: results_of(fold_metrics)}


def results_of(fold_metrics: FoldMetrics) -> pl.DataFrame:
    """Make a table of the metrics of the folds.

    Returns
    -------
    DataFrame
        A row a fold model: what it is (``fold``, ``C``, ``kernel``, ``n_train``, ``n_test``) as it stands
        in its metrics.json, and ``test_…`` for each metric, named as in ``cv_metrics``.
    """
    found = [metrics() if callable(metrics) else metrics for metrics in fold_metrics.values()]
    keys = list(dict.fromkeys(key for metrics in found for key in metrics)) or ["fold"]
    about = [key for key in _ABOUT_A_FOLD if key in keys]
    measured = [key for key in keys if key not in _ABOUT_A_FOLD]
    rows = [[metrics.get(key) for key in about + measured] for metrics in found]
    schema = {key: _ABOUT_A_FOLD[key] for key in about} | {column_of_metric(key): pl.Float64 for key in measured}
    return pl.DataFrame(rows, schema=schema, orient="row").sort([key for key in ("repeat", "fold") if key in about])
