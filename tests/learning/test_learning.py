"""Folds, search, detector and metrics on made-up tables."""

import joblib
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fvc_kedro.learning.detector import (
    fake_probability,
    fit_detector,
    fitted_pipeline,
    make_classifier,
    make_pipeline,
    margins,
)
from fvc_kedro.learning.folds import (
    LeakageError,
    TooFewGroupsError,
    assert_disjoint,
    grouped_folds,
    grouped_sample,
    inner_folds,
)
from fvc_kedro.learning.metrics import classification_metrics, group_bootstrap_interval
from fvc_kedro.learning.search import search_grid

GRID = [(kernel, C) for kernel in ("linear", "rbf") for C in (0.1, 1, 10)]


def corpus(n_groups=12, a_group=6, n_features=4, separation=1.0, seed=0):
    """A table of features of which the first follows the label, labels and groups."""
    generator = np.random.default_rng(seed)
    y = np.tile([0, 1], n_groups * a_group // 2)
    groups = np.repeat([f"g{number:02d}" for number in range(n_groups)], a_group)
    values = generator.normal(size=(len(y), n_features))
    values[:, 0] += separation * (2 * y - 1)
    return pl.DataFrame(values, schema=[f"f{number}" for number in range(n_features)]), y, groups


@settings(max_examples=50, deadline=None)
@given(st.integers(4, 30), st.integers(2, 5), st.integers(0, 2**31), st.integers(1, 6))
def test_no_group_is_on_both_sides_and_every_row_is_tested_once(n_groups, n_folds, seed, a_group):
    n_groups = max(n_groups, 2 * n_folds)
    y = np.repeat(np.arange(n_groups) % 2, a_group)
    groups = np.repeat(np.arange(n_groups), a_group).astype(str)
    splits = grouped_folds(y, groups, n_folds, seed)
    assert len(splits) == n_folds
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(y)))
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])


def test_a_leaked_group_is_caught():
    groups = np.array(["a", "a", "b"])
    with pytest.raises(LeakageError, match=r"\['a'\]"):
        assert_disjoint(groups, np.array([0, 2]), np.array([1]))


def test_too_few_groups_are_counted():
    with pytest.raises(TooFewGroupsError, match="5 folds need at least 5 groups, there are 3: lower n_folds"):
        grouped_folds(np.array([0, 1, 0, 1, 0, 1]), np.array(list("aabbcc")), 5, 0)


def test_a_class_in_one_group_only_cannot_be_folded():
    y, groups = np.array([1, 0, 0, 0]), np.array(list("abcd"))
    with pytest.raises(TooFewGroupsError, match="one class only"):
        grouped_folds(y, groups, 2, 0)


def test_inner_folds_are_no_more_than_the_rarer_class_has_groups():
    _, y, groups = corpus(n_groups=8)
    y = np.where(np.isin(groups, ["g00", "g01"]), 1, 0)
    assert len(inner_folds(y, groups, 5, 0)) == 2


def test_the_sample_is_a_share_of_whole_groups():
    _, y, groups = corpus(n_groups=100)
    sample = grouped_sample(y, groups, 0.2, min_rows=50, seed=1)
    assert abs(len(sample) - 0.2 * len(y)) <= 12
    inside, outside = set(groups[sample]), set(np.delete(groups, sample))
    assert not inside & outside
    assert 0.4 < y[sample].mean() < 0.6


def test_a_small_corpus_is_searched_whole():
    _, y, groups = corpus()
    assert len(grouped_sample(y, groups, 0.2, min_rows=200, seed=1)) == len(y)
    assert len(grouped_sample(y, groups, 1.0, min_rows=1, seed=1)) == len(y)


def test_six_grid_points_are_six_models():
    table, y, _ = corpus(separation=0.5)
    decisions = [
        make_pipeline(table.columns, make_classifier(*point, seed=0)).fit(table, y).decision_function(table)
        for point in GRID
    ]
    for number, first in enumerate(decisions):
        for second in decisions[number + 1 :]:
            assert np.abs(first - second).max() > 1e-4


def test_an_unknown_kernel_is_named():
    with pytest.raises(ValueError, match="'poly'"):
        make_classifier("poly", 1.0, 0)


def search(table, y, groups, **changes):
    settings_ = {"C": [0.1, 1, 10], "kernels": ["linear", "rbf"], "fraction": 0.2, "min_rows": 100, "n_folds": 3}
    return search_grid(table, y, groups, seed=0, **(settings_ | changes))


def test_the_search_ranks_every_point_and_is_repeatable():
    points = search(*corpus())
    assert [(point.kernel, point.C) for point in points] == GRID
    assert sorted(point.rank for point in points) == [1, 2, 3, 4, 5, 6]
    best = min(points, key=lambda point: point.rank)
    assert best.mean_roc_auc == max(point.mean_roc_auc for point in points) > 0.8
    assert points == search(*corpus())


def test_the_search_looks_at_the_sample_only():
    table, y, groups = corpus(n_groups=100)
    assert {point.n_rows for point in search(table, y, groups)} == {120}
    everything = search(table, y, groups, min_rows=1000)
    assert {point.n_rows for point in everything} == {600}


def test_the_rbf_kernel_wins_where_no_line_separates():
    generator = np.random.default_rng(0)
    values = generator.normal(size=(240, 2))
    y = (values[:, 0] * values[:, 1] > 0).astype(int)
    points = search(pl.DataFrame(values, schema=["a", "b"]), y, np.repeat(np.arange(40), 6).astype(str), min_rows=1000)
    assert min(points, key=lambda point: point.rank).kernel == "rbf"


@pytest.fixture(scope="module", params=["linear", "rbf"])
def fitted(request):
    table, y, groups = corpus()
    return fit_detector(table, y, groups, make_classifier(request.param, 1.0, 0), 3, 0), table


def test_a_saved_model_needs_nothing_but_its_file(fitted, tmp_path):
    model, table = fitted
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    expected = model.predict_proba(table)
    shuffled = table.select(reversed(table.columns)).with_columns(video_id=pl.lit("x"), label=pl.lit("fake"))
    np.testing.assert_array_equal(loaded.predict_proba(shuffled), expected)
    np.testing.assert_array_equal(loaded.predict_proba(shuffled.to_pandas()), expected)
    assert list(loaded.feature_names_in_) == table.columns
    assert list(loaded.classes_) == [0, 1]


def test_probability_rises_with_the_margin(fitted):
    model, table = fitted
    order = np.argsort(margins(model, table))
    assert np.all(np.diff(fake_probability(model, table)[order]) >= 0)


def test_missing_values_are_imputed(fitted):
    model, table = fitted
    holes = table.with_columns(f1=pl.lit(None, pl.Float64))
    assert np.isfinite(model.predict_proba(holes)).all()


def test_a_table_without_a_feature_is_refused(fitted):
    model, table = fitted
    with pytest.raises(ValueError, match="f1"):
        model.predict_proba(table.drop("f1"))


def test_imputing_and_scaling_are_inside_the_model(fitted):
    model, _ = fitted
    assert list(fitted_pipeline(model).named_steps) == ["choose", "impute", "scale", "classify"]


def test_metrics_by_hand():
    y = np.array([0, 0, 0, 1, 1])
    probability = np.array([0.1, 0.6, 0.4, 0.5, 0.3])
    found = classification_metrics(y, probability)
    assert found["accuracy"] == 3 / 5
    assert found["precision"] == found["recall"] == found["f1_score"] == 0.5
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["real_recall"] == pytest.approx(2 / 3)
    assert (found["real_support"], found["fake_support"]) == (3, 2)
    assert found["roc_auc"] == pytest.approx(3 / 6)
    assert found["brier"] == pytest.approx(np.mean([0.01, 0.36, 0.16, 0.25, 0.49]))
    assert found["log_loss"] == pytest.approx(-np.mean(np.log([0.9, 0.4, 0.6, 0.5, 0.3])))


def test_a_part_of_one_class_has_no_auc():
    found = classification_metrics(np.array([1, 1]), np.array([0.2, 0.9]))
    assert found["roc_auc"] is None
    assert found["average_precision"] is None
    assert found["accuracy"] == 0.5
    assert found["balanced_accuracy"] == 0.5


def test_the_interval_brackets_the_estimate_and_narrows_with_groups():
    widths = []
    for n_groups in (10, 160):
        table, y, groups = corpus(n_groups=n_groups, separation=0.5)
        scores = table["f0"].to_numpy()
        low, high = group_bootstrap_interval(roc_auc_score, y, scores, groups, 300, 0)
        assert low < roc_auc_score(y, scores) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_groups_are_drawn_whole():
    seen = set()

    def record(y, scores):
        seen.add(tuple(np.unique(scores, return_counts=True)[1] % 3))
        return 0.5

    y, scores = np.tile([0, 1, 1], 4), np.repeat(np.arange(4.0), 3)
    group_bootstrap_interval(record, y, scores, scores.astype(str), 50, 0)
    assert {remainder for counts in seen for remainder in counts} == {0}


def test_one_group_of_one_class_has_no_interval():
    low, high = group_bootstrap_interval(roc_auc_score, np.ones(3, int), np.arange(3.0), np.array(list("aab")), 100, 0)
    assert np.isnan([low, high]).all()
