"""Grouped folds and grouped samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import corpus

from fvc_kedro.learning.folds import (
    LeakageError,
    TooFewGroupsError,
    assert_disjoint,
    grouped_folds,
    grouped_sample,
    inner_folds,
)


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
    groups = corpus(n_groups=8).groups
    y = np.where(np.isin(groups, ["g00", "g01"]), 1, 0)
    assert len(inner_folds(y, groups, 5, 0)) == 2


def test_too_few_groups_of_a_class_are_told_as_such():
    y, groups = np.array([0, 0, 0, 1, 1]), np.array(list("abcdd"))
    with pytest.raises(TooFewGroupsError, match="3 groups with real and 1 with fake"):
        inner_folds(y, groups, 3, 0)


def test_the_sample_is_a_share_of_whole_groups():
    rows = corpus(n_groups=100)
    sample = grouped_sample(rows.y, rows.groups, 0.2, min_rows=50, seed=1)
    assert abs(len(sample) - 0.2 * len(rows)) <= 12
    inside, outside = set(rows.groups[sample]), set(np.delete(rows.groups, sample))
    assert not inside & outside
    assert 0.4 < rows.y[sample].mean() < 0.6


def test_of_few_rows_all_are_taken():
    rows = corpus()
    assert len(grouped_sample(rows.y, rows.groups, 0.2, min_rows=200, seed=1)) == len(rows)
    assert len(grouped_sample(rows.y, rows.groups, 1.0, min_rows=1, seed=1)) == len(rows)


def test_a_sample_without_two_groups_of_a_class_gives_way_to_all_rows():
    y = np.repeat(np.arange(12) % 2, 300)  # groups of one class each
    groups = np.repeat([f"g{number:02d}" for number in range(12)], 300)
    for seed in range(20):
        sample = grouped_sample(y, groups, 0.2, min_rows=100, seed=seed)
        assert all(np.unique(groups[sample][y[sample] == label]).size >= 2 for label in (0, 1))
