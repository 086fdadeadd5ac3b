"""The promise of a threshold, kept over many draws, and the verdicts made of two of them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fvc_kedro.learning.thresholds import (
    VERDICTS,
    authentic_threshold,
    choose_verdicts,
    tampered_threshold,
    threshold_rows,
    thresholds_of_other_folds,
    verdicts_of,
)


def alone(scores):
    """Each video a group of its own."""
    return np.arange(len(scores)).astype(str)


def tampered(scores, rate):
    return tampered_threshold(scores, alone(scores), rate)


def authentic(scores, rate):
    return authentic_threshold(scores, alone(scores), rate)


def uniform(n, seed=0):
    return np.random.default_rng(seed).uniform(size=n)


@pytest.mark.parametrize(("n", "rate"), [(19, 0.05), (30, 0.05), (50, 0.1), (9, 0.1), (200, 0.01), (25, 0.3)])
def test_a_new_authentic_video_is_called_tampered_as_seldom_as_promised(n, rate):
    generator = np.random.default_rng(n)
    false = [generator.uniform() >= tampered(generator.uniform(size=n), rate) for _ in range(8_000)]
    noise = 4 * np.sqrt(rate / 8_000)
    assert np.mean(false) <= rate + noise
    assert np.mean(false) >= rate - 1 / (n + 1) - noise


@pytest.mark.parametrize(("n", "rate"), [(19, 0.05), (50, 0.1), (25, 0.3)])
def test_a_new_tampered_video_is_called_authentic_as_seldom_as_promised(n, rate):
    generator = np.random.default_rng(n)
    false = [generator.uniform() < authentic(generator.uniform(size=n), rate) for _ in range(8_000)]
    noise = 4 * np.sqrt(rate / 8_000)
    assert rate - 1 / (n + 1) - noise <= np.mean(false) <= rate + noise


def test_the_promise_holds_for_scores_that_tie():
    generator = np.random.default_rng(3)
    false = [generator.integers(0, 4) / 4 >= tampered(generator.integers(0, 4, 40) / 4, 0.1) for _ in range(5000)]
    assert np.mean(false) <= 0.1 + 4 * np.sqrt(0.1 / 5000)


def in_groups(generator, n_groups, a_group, likeness):
    """Scores whose variance lies for the given share between the groups."""
    between = np.repeat(generator.normal(size=n_groups), a_group) * np.sqrt(likeness)
    return between + generator.normal(size=n_groups * a_group) * np.sqrt(1 - likeness)


@pytest.mark.parametrize(("n_groups", "a_group", "likeness"), [(20, 20, 0.9), (40, 10, 0.8), (25, 4, 0.5)])
def test_a_video_of_a_new_group_is_called_tampered_as_seldom_as_promised(n_groups, a_group, likeness):
    generator = np.random.default_rng(n_groups)
    groups = np.repeat(np.arange(n_groups), a_group).astype(str)
    false = [
        in_groups(generator, 1, 1, likeness)[0]
        >= tampered_threshold(in_groups(generator, n_groups, a_group, likeness), groups, 0.05)
        for _ in range(6_000)
    ]
    assert np.mean(false) <= 0.05 + 3 * np.sqrt(0.05 / 6_000)
    assert np.mean(false) >= 0.01


def test_groups_count_the_same_whatever_their_number_of_videos():
    """A group of a thousand videos weighs as much as one of a single video."""
    scores = np.concatenate([np.linspace(0.1, 0.9, 19), np.full(1000, 0.05)])
    groups = np.concatenate([np.arange(19), np.full(1000, 99)]).astype(str)
    assert tampered_threshold(scores, groups, 0.1) == pytest.approx(tampered(np.append(scores[:19], 0.05), 0.1))


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0.001, 0.999))
def test_the_two_thresholds_mirror_one_another(scores, rate):
    scores = np.array(scores)
    high, low = tampered(1 - scores, rate), authentic(scores, rate)
    if np.isinf(low):
        assert high == np.inf
    else:
        assert high == pytest.approx(1 - low, abs=1e-12)


@pytest.mark.parametrize(("rate", "least"), [(0.05, 19), (0.1, 9), (0.01, 99), (0.5, 1), (0.3, 3)])
def test_too_few_groups_promise_nothing(rate, least):
    assert np.isfinite(tampered(uniform(least), rate))
    assert tampered(uniform(least - 1), rate) == np.inf
    assert np.isfinite(authentic(uniform(least), rate))
    assert authentic(uniform(least - 1), rate) == -np.inf
    y, p = np.repeat([0, 1], [least, 5]), uniform(least + 5)
    folds = np.arange(len(y)) % 3
    assert threshold_rows(y, p, alone(y), folds, [rate])[0]["least_real_groups"] == least


def test_a_verdict_that_cannot_be_promised_is_never_given():
    y, p = np.tile([0, 1], 8), np.tile([0.0, 1.0], 8)
    verdicts = choose_verdicts(y, p, alone(y), np.repeat([1, 2], 8), 0.05, 0.05)
    assert (verdicts.authentic_below, verdicts.tampered_from) == (-np.inf, np.inf)
    assert set(verdicts(np.array([0.0, 0.5, 1.0]))) == {"inconclusive"}
    assert (verdicts.measured_false_positive_rate, verdicts.measured_false_negative_rate) == (0, 0)
    assert threshold_rows(y, p, alone(y), np.repeat([1, 2], 8), [0.05])[0] == {
        "false_positive_rate": 0.05,
        "threshold": None,
        "least_real_groups": 19,
        "measured_false_positive_rate": None,
        "measured_true_positive_rate": None,
    }


def test_what_no_fold_could_choose_a_threshold_for_is_not_measured_to_be_nought():
    """Nine groups are enough for one in ten, and the eight that are left without a fold are not."""
    y, p = np.tile([0, 1], 9), np.tile([0.1, 0.9], 9)
    groups = np.repeat(np.arange(9), 2).astype(str)
    row = threshold_rows(y, p, groups, np.repeat(np.arange(9), 2), [0.1])[0]
    assert row["threshold"] == tampered_threshold(p[y == 0], groups[y == 0], 0.1)
    assert row["measured_true_positive_rate"] is row["measured_false_positive_rate"] is None
    assert threshold_rows(y, p, groups, np.repeat(np.arange(9), 2), [0.2])[0]["measured_true_positive_rate"] == 1


def test_verdicts_are_named_by_where_a_probability_lies():
    named = verdicts_of(np.array([0.0, 0.29, 0.3, 0.69, 0.7, 1.0]), 0.3, 0.7)
    assert named.tolist() == ["authentic"] * 2 + ["inconclusive"] * 2 + ["tampered"] * 2
    assert set(named) == set(VERDICTS)


def test_thresholds_that_would_overlap_meet_half_way_and_keep_both_rates():
    generator = np.random.default_rng(0)
    y = np.repeat([0, 1], 200)
    p = np.concatenate([generator.uniform(0, 0.5, 200), generator.uniform(0.45, 1, 200)])
    verdicts = choose_verdicts(y, p, alone(y), np.tile(np.arange(5), 80), 0.2, 0.2)
    low, high = authentic(p[y == 1], 0.2), tampered(p[y == 0], 0.2)
    assert low > high
    assert verdicts.authentic_below == verdicts.tampered_from == pytest.approx((low + high) / 2)
    assert "inconclusive" not in verdicts(p)
    assert np.mean(verdicts(p[y == 0]) == "tampered") <= 0.2
    assert np.mean(verdicts(p[y == 1]) == "authentic") <= 0.2
    assert verdicts.measured_false_positive_rate <= 0.2
    assert verdicts.measured_false_negative_rate <= 0.2


def test_rates_are_measured_on_folds_that_had_no_part_in_choosing():
    """All reals of fold 1 lie above those of fold 2: each sees the other's threshold."""
    real, fake = np.linspace(0.1, 0.3, 40), np.linspace(0.6, 0.9, 40)
    y = np.repeat([0, 0, 1], 40)
    p = np.concatenate([real, real + 0.4, fake])
    folds = np.concatenate([np.repeat([2, 1], 40), np.tile([1, 2], 20)])
    verdicts = choose_verdicts(y, p, alone(y), folds, 0.05, 0.05)
    in_sample = np.mean(p[y == 0] >= verdicts.tampered_from)
    assert in_sample <= 0.05
    assert verdicts.measured_false_positive_rate == 0.5
    row = threshold_rows(y, p, alone(y), folds, [0.05])[0]
    assert row["measured_false_positive_rate"] == 0.5
    assert row["threshold"] == tampered(p[y == 0], 0.05)
    assert row["measured_true_positive_rate"] == pytest.approx(
        np.mean([np.mean(p[(y == 1) & (folds == 1)] >= 0.3), np.mean(p[(y == 1) & (folds == 2)] > 0.69)]), abs=0.03
    )


def test_the_measured_rate_is_about_the_promised_one():
    generator = np.random.default_rng(1)
    y = np.repeat([0, 1], 500)
    p = generator.beta(2 + 2 * y, 4 - 2 * y)
    verdicts = choose_verdicts(y, p, alone(y), generator.integers(1, 6, len(y)), 0.1, 0.2)
    assert verdicts.measured_false_positive_rate == pytest.approx(0.1, abs=0.04)
    assert verdicts.measured_false_negative_rate == pytest.approx(0.2, abs=0.05)


def test_a_laxer_rate_has_a_lower_threshold_and_finds_more():
    y = np.tile([0, 1], 150)
    p = np.clip(uniform(300) * 0.7 + 0.3 * y, 0, 1)
    rows = threshold_rows(y, p, alone(y), np.arange(300) % 5, [0.01, 0.05, 0.1, 0.3, 0.6])
    assert [row["false_positive_rate"] for row in rows] == [0.01, 0.05, 0.1, 0.3, 0.6]
    for stricter, laxer in pairwise(rows):
        assert stricter["threshold"] > laxer["threshold"]
        assert stricter["measured_true_positive_rate"] <= laxer["measured_true_positive_rate"]
        assert stricter["measured_false_positive_rate"] <= laxer["measured_false_positive_rate"]


def test_the_threshold_of_several_corpora_is_the_highest_of_theirs():
    generator = np.random.default_rng(0)
    corpora, groups = np.repeat(list("abc"), 40), np.arange(120).astype(str)
    scores = generator.random(120) * np.repeat([0.4, 0.9, 0.6], 40)
    each = [tampered_threshold(scores[corpora == name], groups[corpora == name], 0.1) for name in "abc"]
    assert tampered_threshold(scores, groups, 0.1, corpora) == max(each) == each[1]
    assert tampered_threshold(scores, groups, 0.1, np.full(120, "a")) == tampered_threshold(scores, groups, 0.1)
    mirrored = authentic_threshold(1 - scores, groups, 0.1, corpora)
    assert mirrored == pytest.approx(1 - max(each), abs=1e-12)


def test_a_corpus_of_too_few_groups_counts_with_its_highest_score():
    scores = np.concatenate([np.linspace(0, 0.5, 20), [0.8, 0.2]])
    corpora, groups = np.repeat(["large", "small"], [20, 2]), np.arange(22).astype(str)
    assert tampered_threshold(scores, groups, 0.1, corpora) == np.nextafter(0.8, 1)
    assert tampered_threshold(scores[-2:], groups[-2:], 0.1, corpora[-2:]) == np.inf
    assert tampered_threshold(scores[:16], groups[:16], 0.1, np.repeat(list("ab"), 8)) == np.inf  # it takes nine groups


def test_a_new_corpus_needs_a_higher_threshold_as_seldom_as_promised():
    """Of K corpora and a new one, each is as likely to need the highest; the threshold holds in the rest."""
    generator, needs_more = np.random.default_rng(3), 0
    corpora, groups = np.repeat(np.arange(4), 30).astype(str), np.arange(120).astype(str)
    for _ in range(2_000):
        levels = generator.normal(size=5)
        scores = generator.normal(np.repeat(levels[:4], 30), 1)
        threshold = tampered_threshold(scores, groups, 0.1, corpora)
        needs_more += np.mean(generator.normal(levels[4], 1, 4_000) >= threshold) > 0.1
    assert needs_more / 2_000 <= 1 / 5 + 3 * np.sqrt(0.16 / 2_000)
    assert needs_more / 2_000 >= 0.05


def test_thresholds_of_several_corpora_are_measured_on_the_corpora_left_out():
    y, corpora = np.tile([0, 1], 90), np.repeat(list("abc"), 60)
    p = np.random.default_rng(0).random(180) * 0.5 + 0.4 * y + np.repeat([0.0, 0.1, 0.0], 60)
    folds = np.repeat([1, 2, 3], 60)
    (row,) = threshold_rows(y, p, alone(y), folds, [0.1], corpora)
    chosen = [
        tampered_threshold(
            *(values[(folds != fold) & (y == 0)] for values in (p, alone(y))), 0.1, corpora[(folds != fold) & (y == 0)]
        )
        for fold in (1, 2, 3)
    ]
    called = p >= np.repeat(chosen, 60)
    assert row["measured_false_positive_rate"] == pytest.approx(called[y == 0].mean())
    verdicts = choose_verdicts(y, p, alone(y), folds, 0.1, 0.1, corpora)
    assert verdicts.measured_false_positive_rate <= row["measured_false_positive_rate"]


def test_what_a_corpus_shares_with_others_has_no_part_in_its_threshold():
    """Half of the groups of corpus a have videos in b too: their scores there must not move the threshold for a."""
    generator = np.random.default_rng(0)
    y, corpora = np.zeros(80, int), np.repeat(list("ab"), 40)
    groups = np.concatenate([np.arange(40), np.arange(20, 60)]).astype(str)
    p = generator.random(80)
    changed = np.where((corpora == "b") & np.isin(groups, groups[:40]), 0.99, p)
    folds = np.repeat([1, 2], 40)
    before, after = (thresholds_of_other_folds(y, one, groups, folds, 0.1, corpora)[0] for one in (p, changed))
    assert before == after
