"""Figures for all resamples at once, against scikit-learn on rows repeated by hand and against slow references."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn import metrics

from fvc_kedro.learning import resampling
from fvc_kedro.learning.resampling import (
    FALSE_POSITIVE_RATES,
    METRICS,
    draw_groups,
    figures_of,
    holm,
    interval,
    judge_videos,
    mcnemar_test,
    permutation_p_value,
    permute_labels,
)

VIDEOS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.55, 0.9, 1.0]), st.integers(0, 4)),
    min_size=2,
    max_size=25,
)


def arrays(videos):
    y, probability, groups = (np.array(column) for column in zip(*videos, strict=True))
    return y, probability.astype(float), groups.astype(str)


def slow_equal_error_rate(y, scores):
    """Walk along the straight lines of the ROC curve until as many reals as fakes are called wrongly."""
    fpr, tpr, _ = metrics.roc_curve(y, scores, drop_intermediate=False)
    for (fpr0, fnr0), (fpr1, fnr1) in pairwise(zip(fpr, 1 - tpr, strict=True)):
        if fpr1 >= fnr1:
            share = (fnr0 - fpr0) / ((fnr0 - fpr0) + (fpr1 - fnr1))
            return fpr0 + share * (fpr1 - fpr0)
    raise AssertionError("the curve ends in (1, 0)")


def slow_calibration_error(y, p):
    """Sum up bin by bin: the share of videos in it times how far its mean is from its share of fakes."""
    total = 0.0
    for number in range(10):
        inside = [i for i, value in enumerate(p) if min(int(value * 10), 9) == number]
        if inside:
            total += len(inside) / len(p) * abs(np.mean([p[i] for i in inside]) - np.mean([y[i] for i in inside]))
    return total


def slow_true_positive_rate(y, scores, most):
    """Try every threshold, and none reached."""
    rates = [0.0]
    for threshold in np.unique(scores):
        if np.mean(scores[y == 0] >= threshold) <= most + 1e-12:
            rates.append(np.mean(scores[y == 1] >= threshold))
    return max(rates)


def slow_group_auc(y, scores, groups, drawn):
    """Mean over the groups as often as drawn, those of one class left out."""
    values = [
        metrics.roc_auc_score(y[groups == name], scores[groups == name])
        for name in drawn
        if np.unique(y[groups == name]).size == 2
    ]
    return np.mean(values) if values else np.nan


def reference(y, p):
    """All metrics but the mean within groups, by scikit-learn or slowly."""
    called = (p >= 0.5).astype(int)
    return {
        "roc_auc": metrics.roc_auc_score(y, p),
        "average_precision": metrics.average_precision_score(y, p),
        "base_rate": y.mean(),
        "equal_error_rate": slow_equal_error_rate(y, p),
        "accuracy": metrics.accuracy_score(y, called),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, called),
        "mcc": metrics.matthews_corrcoef(y, called),
        "f1_score": metrics.f1_score(y, called, zero_division=0.0),
        "f1_always_fake": metrics.f1_score(y, np.ones_like(y)),
        "log_loss": metrics.log_loss(y, np.column_stack([1 - p, p]), labels=[0, 1]),
        "brier": metrics.brier_score_loss(y, p),
        "expected_calibration_error": slow_calibration_error(y, p),
        **{
            f"tpr_at_{percent}_percent_fpr": slow_true_positive_rate(y, p, rate)
            for percent, rate in zip((1, 5, 10), FALSE_POSITIVE_RATES, strict=True)
        },
    }


def assert_equal_figures(found, expected, row=0):
    for name, value in expected.items():
        assert found[name][row] == pytest.approx(value, abs=1e-9, nan_ok=True), name


@settings(max_examples=60, deadline=None)
@given(VIDEOS)
def test_every_figure_is_scikit_learn_s(videos):
    y, p, groups = arrays(videos)
    assume(np.unique(y).size == 2)
    names = np.unique(groups)
    found = figures_of(y, p, groups, np.ones((1, len(names))))
    expected = reference(y, p) | {"mean_group_auc": slow_group_auc(y, p, groups, names)}
    assert set(found) == set(expected) == set(METRICS)
    assert_equal_figures(found, expected)


@settings(max_examples=25, deadline=None)
@given(VIDEOS, st.integers(0, 2**31))
def test_a_resample_gives_what_its_rows_repeated_by_hand_give(videos, seed):
    y, p, groups = arrays(videos)
    names = np.unique(groups)
    counts = draw_groups(len(names), 6, seed)
    found = figures_of(y, p, groups, counts)
    for row, times in enumerate(counts.astype(int)):
        drawn = np.repeat(names, times)
        rows = np.concatenate([np.flatnonzero(groups == name) for name in drawn])
        if np.unique(y[rows]).size < 2:
            assert all(np.isnan(values[row]) for values in found.values())
            continue
        expected = reference(y[rows], p[rows]) | {"mean_group_auc": slow_group_auc(y, p, groups, drawn)}
        assert_equal_figures(found, expected, row)


def corpus(n_groups=12, seed=0, n_repeats=1):
    """Groups that differ in level, with both classes, and probabilities that tell something."""
    generator = np.random.default_rng(seed)
    groups = np.repeat([f"g{number:03d}" for number in range(n_groups)], 4)
    y = np.tile([0, 1, 0, 1], n_groups)
    level = np.repeat(generator.normal(size=n_groups), 4)
    logits = level[:, None] + (2 * y - 1)[:, None] + generator.normal(size=(len(y), n_repeats))
    return y, 1 / (1 + np.exp(-logits)), groups


def test_repeats_are_judged_one_by_one_and_averaged():
    y, p, groups = corpus(n_repeats=3)
    counts = draw_groups(12, 5, 1)
    together = figures_of(y, p, groups, counts)
    apart = [figures_of(y, p[:, column], groups, counts) for column in range(3)]
    committee = figures_of(y, p.mean(axis=1), groups, counts)
    for name in METRICS:
        np.testing.assert_allclose(together[name], np.mean([one[name] for one in apart], axis=0))
    assert (committee["roc_auc"] > together["roc_auc"]).all()


def test_a_resample_of_one_class_has_no_figure_and_is_no_part_of_an_interval():
    y, groups = np.array([0, 0, 1, 1]), np.array(["a", "a", "b", "b"])
    p = np.array([0.1, 0.6, 0.4, 0.9])
    counts = np.array([[2, 0], [0, 2], [1, 1], [1, 1]])
    found = figures_of(y, p, groups, counts)
    for name in set(METRICS) - {"mean_group_auc"}:
        assert np.isnan(found[name]).tolist() == [True, True, False, False], name
    assert np.isnan(found["mean_group_auc"]).all()
    assert judge_videos(y, p, groups, counts).figures()["roc_auc"] == (0.75, 0.75, 0.75)
    assert all(np.isnan(figure).all() for figure in [judge_videos(y, p, groups, counts).figures()["mean_group_auc"]])


def test_blocks_of_resamples_are_the_whole(monkeypatch):
    y, p, groups = corpus(n_repeats=2)
    counts = draw_groups(12, 50, 3)
    whole = figures_of(y, p, groups, counts)
    monkeypatch.setattr(resampling, "_MOST_CELLS", 7 * len(y))
    parts = figures_of(y, p, groups, counts)
    monkeypatch.setattr(resampling, "_MOST_CELLS", 1)
    one_by_one = figures_of(y, p, groups, counts)
    for name in METRICS:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-12)
        np.testing.assert_allclose(one_by_one[name], whole[name], rtol=1e-12)


def test_groups_are_drawn_whole_as_many_as_there_are_and_alike_for_a_seed():
    counts = draw_groups(9, 400, 5)
    assert counts.shape == (400, 9)
    assert (counts.sum(axis=1) == 9).all()
    np.testing.assert_array_equal(counts, draw_groups(9, 400, 5))
    assert (counts != draw_groups(9, 400, 6)).any()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.2)
    assert (counts == 0).mean() == pytest.approx((8 / 9) ** 9, abs=0.03)


def test_an_interval_is_of_the_known_values():
    values = np.append(np.arange(101.0), np.nan)
    assert interval(values) == pytest.approx((2.5, 97.5))
    assert interval(values, level=0.5) == (25, 75)
    assert np.isnan(interval(np.full(3, np.nan))).all()


def test_intervals_cover_the_truth_as_often_as_they_say():
    """Groups of their own level; the true AUC is of two normal distributions that are pooled over all groups."""
    truth = norm.cdf(2 / np.sqrt(2 * (1 + 1)))
    covered, widths = 0, []
    for seed in range(200):
        y, p, groups = corpus(n_groups=40, seed=seed)
        value, low, high = judge_videos(y, p, groups, draw_groups(40, 200, seed)).figures()["roc_auc"]
        assert low <= value <= high
        covered += low <= truth <= high
        widths.append(high - low)
    assert 0.85 <= covered / 200 <= 1
    assert np.mean(widths) < 0.25  # or anything would cover it


def test_intervals_take_the_likeness_within_groups_into_account():
    """Videos of a group that are copies of one another bring no certainty."""
    y, p, groups = corpus(n_groups=30)
    copied = np.repeat(np.arange(len(y)), 8)
    once, often = (
        judge_videos(y[rows], p[rows], groups[rows], draw_groups(30, 400, 0)).figures()["roc_auc"]
        for rows in (np.arange(len(y)), copied)
    )
    assert often == pytest.approx(once)


def test_intervals_narrow_with_the_number_of_groups():
    widths = []
    for n_groups in (8, 32, 128):
        figures = [
            judge_videos(*corpus(n_groups, seed), draw_groups(n_groups, 300, seed)).figures()["roc_auc"]
            for seed in range(5)
        ]
        widths.append(np.mean([high - low for _, low, high in figures]))
    assert widths[0] > 1.5 * widths[1] > 2.2 * widths[2]


def test_a_difference_is_paired_and_none_from_itself():
    y, p, groups = corpus(n_groups=20, n_repeats=2)
    counts = draw_groups(20, 300, 1)
    judged = judge_videos(y, p, groups, counts)
    assert set(judged.less(judged).values()) == {(0, 0, 0)}
    better = p[:, 0] * 0.8 + 0.2 * y
    value, low, high = judge_videos(y, better, groups, counts).less(judged)["roc_auc"]
    assert low <= value <= high
    first, second = (judge_videos(y, scores, groups, counts).figures()["roc_auc"] for scores in (better, p))
    assert value == pytest.approx(first[0] - second[0])
    assert high - low < (first[2] - first[1]) + (second[2] - second[1])
    assert low > 0  # though the intervals of the two overlap
    assert first[1] < second[2]


def test_the_interval_of_the_calibration_error_is_turned_round():
    """Resampling makes it larger; of perfectly calibrated probabilities the interval must come near to nought."""
    generator = np.random.default_rng(0)
    p = generator.uniform(size=240)
    y, groups = (generator.uniform(size=240) < p).astype(int), np.repeat(np.arange(60), 4).astype(str)
    counts = draw_groups(60, 500, 0)
    judged = judge_videos(y, p, groups, counts)
    value, low, high = judged.figures()["expected_calibration_error"]
    plain = interval(judged.resampled["expected_calibration_error"])
    assert (low, high) == pytest.approx((max(0.0, 2 * value - plain[1]), 2 * value - plain[0]))
    assert 0 <= low < 0.03 < value
    assert plain[0] > low


def test_mcnemar_counts_the_videos_that_only_one_calls_rightly():
    y = np.array([1] * 10 + [0] * 10)
    called, other = y.copy(), y.copy()
    other[:8] = 0
    called[10] = 1
    only_first, only_second, p_value = mcnemar_test(y, called, other)
    assert (only_first, only_second) == (8, 1)
    assert p_value == pytest.approx(2 * (1 + 9) / 2**9)  # the two tails of nine throws of a coin
    assert p_value == binomtest(1, 9).pvalue
    assert mcnemar_test(y, other, called) == (1, 8, pytest.approx(p_value))
    assert mcnemar_test(y, called, called) == (0, 0, 1)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1, 1]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_the_order_and_lies_between_no_correction_and_bonferroni_s(p_values):
    corrected = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(corrected)[order]) >= 0)
    for before, after in zip(p_values, corrected, strict=True):
        assert before <= after <= min(1, len(p_values) * before) + 1e-12


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=1, max_size=30),
    st.integers(0, 2**32 - 1),
)
def test_permuted_labels_keep_the_structure_of_the_corpus(videos, seed):
    y, groups = (np.array(column) for column in zip(*videos, strict=True))
    groups = groups.astype(str)
    before = y.copy()
    permuted = permute_labels(y, groups, seed)
    np.testing.assert_array_equal(y, before)
    np.testing.assert_array_equal(permuted, permute_labels(y, groups, seed))
    pure_before, pure_after = Counter(), Counter()
    for name in np.unique(groups):
        own, new = y[groups == name], permuted[groups == name]
        if np.unique(own).size == 2:
            assert new.sum() == own.sum()
        else:
            assert np.unique(new).size == 1
            pure_before[own[0]] += 1
            pure_after[new[0]] += 1
    assert pure_before == pure_after


def test_another_seed_permutes_otherwise_and_all_orders_come_up():
    y, groups = np.array([0, 0, 1, 1, 0, 1]), np.array(list("aaaabc"))
    found = Counter(tuple(permute_labels(y, groups, seed)) for seed in range(600))
    assert len(found) == 6 * 2
    assert min(found.values()) > 25


def test_a_p_value_is_never_nought():
    assert permutation_p_value(1.0, [0.5] * 99) == 0.01
    assert permutation_p_value(0.4, [0.5, 0.6, 0.7]) == 1
    assert permutation_p_value(0.5, [0.5, 0.6, 0.4]) == 0.75  # what is as good counts


def test_p_values_are_uniform_where_nothing_is_to_be_found():
    generator = np.random.default_rng(0)
    draws = generator.normal(size=(2000, 20))
    p_values = [permutation_p_value(draw[0], draw[1:].tolist()) for draw in draws]
    for level in (0.05, 0.1, 0.25, 0.5, 0.75):
        assert np.mean(np.array(p_values) <= level) == pytest.approx(level, abs=0.035)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6), st.sampled_from("ab")), min_size=2, max_size=30),
    st.integers(0, 99),
)
def test_permuted_labels_stay_in_their_corpus(videos, seed):
    y, groups, corpora = (np.array(column) for column in zip(*videos, strict=True))
    permuted = permute_labels(y, groups.astype(str), seed, corpora)
    for name in np.unique(corpora):
        own = corpora == name
        pure_before, pure_after = Counter(), Counter()
        for group in np.unique(groups[own]):
            before, after = (values[own & (groups == group)] for values in (y, permuted))
            if np.unique(before).size == 2:
                assert before.sum() == after.sum()
            else:
                assert np.unique(after).size == 1
                pure_before[before[0]] += 1
                pure_after[after[0]] += 1
        assert pure_before == pure_after
