"""What the fold models lose when the values of a part of the features are shuffled between the videos of the corpus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fvc_kedro.forensics import PARTS, columns_of
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.metrics import rows_by_group
from fvc_kedro.learning.resampling import draw_groups, judge_videos
from fvc_kedro.learning.rows import Rows
from fvc_kedro.parameters import EvaluationParameters
from fvc_kedro.pipelines.training_rows import groups_of, labels_of, rows_of, splits_of, videos_of

IMPORTANCE_SCHEMA = {
    "part": pl.String,
    "n_features": pl.Int64,
    "loss": pl.Float64,
    "loss_low": pl.Float64,
    "loss_high": pl.Float64,
}
WEIGHT_SCHEMA = {"expert": pl.String, "column": pl.String, "weight": pl.Float64}


def parts_of(columns: list[str]) -> dict[str, list[str]]:
    """Columns by family, those of the family region by place; those of scaled copies are one part."""
    known = set(columns)
    parts = {name: [one for one in columns_of([name]) if one in known] for name in PARTS if name != "region"}
    taken = {one for own in parts.values() for one in own}
    parts["region"] = [one for one in columns_of(["region"]) if one in known - taken]  # what belongs to no place
    parts["scaled copy"] = [column for column in columns if column.startswith("scaled_")]
    return {name: own for name, own in parts.items() if own}


def permute_parts(
    training_table: pl.DataFrame,
    folds: pl.DataFrame,
    fold_models: dict[str, Callable[[], VideoDetector]],
    evaluation: dict[str, Any],
) -> pl.DataFrame:
    """Measure the permutation importance of each part of the features on the held-out groups.

    A video gets the part's columns of all segments of another video of the corpus (repeated if that has fewer), so that
    what they say of one another stays and what they say of the label goes. To shuffle inside each test part would not
    do: where that is one group of one class, the label's trace would stay. Nor would it do to shuffle segments, whose
    mean over a video would hardly vary.

    Returns
    -------
    DataFrame
        A row a part, by falling loss: the mean ``loss`` in area under the ROC curve of the models of the first repeat,
        with its 95 % interval by a bootstrap over groups. Columns that say the same as another part's lose nothing.

    References
    ----------
    Breiman, "Random forests", 2001.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    columns = next(iter(fold_models.values()))().columns
    rows, parts = rows_of(training_table, columns), parts_of(columns)
    videos = videos_of(training_table)
    place = {video: number for number, video in enumerate(videos["video_id"])}
    whole = np.empty((len(videos), 1))
    shuffled = {name: np.empty((len(videos), settings.n_shuffles)) for name in parts}
    generator = np.random.default_rng(settings.seed)
    orders = {name: [_exchange_videos(rows.videos, generator) for _ in range(settings.n_shuffles)] for name in parts}
    for fold, (_, test) in splits_of(training_table, folds, 1).items():
        model, unseen = fold_models[f"fold_{fold}"](), rows.take(test)
        _put(whole[:, 0], place, model, unseen)
        for name, own in parts.items():
            for number, order in enumerate(orders[name]):
                moved = unseen.features.with_columns(rows.features[order[test]].select(own))
                _put(shuffled[name][:, number], place, model, replace(unseen, features=moved))
    y, groups = labels_of(videos), groups_of(videos)
    counts = draw_groups(np.unique(groups).size, settings.n_bootstrap, settings.seed)
    as_it_is = judge_videos(y, whole, groups, counts)
    losses = [
        (name, len(parts[name]), *as_it_is.less(judge_videos(y, scores, groups, counts))["roc_auc"])
        for name, scores in shuffled.items()
    ]
    return pl.DataFrame(losses, schema=IMPORTANCE_SCHEMA, orient="row").sort("loss", "part", descending=[True, False])


def _exchange_videos(videos: NDArray[np.str_], generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw, for each row, the row of another video that takes its place, all of a video's rows from one video."""
    members = rows_by_group(videos)
    order = np.empty(len(videos), np.int64)
    for own, other in zip(members, generator.permutation(len(members)), strict=True):
        order[own] = np.resize(members[other], len(own))
    return order


def _put(column: np.ndarray, place: dict[str, int], model: VideoDetector, rows: Rows) -> None:
    scores = model.score_videos(rows.features, rows.videos)
    for video, probability in scores.select("video_id", "probability").iter_rows():
        column[place[video]] = probability


def column_weights(detector: VideoDetector) -> pl.DataFrame:
    """Weigh the columns of a detector with a linear kernel.

    Whitening and classifier are linear, so together they are one weight a column. Columns that go together share it.

    Parameters
    ----------
    detector : VideoDetector
        Fitted.

    Returns
    -------
    DataFrame
        ``expert``, ``column`` and ``weight``: what one standard deviation more, in all rows of a video, adds to the log
        odds of fake, as long as the value is not cut. The largest first, whatever their sign; empty for another kernel.
    """
    rows = []
    if detector.candidate_.kernel == "linear":
        for (name, pipeline), slope in zip(detector.experts_.items(), detector.fusion_.slopes, strict=True):
            if pipeline is not None:
                weights = slope * pipeline["whiten"].whitening_ @ pipeline["classify"].coef_[0]
                rows += [(name, column, float(w)) for column, w in zip(detector.experts[name], weights, strict=True)]
    return pl.DataFrame(rows, schema=WEIGHT_SCHEMA, orient="row").sort(pl.col("weight").abs(), descending=True)
