"""What the pipelines that train share: from training tables and parameters to rows, splits and detectors."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fvc_kedro.forensics import columns_of
from fvc_kedro.learning.candidates import svm_candidates
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import Groups, Labels, Split, assert_disjoint, inner_folds, outer_folds
from fvc_kedro.learning.rows import Rows
from fvc_kedro.parameters import SCALED_EXPERT, SvmParameters
from fvc_kedro.pipelines.measuring import KEY_COLUMNS

logger = logging.getLogger(__name__)

GROUPS, CORPUS = "groups", "corpus"  # what a fold leaves out of training
PLAIN = "none"  # the alignment of a detector as it is
ALL_OTHERS = "all others"  # in place of the corpus that a detector is trained on


class TrainingDataError(ValueError):
    """Tables that nothing can be trained on; the text says why."""


def videos_of(training_table: pl.DataFrame) -> pl.DataFrame:
    """Key columns of the videos of a training table, a row a video in the table's order."""
    return training_table.select(KEY_COLUMNS).unique("video_id", keep="first", maintain_order=True)


def rows_of(training_table: pl.DataFrame, columns: Sequence[str]) -> Rows:
    """Part a training table into features (those of the given columns), labels, groups and videos."""
    return Rows(
        training_table.select(columns),
        labels_of(training_table),
        groups_of(training_table),
        training_table["video_id"].to_numpy().astype(np.str_),
        corpora_of(training_table),
    )


def detector_of(parameters: SvmParameters, columns: Sequence[str], n_rows: int) -> VideoDetector:
    """Make the detector that the parameters describe, not fitted.

    Parameters
    ----------
    parameters : SvmParameters
    columns : sequence of str
        Feature columns of the training table.
    n_rows : int
        Rows of the training table, which decide whether the rbf kernel is approximated.
    """
    approximation = parameters.rbf_approximation
    n_components = approximation.n_components if n_rows > approximation.above_rows else None
    grid = parameters.grid
    return VideoDetector(
        experts=experts_of(parameters, columns),
        candidates=svm_candidates(grid.kernel, grid.C, grid.rbf_C, parameters.seed, n_components),
        shrinkage=parameters.shrinkage,
        n_inner_folds=parameters.n_inner_folds,
        search_fraction=parameters.search.fraction,
        search_min_videos=parameters.search.min_videos,
        seed=parameters.seed,
        search_once=parameters.search.mode == "global",
        equal_corpora=parameters.corpora_count == "equally",
    )


def experts_of(parameters: SvmParameters, columns: Sequence[str]) -> dict[str, list[str]]:
    """List the columns of each expert; scaled copies are an expert of their own."""
    experts = {}
    if "original" in parameters.feature_sets:
        experts = {name: columns_of(parts) for name, parts in parameters.parts_by_expert.items()}
    if "scaled" in parameters.feature_sets:
        experts[SCALED_EXPERT] = [name for name in columns if name.startswith("scaled_")]
    return experts


def is_too_large(training_table: pl.DataFrame, max_rows: int, what: str) -> bool:
    """Whether so many rows are trained on that the many trainings of an evaluation are left out; says so."""
    if len(training_table) <= max_rows:
        return False
    if max_rows:
        logger.warning("No %s: %d rows are more than evaluation.max_rows, %d", what, len(training_table), max_rows)
    return True


def mean_predictions(oof_predictions: pl.DataFrame) -> pl.DataFrame:
    """Average the probability of each video over the repeats, to show one score a video.

    Returns
    -------
    DataFrame
        video_id, label, group, ``probability`` of fake and ``predicted`` label, sorted by video_id. Metrics are not
        computed from it: averaged scores are those of no detector.
    """
    return (
        oof_predictions.group_by(KEY_COLUMNS)
        .agg(pl.col("probability").mean())
        .sort("video_id")
        .with_columns(predicted_label())
    )


def predicted_label() -> pl.Expr:
    """Label that a ``probability`` predicts, fake from one half on, as the column ``predicted``."""
    return pl.when(pl.col("probability") >= 0.5).then(pl.lit("fake")).otherwise(pl.lit("real")).alias("predicted")


def stated(name: str) -> pl.Expr:
    """Text that a manifest or container may leave out, "not stated" where it does."""
    return pl.when(pl.col(name).fill_null("") == "").then(pl.lit("not stated")).otherwise(pl.col(name)).alias(name)


def labels_of(table: pl.DataFrame) -> Labels:
    """0 for real and 1 for fake, for each row."""
    return (table["label"] == "fake").to_numpy().astype(np.int64)


def groups_of(table: pl.DataFrame) -> Groups:
    """Group of each row."""
    return table["group"].to_numpy().astype(np.str_)


def corpora_of(table: pl.DataFrame) -> NDArray[np.str_]:
    """Corpus of each row."""
    return table["corpus"].to_numpy().astype(np.str_)


def splits_of(table: pl.DataFrame, folds: pl.DataFrame, repeat: int) -> dict[int, Split]:
    """Training and test rows by fold of a repeat; the groups on the two sides are checked to be different.

    Where a fold leaves out a corpus, the groups of its videos are left out of training in other corpora too.

    Raises
    ------
    TrainingDataError
        If the two tables list other videos.
    """
    drawn = folds.filter(pl.col("repeat") == repeat)
    if sorted(drawn["video_id"]) != table["video_id"].unique().sort().to_list():
        raise TrainingDataError("folds and training_table list other videos: run svm_training as a whole again")
    joined = table.select("video_id").join(
        drawn.select("video_id", "fold", "leaves_out"), on="video_id", how="left", maintain_order="left"
    )
    numbers, groups = joined["fold"].to_numpy(), groups_of(table)
    splits = {}
    for fold in np.unique(numbers):
        train, test = np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)
        if joined["leaves_out"][int(test[0])] == CORPUS:
            train = train[~np.isin(groups[train], groups[test])]
        assert_disjoint(groups, train, test)
        splits[int(fold)] = (train, test)
    return splits


def draw_folds(videos: pl.DataFrame, parameters: SvmParameters) -> pl.DataFrame:
    """Part videos into folds of whole groups, repeatedly.

    Parameters
    ----------
    videos : DataFrame
        A row a video, with video_id, label, group and corpus.
    parameters : SvmParameters

    Returns
    -------
    DataFrame
        The same for each ``repeat`` (from 1), with the ``fold`` in which the video is tested and whether that
        ``leaves_out`` groups or a corpus. Folds are numbered on from repeat to repeat (1 to 5 in the first, 6 to 10 in
        the second, …), so that a number names one fold.
    """
    repeats = outer_folds(
        labels_of(videos),
        groups_of(videos),
        parameters.outer,
        parameters.n_folds,
        parameters.n_repeats,
        parameters.seed,
        corpora_of(videos),
    )
    leaves_out = CORPUS if parameters.outer == "leave_one_corpus_out" else GROUPS
    parts, number = [], 0
    for repeat, splits in enumerate(repeats, start=1):
        folds = np.zeros(len(videos), np.int64)
        for _, test in splits:
            number += 1
            folds[test] = number
        parts.append(
            videos.with_columns(repeat=pl.lit(repeat, pl.Int64), fold=pl.Series(folds), leaves_out=pl.lit(leaves_out))
        )
    return pl.concat(parts)


def check_foldable(videos: pl.DataFrame, parameters: SvmParameters) -> None:
    """Check that videos can be cross-validated, with a search and a calibration inside every training part.

    Parameters
    ----------
    videos : DataFrame
        A row a video, with label, group and corpus.
    parameters : SvmParameters

    Raises
    ------
    TooFewGroupsError
        Saying of which class or for which split.
    """
    y, groups = labels_of(videos), groups_of(videos)
    corpora = corpora_of(videos)
    once = outer_folds(y, groups, parameters.outer, parameters.n_folds, parameters.n_repeats, parameters.seed, corpora)
    for train, _ in (split for splits in once for split in splits):
        inner_folds(y[train], groups[train], parameters.n_inner_folds, parameters.seed, corpora[train])
