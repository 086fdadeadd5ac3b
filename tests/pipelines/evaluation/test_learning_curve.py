"""Fewer training groups, the same test groups."""

import numpy as np
import pytest

from evaluations import EVALUATION, SVM, folds_of, key_table, segments_of, training_of
from fvc_kedro.execution import Outcomes
from fvc_kedro.pipelines.evaluation.learning_curve import (
    CURVE_SCHEMA,
    plan_learning_curve,
    tabulate_learning_curve,
)
from fvc_kedro.pipelines.reporting.plots import plot_learning_curve
from fvc_kedro.pipelines.training_rows import splits_of
from trials import SERIAL, outcomes

SHARES = {"learning_curve": [0.25, 0.5]}


def plan(keys, separation=0.2, **changes):
    table = training_of(segments_of(keys, separation=separation))
    return plan_learning_curve(table, folds_of(keys), SVM, EVALUATION | SHARES | changes, SERIAL)


def by_share(batch):
    found = {}
    for name, trial in batch.trials.items():
        share, repeat, n_groups = name.split("/")
        found.setdefault(float(share), []).append((int(repeat), float(n_groups), trial))
    return found


@pytest.mark.parametrize("pure", [False, True])
def test_a_share_of_the_groups_is_trained_on_and_all_videos_are_tested(pure):
    keys = key_table(24, pure=pure)
    table, folds = training_of(segments_of(keys)), folds_of(keys)
    shares = by_share(plan(keys))
    assert list(shares) == [0.25, 0.5, 1.0]
    for share, trials in shares.items():
        assert [repeat for repeat, _, _ in trials] == [1, 2]
        for repeat, n_groups, trial in trials:
            whole = splits_of(table, folds, repeat).values()
            for (train, test), (whole_train, whole_test) in zip(trial.splits, whole, strict=True):
                np.testing.assert_array_equal(test, whole_test)
                assert set(train) <= set(whole_train)
                own, groups = set(trial.rows.groups[train]), trial.rows.groups
                assert len(own) == round(share * np.unique(groups[whole_train]).size) == round(n_groups)
                assert np.isin(groups[whole_train], list(own)).sum() == len(train)  # whole groups
                assert np.unique(trial.rows.y[train]).size == 2
                if share == 1:
                    np.testing.assert_array_equal(train, whole_train)


def test_pure_groups_of_both_classes_are_drawn_alike():
    for _, _, trial in by_share(plan(key_table(24, pure=True)))[0.5]:
        for train, _ in trial.splits:
            assert trial.rows.y[train].mean() == 0.5


def test_at_least_two_groups_of_a_kind_are_left():
    for _, _, trial in by_share(plan(key_table(12, pure=True), learning_curve=[0.01]))[0.01]:
        for train, _ in trial.splits:
            assert np.unique(trial.rows.groups[train]).size == 4


def test_repeats_and_folds_draw_other_groups():
    trials = by_share(plan(key_table(24)))[0.25]
    drawn = {frozenset(trial.rows.groups[train]) for _, _, trial in trials for train, _ in trial.splits}
    assert len(drawn) > 3


def test_more_groups_bring_more():
    keys = key_table(24)
    curve = tabulate_learning_curve(outcomes(plan(keys, 0.15, learning_curve=[0.15])), EVALUATION)
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
    assert list(first.trials) == list(second.trials)
    for name in first.trials:
        for one, other in zip(first.trials[name].splits, second.trials[name].splits, strict=True):
            np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.parametrize("changes", [{"learning_curve": []}, {"max_rows": 0}])
def test_the_curve_can_be_left_out(changes):
    curve = tabulate_learning_curve(outcomes(plan(key_table(), **changes)), EVALUATION)
    assert curve.is_empty()
    assert dict(curve.schema) == CURVE_SCHEMA
    plot_learning_curve(curve)


def test_a_share_that_failed_is_told_and_left_out(caplog):
    batch = plan(key_table())
    name = next(name for name in batch.trials if name.startswith("1/1/"))
    found = outcomes(type(batch)({name: batch.trials[name]}, batch.execution, ""))
    curve = tabulate_learning_curve(Outcomes(found.values, {"0.25/1/2.0": "too few groups"}), EVALUATION)
    assert "The share 0.25 of the learning curve is left out: too few groups" in caplog.text
    assert curve["share"].to_list() == [1.0]
