"""Grouped cross-validation of the detector."""

from __future__ import annotations

import logging
from copy import copy
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from fvc_kedro.datasets.trials import Trial, TrialBatch, TrialResults
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import leave_corpus_out
from fvc_kedro.learning.metrics import classification_metrics, column_of_metric
from fvc_kedro.learning.thresholds import choose_verdicts, threshold_rows
from fvc_kedro.parameters import ExecutionParameters, SvmParameters
from fvc_kedro.pipelines.measuring import KEY_COLUMNS, SEGMENT_COLUMNS, video_table
from fvc_kedro.pipelines.training_rows import (
    TrainingDataError,
    corpora_of,
    detector_of,
    draw_folds,
    experts_of,
    groups_of,
    labels_of,
    predicted_label,
    rows_of,
    splits_of,
    videos_of,
)

logger = logging.getLogger(__name__)

ALL_VIDEOS = 0  # in place of a fold: the final detector, trained on all videos
GRID_SCHEMA = {
    "repeat": pl.Int64,
    "fold": pl.Int64,
    "kernel": pl.String,
    "C": pl.Float64,
    "mean_roc_auc": pl.Float64,
    "std_roc_auc": pl.Float64,
    "chosen": pl.Boolean,
    "n_videos": pl.Int64,
}
THRESHOLD_SCHEMA = {
    "false_positive_rate": pl.Float64,
    "threshold": pl.Float64,
    "least_real_groups": pl.Int64,
    "measured_false_positive_rate": pl.Float64,
    "measured_true_positive_rate": pl.Float64,
}


def assemble_training_table(
    segment_features: pl.DataFrame, scaled_features: pl.DataFrame, svm: dict[str, Any]
) -> pl.DataFrame:
    """Lay out all that was measured, by segment or by video, with the chosen feature sets.

    Parameters
    ----------
    segment_features : DataFrame
    scaled_features : DataFrame
        Empty where the scaled copies were not measured. Their features are the same for all segments of a video. With
        them, only videos that have them are used.
    svm : dict
        Parameters.

    Returns
    -------
    DataFrame
        video_id, label, group, corpus, ``segment`` (always 0 for ``unit: video``) and every measured feature, sorted
        by video_id and segment. Experts choose their columns from it.

    Raises
    ------
    TrainingDataError
        If a key stands twice in a table, a feature was not measured or no video of one class is left.
    """
    parameters = SvmParameters.model_validate(svm)
    _check_unique(segment_features, ["video_id", "segment"], "segment_features")
    units = segment_features.sort("video_id", "segment")
    if parameters.unit == "video":
        units = video_table(units).with_columns(segment=pl.lit(0, pl.Int64))
    table = units.select(*KEY_COLUMNS, "segment", pl.exclude(*KEY_COLUMNS, *SEGMENT_COLUMNS))
    if "scaled" in parameters.feature_sets:
        if scaled_features.is_empty():
            raise TrainingDataError(
                "svm.feature_sets has 'scaled', but no scaled copy was measured: kedro run --pipelines scaling "
                "with the same svm.feature_sets"
            )
        _check_unique(scaled_features, ["video_id"], "scaled_features")
        n_lost = (
            table["video_id"].n_unique() - table.join(scaled_features, on="video_id", how="semi")["video_id"].n_unique()
        )
        if n_lost:
            logger.warning("%d videos are not trained on: they have no features of a scaled copy", n_lost)
        table = table.join(
            scaled_features.drop("label", "group", "corpus"),
            on="video_id",
            how="inner",
            validate="m:1",
            maintain_order="left",
        )
    _check_measured(experts_of(parameters, table.columns), table.columns)
    _check_classes(table)
    return table


def _check_unique(table: pl.DataFrame, key: list[str], name: str) -> None:
    if table.select(key).is_duplicated().any():
        raise TrainingDataError(f"a {' and '.join(key)} stands twice in {name}: run the pipeline that makes it again")


def _check_measured(experts: dict[str, list[str]], columns: list[str]) -> None:
    for expert, wanted in experts.items():
        if not wanted:
            raise TrainingDataError(
                f"there is no column for the expert {expert}: run the pipeline that measures it again"
            )
        missing = sorted(set(wanted) - set(columns))
        if missing:
            raise TrainingDataError(
                f"{len(missing)} features of the expert {expert} were not measured, such as {missing[:3]}: "
                "kedro run --pipelines feature_engineering"
            )


def _check_classes(table: pl.DataFrame) -> None:
    counts = {label: table.filter(label=label)["video_id"].n_unique() for label in ("real", "fake")}
    if not all(counts.values()):
        raise TrainingDataError(
            f"{counts['real']} real and {counts['fake']} fake videos are left to train on, both classes are needed: "
            "failed_videos and failed_scaled_videos tell why the others are not"
        )


def make_folds(training_table: pl.DataFrame, svm: dict[str, Any]) -> pl.DataFrame:
    """Part the videos of the training table into folds, as of :func:`draw_folds`."""
    return draw_folds(videos_of(training_table), SvmParameters.model_validate(svm))


def plan_cross_validation(
    training_table: pl.DataFrame, folds: pl.DataFrame, svm: dict[str, Any], execution: dict[str, Any]
) -> TrialBatch:
    """Ask for the detector of every fold of every repeat, and for the final one on all videos.

    Returns
    -------
    TrialBatch
        A trial a fold (or a repeat, where the grid is searched once), about its ``repeat``; the last one, of the fold
        ``ALL_VIDEOS``, tests nothing.
    """
    parameters = SvmParameters.model_validate(svm)
    detector = detector_of(parameters, training_table.columns, len(training_table))
    rows = rows_of(training_table, detector.columns)
    splits = {repeat: splits_of(training_table, folds, repeat) for repeat in sorted(folds["repeat"].unique())}
    splits[ALL_VIDEOS] = {ALL_VIDEOS: (np.arange(len(rows)), np.arange(0))}
    trials = []
    for repeat, parts in splits.items():
        for batch in [parts] if detector.search_once else [{fold: split} for fold, split in parts.items()]:
            trials.append(Trial({"repeat": repeat}, rows, batch, detector, keeps_models=repeat in (ALL_VIDEOS, 1)))
    return TrialBatch(trials, ExecutionParameters.model_validate(execution).to_execution(), "cross-validation")


def collect_cross_validation(
    detector_trials: TrialResults,
) -> tuple[dict[str, VideoDetector], pl.DataFrame, pl.DataFrame]:
    """Lay out models, predictions and searches of the cross-validation.

    Returns
    -------
    fold_models : dict of str to VideoDetector
        Those of the first repeat, by ``fold_N``.
    oof_predictions : DataFrame
        A row a video and repeat: video_id, label, group, corpus, repeat, ``fold`` in which it was tested, ``margin``
        (towards fake), ``probability`` of fake, ``predicted`` label, then the evidence of each expert, null where it
        abstains. Sorted by repeat and video_id.
    grid_search : DataFrame
        A row for each fold and grid point; fold and repeat are null for the search of the final detector.

    Raises
    ------
    TrainingDataError
        If a detector could not be trained.
    """
    if detector_trials.failures:
        raise TrainingDataError(f"the detector could not be trained: {detector_trials.failures[0][1]}")
    fold_models = {
        f"fold_{fold}": model
        for about, by_fold in detector_trials.models
        for fold, model in by_fold.items()
        if about["repeat"] == 1
    }
    points = [
        {"repeat": about["repeat"] or None, "fold": fold or None} | asdict(point)
        for about, by_fold in detector_trials.searches
        for fold, searched in by_fold.items()
        for point in searched
    ]
    keys = [*KEY_COLUMNS, "repeat", "fold", "margin", "probability", "predicted"]
    predictions = (
        detector_trials.predictions.with_columns(pl.col("repeat").cast(pl.Int64), predicted_label())
        .select(*keys, pl.exclude(keys))
        .sort("repeat", "video_id")
    )
    return fold_models, predictions, pl.DataFrame(points, schema=GRID_SCHEMA)


def leave_corpora_out(training_table: pl.DataFrame, svm: dict[str, Any], execution: dict[str, Any]) -> TrialBatch:
    """Ask for the detector of all corpora but one, for each of several corpora; for nothing where there is one.

    Returns
    -------
    TrialBatch
        A trial a corpus, about the corpus that is ``left_out``. They are those of the cross-validation where that
        leaves one corpus out, and are then not done twice.
    """
    parameters = SvmParameters.model_validate(svm)
    detector = detector_of(parameters, training_table.columns, len(training_table)).set_params(search_once=False)
    rows, corpora = rows_of(training_table, detector.columns), corpora_of(training_table)
    names = np.unique(corpora).tolist()
    trials = [
        Trial({"left_out": name}, rows, {number: leave_corpus_out(rows.groups, corpora, name)}, detector, True)
        for number, name in enumerate(names, start=1)
    ]
    settings = ExecutionParameters.model_validate(execution).to_execution()
    return TrialBatch(trials if len(names) > 1 else [], settings, "leaving out corpora")


def collect_left_out(left_out_trials: TrialResults, oof_predictions: pl.DataFrame) -> pl.DataFrame:
    """Lay out the scores of all videos by detectors that have seen nothing of their corpus.

    Returns
    -------
    DataFrame
        A row a video, as of ``oof_predictions`` without repeat and fold; empty where there is one corpus. A corpus
        without which nothing could be trained is left out.
    """
    for about, reason in left_out_trials.failures:
        logger.warning("No detector could be trained without the corpus %r: %s", about["left_out"], reason)
    columns = oof_predictions.drop("repeat", "fold").columns
    if left_out_trials.predictions.is_empty():
        return oof_predictions.select(columns).clear()
    return left_out_trials.predictions.with_columns(predicted_label()).select(columns).sort("video_id")


def finish_detector(
    detector_trials: TrialResults,
    oof_predictions: pl.DataFrame,
    left_out_predictions: pl.DataFrame,
    svm: dict[str, Any],
) -> VideoDetector:
    """Take the detector that was trained on all videos; its verdicts are chosen as :func:`choose_thresholds` does."""
    rates = SvmParameters.model_validate(svm).verdict
    trained = next(by_fold[ALL_VIDEOS] for _, by_fold in detector_trials.models if ALL_VIDEOS in by_fold)
    detector = copy(trained)
    detector.verdicts_ = choose_verdicts(
        **_scores(oof_predictions, left_out_predictions),
        false_positive_rate=rates.false_positive_rate,
        false_negative_rate=rates.false_negative_rate,
    )
    return detector


def evaluate_folds(
    oof_predictions: pl.DataFrame, grid_search: pl.DataFrame
) -> tuple[dict[str, dict[str, Any]], pl.DataFrame]:
    """Compute the metrics of every fold on its test videos.

    Returns
    -------
    fold_metrics : dict
        By fold name, for the first repeat, whose models are kept: the metrics with C, kernel, n_train and n_test.
    cv_metrics : DataFrame
        A row a fold of every repeat: ``repeat``, ``fold``, ``C``, ``kernel``, ``n_train``, ``n_test`` and ``test_…``
        for each metric, sorted.
    """
    chosen = {row["fold"]: row for row in grid_search.filter("chosen").iter_rows(named=True)}
    videos = oof_predictions.select("video_id", "group").unique()
    n_videos = len(videos)
    fold_metrics: dict[str, dict[str, Any]] = {}
    rows = []
    for (repeat, fold), tested in oof_predictions.sort("fold").group_by("repeat", "fold", maintain_order=True):
        about = {
            "repeat": repeat,
            "fold": fold,
            "C": chosen[fold]["C"],
            "kernel": chosen[fold]["kernel"],
            "n_train": n_videos - _n_kept_out(videos, tested),
            "n_test": len(tested),
        }
        metrics = classification_metrics(labels_of(tested), tested["probability"].to_numpy())
        if repeat == 1:
            fold_metrics[f"fold_{fold}"] = about | metrics
        rows.append(about | {column_of_metric(key): value for key, value in metrics.items()})
    schema = {"repeat": pl.Int64, "fold": pl.Int64, "C": pl.Float64, "kernel": pl.String}
    schema |= {"n_train": pl.Int64, "n_test": pl.Int64}
    schema |= {key: pl.Float64 for key in rows[0] if key.startswith("test_")}
    return fold_metrics, pl.DataFrame(rows, schema=schema)


def _n_kept_out(videos: pl.DataFrame, tested: pl.DataFrame) -> int:
    """Count the tested videos and those of their groups, which another corpus may have too."""
    return videos.join(tested, on="group", how="semi").height


def choose_thresholds(
    oof_predictions: pl.DataFrame, left_out_predictions: pl.DataFrame, svm: dict[str, Any]
) -> pl.DataFrame:
    """Choose, on out-of-fold scores, the threshold for each false positive rate asked for.

    With several corpora, the scores are those of detectors that have seen nothing of the video's corpus, and the
    thresholds hold in every corpus.

    Returns
    -------
    DataFrame
        A row a rate, as of :func:`fvc_kedro.learning.thresholds.threshold_rows`.
    """
    rates = sorted(SvmParameters.model_validate(svm).false_positive_rates)
    scores = _scores(oof_predictions, left_out_predictions)
    return pl.DataFrame(threshold_rows(**scores, rates=rates), schema=THRESHOLD_SCHEMA)


def _scores(oof_predictions: pl.DataFrame, left_out_predictions: pl.DataFrame) -> dict[str, Any]:
    """Labels, probabilities, groups, folds and corpora that thresholds are chosen on.

    Thresholds are order statistics: the scores of one video in several repeats are not new videos.
    """
    several = left_out_predictions["corpus"].n_unique() > 1
    scored = left_out_predictions if several else oof_predictions.filter(repeat=1)
    corpora = corpora_of(scored)
    return {
        "y": labels_of(scored),
        "probability": scored["probability"].to_numpy(),
        "groups": groups_of(scored),
        "folds": np.unique(corpora, return_inverse=True)[1] if several else scored["fold"].to_numpy(),
        "corpora": corpora if several else None,
    }
