"""Fewer training groups, the same test groups."""

import numpy as np
import polars as pl
import pytest

from evaluations import EVALUATION, folds_of, key_table, segments_of, train, training_of, untrained
from fvc_kedro.datasets.trials import TrialResults
from fvc_kedro.pipelines.evaluation.learning_curve import (
    CURVE_SCHEMA,
    plan_learning_curve,
    tabulate_learning_curve,
)
from fvc_kedro.pipelines.reporting.plots import plot_learning_curve
from fvc_kedro.pipelines.training_rows import splits_of
from trials import SERIAL, results_of

SHARES = {"learning_curve": [0.25, 0.5]}


def plan(keys, separation=0.2, **changes):
    table = training_of(segments_of(keys, separation=separation))
    return plan_learning_curve(table, folds_of(keys), untrained(table), EVALUATION | SHARES | changes, SERIAL)


def of_share(batch, share):
    return [trial for trial in batch.trials if trial.about["share"] == share]


@pytest.fixture(scope="module")
def trained():
    return train(training_of(segments_of(key_table(24), separation=0.15)))


@pytest.mark.parametrize("pure", [False, True])
def test_a_share_of_the_groups_is_trained_on_and_all_videos_are_tested(pure):
    keys = key_table(24, pure=pure)
    table, folds = training_of(segments_of(keys)), folds_of(keys)
    trials = plan(keys).trials
    assert [(trial.about["share"], trial.about["repeat"]) for trial in trials] == [
        *((0.25, repeat) for repeat in (1, 2)),
        *((0.5, repeat) for repeat in (1, 2)),
    ]
    for trial in trials:
        whole = splits_of(table, folds, trial.about["repeat"])
        assert trial.splits.keys() == whole.keys()
        for fold, (train_rows, test) in trial.splits.items():
            whole_train, whole_test = whole[fold]
            np.testing.assert_array_equal(test, whole_test)
            assert set(train_rows) <= set(whole_train)
            own, groups = set(trial.rows.groups[train_rows]), trial.rows.groups
            n_wanted = round(trial.about["share"] * np.unique(groups[whole_train]).size)
            assert len(own) == n_wanted == round(trial.about["n_groups"])
            assert np.isin(groups[whole_train], list(own)).sum() == len(train_rows)  # whole groups
            assert np.unique(trial.rows.y[train_rows]).size == 2


def test_pure_groups_of_both_classes_are_drawn_alike():
    for trial in of_share(plan(key_table(24, pure=True)), 0.5):
        for train_rows, _ in trial.splits.values():
            assert trial.rows.y[train_rows].mean() == 0.5


def test_at_least_two_groups_of_a_kind_are_left():
    trials = plan(key_table(12, pure=True), learning_curve=[0.01]).trials
    assert len(trials) == 2
    for trial in trials:
        for train_rows, _ in trial.splits.values():
            assert np.unique(trial.rows.groups[train_rows]).size == 4


def test_repeats_and_folds_draw_other_groups():
    trials = of_share(plan(key_table(24)), 0.25)
    drawn = {frozenset(trial.rows.groups[own]) for trial in trials for own, _ in trial.splits.values()}
    assert len(drawn) > 3


def test_more_groups_bring_more(trained):
    settings = EVALUATION | {"learning_curve": [0.15]}
    batch = plan_learning_curve(trained.table, trained.folds, trained.detector, settings, SERIAL)
    curve = tabulate_learning_curve(trained.predictions, trained.folds, results_of(batch), settings)
    assert dict(curve.schema) == CURVE_SCHEMA
    assert curve["share"].to_list() == [0.15, 1.0]
    assert curve["n_groups"].to_list() == [2, 16]
    assert curve["n_repeats"].to_list() == [2, 2]
    assert curve["roc_auc"][1] > curve["roc_auc"][0] + 0.02
    assert curve["roc_auc"][1] > 0.7
    assert (curve["roc_auc_low"] <= curve["roc_auc"]).all()
    assert (curve["roc_auc"] <= curve["roc_auc_high"]).all()
    assert curve["mean_group_auc"].null_count() == 0
    plot_learning_curve(curve)


def test_equal_inputs_give_equal_plans():
    first, second = plan(key_table()), plan(key_table())
    assert [trial.about for trial in first.trials] == [trial.about for trial in second.trials]
    for one, other in zip(first.trials, second.trials, strict=True):
        for fold, split in one.splits.items():
            np.testing.assert_array_equal(split[0], other.splits[fold][0])


@pytest.mark.parametrize("changes", [{"learning_curve": []}, {"max_rows": 0}, {"max_rows": 95}])
def test_the_curve_can_be_left_out(trained, changes):
    batch = plan(key_table(), **changes)
    curve = tabulate_learning_curve(trained.predictions, trained.folds, results_of(batch), EVALUATION)
    assert curve.is_empty()
    assert dict(curve.schema) == CURVE_SCHEMA
    plot_learning_curve(curve)


def test_a_share_that_failed_is_told_and_left_out(trained, caplog):
    found = trained.predictions.with_columns(share=pl.lit(0.5), n_groups=pl.lit(8.0))
    failures = [({"share": 0.25, "repeat": 1, "n_groups": 2.0}, "too few groups")]
    results = TrialResults(found, failures=failures)
    curve = tabulate_learning_curve(trained.predictions, trained.folds, results, EVALUATION)
    assert "The share 0.25 of the learning curve is left out: too few groups" in caplog.text
    assert curve["share"].to_list() == [0.5, 1.0]
    assert curve["roc_auc"].n_unique() == 1


def test_a_share_that_failed_in_one_repeat_is_judged_by_the_others(trained):
    found = trained.predictions.with_columns(share=pl.lit(0.5), n_groups=pl.lit(8.0)).filter(repeat=2)
    failures = [({"share": 0.5, "repeat": 1, "n_groups": 8.0}, "too few groups")]
    results = TrialResults(found, failures=failures)
    curve = tabulate_learning_curve(trained.predictions, trained.folds, results, EVALUATION)
    assert curve.select("share", "n_repeats").rows() == [(0.5, 1), (1.0, 2)]
