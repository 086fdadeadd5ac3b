"""What the pipelines that train share: from training tables and parameters to rows, splits and search."""

from __future__ import annotations

import numpy as np
import polars as pl

from fvc_kedro.learning.folds import Groups, Labels, Split, assert_disjoint
from fvc_kedro.learning.rows import Rows
from fvc_kedro.learning.search import Search
from fvc_kedro.parameters import SvmParameters
from fvc_kedro.pipelines.measuring import KEY_COLUMNS, SEGMENT_COLUMNS


class TrainingDataError(ValueError):
    """Tables that nothing can be trained on; the text says why."""


def units_of(segment_features: pl.DataFrame, features_metadata: pl.DataFrame, unit: str) -> pl.DataFrame:
    """Rows to train on, sorted by video and segment: segments, or videos as segment 0."""
    table = segment_features if unit == "segment" else features_metadata.with_columns(segment=pl.lit(0, pl.Int64))
    return table.sort("video_id", "segment")


def rows_of(training_table: pl.DataFrame) -> Rows:
    """Part a training table into features, labels, groups and videos."""
    return Rows(
        training_table.select(pl.exclude(*KEY_COLUMNS, *SEGMENT_COLUMNS)),
        labels_of(training_table),
        groups_of(training_table),
        training_table["video_id"].to_numpy().astype(np.str_),
    )


def search_of(parameters: SvmParameters) -> Search:
    """Return the settings of the search as it takes them."""
    return Search(
        C=parameters.grid.C,
        kernels=parameters.grid.kernel,
        fraction=parameters.search.fraction,
        min_videos=parameters.search.min_videos,
        n_folds=parameters.search.n_folds,
        n_features=parameters.n_features,
        segment_score=parameters.segment_score,
        seed=parameters.seed,
        rbf_above_rows=parameters.rbf_approximation.above_rows,
        rbf_n_components=parameters.rbf_approximation.n_components,
    )


def labels_of(table: pl.DataFrame) -> Labels:
    """0 for real and 1 for fake, for each row."""
    return (table["label"] == "fake").to_numpy().astype(np.int64)


def groups_of(table: pl.DataFrame) -> Groups:
    """Group of each row."""
    return table["group"].to_numpy().astype(np.str_)


def splits_of(training_table: pl.DataFrame, folds: pl.DataFrame) -> dict[str, Split]:
    """Training and test rows of each fold; the groups on the two sides are checked to be different.

    Raises
    ------
    TrainingDataError
        If the two tables list other videos.
    """
    if sorted(folds["video_id"]) != training_table["video_id"].unique().sort().to_list():
        raise TrainingDataError("folds and training_table list other videos: run svm_training as a whole again")
    joined = training_table.select("video_id").join(
        folds.select("video_id", "fold"), on="video_id", how="left", maintain_order="left"
    )
    numbers, groups = joined["fold"].to_numpy(), groups_of(training_table)
    splits = {}
    for fold in np.unique(numbers):
        train, test = np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)
        assert_disjoint(groups, train, test)
        splits[f"fold_{fold}"] = (train, test)
    return splits
