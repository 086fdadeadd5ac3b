"""The tables of all pipelines gathered for SQL."""

from __future__ import annotations

import json

import polars as pl

from fvc_kedro.lineage import Lineage

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
    "left_out_predictions",
    "cv_metrics",
    "thresholds",
    "method_predictions",
    "method_comparison",
    "method_tests",
    "permutation_test",
    "learning_curve",
    "family_ablation",
    "family_importance",
    "corpus_matrix",
    "corpus_false_alarms",
    "slices",
    "mistakes",
)
RESULTS = "results"
LINEAGE = "lineage"
LINEAGE_SCHEMA = dict.fromkeys(
    (
        *("dataset", "pipeline", "node", "run", "started", "command", "git_commit"),
        *("fingerprint", "sha256", "changed_parameters", "made_from"),
    ),
    pl.String,
)


def gather_tables(lineage: Lineage, **tables: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Gather all tables by name, with ``results``, the metrics of every fold of every repeat, and ``lineage``.

    Parameters
    ----------
    lineage : Lineage
    **tables : DataFrame
        Every table of ``TABLES``.
    """
    return tables | {RESULTS: tables["cv_metrics"], LINEAGE: lineage_table(lineage)}


def lineage_table(lineage: Lineage) -> pl.DataFrame:
    """Lay out what every dataset was made from: a row a dataset, sorted by its name."""
    rows = []
    for name, record in sorted(lineage.records.items()):
        run = lineage.run_of(name)
        rows.append(
            {
                "dataset": name,
                "pipeline": record.pipeline,
                "node": record.node,
                "run": record.run,
                "started": run and run.started,
                "command": run and run.command,
                "git_commit": run and run.commit,
                "fingerprint": record.fingerprint,
                "sha256": record.content.digest,
                "changed_parameters": json.dumps(record.changed_parameters),
                "made_from": json.dumps(sorted(record.inputs)),
            }
        )
    return pl.DataFrame(rows, schema=LINEAGE_SCHEMA)
