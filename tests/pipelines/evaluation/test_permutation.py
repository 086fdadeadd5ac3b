"""The permutation test of the whole procedure on made-up tables."""

import numpy as np
import polars as pl
import pytest

from evaluations import EVALUATION, SVM, folds_of, key_table, segments_of, training_of
from fvc_kedro.execution import Outcomes
from fvc_kedro.learning.resampling import permutation_p_value
from fvc_kedro.pipelines.evaluation.permutation import PERMUTATION_SCHEMA, plan_permutations, tabulate_permutations
from fvc_kedro.pipelines.reporting.plots import plot_permutations
from trials import SERIAL, outcomes

ONE_FAMILY = SVM | {"families": ["bitstream"]}


def plan(keys, separation=1.0, seed=0, **changes):
    table = training_of(segments_of(keys, separation=separation, seed=seed))
    return plan_permutations(table, folds_of(keys), ONE_FAMILY, EVALUATION | changes, SERIAL)


def p_value(table, metric="roc_auc"):
    permuted = table.filter(pl.col("permutation") > 0)[metric]
    return permutation_p_value(table.filter(permutation=0)[metric].item(), permuted.to_list())


@pytest.mark.parametrize("pure", [False, True])
def test_what_can_be_separated_beats_all_permutations(pure):
    table = tabulate_permutations(outcomes(plan(key_table(pure=pure), n_permutations=9)))
    assert dict(table.schema) == PERMUTATION_SCHEMA
    assert table["permutation"].to_list() == list(range(10))
    assert table.filter(permutation=0)["roc_auc"].item() > 0.95
    assert p_value(table) == 0.1
    permuted = table.filter(pl.col("permutation") > 0)
    assert abs(permuted["roc_auc"].mean() - 0.5) < 0.15
    if pure:
        assert permuted["mean_group_auc"].null_count() == 9
    else:
        assert p_value(table, "mean_group_auc") == 0.1


def test_noise_is_as_good_as_its_permutations():
    p_values = [
        p_value(tabulate_permutations(outcomes(plan(key_table(8), 0, seed, n_permutations=9)))) for seed in range(4)
    ]
    assert np.mean(p_values) > 0.25
    assert max(p_values) > 0.4


@pytest.mark.parametrize("pure", [False, True])
def test_a_permuted_corpus_has_the_structure_of_the_true_one(pure):
    keys = key_table(pure=pure)
    batch = plan(keys)
    true = batch.trials["0"]
    assert len({tuple(trial.rows.y) for trial in batch.trials.values()}) == 20
    for trial in batch.trials.values():
        rows = trial.rows
        np.testing.assert_array_equal(rows.groups, true.rows.groups)
        for video in np.unique(rows.videos):
            assert np.unique(rows.y[rows.videos == video]).size == 1
        for group in np.unique(rows.groups):
            inside = rows.groups == group
            assert pure or rows.y[inside].sum() == true.rows.y[inside].sum()
            assert np.unique(rows.y[inside]).size == (1 if pure else 2)
        assert rows.y.sum() == true.rows.y.sum()
        tested = np.sort(np.concatenate([test for _, test in trial.splits]))
        np.testing.assert_array_equal(tested, np.arange(len(rows)))
        for train, test in trial.splits:
            assert not set(rows.groups[train]) & set(rows.groups[test])
            assert np.unique(rows.y[test]).size == 2  # the folds are stratified by the permuted labels


def test_the_true_labels_are_judged_on_the_folds_that_were_drawn():
    keys = key_table()
    batch, folds = plan(keys), folds_of(keys).filter(repeat=1)
    found = outcomes(type(batch)({"0": batch.trials["0"]}, batch.execution, "")).values["0"]
    assert found.select("video_id", "fold").equals(folds.select("video_id", "fold"))


def test_the_test_can_be_left_out():
    table = tabulate_permutations(outcomes(plan(key_table(), n_permutations=0)))
    assert table.is_empty()
    assert dict(table.schema) == PERMUTATION_SCHEMA
    plot_permutations(table)


def test_too_many_rows_are_not_permuted(caplog):
    assert not plan(key_table(), max_rows=95).trials
    assert "No permutation test: 96 rows are more than evaluation.max_rows, 95" in caplog.text
    assert plan(key_table(), max_rows=96).trials


def test_a_permutation_that_failed_is_told_and_left_out(caplog):
    found = pl.DataFrame({"group": ["a", "b"], "y": [0, 1], "probability": [0.2, 0.7]})
    table = tabulate_permutations(Outcomes({"2": found, "0": found}, {"1": "too few groups"}))
    assert "Permutation 1 is left out: too few groups" in caplog.text
    assert table.rows() == [(0, 1.0, None), (2, 1.0, None)]
