"""What is drawn of a single fold, for its record in MLflow."""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from sklearn import metrics

from fvc_kedro.pipelines.reporting.style import FAKE, MUTED, new_axes


def plot_fold_roc(tested: pl.DataFrame) -> Figure:
    """Draw the ROC curve of a fold, or chance alone where its videos are all of one class.

    Parameters
    ----------
    tested : DataFrame
        Rows of ``oof_predictions`` of one fold.
    """
    figure, axes = new_axes("ROC", "false positive rate (real called fake)", "true positive rate")
    axes.plot([0, 1], [0, 1], ":", color=MUTED, label="chance")
    y, probability = (tested["label"] == "fake").to_numpy(), tested["probability"].to_numpy()
    if np.unique(y).size == 2:
        rates = metrics.roc_curve(y, probability)
        score = metrics.roc_auc_score(y, probability)
        axes.plot(rates[0], rates[1], color=FAKE, lw=2.2, label=f"{len(y)} videos, AUC {score:.3f}")
    axes.legend(loc="lower right")
    return figure
