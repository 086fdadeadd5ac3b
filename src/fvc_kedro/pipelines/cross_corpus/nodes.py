"""The detector on a corpus that it was not trained on."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fvc_kedro.learning.alignment import RARE, few_groups_warning, rare_class, rare_class_warning
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import Groups, Labels
from fvc_kedro.learning.resampling import draw_groups, judge_videos, share_with_interval
from fvc_kedro.parameters import CrossCorpusParameters, EvaluationParameters
from fvc_kedro.pipelines.measuring import video_table
from fvc_kedro.pipelines.reporting.plots import plot_roc_of_part
from fvc_kedro.pipelines.training_rows import PLAIN, TrainingDataError, groups_of, labels_of

logger = logging.getLogger(__name__)

PREDICTION_SCHEMA = (
    "video_id",
    "video_path",
    "label",
    "group",
    "corpus",
    "in_training",
    "margin",
    "probability",
    "verdict",
    "aligned_margin",
    "aligned_probability",
    "aligned_verdict",
    "alignment_warning",
)
METRIC_SCHEMA = {"metric": pl.String, "alignment": pl.String} | dict.fromkeys(
    ("value", "low", "high", "difference", "difference_low", "difference_high"), pl.Float64
)
PROBABILITIES = {PLAIN: "probability", "coral": "aligned_probability"}
_SCORES = ("margin", "probability", "verdict")


def judge_other_corpus(
    other_segment_features: pl.DataFrame,
    other_index: pl.DataFrame,
    corpus_index: pl.DataFrame,
    training_table: pl.DataFrame,
    svm_detector: VideoDetector,
    unit: str,
    cross_corpus: dict[str, Any],
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
    cross_corpus : dict
        Parameters; whether to score a second time, every corpus aligned by itself, to those of its videos whose group
        had no part in training.

    Returns
    -------
    DataFrame
        A row a video, sorted: video_id, video_path, label, group, ``in_training`` (whether the detector was trained on
        a video of the same group, or on the same content as one of the group), ``margin``, ``probability`` of fake,
        ``verdict``, the same of the aligned detector and why alignment may be unsafe (null where it is off), then the
        evidence of each expert of the detector as it is, null where it abstains.

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
    settings = CrossCorpusParameters.model_validate(cross_corpus)
    known = _known_groups(other_index, corpus_index, training_table)
    keys = other_index.with_columns(in_training=pl.col("group").is_in(known.implode()))
    scores = _scores(svm_detector, units)
    judged = scores.join(keys, on="video_id", how="left")
    if settings.alignment == PLAIN:
        nothing = pl.DataFrame(schema={name: scores.schema[name] for name in ("video_id", *_SCORES)})
        parts = [_as_aligned(nothing, None)]
    else:
        batches = judged.group_by("corpus", maintain_order=True)
        parts = [_align(svm_detector, units, videos, settings) for _, videos in batches]
    return (
        judged.join(pl.concat(parts), on="video_id", how="left")
        .select(*PREDICTION_SCHEMA, *svm_detector.experts)
        .sort("video_id")
    )


def _align(
    detector: VideoDetector, units: pl.DataFrame, videos: pl.DataFrame, settings: CrossCorpusParameters
) -> pl.DataFrame:
    """Score the videos of one corpus, aligned to those whose group had no part in training."""
    unseen = videos.filter(~pl.col("in_training"))
    own, batch = (units.join(some, on="video_id", how="semi", maintain_order="left") for some in (videos, unseen))
    aligned = detector.aligned_to(batch, _videos(batch), settings.prior_videos)
    return _as_aligned(_scores(aligned, own), _unsafe(unseen, settings))


def _as_aligned(scores: pl.DataFrame, warning: str | None) -> pl.DataFrame:
    named = pl.col(_SCORES).name.prefix("aligned_")
    return scores.select("video_id", named, alignment_warning=pl.lit(warning, pl.String))


def _scores(detector: VideoDetector, units: pl.DataFrame) -> pl.DataFrame:
    scores = detector.score_videos(units, _videos(units))
    verdicts_of = detector.verdicts_
    verdicts = verdicts_of(scores["probability"].to_numpy()) if verdicts_of else ["inconclusive"] * len(scores)
    return scores.with_columns(verdict=pl.Series(verdicts, dtype=pl.String))


def _videos(units: pl.DataFrame) -> NDArray[np.str_]:
    return units["video_id"].to_numpy().astype(np.str_)


def _unsafe(batch: pl.DataFrame, settings: CrossCorpusParameters) -> str | None:
    """Say why alignment to a batch may be unsafe, as far as can be told without labels; None where nothing tells."""
    reasons = few_groups_warning(batch["group"].n_unique(), settings.few_groups)
    share = (batch["margin"] > 0).mean()
    if isinstance(share, float) and not RARE <= share <= 1 - RARE:
        rare = rare_class(share)
        reasons.append(
            f"the evidence speaks for fake in {share:.0%} of the batch: if it holds hardly any {rare} video, alignment "
            f"still calls about half of it {rare} (35 to 65 % on the development corpora); use it only where you know "
            "that the batch holds both"
        )
    return "; ".join(reasons) or None


def alignment_warnings(other_predictions: pl.DataFrame) -> list[str]:
    """Say why alignment may be unsafe, and to which corpus where there are several.

    The share of fakes is judged by the labels, which alignment has not seen.
    """
    unseen = other_predictions.filter(~pl.col("in_training")).sort("corpus")
    warnings = []
    for (corpus,), batch in unseen.group_by("corpus", maintain_order=True):
        reasons = batch["alignment_warning"].drop_nulls().head(1).to_list()
        if batch["aligned_margin"].count():
            reasons += rare_class_warning(float(labels_of(batch).mean()))
        of_several = f"corpus {corpus}: " if unseen["corpus"].n_unique() > 1 else ""
        warnings += [of_several + reason for reason in reasons]
    return warnings


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
    """Compute the metrics on the videos whose group had no part in training, of both scores where there are two.

    Returns
    -------
    DataFrame
        A row a metric and ``alignment``: value and 95 % interval by a bootstrap over groups, and for an aligned score
        how much it differs from the plain one, with an interval paired by resample. Among the metrics are
        ``fakes_called_fake`` and ``reals_called_fake``: the share of each class with a probability of one half or
        more. Last, ``n_videos``, ``n_groups`` and ``n_left_out`` (videos that share a group or their content with the
        training corpus).

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
    rows: list[tuple[Any, ...]] = []
    given = {how: unseen[column].to_numpy() for how, column in PROBABILITIES.items() if unseen[column].count()}
    judged = {how: judge_videos(y, probability, groups, counts) for how, probability in given.items()}
    called = {how: (probability >= 0.5).astype(np.float64) for how, probability in given.items()}
    for alignment, one in judged.items():
        found = one.figures() | _shares(y, called[alignment], groups, counts)
        less: dict[str, tuple[Any, ...]] = {}
        if alignment != PLAIN:
            # The mean of the differences is the difference of the means, in every resample.
            less = one.less(judged[PLAIN]) | _shares(y, called[alignment] - called[PLAIN], groups, counts)
        rows += [(name, alignment, *figure, *less.get(name, (None,) * 3)) for name, figure in found.items()]
        how = "as it is" if alignment == PLAIN else f"aligned to the batch ({alignment})"
        logger.info(
            "AUC on the other corpus, detector %s: %.3f (95 %% over groups: %.3f to %.3f)", how, *found["roc_auc"]
        )
    for warning in alignment_warnings(other_predictions):
        logger.warning("Alignment may be unsafe: %s", warning)
    numbers = {"n_videos": len(unseen), "n_groups": np.unique(groups).size, "n_left_out": n_left_out}
    rows += [(name, PLAIN, float(number), *[None] * 5) for name, number in numbers.items()]
    return pl.DataFrame(rows, schema=METRIC_SCHEMA, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def _shares(
    y: Labels, called: NDArray[np.float64], groups: Groups, counts: NDArray[np.float64]
) -> dict[str, tuple[float, float, float]]:
    """Share of each class that is called fake, with its interval."""
    names = {1: "fakes_called_fake", 0: "reals_called_fake"}
    return {name: share_with_interval(called, y == label, groups, counts) for label, name in names.items()}


def plot_other_roc(other_predictions: pl.DataFrame) -> Figure:
    """Draw the ROC curves of the plain and the aligned score on the videos whose group had no part in training."""
    unseen = other_predictions.filter(~pl.col("in_training"))
    if not unseen["aligned_probability"].count():
        return plot_roc_of_part(unseen, "ROC on another corpus")
    return plot_roc_of_part(
        unseen, "ROC on another corpus", {"as it is": "probability", "aligned": "aligned_probability"}
    )
