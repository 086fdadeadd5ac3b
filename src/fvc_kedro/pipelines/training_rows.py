"""What the pipelines that train share: from training tables and parameters to rows, splits and search."""

from __future__ import annotations

import logging

import numpy as np
import polars as pl

from fvc_kedro.forensics import feature_names
from fvc_kedro.learning.cross_validation import Procedure
from fvc_kedro.learning.folds import Groups, Labels, Split, assert_disjoint, inner_folds, outer_folds
from fvc_kedro.learning.rows import Rows
from fvc_kedro.learning.search import Search
from fvc_kedro.parameters import SvmParameters
from fvc_kedro.pipelines.measuring import KEY_COLUMNS, SEGMENT_COLUMNS

logger = logging.getLogger(__name__)

WHOLE_CORPUS = "all"  # scope of the search for the final detector


class TrainingDataError(ValueError):
    """Tables that nothing can be trained on; the text says why."""


def units_of(segment_features: pl.DataFrame, features_metadata: pl.DataFrame, unit: str) -> pl.DataFrame:
    """Rows to train on, sorted by video and segment: segments, or videos as segment 0."""
    table = segment_features if unit == "segment" else features_metadata.with_columns(segment=pl.lit(0, pl.Int64))
    return table.sort("video_id", "segment")


def videos_of(training_table: pl.DataFrame) -> pl.DataFrame:
    """Key columns of the videos of a training table, a row a video in the table's order."""
    return training_table.select(KEY_COLUMNS).unique("video_id", keep="first", maintain_order=True)


def rows_of(training_table: pl.DataFrame) -> Rows:
    """Part a training table into features, labels, groups and videos."""
    return Rows(
        training_table.select(pl.exclude(*KEY_COLUMNS, *SEGMENT_COLUMNS)),
        labels_of(training_table),
        groups_of(training_table),
        training_table["video_id"].to_numpy().astype(np.str_),
    )


def search_of(parameters: SvmParameters, repeat: int = 1) -> Search:
    """Return the settings of the search as it takes them; each repeat of the cross-validation has its own seed."""
    return Search(
        C=parameters.grid.C,
        rbf_C=parameters.grid.rbf_C,
        kernels=parameters.grid.kernel,
        fraction=parameters.search.fraction,
        min_videos=parameters.search.min_videos,
        n_folds=parameters.search.n_folds,
        n_features=parameters.n_features,
        segment_score=parameters.segment_score,
        seed=(parameters.seed + repeat - 1) % 2**32,
        rbf_above_rows=parameters.rbf_approximation.above_rows,
        rbf_n_components=parameters.rbf_approximation.n_components,
    )


def procedure_of(parameters: SvmParameters, repeat: int = 1, machine: str = "svm") -> Procedure:
    """Return how a training part becomes a detector, by the parameters."""
    searched_once = parameters.search.mode == "global"
    return Procedure(search_of(parameters, repeat), parameters.n_calibration_folds, machine, searched_once)


def check_trained_with(
    training_table: pl.DataFrame, folds: pl.DataFrame, grid_search: pl.DataFrame, parameters: SvmParameters
) -> None:
    """Check that what was trained was trained with these parameters, or two experiments would stand in one report.

    Raises
    ------
    TrainingDataError
        Naming what has changed since.
    """
    videos = videos_of(training_table)
    columns = training_table.columns[len(KEY_COLUMNS) + 1 :]
    own = [name for name in columns if not name.startswith("scaled_")]
    wanted = feature_names(parameters.families) if "original" in parameters.feature_sets else []
    grid = grid_search.filter(pl.col("scope") == WHOLE_CORPUS).select("kernel", "C").rows()
    searched_once = grid_search["scope"].n_unique() == 1
    changed = {
        "families or feature_sets": own != wanted
        or ("scaled" in parameters.feature_sets) != any(name.startswith("scaled_") for name in columns),
        "unit": parameters.unit == "video" and bool((training_table["segment"] > 0).any()),
        "n_folds, n_repeats, outer or seed": not draw_folds(videos, parameters).equals(folds),
        "grid": grid != search_of(parameters).points,
        "search.mode": (parameters.search.mode == "global") != searched_once,
    }
    named = [name for name, differs in changed.items() if differs]
    if named:
        raise TrainingDataError(
            f"svm_training ran with other parameters (svm: {'; '.join(named)}), or on other features: "
            "kedro run --pipelines svm_training,evaluation,reporting"
        )


def is_too_large(training_table: pl.DataFrame, max_rows: int, what: str) -> bool:
    """Whether so many rows are trained on that the many trainings of an evaluation are left out; says so."""
    if len(training_table) <= max_rows:
        return False
    if max_rows:
        logger.warning("No %s: %d rows are more than evaluation.max_rows, %d", what, len(training_table), max_rows)
    return True


def stated(name: str) -> pl.Expr:
    """Text that a manifest or container may leave out, "not stated" where it does."""
    return pl.when(pl.col(name).fill_null("") == "").then(pl.lit("not stated")).otherwise(pl.col(name)).alias(name)


def labels_of(table: pl.DataFrame) -> Labels:
    """0 for real and 1 for fake, for each row."""
    return (table["label"] == "fake").to_numpy().astype(np.int64)


def groups_of(table: pl.DataFrame) -> Groups:
    """Group of each row."""
    return table["group"].to_numpy().astype(np.str_)


def splits_of(table: pl.DataFrame, folds: pl.DataFrame, repeat: int = 1) -> dict[str, Split]:
    """Training and test rows of each fold of a repeat; the groups on the two sides are checked to be different.

    Raises
    ------
    TrainingDataError
        If the two tables list other videos.
    """
    drawn = folds.filter(pl.col("repeat") == repeat)
    if sorted(drawn["video_id"]) != table["video_id"].unique().sort().to_list():
        raise TrainingDataError("folds and training_table list other videos: run svm_training as a whole again")
    joined = table.select("video_id").join(
        drawn.select("video_id", "fold"), on="video_id", how="left", maintain_order="left"
    )
    numbers, groups = joined["fold"].to_numpy(), groups_of(table)
    splits = {}
    for fold in np.unique(numbers):
        train, test = np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)
        assert_disjoint(groups, train, test)
        splits[f"fold_{fold}"] = (train, test)
    return splits


def draw_folds(videos: pl.DataFrame, parameters: SvmParameters) -> pl.DataFrame:
    """Part videos into folds of whole groups, repeatedly.

    Parameters
    ----------
    videos : DataFrame
        A row a video, with video_id, label and group.
    parameters : SvmParameters

    Returns
    -------
    DataFrame
        The same for each ``repeat`` (from 1), with the ``fold`` (from 1) in which the video is tested.
    """
    repeats = outer_folds(
        labels_of(videos),
        groups_of(videos),
        parameters.outer,
        parameters.n_folds,
        parameters.n_repeats,
        parameters.seed,
    )
    parts = []
    for repeat, splits in enumerate(repeats, start=1):
        folds = np.zeros(len(videos), np.int64)
        for number, (_, test) in enumerate(splits, start=1):
            folds[test] = number
        parts.append(videos.with_columns(repeat=pl.lit(repeat, pl.Int64), fold=pl.Series(folds)))
    return pl.concat(parts)


def check_foldable(videos: pl.DataFrame, parameters: SvmParameters) -> None:
    """Check that videos can be cross-validated, with a search and a calibration inside every training part.

    Parameters
    ----------
    videos : DataFrame
        A row a video, with label and group.
    parameters : SvmParameters

    Raises
    ------
    TooFewGroupsError
        Saying of which class or for which split.
    """
    y, groups = labels_of(videos), groups_of(videos)
    once = outer_folds(y, groups, parameters.outer, parameters.n_folds, parameters.n_repeats, parameters.seed)
    for train, _ in (split for splits in once for split in splits):
        for n_folds in (parameters.search.n_folds, parameters.n_calibration_folds):
            inner_folds(y[train], groups[train], n_folds, parameters.seed)
