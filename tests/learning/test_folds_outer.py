"""The outer folds of every scheme, complete, grouped and drawn anew for each repeat."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fvc_kedro.learning.folds import TooFewGroupsError, grouped_folds, grouped_sample, leave_one_group_out, outer_folds


def corpus(n_groups, a_group=4, pure=False):
    groups = np.repeat([f"g{number:02d}" for number in range(n_groups)], a_group)
    y = np.repeat(np.arange(n_groups) % 2, a_group) if pure else np.tile([0, 1], n_groups * a_group // 2)
    return y, groups


def assert_complete_and_grouped(splits, y, groups):
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(y)))
    for train, test in splits:
        assert len(test)
        assert sorted([*train, *test]) == list(range(len(y)))
        assert not set(groups[train]) & set(groups[test])
        assert np.unique(y[train]).size == 2


@settings(max_examples=60, deadline=None)
@given(st.integers(4, 24), st.integers(2, 5), st.integers(1, 4), st.integers(0, 2**32 - 1), st.booleans())
def test_every_repeat_is_complete_and_keeps_groups_whole(n_groups, n_folds, n_repeats, seed, pure):
    y, groups = corpus(max(n_groups, 2 * n_folds), pure=pure)
    repeats = outer_folds(y, groups, "stratified_groups", n_folds, n_repeats, seed)
    assert len(repeats) == n_repeats
    for splits in repeats:
        assert len(splits) == n_folds
        assert_complete_and_grouped(splits, y, groups)


def parts_of(splits):
    return {frozenset(test.tolist()) for _, test in splits}


def test_repeats_differ_and_the_first_is_that_of_the_seed():
    y, groups = corpus(20)
    repeats = outer_folds(y, groups, "stratified_groups", 5, 3, 42)
    assert len({frozenset(parts_of(splits)) for splits in repeats}) == 3
    assert parts_of(repeats[0]) == parts_of(grouped_folds(y, groups, 5, 42))
    assert parts_of(repeats[2]) == parts_of(outer_folds(y, groups, "stratified_groups", 5, 1, 44)[0])
    assert len(outer_folds(y, groups, "stratified_groups", 5, 3, 2**32 - 1)) == 3


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 15), st.booleans())
def test_each_group_in_turn_is_left_out(n_groups, pure):
    y, groups = corpus(n_groups, pure=pure)
    splits = leave_one_group_out(y, groups)
    assert [set(groups[test]) for _, test in splits] == [{name} for name in np.unique(groups)]
    assert_complete_and_grouped(splits, y, groups)
    (once,) = outer_folds(y, groups, "leave_one_group_out", 5, 3, 0)
    assert parts_of(once) == parts_of(splits)


@pytest.mark.parametrize(("n_groups", "n_splits", "n_repeats"), [(3, 3, 1), (9, 9, 1), (10, 5, 2), (30, 5, 2)])
def test_auto_leaves_one_group_out_where_there_are_fewer_than_two_a_fold(n_groups, n_splits, n_repeats):
    repeats = outer_folds(*corpus(n_groups), "auto", 5, 2, 0)
    assert [len(splits) for splits in repeats] == [n_splits] * n_repeats


@pytest.mark.parametrize(("n_groups", "n_splits"), [(4, 2), (8, 4), (9, 4), (10, 5), (30, 5)])
def test_auto_balances_few_groups_of_one_class_each(n_groups, n_splits):
    y, groups = corpus(n_groups, pure=True)
    repeats = outer_folds(y, groups, "auto", 5, 2, 0)
    assert [len(splits) for splits in repeats] == [n_splits] * 2
    for splits in repeats:
        assert_complete_and_grouped(splits, y, groups)
        assert all(np.unique(y[test]).size == 2 for _, test in splits)


def test_too_few_groups_cannot_be_left_out():
    with pytest.raises(TooFewGroupsError, match="at least 3 groups, there are 2"):
        leave_one_group_out(*corpus(2))
    y, groups = np.array([0, 0, 1]), np.array(list("abc"))
    with pytest.raises(TooFewGroupsError, match="without the group 'c' only one class is left"):
        leave_one_group_out(y, groups)


def test_fewer_rows_of_either_class_than_folds_are_too_few_groups():
    y, groups = np.array([0, 0, 1]), np.array(list("abc"))
    with pytest.raises(TooFewGroupsError, match="3 folds need as many rows of a class"):
        grouped_folds(y, groups, 3, 0)
    y, groups = np.tile([0, 1], 3), np.array(list("abcdef"))
    assert grouped_sample(y, groups, 0.2, 1, 0).tolist() == list(range(6))


def in_corpora(n_groups=18):
    y, groups = corpus(n_groups)
    return y, groups, np.array(list("abc"))[np.arange(len(y)) * 3 // len(y)]


def test_each_corpus_in_turn_is_left_out_with_its_groups():
    y, groups, corpora = in_corpora()
    groups[corpora == "b"] = np.where(groups[corpora == "b"] == "g06", "g00", groups[corpora == "b"])
    (splits,) = outer_folds(y, groups, "leave_one_corpus_out", 5, 3, 0, corpora)
    assert [set(corpora[test]) for _, test in splits] == [{"a"}, {"b"}, {"c"}]
    for train, test in splits:
        assert not set(corpora[train]) & set(corpora[test])
        assert not set(groups[train]) & set(groups[test])
    kept_out = [len(y) - len(train) - len(test) for train, test in splits]
    assert kept_out == [4, 4, 0]  # the videos of the group that a and b share


def test_one_corpus_cannot_be_left_out():
    y, groups, corpora = in_corpora()
    with pytest.raises(TooFewGroupsError, match=r"at least 2 corpora, there is \['a'\]"):
        outer_folds(y, groups, "leave_one_corpus_out", 5, 1, 0, np.full(len(y), "a"))
    y[corpora != "c"] = 0
    with pytest.raises(TooFewGroupsError, match="without the corpus 'c' and its groups there are not both classes"):
        outer_folds(y, groups, "leave_one_corpus_out", 5, 1, 0, corpora)


def test_stratified_folds_have_their_share_of_every_corpus():
    y, groups, corpora = in_corpora(45)
    for repeat in outer_folds(y, groups, "stratified_groups", 5, 2, 0, corpora):
        assert_complete_and_grouped(repeat, y, groups)
        for _, test in repeat:
            assert {name: int(np.sum(corpora[test] == name)) for name in "abc"} == dict.fromkeys("abc", 12)


def test_corpora_smaller_than_the_number_of_folds_do_not_stop_the_drawing():
    y, groups = corpus(5, a_group=2)
    (splits,) = outer_folds(y, groups, "stratified_groups", 5, 1, 0, groups)
    assert_complete_and_grouped(splits, y, groups)
