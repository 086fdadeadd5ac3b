"""Where the detector does better and worse, and its most confident mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fvc_kedro.learning.resampling import draw_groups, judge_videos, share_with_interval
from fvc_kedro.parameters import EvaluationParameters
from fvc_kedro.pipelines.evaluation.comparison import repeats_of
from fvc_kedro.pipelines.training_rows import groups_of, labels_of, mean_predictions, stated

# Upper bounds of the classes, each with its name; the last has none.
_HEIGHTS = (
    (360, "below 360 lines"),
    (720, "360 to 719 lines"),
    (1080, "720 to 1079 lines"),
    (None, "1080 lines or more"),
)
_SECONDS = ((10, "below 10 s"), (30, "10 to 30 s"), (120, "30 s to 2 min"), (None, "2 min or more"))
_BITS_A_PIXEL = (
    (0.05, "below 0.05 bit a pixel"),
    (0.1, "0.05 to 0.1 bit a pixel"),
    (0.2, "0.1 to 0.2 bit a pixel"),
    (None, "0.2 bit a pixel or more"),
)
_SMALL_GROUPS, _LEAST_GROUPS = 5, 3  # below which a slice is small, and has no intervals
_CLASSES: dict[str, tuple[tuple[float | None, str], ...]] = {
    "resolution": _HEIGHTS,
    "bitrate": _BITS_A_PIXEL,
    "duration": _SECONDS,
}
SLICE_SCHEMA = {
    "slice_by": pl.String,
    "slice": pl.String,
    "n_real": pl.Int64,
    "n_fake": pl.Int64,
    "n_groups": pl.Int64,
    "is_small": pl.Boolean,
    "roc_auc": pl.Float64,
    "roc_auc_low": pl.Float64,
    "roc_auc_high": pl.Float64,
    "false_positive_rate": pl.Float64,
    "false_positive_rate_low": pl.Float64,
    "false_positive_rate_high": pl.Float64,
    "false_negative_rate": pl.Float64,
    "false_negative_rate_low": pl.Float64,
    "false_negative_rate_high": pl.Float64,
}
MISTAKE_SCHEMA: Mapping[Any, Any] = {
    "rank": pl.Int64,
    "video_id": pl.String,
    "video_path": pl.String,
    "label": pl.String,
    "group": pl.String,
    "corpus": pl.String,
    "platform": pl.String,
    "manipulation": pl.String,
    "probability": pl.Float64,
}


def slice_results(
    oof_predictions: pl.DataFrame, corpus_index: pl.DataFrame, evaluation: dict[str, Any]
) -> pl.DataFrame:
    """Judge the detector on parts of the corpus.

    Slices are by corpus (where there are several), platform, subset (of the videos that state one), manipulation (the
    videos so manipulated beside all real ones), lines of the picture (of its shorter side), bits a pixel and duration.

    Returns
    -------
    DataFrame
        A row a slice: the numbers of videos and groups, whether fewer than ``small_slice`` videos are of a class
        or fewer than five groups in it (``is_small``), the
        area under the ROC curve and the shares of real videos called fake and of fake ones called real, each with its
        95 % interval by a bootstrap over groups; null where a class is missing, and intervals also with fewer than
        three groups.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    videos, probability = repeats_of(oof_predictions)
    rows = []
    for name, labels in _slices(videos, corpus_index).items():
        order = [bound for _, bound in _CLASSES.get(name, ())]
        for value in sorted(
            labels.drop_nulls().unique(), key=lambda one: (order.index(one) if one in order else -1, one)
        ):
            inside = (labels == value).fill_null(False).to_numpy()
            if name == "manipulation":
                inside |= (videos["label"] == "real").to_numpy()
            rows.append((name, value, *_judge_slice(videos.filter(inside), probability[inside], settings)))
    table = pl.DataFrame(rows, schema=SLICE_SCHEMA, orient="row")
    return table.with_columns(pl.col(pl.Float64).fill_nan(None))


def _slices(videos: pl.DataFrame, corpus_index: pl.DataFrame) -> dict[str, pl.Series]:
    """Name of the slice of each video, null where it is in none."""
    facts = videos.join(corpus_index.drop("label", "group", "corpus"), on="video_id", how="left", maintain_order="left")
    lines = facts.select(pl.min_horizontal("width", "height")).to_series()
    bits = facts.select(pl.col("bitrate") / (pl.col("width") * pl.col("height") * pl.col("fps"))).to_series()
    manipulated = facts.select(pl.when(pl.col("label") == "fake").then(stated("manipulation"))).to_series()
    several = {"corpus": facts["corpus"]} if facts["corpus"].n_unique() > 1 else {}
    return several | {
        "platform": facts.select(stated("platform")).to_series(),
        "subset": facts.select(pl.when(pl.col("subset") != "").then("subset")).to_series(),
        "manipulation": manipulated,
        "resolution": _classed(lines, _CLASSES["resolution"]),
        "bitrate": _classed(bits, _CLASSES["bitrate"]),
        "duration": _classed(facts["duration_s"], _CLASSES["duration"]),
    }


def _classed(values: pl.Series, bounds: tuple[tuple[float | None, str], ...]) -> pl.Series:
    names = []
    for value in values:
        fitting = [name for bound, name in bounds if bound is None or (value is not None and value < bound)]
        names.append(fitting[0] if value is not None else "not known")
    return pl.Series(names, dtype=pl.String)


def _judge_slice(
    videos: pl.DataFrame, probability: NDArray[np.float64], settings: EvaluationParameters
) -> tuple[Any, ...]:
    y, groups = labels_of(videos), groups_of(videos)
    n_real, n_fake = int(np.sum(y == 0)), int(np.sum(y == 1))
    n_groups = np.unique(groups).size
    is_small = min(n_real, n_fake) < settings.small_slice or n_groups < _SMALL_GROUPS
    counts = draw_groups(n_groups, settings.n_bootstrap, settings.seed)
    called = (probability >= 0.5).mean(axis=1)
    figures = [
        judge_videos(y, probability, groups, counts).figures()["roc_auc"],
        share_with_interval(called, y == 0, groups, counts),
        share_with_interval(1 - called, y == 1, groups, counts),
    ]
    if n_groups < _LEAST_GROUPS:  # whose resamples are all but one another
        figures = [(value, float("nan"), float("nan")) for value, _, _ in figures]
    return n_real, n_fake, n_groups, is_small, *(bound for figure in figures for bound in figure)


def find_mistakes(oof_predictions: pl.DataFrame, corpus_index: pl.DataFrame) -> pl.DataFrame:
    """List the videos whose mean out-of-fold probability over the repeats is on the wrong side of one half.

    Returns
    -------
    DataFrame
        The most confident mistake first: ``rank`` from 1, video_id, video_path, label, group, corpus, platform,
        manipulation, mean ``probability`` of fake.
    """
    about = corpus_index.select("video_id", "video_path", "platform", "manipulation")
    return (
        mean_predictions(oof_predictions)
        .filter(pl.col("label") != pl.col("predicted"))
        .join(about, on="video_id", how="left", maintain_order="left")
        .sort((pl.col("probability") - 0.5).abs(), "video_id", descending=[True, False])
        .with_row_index("rank", offset=1)
        .select(MISTAKE_SCHEMA.keys())
        .cast(MISTAKE_SCHEMA)
    )
