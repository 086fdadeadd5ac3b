"""The headline: what a reader should know first, as numbers."""

from __future__ import annotations

from typing import Any

import polars as pl

from fvc_kedro.learning.resampling import permutation_p_value
from fvc_kedro.parameters import EvaluationParameters, SvmParameters
from fvc_kedro.pipelines.evaluation.comparison import DETECTOR, METADATA
from fvc_kedro.pipelines.training_rows import ALL_OTHERS, PLAIN

_LEAST_SHORTCUT = 0.55  # AUC from which on, if surely above .5, metadata are said to tell something


def summarise_evaluation(
    method_comparison: pl.DataFrame,
    permutation_test: pl.DataFrame,
    cv_metrics: pl.DataFrame,
    folds: pl.DataFrame,
    corpus_matrix: pl.DataFrame,
    rejected_videos: pl.DataFrame,
    failed_videos: pl.DataFrame,
    svm: dict[str, Any],
    evaluation: dict[str, Any],
) -> dict[str, float | None]:
    """Gather the headline figures.

    Returns
    -------
    dict
        Every metric of the detector with the bounds of its interval (``…_low``, ``…_high``); the p-values of the
        permutation test and what it reached on average, which is chance as this corpus and procedure have it
        (``…_permuted_mean``), both of the first repeat (``…_first_repeat``); the best that metadata alone reach
        and whether that tells something (``metadata_tell``) or separates the classes (``metadata_separate``);
        whether the groups are few (``few_groups``) and the search is optimistic (``searched_on_test_videos``);
        the mean over the corpora of the area under the ROC curve on each left out (``left_out_corpora_roc_auc``), and
        how many could be (``n_corpora_left_out``);
        what :func:`summarise_folds` gives, whose spread is no interval; counts. Yes is 1 and no is
        0, None what could not be computed.
    """
    settings, training = EvaluationParameters.model_validate(evaluation), SvmParameters.model_validate(svm)
    own = method_comparison.filter(pl.col("method") == DETECTOR)
    summary: dict[str, float | None] = {}
    for metric, value, low, high in own.select("metric", "value", "low", "high").iter_rows():
        summary |= {metric: value, f"{metric}_low": low, f"{metric}_high": high}
    true_labels, permuted = permutation_test.filter(permutation=0), permutation_test.filter(pl.col("permutation") > 0)
    for metric in ("roc_auc", "mean_group_auc"):
        observed, others = true_labels[metric].drop_nulls(), permuted[metric].drop_nulls()
        known = len(observed) == 1 and len(others) > 0
        summary[f"{metric}_p_value"] = permutation_p_value(observed.item(), others.to_list()) if known else None
        summary[f"{metric}_permuted_mean"] = _number(others.mean()) if known else None
        summary[f"{metric}_first_repeat"] = observed.item() if known else None
    n_groups = folds["group"].n_unique()
    left_out = corpus_matrix.filter(trained_on=ALL_OTHERS, alignment=PLAIN)
    summary |= _best_of_metadata(method_comparison, settings.shortcut_auc)
    summary |= {
        "n_permutations": float(len(permuted)),
        "few_groups": float(n_groups < settings.few_groups),
        "searched_on_test_videos": float(training.search.mode == "global"),
        "n_videos": float(folds["video_id"].n_unique()),
        "n_groups": float(n_groups),
        "n_corpora": float(folds["corpus"].n_unique()),
        "n_corpora_left_out": float(left_out["roc_auc"].count()),
        "left_out_corpora_roc_auc": _number(left_out["roc_auc"].mean()),
        "n_rejected": float(len(rejected_videos)),
        "n_failed": float(len(failed_videos)),
    }
    return summary | summarise_folds(cv_metrics)


def summarise_folds(cv_metrics: pl.DataFrame) -> dict[str, float | None]:
    """Count the folds and average their metrics, which takes no evaluation.

    Parameters
    ----------
    cv_metrics : DataFrame
        A row a fold of every repeat.

    Returns
    -------
    dict
        ``n_folds`` of a repeat, ``n_repeats``, and for each ``test_…`` metric its mean and standard deviation over the
        folds of all repeats that have it (``…_fold_mean``, ``…_fold_std``), None where none has.
    """
    summary: dict[str, float | None] = {
        "n_folds": float(cv_metrics.filter(repeat=1).height),
        "n_repeats": float(cv_metrics["repeat"].n_unique()),
    }
    for name in cv_metrics.columns:
        if name.startswith("test_") and not name.endswith("_support"):  # which counts videos
            values = cv_metrics[name].drop_nulls()
            summary[f"{name}_fold_mean"] = _number(values.mean())
            summary[f"{name}_fold_std"] = _number(values.std())
    return summary


def _best_of_metadata(comparison: pl.DataFrame, shortcut_auc: float) -> dict[str, float | None]:
    """Find the best that metadata reach, pooled or within groups, and whether that separates the classes."""
    found = comparison.filter(pl.col("method").is_in(METADATA), pl.col("metric").is_in(["roc_auc", "mean_group_auc"]))
    names = ("metadata_roc_auc", "metadata_roc_auc_low", "metadata_roc_auc_high", "metadata_tell", "metadata_separate")
    finding = _strongest(found.select("value", "low", "high"), shortcut_auc)
    return dict(zip(names, finding, strict=True)) if finding else dict.fromkeys(names)


def metadata_finding(
    corpus_matrix: pl.DataFrame, shortcut_auc: float
) -> tuple[float, float, float, float, float] | None:
    """Find the best that metadata reach within a corpus, and whether that separates the classes.

    Parameters
    ----------
    corpus_matrix : DataFrame
        Its rows of metadata on one corpus.
    shortcut_auc : float
        Area under the ROC curve from which on, if surely above one half, metadata are said to separate the classes.

    Returns
    -------
    tuple of (value, low, high, tell, separate) or None
        None where there is no figure. Yes is 1 and no is 0.
    """
    figures = [
        corpus_matrix.select(value=name, low=f"{name}_low", high=f"{name}_high")
        for name in ("roc_auc", "mean_group_auc")
    ]
    return _strongest(pl.concat(figures), shortcut_auc)


def _strongest(figures: pl.DataFrame, shortcut_auc: float) -> tuple[float, float, float, float, float] | None:
    """Choose the best figure: where metadata tell or separate, one that bears it out, not a higher one by chance."""
    found = figures.drop_nulls("value")
    if found.is_empty():
        return None
    tell = found.filter(pl.col("value") >= _LEAST_SHORTCUT, pl.col("low") > 0.5)
    separate = tell.filter(pl.col("value") >= shortcut_auc)
    bearing = next(table for table in (separate, tell, found) if not table.is_empty())
    value, low, high = bearing.sort("value").row(-1)
    return value, low, high, float(not tell.is_empty()), float(not separate.is_empty())


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
