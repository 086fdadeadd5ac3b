"""What each family is worth: alone, and by what is lost without it."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from fvc_kedro.forensics import FAMILIES, feature_names
from fvc_kedro.forensics.region import PLACES, columns_of_place
from fvc_kedro.learning.cross_validation import out_of_fold
from fvc_kedro.learning.metrics import group_bootstrap_interval, mean_group_auc, roc_auc
from fvc_kedro.parameters import ReportingParameters, SvmParameters
from fvc_kedro.pipelines.measuring import KEY_COLUMNS
from fvc_kedro.pipelines.reporting.style import FAKE, MUTED, REAL
from fvc_kedro.pipelines.training_rows import groups_of, labels_of, rows_of, search_of, splits_of, units_of

logger = logging.getLogger(__name__)

ABLATION_SCHEMA = {
    "features": pl.String,
    "kind": pl.String,
    "n_features": pl.Int64,
    "roc_auc": pl.Float64,
    "roc_auc_low": pl.Float64,
    "roc_auc_high": pl.Float64,
    "mean_group_auc": pl.Float64,
    "difference": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
}


def choices_of_features(measured: list[str], trained_columns: list[str]) -> dict[tuple[str, str], list[str]]:
    """Columns to try, by name and kind.

    Parameters
    ----------
    measured : list of str
        Names of the families that were measured.
    trained_columns : list of str
        Columns that are trained on.

    Returns
    -------
    dict
        By (name, kind): ``default`` is what is trained on; ``alone`` one family, or one place that the
        family region looks at; ``left out`` the default without one family.
    """
    choices = {("default", "default"): trained_columns}
    choices |= {(family, "alone"): feature_names([family]) for family in measured}
    if "region" in measured:
        for place in PLACES:
            choices["region: " + place, "alone"] = columns_of_place(place)
    for family in measured:
        own = set(feature_names([family]))
        rest = [name for name in trained_columns if name not in own]
        if own <= set(trained_columns) and rest:
            choices[family, "left out"] = rest
    return choices


def ablate_families(
    training_table: pl.DataFrame,
    segment_features: pl.DataFrame,
    features_metadata: pl.DataFrame,
    folds: pl.DataFrame,
    svm: dict[str, Any],
    reporting: dict[str, Any],
) -> pl.DataFrame:
    """Search, fit and judge anew, on the same folds, with each family alone and with each left out.

    Returns
    -------
    DataFrame
        A row for each choice of features: its name, ``kind`` (default, alone, left out), number of columns, the
        area under the ROC curve of the out-of-fold probabilities of all videos with its 95 % interval by
        a bootstrap over groups, the mean area within groups, and the paired difference from the default
        with its interval. Empty where there are more rows than ``reporting.ablation_max_rows``.
    """
    parameters, settings = SvmParameters.model_validate(svm), ReportingParameters.model_validate(reporting)
    if len(training_table) > settings.ablation_max_rows:
        if settings.ablation_max_rows:
            logger.warning(
                "No family ablation: %d rows are more than reporting.ablation_max_rows, %d",
                len(training_table),
                settings.ablation_max_rows,
            )
        return pl.DataFrame(schema=ABLATION_SCHEMA)
    keys = training_table.select(*KEY_COLUMNS, "segment")
    measured_table = units_of(segment_features, features_metadata, parameters.unit).drop("label", "group")
    known = [name for name in training_table.columns if name in measured_table.columns and name not in keys.columns]
    table = training_table.drop(known).join(
        measured_table, on=["video_id", "segment"], how="left", validate="1:1", maintain_order="left"
    )
    measured = [family for family in FAMILIES if set(feature_names([family])) <= set(measured_table.columns)]
    splits = list(splits_of(training_table, folds).values())
    choices = choices_of_features(measured, training_table.columns[len(keys.columns) :])
    scores: dict[tuple[str, str], NDArray[np.float64]] = {}
    for choice, columns in tqdm(choices.items(), desc="family ablation", unit="choice", dynamic_ncols=True):
        rows = rows_of(keys.hstack(table.select(columns)))
        _, scores[choice] = out_of_fold(rows, splits, search_of(parameters), parameters.n_calibration_folds)
    truth = folds.sort("video_id")
    rows_out = [
        {"features": name, "kind": kind, "n_features": len(choices[name, kind])}
        | _judge(truth, scores[name, kind], scores["default", "default"], settings)
        for name, kind in choices
    ]
    return pl.DataFrame(rows_out, schema=ABLATION_SCHEMA)


def _judge(
    truth: pl.DataFrame, scores: NDArray[np.float64], default: NDArray[np.float64], settings: ReportingParameters
) -> dict[str, Any]:
    y, groups = labels_of(truth), groups_of(truth)
    low, high = group_bootstrap_interval(roc_auc, y, scores, groups, settings.n_bootstrap, settings.seed)
    paired = np.column_stack([scores, default])

    def difference(labels: NDArray[np.int64], pair: NDArray[np.float64]) -> float:
        return roc_auc(labels, pair[:, 0]) - roc_auc(labels, pair[:, 1])

    less, more = group_bootstrap_interval(difference, y, paired, groups, settings.n_bootstrap, settings.seed)
    figures = {
        "roc_auc": roc_auc(y, scores),
        "roc_auc_low": low,
        "roc_auc_high": high,
        "mean_group_auc": mean_group_auc(y, scores, groups),
        "difference": difference(y, paired),
        "difference_low": less,
        "difference_high": more,
    }
    return {name: None if np.isnan(value) else value for name, value in figures.items()}


def plot_family_ablation(family_ablation: pl.DataFrame) -> Figure:
    """Draw the area under the ROC curve of each family alone, and what leaving it out changes, with intervals."""
    alone = family_ablation.filter(pl.col("kind") != "left out").sort("roc_auc", nulls_last=True)
    left_out = family_ablation.filter(pl.col("kind") == "left out").sort("difference", descending=True)
    figure = Figure(figsize=(9.6, max(3.0, 0.3 * len(alone) + 1.2)), layout="constrained")
    axes = figure.subplots(1, 2)
    titles = ("Each family alone (and the default)", "Change when it is left out of the default")
    for place, table, column, title, neutral in (
        (axes[0], alone, "roc_auc", titles[0], 0.5),
        (axes[1], left_out, "difference", titles[1], 0.0),
    ):
        drawn = table.drop_nulls([column, f"{column}_low"])
        place.set_title(title, fontsize=10)
        place.axvline(neutral, ls=":", color=MUTED)
        place.grid(visible=True, axis="x", alpha=0.25)
        for number, row in enumerate(drawn.iter_rows(named=True)):
            colour = FAKE if row["kind"] == "default" else REAL
            place.plot([row[f"{column}_low"], row[f"{column}_high"]], [number] * 2, color=colour, lw=1.6, alpha=0.6)
            place.plot(row[column], number, "o", color=colour, ms=5)
        place.set_yticks(range(len(drawn)), drawn["features"].to_list(), fontsize=8)
        place.set_ylim(-0.6, max(len(drawn), 1) - 0.4)
    axes[0].set_xlabel("AUC, out of fold, 95 % over groups")
    axes[1].set_xlabel("AUC without it less AUC of the default")
    return figure
