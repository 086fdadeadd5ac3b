"""The tables of all pipelines gathered for SQL."""

from __future__ import annotations

import polars as pl

from fvc_kedro.pipelines.evaluation.comparison import check_same_predictions

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


def gather_tables(**tables: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Gather all tables by name, with ``results``: the metrics of every fold of every repeat.

    Parameters
    ----------
    **tables : DataFrame
        Every table of ``TABLES``.

    Raises
    ------
    TrainingDataError
        If what was evaluated is not what was trained last.
    """
    check_same_predictions(tables["oof_predictions"], tables["method_predictions"])
    return tables | {RESULTS: tables["cv_metrics"]}
