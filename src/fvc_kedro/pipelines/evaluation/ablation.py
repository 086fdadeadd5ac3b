"""What each family is worth: alone, and by what is lost without it."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import polars as pl

from fvc_kedro.datasets.trials import Trial, TrialBatch
from fvc_kedro.execution import Outcomes
from fvc_kedro.forensics import FAMILIES, feature_names
from fvc_kedro.forensics.region import PLACES, columns_of_place
from fvc_kedro.learning.resampling import draw_groups, judge_videos
from fvc_kedro.parameters import EvaluationParameters, ExecutionParameters, SvmParameters
from fvc_kedro.pipelines.measuring import KEY_COLUMNS
from fvc_kedro.pipelines.training_rows import (
    groups_of,
    is_too_large,
    procedure_of,
    rows_of,
    splits_of,
    units_of,
)

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


def plan_ablation(
    training_table: pl.DataFrame,
    segment_features: pl.DataFrame,
    features_metadata: pl.DataFrame,
    folds: pl.DataFrame,
    svm: dict[str, Any],
    evaluation: dict[str, Any],
    execution: dict[str, Any],
) -> TrialBatch:
    """Ask for the cross-validation of the detector with each family alone and with each left out, on the same folds.

    Returns
    -------
    TrialBatch
        Trials named ``<kind>/<features>/<number of columns>``.
    """
    parameters, settings = SvmParameters.model_validate(svm), EvaluationParameters.model_validate(evaluation)
    trials: dict[str, Trial] = {}
    if not is_too_large(training_table, settings.max_rows, "family ablation"):
        keys = training_table.select(*KEY_COLUMNS, "segment")
        measured_table = units_of(segment_features, features_metadata, parameters.unit).drop("label", "group")
        known = [name for name in training_table.columns if name in measured_table.columns and name not in keys.columns]
        table = training_table.drop(known).join(
            measured_table, on=["video_id", "segment"], how="left", validate="1:1", maintain_order="left"
        )
        measured = [family for family in FAMILIES if set(feature_names([family])) <= set(measured_table.columns)]
        splits = list(splits_of(training_table, folds).values())
        choices = choices_of_features(measured, training_table.columns[len(keys.columns) :])
        for (name, kind), columns in choices.items():
            rows = rows_of(keys.hstack(table.select(columns)))
            trials[f"{kind}/{name}/{len(columns)}"] = Trial(rows, splits, procedure_of(parameters))
    return TrialBatch(trials, ExecutionParameters.model_validate(execution).to_execution(), "family ablation")


def tabulate_ablation(ablation_trials: Outcomes[pl.DataFrame], evaluation: dict[str, Any]) -> pl.DataFrame:
    """Judge each choice of features, and how it differs from the default.

    Returns
    -------
    DataFrame
        A row for each choice of features: its name, ``kind`` (default, alone, left out), number of columns, the
        area under the ROC curve of the out-of-fold probabilities of all videos with its 95 % interval by
        a bootstrap over groups, the mean area within groups, and the paired difference from the default
        with its interval. Empty where the ablation was left out.
    """
    settings = EvaluationParameters.model_validate(evaluation)
    for name, reason in ablation_trials.failures.items():
        logger.warning("The choice of features %s is left out: %s", name, reason)
    default = next((found for name, found in ablation_trials.values.items() if name.startswith("default/")), None)
    if default is None:
        return pl.DataFrame(schema=ABLATION_SCHEMA)
    y, groups = default["y"].to_numpy(), groups_of(default)
    counts = draw_groups(np.unique(groups).size, settings.n_bootstrap, settings.seed)
    judged = {
        name: judge_videos(y, found["probability"].to_numpy(), groups, counts)
        for name, found in ablation_trials.values.items()
    }
    rows = []
    for name, one in judged.items():
        kind, features, n_features = name.split("/")
        figures = one.figures()
        difference = one.less(next(iter(judged.values())))["roc_auc"]
        rows.append((features, kind, int(n_features), *figures["roc_auc"], figures["mean_group_auc"][0], *difference))
    return pl.DataFrame(rows, schema=ABLATION_SCHEMA, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))
