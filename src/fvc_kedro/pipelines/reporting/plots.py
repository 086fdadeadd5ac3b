"""The results drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn import metrics

from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.metrics import CLASSES
from fvc_kedro.parameters import ReportingParameters
from fvc_kedro.pipelines.evaluation.comparison import DETECTOR
from fvc_kedro.pipelines.reporting.corpus_plots import plot_corpus_matrix
from fvc_kedro.pipelines.reporting.style import (
    FAKE,
    MUTED,
    POOLED,
    REAL,
    WITHIN,
    add_legend,
    axes_grid,
    new_axes,
    shortened,
    shown,
    space_numbers,
)
from fvc_kedro.pipelines.training_rows import labels_of, mean_predictions
from fvc_kedro.video import Frame, UnusableVideoError, Video

_NAME_LENGTH = 34  # characters that fit under a thumbnail
_SLICE_LENGTH = 40  # and beside the axes of the slices


def _truth(predictions: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return labels_of(predictions), predictions["probability"].to_numpy()


def plot_confusion_matrix(oof_predictions: pl.DataFrame) -> Figure:
    """Draw how many videos of each class were predicted to be what, out of fold, on average over the repeats."""
    n_repeats = max(oof_predictions["repeat"].n_unique(), 1)
    counts = np.array(
        [
            [oof_predictions.filter(label=true, predicted=predicted).height / n_repeats for predicted in CLASSES]
            for true in CLASSES
        ]
    )
    figure, axes = new_axes("Out-of-fold predictions", "predicted", "truth", size=(4.4, 4.0))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(2), CLASSES)
    axes.set_yticks(range(2), CLASSES)
    axes.grid(visible=False)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.55 else "black"
        text = f"{count:.{0 if n_repeats == 1 else 1}f}\n{shares[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=13)
    return figure


def plot_roc(oof_predictions: pl.DataFrame) -> Figure:
    """Draw the ROC curve of each repeat, its folds pooled, and their mean AUC."""
    figure, axes = new_axes("ROC, out of fold", "false positive rate (real predicted fake)", "true positive rate")
    axes.plot([0, 1], [0, 1], ":", color=MUTED, label="chance")
    scores = []
    for y, probability in _repeats(oof_predictions):
        rates = metrics.roc_curve(y, probability)
        axes.plot(rates[0], rates[1], color=FAKE, alpha=0.7, lw=1.4)
        scores.append(metrics.roc_auc_score(y, probability))
    if scores:
        axes.plot([], [], color=FAKE, label=f"repeats: {len(scores)}, mean AUC {np.mean(scores):.3f}")
    add_legend(figure, axes)
    return figure


def plot_roc_of_part(predictions: pl.DataFrame, title: str, scores: Mapping[str, str] | None = None) -> Figure:
    """Draw the ROC curve of part of the videos, or chance alone where these are all of one class.

    Parameters
    ----------
    predictions : DataFrame
        With label and ``probability`` of fake.
    title : str
    scores : mapping of str to str, optional
        Names of at most two scores and their columns, a curve each; by default ``probability`` alone.
    """
    figure, axes = new_axes(title, "false positive rate (real predicted fake)", "true positive rate")
    axes.plot([0, 1], [0, 1], ":", color=MUTED, label="chance")
    y = labels_of(predictions)
    scores = scores or {f"{len(y)} videos": "probability"}
    if np.unique(y).size == 2:
        for (name, column), colour in zip(scores.items(), (FAKE, REAL), strict=False):
            rates = metrics.roc_curve(y, predictions[column].to_numpy())
            score = metrics.auc(rates[0], rates[1])
            axes.plot(rates[0], rates[1], color=colour, lw=2.2, label=f"{name}, AUC {score:.3f}")
    add_legend(figure, axes)
    return figure


def plot_precision_recall(oof_predictions: pl.DataFrame) -> Figure:
    """Draw precision against recall for each repeat, its folds pooled, with the share of fakes."""
    figure, axes = new_axes("Precision and recall of 'fake', out of fold", "recall", "precision")
    axes.axhline(float(_truth(oof_predictions)[0].mean()), ls=":", color=MUTED, label="share of fakes")
    scores = []
    for y, probability in _repeats(oof_predictions):
        curve = metrics.precision_recall_curve(y, probability)
        axes.step(curve[1], curve[0], where="post", color=FAKE, alpha=0.7, lw=1.4)
        scores.append(metrics.average_precision_score(y, probability))
    if scores:
        label = f"repeats: {len(scores)}, mean average precision {np.mean(scores):.3f}"
        axes.plot([], [], color=FAKE, label=label)
    axes.set_ylim(0, 1.05)
    add_legend(figure, axes)
    return figure


def _repeats(predictions: pl.DataFrame) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Truth and probability of each repeat that tested both classes."""
    parts = [_truth(part) for _, part in predictions.group_by("repeat", maintain_order=True)]
    return [(y, probability) for y, probability in parts if np.unique(y).size == 2]


def plot_fold_comparison(cv_metrics: pl.DataFrame) -> Figure:
    """Draw AUC, F1 and accuracy of every fold of every repeat."""
    figure, axes = new_axes("Folds compared", "fold", "score", size=(max(6.4, 0.5 * len(cv_metrics)), 4.0))
    names = {"test_roc_auc": "AUC", "test_f1": "F1", "test_accuracy": "accuracy"}
    positions = np.arange(len(cv_metrics))
    for number, (column, title) in enumerate(names.items()):
        values = cv_metrics[column].fill_null(float("nan")).to_numpy()
        axes.bar(positions + (number - 1) * 0.26, values, 0.24, label=title, color=(FAKE, REAL, MUTED)[number])
    axes.axhline(0.5, ls=":", color="black", lw=1)
    for start in np.flatnonzero(np.diff(cv_metrics["repeat"].to_numpy())):
        axes.axvline(start + 0.5, color=MUTED, lw=0.8)
    labels = [f"{fold}\n{kernel}\n{c:g}" for fold, kernel, c in cv_metrics.select("fold", "kernel", "C").iter_rows()]
    axes.set_xticks(positions, labels, fontsize=8)
    axes.set_xlabel("fold, kernel and C; lines part the repeats")
    axes.set_ylim(0, 1.05)
    add_legend(figure, axes)
    return figure


def plot_grid(grid_search: pl.DataFrame) -> Figure:
    """Draw the inner AUC of every grid point, averaged over the folds, and how often each was chosen."""
    searches = grid_search.filter(pl.col("fold").is_not_null())
    cells = searches.group_by("kernel", "C").agg(pl.col("mean_roc_auc").mean(), pl.col("chosen").sum())
    kernels, values = sorted(cells["kernel"].unique()), sorted(cells["C"].unique())
    image = np.full((len(kernels), len(values)), np.nan)
    figure, axes = new_axes("Grid search, mean inner AUC", "C", "kernel", size=(max(4.4, 1.6 + 1.2 * len(values)), 3.2))
    scores = cells["mean_roc_auc"].to_numpy()
    middle = (scores.min() + scores.max()) / 2
    for kernel, c, score, chosen in cells.iter_rows():
        row, column = kernels.index(kernel), values.index(c)
        image[row, column] = score
        colour = "black" if score > middle else "white"
        text = f"{score:.3f}\nchosen {chosen} times"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    axes.imshow(image, cmap="cividis", aspect="auto")
    axes.set_xticks(range(len(values)), [f"{c:g}" for c in values])
    axes.set_yticks(range(len(kernels)), kernels)
    axes.grid(visible=False)
    return figure


def plot_verdicts(
    oof_predictions: pl.DataFrame,
    corpus_index: pl.DataFrame,
    corpus_videos: Mapping[str, Video],
    reporting: dict[str, Any],
) -> Figure:
    """Show the middle picture of some videos with truth and mean out-of-fold probability, evenly over the scores."""
    n_wanted = ReportingParameters.model_validate(reporting).n_thumbnails
    ranked = mean_predictions(oof_predictions).sort("probability", "video_id")
    rows = sorted(set(np.linspace(0, len(ranked) - 1, min(n_wanted, len(ranked))).round().astype(int).tolist()))
    title = "Truth and out-of-fold probability of fake (blue: predicted rightly, red: wrongly)"
    return _thumbnails(ranked[rows], corpus_index, corpus_videos, title)


def plot_mistakes(
    mistakes: pl.DataFrame,
    corpus_index: pl.DataFrame,
    corpus_videos: Mapping[str, Video],
    reporting: dict[str, Any],
) -> Figure:
    """Show the middle picture of the videos that were predicted wrongly with most confidence."""
    shown = mistakes.head(ReportingParameters.model_validate(reporting).n_thumbnails)
    called = pl.when(pl.col("label") == "real").then(pl.lit("fake")).otherwise(pl.lit("real"))
    title = "The most confident mistakes: truth and out-of-fold probability of fake"
    return _thumbnails(shown.with_columns(predicted=called), corpus_index, corpus_videos, title)


def _thumbnails(
    shown: pl.DataFrame, corpus_index: pl.DataFrame, corpus_videos: Mapping[str, Video], title: str
) -> Figure:
    places = corpus_index.select(
        "video_id", pl.col("video_path").alias("path"), "n_frames", "rotation", "pixel_aspect_ratio"
    )
    located = shown.join(places, on="video_id", how="left", maintain_order="left")
    if located.is_empty():
        figure, _ = new_axes("None", "", "", size=(4.0, 1.0))
        return figure
    figure, axes = axes_grid(len(located))
    for place, row in zip(axes, located.iter_rows(named=True), strict=True):
        turns, ratio = row["rotation"] // 90, row["pixel_aspect_ratio"]
        picture = np.rot90(_middle_picture(corpus_videos[row["path"]], row["n_frames"]).bgr()[:, :, ::-1], turns)
        place.imshow(picture, aspect=ratio if turns % 2 else 1 / ratio)
        right = row["label"] == row["predicted"]
        place.set_title(
            f"{row['label']}: P(fake) = {row['probability']:.2f}", fontsize=9, color=REAL if right else FAKE
        )
        place.set_xlabel(shortened(row["video_id"].rsplit("-", 1)[0], _NAME_LENGTH), fontsize=7)
    figure.suptitle(title, fontsize=11)
    return figure


def _middle_picture(video: Video, n_frames: int) -> Frame:
    """Return the first whole frame from the middle on, or of the video where there is none."""
    try:
        return next(iter(video.frames(range(n_frames // 2, n_frames))))
    except UnusableVideoError:
        return next(iter(video.frames()))


def plot_methods(method_comparison: pl.DataFrame) -> Figure:
    """Draw the area under the ROC curve of every method, pooled and within groups, with intervals."""
    titles = {"roc_auc": POOLED, "mean_group_auc": WITHIN}
    methods = method_comparison["method"].unique(maintain_order=True).to_list()[::-1]
    figure = Figure(figsize=(9.6, 0.42 * len(methods) + 1.2), layout="constrained")
    for axes, (metric, title) in zip(figure.subplots(1, 2, sharey=True), titles.items(), strict=True):
        table = method_comparison.filter(metric=metric)
        drawn = [table.row(by_predicate=pl.col("method") == method, named=True) for method in methods]
        _draw_intervals(axes, [(row["value"], row["low"], row["high"]) for row in drawn], methods, 0.5, DETECTOR)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("out of fold, 95 % over groups")
    return figure


def _draw_intervals(
    axes: Axes,
    figures: Sequence[tuple[float | None, float | None, float | None]],
    names: Sequence[str],
    neutral: float,
    marked: str,
) -> None:
    """Draw figures with their intervals one above the other; what is not known is left out."""
    axes.axvline(neutral, ls=":", color=MUTED)
    axes.grid(visible=True, axis="x", alpha=0.25)
    for number, ((value, low, high), name) in enumerate(zip(figures, names, strict=True)):
        colour = FAKE if name == marked else REAL
        if low is not None and high is not None:
            axes.plot([low, high], [number] * 2, color=colour, lw=1.6, alpha=0.6)
        if value is not None:
            axes.plot(value, number, "o", color=colour, ms=5)
    space_numbers(axes)
    axes.set_yticks(range(len(names)), [shown(name) for name in names], fontsize=8)
    axes.set_ylim(-0.6, max(len(names), 1) - 0.4)


def plot_permutations(permutation_test: pl.DataFrame) -> Figure:
    """Draw what the whole procedure reaches with labels that mean nothing, and with the true ones."""
    figure, axes = new_axes("Permutation test of the whole procedure", f"{POOLED}, first repeat", "permutations")
    permuted = permutation_test.filter(pl.col("permutation") > 0)["roc_auc"].to_numpy()
    observed = permutation_test.filter(permutation=0)["roc_auc"]
    if len(permuted):
        axes.hist(permuted, bins=min(20, len(permuted)), color=MUTED, alpha=0.7, label="permuted labels")
        axes.axvline(observed.item(), color=FAKE, lw=2, label=f"true labels, {observed.item():.3f}")
        add_legend(figure, axes)
    else:
        _say(axes, "not done: evaluation.n_permutations is 0\nor there are more rows than evaluation.max_rows")
    return figure


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=MUTED)


def plot_learning_curve(learning_curve: pl.DataFrame) -> Figure:
    """Draw the area under the ROC curve over the number of groups trained on, with its interval."""
    figure, axes = new_axes("Learning curve", "groups trained on", "AUC, out of fold")
    axes.axhline(0.5, ls=":", color=MUTED)
    if learning_curve.is_empty():
        _say(axes, "not done: evaluation.learning_curve is empty\nor there are more rows than evaluation.max_rows")
        return figure
    drawn = learning_curve.drop_nulls(["roc_auc", "roc_auc_low"])
    groups = drawn["n_groups"].to_numpy()
    axes.fill_between(
        groups, drawn["roc_auc_low"], drawn["roc_auc_high"], color=REAL, alpha=0.15, label=f"{POOLED}: 95 %"
    )
    axes.plot(groups, drawn["roc_auc"], "o-", color=REAL, label=POOLED)
    axes.plot(groups, drawn["mean_group_auc"].fill_null(float("nan")), "s--", color=FAKE, label=WITHIN)
    add_legend(figure, axes)
    return figure


def plot_reliability(oof_predictions: pl.DataFrame) -> Figure:
    """Draw the share of fakes over the probability said, in ten bins of equal width, and how many are in each."""
    y, probability = _truth(oof_predictions)
    bins = np.minimum((probability * 10).astype(np.int64), 9)
    figure = Figure(figsize=(5.2, 5.2), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], ":", color=MUTED, label="perfectly calibrated")
    said = [probability[bins == number].mean() for number in np.unique(bins)]
    true = [y[bins == number].mean() for number in np.unique(bins)]
    axes.plot(said, true, "o-", color=FAKE, label="out of fold, all repeats")
    axes.set(title="Reliability", ylabel="share of fakes", xlim=(-0.03, 1.03), ylim=(-0.05, 1.05))
    axes.grid(visible=True, alpha=0.25)
    edges = np.linspace(0, 1, 11)
    below.hist(
        [probability[y == 0], probability[y == 1]], bins=edges, stacked=True, color=[REAL, FAKE], label=list(CLASSES)
    )
    below.set(xlabel="probability of fake", ylabel="predictions")
    add_legend(figure, axes, below)
    return figure


def plot_scores(oof_predictions: pl.DataFrame, svm_detector: VideoDetector) -> Figure:
    """Draw the out-of-fold probabilities of both classes with the thresholds of the verdict."""
    figure, axes = new_axes("Scores and verdicts, out of fold", "probability of fake", "videos, mean over the repeats")
    y, probability = _truth(oof_predictions)
    weights = np.full(len(y), 1 / max(oof_predictions["repeat"].n_unique(), 1))
    edges = np.linspace(0, 1, 26).tolist()
    for label, name, colour in ((0, "real", REAL), (1, "fake", FAKE)):
        inside = y == label
        axes.hist(probability[inside], edges, weights=weights[inside], color=colour, alpha=0.55, label=name)
    verdicts = svm_detector.verdicts_
    if verdicts is not None:
        for threshold, text, style in (
            (verdicts.authentic_below, "authentic below", "--"),
            (verdicts.tampered_from, "tampered from", "-"),
        ):
            if np.isfinite(threshold):
                axes.axvline(threshold, color="black", ls=style, lw=1, label=f"{text} {threshold:.3f}")
    add_legend(figure, axes)
    return figure


def plot_importance(family_importance: pl.DataFrame) -> Figure:
    """Draw what the fold models lose when a part of the features is shuffled, with intervals."""
    drawn = family_importance.reverse()
    figure, axes = new_axes("Permutation importance", "loss of AUC when shuffled, 95 % over groups", "")
    figure.set_size_inches(6.0, 0.42 * len(drawn) + 1.4)
    _draw_intervals(axes, drawn.select("loss", "loss_low", "loss_high").rows(), drawn["part"].to_list(), 0.0, marked="")
    return figure


def plot_slices(slices: pl.DataFrame) -> Figure:
    """Draw the area under the ROC curve of every slice, small ones in grey."""
    drawn = slices.drop_nulls("roc_auc").reverse()
    figure, axes = new_axes("Slices", "AUC, out of fold, 95 % over groups", "", size=(7.2, 0.3 * len(drawn) + 1.4))
    axes.axvline(0.5, ls=":", color=MUTED)
    names = []
    for number, row in enumerate(drawn.iter_rows(named=True)):
        colour = MUTED if row["is_small"] else REAL
        if row["roc_auc_low"] is not None:
            axes.plot([row["roc_auc_low"], row["roc_auc_high"]], [number] * 2, color=colour, lw=1.6, alpha=0.6)
        axes.plot(row["roc_auc"], number, "o", color=colour, ms=5)
        name = shortened(f"{row['slice_by']}: {row['slice']}", _SLICE_LENGTH)
        names.append(f"{name} ({row['n_real']} real, {row['n_fake']} fake)")
    space_numbers(axes)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(-0.6, max(len(names), 1) - 0.4)
    return figure


def plot_family_ablation(family_ablation: pl.DataFrame) -> Figure:
    """Draw the AUC of each expert, family and place alone, and what leaving an expert out changes."""
    alone = family_ablation.filter(pl.col("kind") != "left out").sort("roc_auc", nulls_last=True)
    left_out = family_ablation.filter(pl.col("kind") == "left out").sort("difference", descending=True)
    figure = Figure(figsize=(9.6, max(3.0, 0.3 * len(alone) + 1.2)), layout="constrained")
    for axes, table, column, title, neutral in zip(
        figure.subplots(1, 2),
        (alone, left_out),
        ("roc_auc", "difference"),
        ("Alone (and the detector)", "Change when an expert is left out"),
        (0.5, 0.0),
        strict=True,
    ):
        drawn = table.select(column, f"{column}_low", f"{column}_high").rows()
        _draw_intervals(axes, drawn, table["features"].to_list(), neutral, marked="default")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(
            "AUC, first repeat, 95 % over groups" if column == "roc_auc" else "AUC less that of the detector"
        )
    return figure


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot of the report: how it is drawn, from which datasets, and what is written under it."""

    draw: Callable[..., Figure]
    inputs: list[str]
    caption: str


_VIDEOS = ["corpus_index", "corpus_videos", "params:reporting"]
# By dataset name; each is shown where the report's template names it.
PLOTS = {
    "method_comparison_plot": Plot(
        plot_methods,
        ["method_comparison"],
        "AUC of every method, mean over the repeats, with 95 % intervals over groups; the detector in red.",
    ),
    "permutation_test_plot": Plot(
        plot_permutations,
        ["permutation_test"],
        "What the procedure reaches with permuted labels, and with the true ones, in the first repeat.",
    ),
    "learning_curve_plot": Plot(
        plot_learning_curve, ["learning_curve"], "A curve that still rises says that more groups would help."
    ),
    "roc_plot": Plot(plot_roc, ["oof_predictions"], "ROC curve of every repeat."),
    "precision_recall_plot": Plot(
        plot_precision_recall, ["oof_predictions"], "Precision and recall of every repeat, beside the share of fakes."
    ),
    "reliability_plot": Plot(
        plot_reliability,
        ["oof_predictions"],
        "Whether a probability means what it says: of the videos at 0.7, seven of ten should be fake. Below, how many.",
    ),
    "scores_plot": Plot(
        plot_scores, ["oof_predictions", "svm_detector"], "Scores of both classes, with the thresholds of the verdict."
    ),
    "confusion_matrix_plot": Plot(
        plot_confusion_matrix,
        ["oof_predictions"],
        "Videos called fake from a probability of one half on; mean number over the repeats, share of the row.",
    ),
    "fold_comparison_plot": Plot(
        plot_fold_comparison,
        ["cv_metrics"],
        "The folds of all repeats, with the kernel and C that each search chose. Their spread is no interval.",
    ),
    "grid_heat_map_plot": Plot(
        plot_grid,
        ["grid_search"],
        "Mean AUC of each point of the grid in the searches of all folds, and how often it was chosen.",
    ),
    "corpus_matrix_plot": Plot(
        plot_corpus_matrix,
        ["corpus_matrix"],
        "AUC of the detector of each corpus on the others; on the diagonal, cross-validated within it. In bold, "
        "that of all corpora but the one tested.",
    ),
    "slices_plot": Plot(plot_slices, ["slices"], "AUC by slice; small slices in grey."),
    "mistake_thumbnails_plot": Plot(
        plot_mistakes, ["mistakes", *_VIDEOS], "The middle picture of each, with its truth and the probability of fake."
    ),
    "verdict_thumbnails_plot": Plot(
        plot_verdicts,
        ["oof_predictions", *_VIDEOS],
        "Videos evenly over the scores, lowest probability of fake first.",
    ),
    "family_ablation_plot": Plot(
        plot_family_ablation,
        ["family_ablation"],
        "Left, each part alone, beside the detector. Right, what leaving an expert out changes. First repeat.",
    ),
    "family_importance_plot": Plot(
        plot_importance,
        ["family_importance"],
        "Loss of AUC in the first repeat. A part whose information another part has as well loses nothing.",
    ),
}
