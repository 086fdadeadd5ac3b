"""Several corpora: what a detector of one is worth on another, which tell the label by metadata, and false alarms."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import clone

from fvc_kedro.datasets.trials import Trial, TrialBatch, TrialResults
from fvc_kedro.learning.alignment import few_groups_warning, rare_class_warning
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import Split, TooFewGroupsError
from fvc_kedro.learning.resampling import draw_groups, judge_videos, share_with_interval
from fvc_kedro.learning.rows import Rows
from fvc_kedro.learning.thresholds import thresholds_of_other_folds
from fvc_kedro.parameters import CrossCorpusParameters, EvaluationParameters, ExecutionParameters, SvmParameters
from fvc_kedro.pipelines.evaluation.comparison import DETECTOR, METADATA, metadata_detectors, metadata_table
from fvc_kedro.pipelines.training_rows import (
    ALL_OTHERS,
    PLAIN,
    corpora_of,
    draw_folds,
    groups_of,
    labels_of,
    rows_of,
    splits_of,
    videos_of,
)

logger = logging.getLogger(__name__)

MATRIX_SCHEMA = {
    "method": pl.String,
    "trained_on": pl.String,
    "tested_on": pl.String,
    "alignment": pl.String,
    "n_real": pl.Int64,
    "n_fake": pl.Int64,
    "n_groups": pl.Int64,
    "roc_auc": pl.Float64,
    "roc_auc_low": pl.Float64,
    "roc_auc_high": pl.Float64,
    "mean_group_auc": pl.Float64,
    "mean_group_auc_low": pl.Float64,
    "mean_group_auc_high": pl.Float64,
    "false_positive_rate": pl.Float64,
    "true_positive_rate": pl.Float64,
    "alignment_warning": pl.String,
}
FALSE_ALARM_SCHEMA = {
    "corpus": pl.String,
    "false_positive_rate": pl.Float64,
    "threshold": pl.Float64,
    "n_real": pl.Int64,
    "n_groups": pl.Int64,
    "measured_false_positive_rate": pl.Float64,
    "measured_false_positive_rate_low": pl.Float64,
    "measured_false_positive_rate_high": pl.Float64,
    "measured_true_positive_rate": pl.Float64,
}


def plan_corpora(
    training_table: pl.DataFrame,
    corpus_index: pl.DataFrame,
    svm_detector: VideoDetector,
    svm: dict[str, Any],
    execution: dict[str, Any],
) -> TrialBatch:
    """Ask for the detector of each of several corpora, tested on the others and cross-validated within it.

    Metadata alone are cross-validated within each corpus too. Nothing is asked for where there is one corpus.

    Returns
    -------
    TrialBatch
        Trials about the ``method`` and the corpus that it is ``trained_on``.
    """
    parameters = SvmParameters.model_validate(svm)
    facts = metadata_table(corpus_index, videos_of(training_table))
    single = clone(svm_detector).set_params(search_once=False, prevalence=None)  # of one corpus alone
    detectors = {DETECTOR: single} | metadata_detectors(single, facts)
    tables = {method: training_table if method == DETECTOR else facts for method in detectors}
    rows = rows_of(training_table, single.columns)
    names = training_table["corpus"].unique().sort().to_list()
    trials: list[Trial] = []
    for name in names if len(names) > 1 else []:
        about = {"method": DETECTOR, "trained_on": name}
        to_others = {1: _from_one_to_others(rows, name)}
        of_corpus = clone(single).set_params(prevalence=rows.take(to_others[1][0]).prevalence())
        trials.append(Trial(about, rows, to_others, of_corpus, keeps_models=True))
        folds = _folds_within(training_table.filter(corpus=name), parameters)
        if folds is None:
            continue
        for method, detector in detectors.items():
            own = tables[method].filter(corpus=name)
            own_rows = rows_of(own, detector.columns)
            trials.append(Trial(about | {"method": method}, own_rows, splits_of(own, folds, 1), detector))
    return TrialBatch(trials, ExecutionParameters.model_validate(execution).to_execution(), "corpora")


def _from_one_to_others(rows: Rows, name: str) -> Split:
    """Train on a corpus and test on the others, but for the groups that they share with it."""
    own = rows.corpora == name
    return np.flatnonzero(own), np.flatnonzero(~own & ~np.isin(rows.groups, rows.groups[own]))


def _folds_within(own: pl.DataFrame, parameters: SvmParameters) -> pl.DataFrame | None:
    """Draw the folds of one corpus, once; none where it has too few groups."""
    once = parameters.model_copy(update={"n_repeats": 1, "outer": "auto"})
    try:
        return draw_folds(videos_of(own), once)
    except TooFewGroupsError as error:
        logger.warning("Nothing is cross-validated within the corpus %r: %s", own["corpus"][0], error)
        return None


def tabulate_corpora(
    training_table: pl.DataFrame,
    corpus_trials: TrialResults,
    left_out_trials: TrialResults,
    left_out_predictions: pl.DataFrame,
    evaluation: dict[str, Any],
    cross_corpus: dict[str, Any],
) -> pl.DataFrame:
    """Lay out what a detector of each corpus, and of all others, is worth on each.

    Returns
    -------
    DataFrame
        A row for each ``method``, corpus ``trained_on``, corpus ``tested_on`` and ``alignment``: none, and where it is
        asked for also coral, to the videos of the corpus tested. Its figures are the numbers of videos of each class
        and of groups; the area under the ROC curve, pooled and the mean within groups, with 95 % intervals by a
        bootstrap over groups; and the shares of real and of fake videos called fake from a probability of one half on.
        That assumes the share of fakes of the corpus trained on, or of all corpora where the one tested is left out.
        Scores within one corpus are cross-validated; metadata have only these rows. ``trained_on`` is ``all others``
        where only the corpus tested is left out. ``alignment_warning`` says why an aligned row may be unsafe, by its
        groups and labels. Sorted, but the detector and ``all others`` first. Empty where there is one corpus.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    crossing = CrossCorpusParameters.model_validate(cross_corpus)
    for about, reason in corpus_trials.failures:
        logger.warning("%s of the corpus %r cannot be trained: %s", about["method"], about["trained_on"], reason)
    others = left_out_predictions.with_columns(method=pl.lit(DETECTOR), trained_on=pl.lit(ALL_OTHERS))
    keys = ["method", "trained_on", "corpus", "alignment"]
    found = [table.with_columns(alignment=pl.lit(PLAIN)) for table in (others, corpus_trials.predictions) if len(table)]
    if crossing.alignment != PLAIN and found:
        found += _aligned(training_table, corpus_trials, left_out_trials, crossing)
    rows = [
        (*key, *_judge(part, settings), _unsafe(part, crossing) if key[-1] != PLAIN else None)
        for table in found
        for key, part in table.sort("trained_on", "corpus", "video_id").group_by(keys, maintain_order=True)
    ]
    table = pl.DataFrame(rows, schema=MATRIX_SCHEMA, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))
    order = pl.Enum([DETECTOR, *METADATA])
    is_other = pl.col("trained_on") != ALL_OTHERS
    table = table.sort(pl.col("method").cast(order), is_other, "trained_on", "tested_on", pl.col("alignment") != PLAIN)
    unsafe = table.drop_nulls("alignment_warning").unique("tested_on", keep="first", maintain_order=True)
    for name, warning in unsafe.select("tested_on", "alignment_warning").iter_rows():
        logger.warning("Alignment to the corpus %r may be unsafe: %s", name, warning)
    return table


def _unsafe(batch: pl.DataFrame, settings: CrossCorpusParameters) -> str | None:
    """Say why alignment to the videos of a corpus may be unsafe; None where nothing tells."""
    reasons = few_groups_warning(batch["group"].n_unique(), settings.few_groups)
    return "; ".join(reasons + rare_class_warning(float(labels_of(batch).mean()))) or None


def _aligned(
    training_table: pl.DataFrame,
    corpus_trials: TrialResults,
    left_out_trials: TrialResults,
    settings: CrossCorpusParameters,
) -> Iterator[pl.DataFrame]:
    """Score the videos of each corpus by the detectors of the others, aligned to them."""
    without = {about["left_out"]: next(iter(by_fold.values())) for about, by_fold in left_out_trials.models}
    single = {about["trained_on"]: by_fold[1] for about, by_fold in corpus_trials.models}
    for (tested,), own in training_table.group_by("corpus", maintain_order=True):
        detectors = {name: detector for name, detector in single.items() if name != tested}
        detectors |= {ALL_OTHERS: without[tested]} if tested in without else {}
        for trained_on, detector in detectors.items():
            known = training_table.filter(corpus=trained_on).select("group")  # nothing for all others
            unseen = own.join(known, on="group", how="anti")
            videos = unseen["video_id"].to_numpy().astype(np.str_)
            scores = detector.aligned_to(unseen, videos, settings.prior_videos).score_videos(unseen, videos)
            yield scores.join(videos_of(unseen), on="video_id", maintain_order="left").with_columns(
                method=pl.lit(DETECTOR), trained_on=pl.lit(trained_on), alignment=pl.lit(settings.alignment)
            )


def _judge(videos: pl.DataFrame, settings: EvaluationParameters) -> tuple[Any, ...]:
    y, groups, probability = labels_of(videos), groups_of(videos), videos["probability"].to_numpy()
    n_groups = np.unique(groups).size
    counts = draw_groups(n_groups, settings.n_bootstrap, settings.seed)
    figures = judge_videos(y, probability, groups, counts).figures()
    rates = [_mean(probability[y == label] >= 0.5) for label in (0, 1)]
    counted = (int(np.sum(y == 0)), int(np.sum(y == 1)), n_groups)
    return *counted, *figures["roc_auc"], *figures["mean_group_auc"], *rates


def _mean(values: NDArray[np.bool_]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def measure_false_alarms(
    left_out_predictions: pl.DataFrame, svm: dict[str, Any], evaluation: dict[str, Any]
) -> pl.DataFrame:
    """State the false alarms on each corpus, by a detector that has seen nothing of it and a threshold of the others.

    The scores of the others that choose the threshold are of detectors that were trained on the corpus too.

    Returns
    -------
    DataFrame
        A row for each corpus and false positive rate aimed at: the ``threshold``, chosen on the other corpora (null
        where these have too few groups), the numbers of real videos and of their groups, and the shares of real
        videos, with its 95 % interval by a bootstrap over groups, and of fake ones that reach it. Sorted. Empty where
        there are fewer than two corpora.
    """
    settings, training = EvaluationParameters.model_validate(evaluation), SvmParameters.model_validate(svm)
    y, groups, corpora = (
        labels_of(left_out_predictions),
        groups_of(left_out_predictions),
        corpora_of(left_out_predictions),
    )
    probability = left_out_predictions["probability"].to_numpy()
    names, numbers = np.unique(corpora, return_inverse=True)
    rows = []
    for rate in sorted(training.false_positive_rates) if names.size > 1 else []:
        chosen = thresholds_of_other_folds(y, probability, groups, numbers, rate, corpora)
        called = (probability >= chosen).astype(np.float64)
        for name in names:
            tested = corpora == name
            of_groups, threshold = groups[tested], float(chosen[tested][0])
            counts = draw_groups(np.unique(of_groups).size, settings.n_bootstrap, settings.seed)
            false_alarms = share_with_interval(called[tested], y[tested] == 0, of_groups, counts)
            measured = (*false_alarms, _mean(called[tested & (y == 1)] > 0))
            known = np.isfinite(threshold)
            of_real = groups[tested & (y == 0)]
            about = (str(name), rate, threshold if known else None, len(of_real), np.unique(of_real).size)
            rows.append((*about, *(measured if known else [None] * 4)))
    table = pl.DataFrame(rows, schema=FALSE_ALARM_SCHEMA, orient="row").sort("corpus", "false_positive_rate")
    return table.with_columns(pl.col(pl.Float64).fill_nan(None))
