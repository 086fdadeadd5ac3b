"""The permutation test of the whole procedure on made-up tables."""

import numpy as np
import polars as pl
import pytest

from evaluations import EVALUATION, SVM, key_table, segments_of, train, training_of, untrained
from fvc_kedro.datasets.trials import TrialResults
from fvc_kedro.learning.resampling import permutation_p_value
from fvc_kedro.pipelines.evaluation.permutation import PERMUTATION_SCHEMA, plan_permutations, tabulate_permutations
from fvc_kedro.pipelines.reporting.plots import plot_permutations
from fvc_kedro.pipelines.training_rows import labels_of
from trials import SERIAL, results_of


def plan(keys, separation=1.0, seed=0, svm=SVM, **changes):
    table = training_of(segments_of(keys, separation=separation, seed=seed))
    return plan_permutations(table, untrained(table, **svm), svm, EVALUATION | changes, SERIAL)


def permute(keys, separation=1.0, seed=0, n_permutations=9):
    trained = train(training_of(segments_of(keys, separation=separation, seed=seed)), SVM | {"n_repeats": 1})
    settings = EVALUATION | {"n_permutations": n_permutations}
    batch = plan_permutations(trained.table, trained.detector, SVM, settings, SERIAL)
    return tabulate_permutations(trained.predictions, results_of(batch))


def predictions(**columns):
    """Two videos of each of two repeats; the first repeat ranks them rightly."""
    return pl.DataFrame(
        {
            "repeat": [1, 1, 2, 2],
            "label": ["real", "fake"] * 2,
            "group": ["a", "b"] * 2,
            "probability": [0.2, 0.7, 0.7, 0.2],
        }
    ).with_columns(**columns)


def p_value(table, metric="roc_auc"):
    permuted = table.filter(pl.col("permutation") > 0)[metric]
    return permutation_p_value(table.filter(permutation=0)[metric].item(), permuted.to_list())


@pytest.mark.parametrize("pure", [False, True])
def test_what_can_be_separated_beats_all_permutations(pure):
    table = permute(key_table(pure=pure))
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
    p_values = [p_value(permute(key_table(8), 0, seed)) for seed in range(4)]
    assert np.mean(p_values) > 0.25
    assert max(p_values) > 0.4


@pytest.mark.parametrize("pure", [False, True])
def test_a_permuted_corpus_has_the_structure_of_the_true_one(pure):
    keys = key_table(pure=pure)
    table, batch = training_of(segments_of(keys)), plan(keys)
    assert [trial.about for trial in batch.trials] == [{"permutation": number} for number in range(1, 20)]
    assert len({tuple(trial.rows.y) for trial in batch.trials} | {tuple(labels_of(table))}) == 20
    true, groups = labels_of(table), table["group"].to_numpy()
    for trial in batch.trials:
        rows = trial.rows
        np.testing.assert_array_equal(rows.groups, groups)
        for video in np.unique(rows.videos):
            assert np.unique(rows.y[rows.videos == video]).size == 1
        for group in np.unique(rows.groups):
            inside = rows.groups == group
            assert pure or rows.y[inside].sum() == true[inside].sum()
            assert np.unique(rows.y[inside]).size == (1 if pure else 2)
        assert rows.y.sum() == true.sum()
        tested = np.sort(np.concatenate([test for _, test in trial.splits.values()]))
        np.testing.assert_array_equal(tested, np.arange(len(rows)))
        for train_rows, test in trial.splits.values():
            assert not set(rows.groups[train_rows]) & set(rows.groups[test])
            assert np.unique(rows.y[test]).size == 2  # the folds are stratified by the permuted labels


def test_the_true_labels_are_those_of_the_detector_in_the_first_repeat():
    permuted = predictions(permutation=pl.lit(1), probability=pl.lit(0.5))
    table = tabulate_permutations(predictions(), TrialResults(permuted))
    assert table.select("permutation", "roc_auc").rows() == [(0, 1.0), (1, 0.5)]


@pytest.mark.parametrize("mode", ["per_fold", "global"])
def test_permutations_are_searched_as_the_detector_was(mode):
    """Where the detector was searched on its test videos, so is what it is compared with."""
    batch = plan(key_table(), svm=SVM | {"search": SVM["search"] | {"mode": mode}})
    assert {trial.detector.search_once for trial in batch.trials} == {mode == "global"}


def test_the_test_can_be_left_out():
    table = tabulate_permutations(predictions(), results_of(plan(key_table(), n_permutations=0)))
    assert table.is_empty()
    assert dict(table.schema) == PERMUTATION_SCHEMA
    plot_permutations(table)


def test_too_many_rows_are_not_permuted(caplog):
    assert not plan(key_table(), max_rows=95).trials
    assert "No permutation test: 96 rows are more than evaluation.max_rows, 95" in caplog.text
    assert plan(key_table(), max_rows=96).trials


def test_a_permutation_that_failed_is_told_and_left_out(caplog):
    results = TrialResults(predictions(permutation=pl.lit(2)), failures=[({"permutation": 1}, "too few groups")])
    table = tabulate_permutations(predictions(), results)
    assert "Permutation 1 is left out: too few groups" in caplog.text
    assert table.select("permutation", "mean_group_auc").rows() == [(0, None), (2, None)]
