"""Training and testing a detector on given folds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from sklearn.base import clone

from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import Split, assert_disjoint
from fvc_kedro.learning.metrics import CLASSES
from fvc_kedro.learning.rows import Rows, first_rows


def cross_validate(
    rows: Rows, splits: Mapping[int, Split], detector: VideoDetector
) -> tuple[pl.DataFrame, dict[int, VideoDetector]]:
    """Score the videos of every test part by a detector that was searched, calibrated and fitted without their groups.

    All detectors assume the prevalence among all videos, which is known of a corpus beforehand, unless the detector
    states one. Nothing else of a test part influences the detector that scores it.

    Parameters
    ----------
    rows : Rows
    splits : mapping of int to (train, test)
        Row numbers, by the number of the fold. The test part may be empty.
    detector : VideoDetector
        Not fitted, and left so.

    Returns
    -------
    predictions : DataFrame
        A row a tested video: ``video_id``, ``label``, ``group``, ``corpus``, ``fold``, then as of
        :meth:`VideoDetector.score_videos`; sorted by video_id.
    models : dict of int to VideoDetector
        The fitted detector of each fold.

    Raises
    ------
    LeakageError
        If a group stands on both sides of a split.
    """
    prevalence = rows.prevalence() if detector.prevalence is None else detector.prevalence
    settled = clone(detector).set_params(prevalence=prevalence)
    chosen = None
    if detector.search_once:
        searched = clone(settled).fit(rows.features, rows.y, rows.groups, rows.videos, corpora=rows.corpora)
        chosen = [point.chosen for point in searched.grid_points_].index(True)
    models, parts = {}, []
    for fold, (train, test) in splits.items():
        assert_disjoint(rows.groups, train, test)
        seen, unseen = rows.take(train), rows.take(test)
        model = clone(settled).fit(seen.features, seen.y, seen.groups, seen.videos, chosen, seen.corpora)
        if chosen is not None:
            model.grid_points_ = searched.grid_points_
        models[fold] = model
        parts.append(_about(unseen, fold).hstack(model.score_videos(unseen.features, unseen.videos).drop("video_id")))
    return pl.concat(parts).sort("video_id"), models


def _about(rows: Rows, fold: int) -> pl.DataFrame:
    first = first_rows(rows.videos)
    labels = np.array(CLASSES)[rows.y[first]]
    corpora = np.full(len(first), "") if rows.corpora is None else rows.corpora[first]
    return pl.DataFrame(
        {"video_id": rows.videos[first], "label": labels, "group": rows.groups[first], "corpus": corpora},
        schema=dict.fromkeys(("video_id", "label", "group", "corpus"), pl.String),
    ).with_columns(fold=pl.lit(fold, pl.Int64))
