"""Folds, search, detector and metrics on made-up tables."""

import warnings

import joblib
import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score

from conftest import REPOSITORY
from fvc_kedro.learning.detector import BoundedScaler, VideoDetector, anova, is_wide, make_classifier, rising_sigmoid
from fvc_kedro.learning.folds import (
    LeakageError,
    TooFewGroupsError,
    assert_disjoint,
    grouped_folds,
    grouped_sample,
    inner_folds,
)
from fvc_kedro.learning.metrics import classification_metrics, mean_group_auc, roc_auc
from fvc_kedro.learning.rows import Rows, by_video
from fvc_kedro.learning.search import Search, search_grid

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


def rows(table, y, groups, videos=None):
    """Rows that are a video each, unless told otherwise."""
    videos = np.array([f"v{number:04d}" for number in range(len(y))]) if videos is None else videos
    return Rows(table, y, groups, videos)


def fitted_to(data, detector):
    return detector.fit(data.features, data.y, data.groups, data.videos)


def test_six_grid_points_are_six_models():
    data = rows(*corpus(separation=0.5))
    decisions = [
        fitted_to(data, VideoDetector(make_classifier(*point, seed=0))).decision_function(data.features)
        for point in GRID
    ]
    for number, first in enumerate(decisions):
        for second in decisions[number + 1 :]:
            assert np.abs(first - second).max() > 1e-4


@pytest.mark.parametrize("shape", [(96, 769), (600, 40)])
def test_the_six_points_of_the_default_grid_differ_by_more_than_a_factor(shape):
    """A factor and an offset are undone by the calibration, so that such machines would be one and the same."""
    grid = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())["svm"]["grid"]
    points = Search(grid["C"], grid["kernel"], 1.0, 1, 3, rbf_C=grid["rbf_C"]).points
    assert len(points) == 6
    generator = np.random.default_rng(0)
    y = np.arange(shape[0]) % 2
    values, unseen = (generator.normal(size=shape) + 0.15 * (2 * y[:, None] - 1) for _ in range(2))
    decisions = []
    for kernel, value in points:
        machine = make_classifier(kernel, value, 0, is_wide=shape[1] > shape[0]).fit(values, y)
        margins = machine.decision_function(unseen)
        decisions.append((margins - margins.mean()) / margins.std())
    for number, first in enumerate(decisions):
        for second in decisions[number + 1 :]:
            assert np.abs(first - second).max() > 1e-3


def test_a_linear_machine_converges_with_more_columns_than_rows():
    generator = np.random.default_rng(0)
    table, y, groups = corpus(separation=3.0)
    wide = table.hstack(pl.DataFrame(generator.normal(size=(len(y), 200)), schema=[f"x{i}" for i in range(200)]))
    data = rows(wide, y, groups)
    assert is_wide(data, 0)
    assert not is_wide(data, 50)
    assert not is_wide(rows(table, y, groups), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        points = search_grid(data, Search([0.001, 10], ["linear"], 1.0, 1, 3))
        model = fitted_to(data, VideoDetector(make_classifier("linear", 10, 0, is_wide=True)))
    assert max(point.mean_roc_auc for point in points) > 0.6
    assert model.predict_proba(wide).shape == (72, 2)


def test_an_unknown_kernel_is_named():
    with pytest.raises(ValueError, match="'poly'"):
        make_classifier("poly", 1.0, 0)


def search(table, y, groups, videos=None, **changes):
    settings_ = {"C": [0.1, 1, 10], "kernels": ["linear", "rbf"], "fraction": 0.2, "min_videos": 100, "n_folds": 3}
    return search_grid(rows(table, y, groups, videos), Search(**(settings_ | changes)))


def test_the_search_ranks_every_point_and_is_repeatable():
    points = search(*corpus())
    assert [(point.kernel, point.C) for point in points] == GRID
    assert sorted(point.rank for point in points) == [1, 2, 3, 4, 5, 6]
    best = min(points, key=lambda point: point.rank)
    assert best.mean_roc_auc == max(point.mean_roc_auc for point in points) > 0.8
    assert points == search(*corpus())


def test_the_search_looks_at_the_sample_only():
    table, y, groups = corpus(n_groups=100)
    assert {point.n_videos for point in search(table, y, groups)} == {120}
    everything = search(table, y, groups, min_videos=1000)
    assert {point.n_videos for point in everything} == {600}


def test_the_rbf_kernel_wins_where_no_line_separates():
    generator = np.random.default_rng(0)
    values = generator.normal(size=(240, 2))
    y = (values[:, 0] * values[:, 1] > 0).astype(int)
    points = search(
        pl.DataFrame(values, schema=["a", "b"]), y, np.repeat(np.arange(40), 6).astype(str), min_videos=1000
    )
    assert min(points, key=lambda point: point.rank).kernel == "rbf"


@pytest.fixture(scope="module", params=["linear", "rbf"])
def fitted(request):
    data = rows(*corpus())
    return fitted_to(data, VideoDetector(make_classifier(request.param, 1.0, 0))), data.features


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
    order = np.argsort(model.decision_function(table))
    assert np.all(np.diff(model.predict_proba(table)[order, 1]) >= 0)
    np.testing.assert_array_equal(model.predict(table), (model.predict_proba(table)[:, 1] >= 0.5).astype(int))


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
    assert list(model.pipeline_.named_steps) == ["choose", "impute", "scale", "select", "classify"]


def test_calibration_is_plausible(fitted):
    model, table = fitted
    y = corpus()[1]
    fake = model.predict_proba(table)[:, 1]
    assert abs(fake.mean() - y.mean()) < 0.1
    assert np.mean((fake - y) ** 2) < 0.2


@pytest.mark.parametrize("seed", range(6))
def test_probability_never_falls_with_the_margin_even_where_the_margin_tells_nothing(seed):
    data = rows(*corpus(n_groups=6, n_features=30, separation=0.0, seed=seed))
    model = fitted_to(data, VideoDetector(make_classifier("linear", 1.0, 0)))
    margins = model.decision_function(data.features)
    fake = model.probabilities(np.sort(margins))[:, 1]
    assert (np.diff(fake) > 0).all()


def test_a_falling_sigmoid_is_all_but_flat_at_the_share_of_fakes():
    margins, y = np.linspace(-3, 3, 40), np.repeat([1, 0], [10, 30])
    slope, intercept = rising_sigmoid(margins, y)
    fake = 1 / (1 + np.exp(-slope * margins - intercept))
    assert np.abs(fake - 0.25).max() < 0.01
    assert (np.diff(fake) > 0).all()


def test_a_rising_sigmoid_is_scikit_learn_s():
    from sklearn.calibration import _SigmoidCalibration

    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 200)
    margins = generator.normal(size=200) + y
    slope, intercept = rising_sigmoid(margins, y)
    expected = _SigmoidCalibration().fit(margins, y).predict(margins)
    np.testing.assert_allclose(1 / (1 + np.exp(-slope * margins - intercept)), expected, rtol=1e-4)


def test_probabilities_are_meant_for_a_share_of_fakes():
    table, y, groups = corpus(separation=0.5)
    few = np.flatnonzero((y == 0) | (np.arange(len(y)) % 6 == 1))  # a third of the fakes
    data = rows(table, y, groups).take(few)
    trained, corpus_s = (
        fitted_to(data, VideoDetector(make_classifier("linear", 1.0, 0), share_of_fakes=share)) for share in (None, 0.5)
    )
    margins = np.linspace(-1, 1, 5)
    odds = [model.probabilities(margins)[:, 1] / model.probabilities(margins)[:, 0] for model in (trained, corpus_s)]
    np.testing.assert_allclose(odds[1] / odds[0], 3.0)  # three reals for a fake in training, one in the corpus
    assert trained.slope_ == corpus_s.slope_


def test_margins_that_are_all_the_same_give_the_share_of_fakes():
    slope, intercept = rising_sigmoid(np.zeros(8), np.array([0, 0, 0, 1] * 2))
    assert 1 / (1 + np.exp(-intercept)) == pytest.approx(0.25, abs=0.01)
    assert np.isfinite(slope)


def in_segments(counts, seed=0):
    """Videos that are cut into as many segments as said, all with some noise of their own."""
    table, y, groups = corpus(seed=seed)
    index = np.repeat(np.arange(len(y)), np.resize(counts, len(y)))
    noise = np.random.default_rng(seed).normal(0, 0.1, (len(index), len(table.columns)))
    videos = np.array([f"v{number:04d}" for number in range(len(y))])[index]
    return rows(table[index.tolist()] + pl.DataFrame(noise, schema=table.columns), y[index], groups[index], videos)


def test_every_video_weighs_the_same_however_long_it_is():
    data = in_segments([1, 3, 7])
    weights = data.weights()
    for label in (0, 1):
        assert weights[data.y == label].mean() == pytest.approx(1)
        sums = by_video(weights[data.y == label], data.videos[data.y == label], "mean")
        counts = np.unique(data.videos[data.y == label], return_counts=True)[1]
        totals = np.array(list(sums.values())) * counts
        np.testing.assert_allclose(totals, totals[0])


def test_repeating_the_segments_of_a_video_changes_no_model():
    table, y, groups = corpus()
    repeated = np.repeat(np.arange(len(y)), 4)
    once, often = rows(table, y, groups), rows(table, y, groups).take(repeated)
    models = [fitted_to(data, VideoDetector(make_classifier("linear", 1.0, 0))) for data in (once, often)]
    first, second = (model.pipeline_.named_steps["classify"].coef_ for model in models)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.999


def test_a_long_video_does_not_outweigh_the_others():
    table, y, groups = corpus(separation=1.5)
    counts = np.ones(len(y), int)
    counts[0] = 200
    data = rows(table, y, groups).take(np.repeat(np.arange(len(y)), counts))
    model = fitted_to(data, VideoDetector(make_classifier("linear", 1.0, 0)))
    plain = VideoDetector(make_classifier("linear", 1.0, 0)).fit(table, y, groups)
    cosine = np.corrcoef(*(m.pipeline_.named_steps["classify"].coef_.ravel() for m in (model, plain)))[0, 1]
    assert cosine > 0.9


def test_margins_of_segments_become_the_video_s():
    values, videos = np.array([3.0, 1.0, -1.0, 5.0, 0.0]), np.array(["b", "a", "b", "b", "a"])
    assert by_video(values, videos, "mean") == {"a": 0.5, "b": pytest.approx(7 / 3)}
    assert by_video(values, videos, "median") == {"a": 0.5, "b": 3.0}
    assert by_video(values, videos, "max") == {"a": 1.0, "b": 5.0}
    with pytest.raises(ValueError, match="'best'"):
        by_video(values, videos, "best")


def test_the_order_of_rows_does_not_matter_to_the_video_s_margin():
    data = in_segments([2, 4])
    model = fitted_to(data, VideoDetector(make_classifier("linear", 1.0, 0)))
    shuffled = data.take(np.random.default_rng(1).permutation(len(data)))
    expected = model.video_margins(data.features, data.videos)
    found = model.video_margins(shuffled.features, shuffled.videos)
    assert list(found) == list(expected)
    np.testing.assert_allclose(list(found.values()), list(expected.values()))


def test_the_search_scores_videos_not_segments():
    table, y, groups = corpus(n_groups=6, separation=0.4)
    opposite = pl.DataFrame({name: np.tile([40.0, -40.0], len(y)) for name in table.columns})
    index = np.repeat(np.arange(len(y)), 2)
    videos = np.array([f"v{number:04d}" for number in range(len(y))])[index]
    halves = table[index.tolist()] + opposite  # noise that cancels between the two segments of a video
    by_segment = search(halves, y[index], groups[index], videos, C=[1], kernels=["linear"], min_videos=1000)[0]
    as_rows = search(halves, y[index], groups[index], np.arange(len(index)).astype(str), C=[1], kernels=["linear"],
                     min_videos=1000)[0]  # fmt: skip
    assert by_segment.mean_roc_auc > as_rows.mean_roc_auc + 0.02


def test_a_test_part_of_one_class_gives_the_search_no_score():
    table, y, groups = corpus(n_groups=4, separation=2.0)
    y = np.where(groups == "g00", 0, np.where(groups == "g01", 1, y))
    points = search(table, y, groups, min_videos=1000, n_folds=4)
    assert all(np.isfinite(point.mean_roc_auc) for point in points)


def test_the_search_takes_its_sample_of_videos_however_many_segments_they_have():
    data = in_segments([60, 40])
    points = search(data.features, data.y, data.groups, data.videos, C=[1], kernels=["linear"], min_videos=200)
    assert points[0].n_videos == 72


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_figures_that_no_training_video_has_do_not_blind_the_machine(kernel):
    """As those of a face, where only an unseen video shows one."""
    table, y, groups = corpus(n_features=5, separation=1.5)
    faces = pl.DataFrame({f"face{number}": pl.Series([None] * len(y), dtype=pl.Float64) for number in range(100)})
    model = fitted_to(rows(table.hstack(faces), y, groups), VideoDetector(make_classifier(kernel, 1.0, 0)))
    without = table.hstack(faces)
    with_face = without.with_columns(pl.lit(7.5).alias(name) for name in faces.columns)
    np.testing.assert_array_equal(model.decision_function(with_face), model.decision_function(without))
    assert roc_auc_score(y, model.decision_function(with_face)) > 0.9


def test_a_figure_that_one_training_video_has_does_not_outweigh_all_others():
    table, y, groups = corpus(n_features=5, separation=1.5)
    rare = [None] * (len(y) - 1) + [3.0]
    data = rows(table.with_columns(rare=pl.Series(rare, dtype=pl.Float64)), y, groups)
    model = fitted_to(data, VideoDetector(make_classifier("rbf", 1.0, 0)))
    unseen = data.features.with_columns(rare=pl.lit(500.0))
    assert np.isfinite(model.decision_function(unseen)).all()


def test_scaled_values_are_bounded_and_constants_are_nothing():
    scaler = BoundedScaler().fit(np.array([[0.1, 1.0], [0.1, 3.0]]))
    assert scaler.transform(np.array([[9.0, 2.0], [0.1, 1e9]])).tolist() == [[0.0, 0.0], [0.0, 10.0]]


def test_it_is_a_scikit_learn_estimator():
    from sklearn.base import clone
    from sklearn.model_selection import cross_val_score

    table, y, groups = corpus(separation=2.0)
    model = VideoDetector(make_classifier("linear", 1.0, 0))
    assert clone(model).get_params()["segment_score"] == "mean"
    assert cross_val_score(model, table, y, scoring="roc_auc").mean() > 0.9
    assert fitted_to(rows(table, y, groups), model).score(table, y) > 0.9


def test_the_features_that_differ_most_are_selected():
    data = rows(*corpus(n_features=12, separation=1.0))
    model = fitted_to(data, VideoDetector(make_classifier("linear", 1.0, 0), n_features=3))
    assert len(model.selected_features) == 3
    assert "f0" in model.selected_features
    assert (
        fitted_to(data, VideoDetector(make_classifier("linear", 1.0, 0), n_features=99)).selected_features
        == data.features.columns
    )


def test_anova_is_scikit_learn_s_up_to_a_factor_and_zero_for_constants():
    from sklearn.feature_selection import f_classif

    table, y, _ = corpus()
    values = table.to_numpy()
    np.testing.assert_allclose(anova(values, y) * (len(y) - 2), f_classif(values, y)[0])
    assert anova(np.full((6, 2), 0.1), np.array([0, 1, 0, 1, 1, 0])).tolist() == [0, 0]
    split = np.array([[0.0], [0.0], [1.0], [1.0]])
    assert anova(split, np.array([0, 0, 1, 1]))[0] > 1e6


def test_selection_sees_the_training_part_only():
    generator = np.random.default_rng(0)
    noise = pl.DataFrame(generator.normal(size=(72, 400)), schema=[f"f{number}" for number in range(400)])
    _, y, groups = corpus()
    points = search(noise, y, groups, C=[1], kernels=["linear"], min_videos=1000, n_features=10)
    assert abs(points[0].mean_roc_auc - 0.5) < 0.2


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=30))
def test_auc_is_scikit_learn_s(pairs):
    y, scores = (np.array(column) for column in zip(*pairs, strict=True))
    if np.unique(y).size < 2:
        assert np.isnan(roc_auc(y, scores))
    else:
        assert roc_auc(y, scores) == pytest.approx(roc_auc_score(y, scores))


def test_auc_within_groups_leaves_out_what_differs_between_them():
    y, groups = np.tile([0, 1], 5), np.repeat(np.arange(5), 2).astype(str)
    scores = 10.0 * np.repeat(np.arange(5), 2) + y
    assert mean_group_auc(y, scores, groups) == 1
    assert roc_auc(y, scores) < 0.7
    assert np.isnan(mean_group_auc(np.zeros(4), np.arange(4.0), np.array(list("aabb"))))


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


def test_a_sample_that_cannot_be_folded_gives_way_to_all_rows():
    for seed in range(20):
        generator = np.random.default_rng(seed)
        y = np.repeat(np.arange(12) % 2, 300)  # groups of one class each
        groups = np.repeat([f"g{number:02d}" for number in range(12)], 300)
        table = pl.DataFrame(generator.normal(size=(len(y), 2)) + y[:, None], schema=["a", "b"])
        points = search(table, y, groups, C=[1], kernels=["linear"], seed=seed)
        assert points[0].mean_roc_auc > 0.8


def test_too_few_groups_of_a_class_are_told_as_such():
    y, groups = np.array([0, 0, 0, 1, 1]), np.array(list("abcdd"))
    with pytest.raises(TooFewGroupsError, match="3 groups with real and 1 with fake"):
        inner_folds(y, groups, 3, 0)
