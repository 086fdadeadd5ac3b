"""The detector on a corpus that it was not trained on."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.resampling import draw_groups, judge_videos
from fvc_kedro.parameters import EvaluationParameters
from fvc_kedro.pipelines.measuring import video_table
from fvc_kedro.pipelines.reporting.plots import plot_roc_of_part
from fvc_kedro.pipelines.training_rows import TrainingDataError, groups_of, labels_of

logger = logging.getLogger(__name__)

PREDICTION_SCHEMA = (
    "video_id",
    "video_path",
    "label",
    "group",
    "in_training",
    "margin",
    "probability",
    "verdict",
)
METRIC_SCHEMA = {"metric": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}


def judge_other_corpus(
    other_segment_features: pl.DataFrame,
    other_index: pl.DataFrame,
    corpus_index: pl.DataFrame,
    training_table: pl.DataFrame,
    svm_detector: VideoDetector,
    unit: str,
) -> pl.DataFrame:
    """Score the videos of another corpus.

    Parameters
    ----------
    other_segment_features, other_index : DataFrame
        Of the other corpus.
    corpus_index, training_table : DataFrame
        Of the corpus that the detector was trained on.
    svm_detector : VideoDetector
    unit : str
        What the detector was trained on: ``segment`` or ``video``.

    Returns
    -------
    DataFrame
        A row a video, sorted: video_id, video_path, label, group, ``in_training`` (whether the detector was trained on
        a video of the same group, or on the same content as one of the group), ``margin``, ``probability`` of fake,
        ``verdict``, then the evidence of each expert, null where it abstains.

    Raises
    ------
    TrainingDataError
        If the detector needs features that were not measured on the other corpus, or no video was.
    """
    units = video_table(other_segment_features) if unit == "video" else other_segment_features
    missing = sorted(set(svm_detector.feature_names_in_) - set(units.columns))
    if missing:
        raise TrainingDataError(
            f"the detector needs {len(missing)} features that are not measured on another corpus, such as "
            f"{missing[:3]}: train it with svm.feature_sets=[original] and families that are in features.families"
        )
    if units.is_empty():
        raise TrainingDataError(
            "no video of the other corpus could be measured: rejected_videos and failed_videos in the folder "
            "other_corpus say why"
        )
    scores = svm_detector.score_videos(units, units["video_id"].to_numpy().astype(np.str_))
    probability, verdicts_of = scores["probability"].to_numpy(), svm_detector.verdicts_
    verdicts = verdicts_of(probability) if verdicts_of else np.full(len(scores), "inconclusive")
    known = _known_groups(other_index, corpus_index, training_table)
    return (
        scores.with_columns(verdict=pl.Series(verdicts, dtype=pl.String))
        .join(other_index, on="video_id", how="left", maintain_order="left")
        .with_columns(in_training=pl.col("group").is_in(known.implode()))
        .select(*PREDICTION_SCHEMA, *svm_detector.experts)
        .sort("video_id")
    )


def _known_groups(other_index: pl.DataFrame, corpus_index: pl.DataFrame, training_table: pl.DataFrame) -> pl.Series:
    """Find the groups of another corpus that share a name, or the content of a video, with those trained on."""
    trained = corpus_index.join(training_table, on="video_id", how="semi")
    # Groups, not videos: the one that bears the names of its group may not have been measured.
    trained_names = _names(corpus_index.join(trained, on="group", how="semi"))
    by_name = _names(other_index).join(trained_names, on="name", how="semi")
    by_content = other_index.join(trained, on="sha256", how="semi")
    return pl.concat([by_name["group"], by_content["group"]]).unique()


def _names(index: pl.DataFrame) -> pl.DataFrame:
    """Lay out the names of each group, a row a name."""
    names = pl.col("group_names").str.json_decode(pl.List(pl.String)).alias("name")
    return index.drop_nulls("group_names").select("group", names).explode("name")


def evaluate_other_corpus(other_predictions: pl.DataFrame, evaluation: dict[str, Any]) -> pl.DataFrame:
    """Compute the metrics on the videos whose group had no part in training.

    Returns
    -------
    DataFrame
        A row a metric: value and 95 % interval by a bootstrap over groups; then ``n_videos``, ``n_groups`` and
        ``n_left_out`` (videos that share a group or their content with the training corpus) as values.

    Raises
    ------
    TrainingDataError
        If no video of one class is left.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    unseen = other_predictions.filter(~pl.col("in_training"))
    n_left_out = len(other_predictions) - len(unseen)
    y, groups = labels_of(unseen), groups_of(unseen)
    if np.unique(y).size < 2:
        raise TrainingDataError(
            f"of the {len(other_predictions)} videos judged, {n_left_out} share a group or their content with the "
            f"training corpus, and the rest has {int(np.sum(y == 0))} real and {int(np.sum(y == 1))} fake ones: both "
            "are needed. If groups of the two manifests bear the same names by chance, rename them"
        )
    if n_left_out:
        logger.warning("%d videos share a group or their content with the training corpus: left out", n_left_out)
    counts = draw_groups(np.unique(groups).size, settings.n_bootstrap, settings.seed)
    figures = judge_videos(y, unseen["probability"].to_numpy(), groups, counts).figures()
    value, low, high = figures["roc_auc"]
    logger.info("AUC on the other corpus: %.3f (95 %% over groups: %.3f to %.3f)", value, low, high)
    rows: list[tuple[Any, ...]] = [(name, *figure) for name, figure in figures.items()]
    numbers = {"n_videos": len(unseen), "n_groups": np.unique(groups).size, "n_left_out": n_left_out}
    rows += [(name, float(number), None, None) for name, number in numbers.items()]
    return pl.DataFrame(rows, schema=METRIC_SCHEMA, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def plot_other_roc(other_predictions: pl.DataFrame) -> Figure:
    """Draw the ROC curve on the videos whose group had no part in training."""
    return plot_roc_of_part(other_predictions.filter(~pl.col("in_training")), "ROC on another corpus")
