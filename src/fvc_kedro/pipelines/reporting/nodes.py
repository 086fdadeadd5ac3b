"""The results summed up and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from sklearn import metrics

from fvc_kedro.learning.metrics import (
    CLASSES,
    classification_metrics,
    group_bootstrap_interval,
    mean_group_auc,
    roc_auc,
)
from fvc_kedro.parameters import ReportingParameters
from fvc_kedro.pipelines.reporting.style import FAKE, MUTED, REAL, axes_grid, new_axes
from fvc_kedro.video import Video

WHOLE_CORPUS = "all"


def summarise_evaluation(
    oof_predictions: pl.DataFrame,
    cv_metrics: pl.DataFrame,
    rejected_videos: pl.DataFrame,
    failed_videos: pl.DataFrame,
    reporting: dict[str, Any],
) -> dict[str, float | None]:
    """Compute the headline: metrics pooled over the out-of-fold predictions of all videos.

    Returns
    -------
    dict
        The metrics, the 95 % interval of the AUC by a bootstrap over groups, means and standard
        deviations over folds (which are no intervals), and the counts of videos and groups.
    """
    parameters = ReportingParameters.model_validate(reporting)
    y, probability = _truth(oof_predictions)
    groups = oof_predictions["group"].to_numpy().astype(np.str_)
    low, high = group_bootstrap_interval(roc_auc, y, probability, groups, parameters.n_bootstrap, parameters.seed)
    always_fake = float(metrics.f1_score(y, np.ones_like(y)))
    summary: dict[str, float | None] = {
        **classification_metrics(y, probability),
        "roc_auc_low": _finite(low),
        "roc_auc_high": _finite(high),
        "mean_group_auc": _finite(mean_group_auc(y, probability, groups)),
        "f1_always_fake": always_fake,
        "n_videos": float(len(y)),
        "n_groups": float(len(np.unique(groups))),
        "n_folds": float(len(cv_metrics)),
        "n_rejected": float(len(rejected_videos)),
        "n_failed": float(len(failed_videos)),
    }
    for name in ("test_roc_auc", "test_f1", "test_accuracy"):
        values = cv_metrics[name].drop_nulls()
        summary[f"{name}_fold_mean"] = _number(values.mean())
        summary[f"{name}_fold_std"] = _number(values.std())
    return summary


def _finite(value: float) -> float | None:
    return None if isnan(value) else value


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _truth(predictions: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    y = (predictions["label"] == "fake").to_numpy().astype(np.int64)
    return y, predictions["probability"].to_numpy()


def plot_confusion_matrix(oof_predictions: pl.DataFrame) -> Figure:
    """Draw how many videos of each class were called what, out of fold."""
    counts = np.array(
        [
            [
                oof_predictions.filter((pl.col("label") == true) & (pl.col("predicted") == called)).height
                for called in CLASSES
            ]
            for true in CLASSES
        ]
    )
    figure, axes = new_axes("Out-of-fold verdicts", "called", "truth", size=(4.4, 4.0))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(2), CLASSES)
    axes.set_yticks(range(2), CLASSES)
    axes.grid(visible=False)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.55 else "black"
        text = f"{count}\n{shares[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=13)
    return figure


def plot_roc(oof_predictions: pl.DataFrame) -> Figure:
    """Draw the ROC curve of each fold and of all videos pooled."""
    figure, axes = new_axes("ROC, out of fold", "false positive rate (real called fake)", "true positive rate")
    axes.plot([0, 1], [0, 1], ":", color=MUTED, label="chance")
    for fold, y, probability in _folds_with_both_classes(oof_predictions):
        rates = metrics.roc_curve(y, probability)
        axes.plot(rates[0], rates[1], color=MUTED, alpha=0.6, lw=1, label="one fold" if fold == 1 else None)
    y, probability = _truth(oof_predictions)
    rates = metrics.roc_curve(y, probability)
    axes.plot(rates[0], rates[1], color=FAKE, lw=2.2, label=f"pooled, AUC {metrics.roc_auc_score(y, probability):.3f}")
    axes.legend(loc="lower right")
    return figure


def plot_precision_recall(oof_predictions: pl.DataFrame) -> Figure:
    """Draw precision against recall for each fold and pooled, with the share of fakes as the base rate."""
    figure, axes = new_axes("Precision and recall of 'fake', out of fold", "recall", "precision")
    y, probability = _truth(oof_predictions)
    axes.axhline(float(y.mean()), ls=":", color=MUTED, label=f"base rate {y.mean():.2f}")
    for fold, fold_y, fold_probability in _folds_with_both_classes(oof_predictions):
        curve = metrics.precision_recall_curve(fold_y, fold_probability)
        axes.step(
            curve[1], curve[0], where="post", color=MUTED, alpha=0.6, lw=1, label="one fold" if fold == 1 else None
        )
    curve = metrics.precision_recall_curve(y, probability)
    score = metrics.average_precision_score(y, probability)
    axes.step(curve[1], curve[0], where="post", color=FAKE, lw=2.2, label=f"pooled, AP {score:.3f}")
    axes.set_ylim(0, 1.05)
    axes.legend(loc="lower right")
    return figure


def _folds_with_both_classes(predictions: pl.DataFrame) -> list[tuple[int, np.ndarray, np.ndarray]]:
    folds = []
    for fold in sorted(predictions["fold"].unique()):
        y, probability = _truth(predictions.filter(pl.col("fold") == fold))
        if np.unique(y).size == 2:
            folds.append((fold, y, probability))
    return folds


def plot_fold_comparison(cv_metrics: pl.DataFrame) -> Figure:
    """Draw AUC, F1 and accuracy of every fold side by side."""
    figure, axes = new_axes("Folds compared", "fold", "score", size=(6.4, 4.0))
    names = {"test_roc_auc": "AUC", "test_f1": "F1", "test_accuracy": "accuracy"}
    positions = np.arange(len(cv_metrics))
    for number, (column, title) in enumerate(names.items()):
        values = cv_metrics[column].fill_null(float("nan")).to_numpy()
        axes.bar(positions + (number - 1) * 0.26, values, 0.24, label=title, color=(FAKE, REAL, MUTED)[number])
    axes.axhline(0.5, ls=":", color="black", lw=1)
    labels = [f"{fold}\n{kernel}, C={c:g}" for fold, kernel, c in cv_metrics.select("fold", "kernel", "C").iter_rows()]
    axes.set_xticks(positions, labels, fontsize=8)
    axes.set_ylim(0, 1.15)
    axes.legend(loc="upper center", ncols=3, frameon=False)
    return figure


def plot_grid(grid_search: pl.DataFrame) -> Figure:
    """Draw the inner AUC of every grid point, averaged over the searches, and how often each was chosen."""
    cells = grid_search.group_by("kernel", "C").agg(
        pl.col("mean_roc_auc").mean(), chosen=((pl.col("rank") == 1) & (pl.col("scope") != WHOLE_CORPUS)).sum()
    )
    kernels, values = sorted(cells["kernel"].unique()), sorted(cells["C"].unique())
    scores = {(kernel, c): (score, chosen) for kernel, c, score, chosen in cells.iter_rows()}
    figure, axes = new_axes("Grid search, mean inner AUC", "C", "kernel", size=(1.6 + 1.5 * len(values), 3.2))
    image = [[scores[kernel, c][0] for c in values] for kernel in kernels]
    axes.imshow(image, cmap="cividis", aspect="auto")
    axes.set_xticks(range(len(values)), [f"{c:g}" for c in values])
    axes.set_yticks(range(len(kernels)), kernels)
    axes.grid(visible=False)
    middle = (np.min(image) + np.max(image)) / 2
    for row, kernel in enumerate(kernels):
        for column, c in enumerate(values):
            score, chosen = scores[kernel, c]
            colour = "black" if score > middle else "white"
            axes.text(column, row, f"{score:.3f}\nbest in {chosen}", ha="center", va="center", color=colour)
    return figure


def plot_verdicts(
    oof_predictions: pl.DataFrame,
    corpus_index: pl.DataFrame,
    corpus_videos: Mapping[str, Video],
    reporting: dict[str, Any],
) -> Figure:
    """Show the middle picture of some videos with truth and out-of-fold verdict, evenly over the scores."""
    n_wanted = ReportingParameters.model_validate(reporting).n_thumbnails
    ranked = oof_predictions.sort("probability", "video_id").join(
        corpus_index.select("video_id", "video_path", "n_frames"), on="video_id", how="left", maintain_order="left"
    )
    rows = sorted(set(np.linspace(0, len(ranked) - 1, min(n_wanted, len(ranked))).round().astype(int).tolist()))
    figure, axes = axes_grid(len(rows))
    for place, row in zip(axes, ranked[rows].iter_rows(named=True), strict=True):
        frame = next(iter(corpus_videos[row["video_path"]].frames([row["n_frames"] // 2])))
        place.imshow(frame.bgr()[:, :, ::-1])
        right = row["label"] == row["predicted"]
        place.set_title(
            f"{row['label']}: P(fake) = {row['probability']:.2f}", fontsize=9, color=REAL if right else FAKE
        )
        place.set_xlabel(row["video_id"].rsplit("-", 1)[0], fontsize=7)
    figure.suptitle("Truth and out-of-fold probability of fake (blue: rightly called, red: wrongly)", fontsize=11)
    return figure
