"""What a detector of each corpus is worth on the others, drawn."""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from fvc_kedro.pipelines.evaluation.comparison import DETECTOR
from fvc_kedro.pipelines.reporting.style import MUTED, POOLED, WITHIN, new_axes, shortened
from fvc_kedro.pipelines.training_rows import ALL_OTHERS, PLAIN

_NAME_LENGTH = 22  # characters beside the axes


def plot_corpus_matrix(corpus_matrix: pl.DataFrame) -> Figure:
    """Draw the area under the ROC curve on each corpus of the detectors of each, pooled and within groups.

    Below each stands its 95 % interval over groups.
    """
    own = corpus_matrix.filter(method=DETECTOR, alignment=PLAIN)
    if own.is_empty():
        return new_axes("One corpus", "", "", size=(4.0, 1.0))[0]
    tested = own["tested_on"].unique().sort().to_list()
    trained = own["trained_on"].unique(maintain_order=True).to_list()
    size = (2.6 + 1.7 * len(tested), 1.6 + 0.55 * len(trained))
    figure = Figure(figsize=size, layout="constrained")
    for axes, (metric, title) in zip(
        figure.subplots(1, 2, sharey=True), {"roc_auc": POOLED, "mean_group_auc": WITHIN}.items(), strict=True
    ):
        image, intervals = np.full((len(trained), len(tested)), np.nan), {}
        for row in own.iter_rows(named=True):
            place = trained.index(row["trained_on"]), tested.index(row["tested_on"])
            image[place] = np.nan if row[metric] is None else row[metric]
            if row[f"{metric}_low"] is not None:
                intervals[place] = f"\n{row[f'{metric}_low']:.2f} to {row[f'{metric}_high']:.2f}"
        axes.imshow(image, cmap="RdBu_r", vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(image):
            colour = "white" if abs(value - 0.5) > 0.3 else "black"
            text = "-" if np.isnan(value) else f"{value:.2f}{intervals.get((row, column), '')}"
            weight = "bold" if trained[row] == ALL_OTHERS else "normal"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7, fontweight=weight)
        axes.set_xticks(range(len(tested)), [shortened(name, _NAME_LENGTH) for name in tested], rotation=35, ha="right")
        axes.set_yticks(range(len(trained)), [shortened(name, _NAME_LENGTH) for name in trained])
        axes.set(title=title, xlabel="tested on", facecolor=MUTED)
        axes.grid(visible=False)
    figure.axes[0].set_ylabel("trained on")
    return figure
