"""Splitting by group, so that nothing of a test video was ever seen in training."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold

Labels = NDArray[np.int64]
Groups = NDArray[np.str_]
Split = tuple[NDArray[np.int64], NDArray[np.int64]]


class LeakageError(AssertionError):
    """A group stands on both sides of a split."""


class TooFewGroupsError(ValueError):
    """There are not enough groups for the folds asked for."""


def assert_disjoint(groups: Groups, train: NDArray[np.int64], test: NDArray[np.int64]) -> None:
    """Check that no group is on both sides of a split.

    Raises
    ------
    LeakageError
        Naming the groups that are.
    """
    shared = np.intersect1d(groups[train], groups[test])
    if shared.size:
        raise LeakageError(f"groups on both sides of a split: {shared[:5].tolist()} ({shared.size} in all)")


def grouped_folds(
    y: Labels, groups: Groups, n_folds: int, seed: int, corpora: NDArray[np.str_] | None = None
) -> list[Split]:
    """Split rows into stratified folds of whole groups.

    Parameters
    ----------
    y : ndarray of int, shape (n_rows,)
        0 for real, 1 for fake.
    groups : ndarray of str, shape (n_rows,)
    n_folds : int
        At least 2.
    seed : int
    corpora : ndarray of str, shape (n_rows,), optional
        Where given, folds are stratified by corpus too.

    Returns
    -------
    list of (train, test)
        Row numbers. Both classes are in every training part.

    Raises
    ------
    TooFewGroupsError
        If there are fewer groups than folds, or a training part would hold one class only.
    """
    n_groups = np.unique(groups).size
    if n_groups < n_folds:
        raise TooFewGroupsError(
            f"{n_folds} folds need at least {n_folds} groups, there are {n_groups}: lower n_folds or add groups"
        )
    if np.bincount(y).max() < n_folds:
        raise TooFewGroupsError(f"{n_folds} folds need as many rows of a class: lower n_folds or add groups")
    classes = y if corpora is None else 2 * np.unique(corpora, return_inverse=True)[1] + y
    if np.bincount(classes).max() < n_folds:
        classes = y
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # a test part may well lack a class
        splits: list[Split] = list(splitter.split(np.zeros(len(y)), classes, groups))
    for train, test in splits:
        assert_disjoint(groups, train, test)
        if np.unique(y[train]).size < 2:
            raise TooFewGroupsError(
                f"a training part of {n_folds} folds holds one class only: too few groups of the other, lower n_folds"
            )
    return splits


def leave_one_group_out(y: Labels, groups: Groups) -> list[Split]:
    """Split rows so that each group in turn is the test part.

    Raises
    ------
    TooFewGroupsError
        If a training part would hold one class only.
    """
    if np.unique(groups).size < 3:
        raise TooFewGroupsError(
            f"leaving one group out needs at least 3 groups, there are {np.unique(groups).size}: add groups"
        )
    splits: list[Split] = list(LeaveOneGroupOut().split(np.zeros(len(y)), y, groups))
    for train, test in splits:
        assert_disjoint(groups, train, test)
        if np.unique(y[train]).size < 2:
            name = str(groups[test[0]])
            raise TooFewGroupsError(
                f"without the group {name!r} only one class is left to train on: add groups of the other"
            )
    return splits


def leave_one_corpus_out(y: Labels, groups: Groups, corpora: NDArray[np.str_]) -> list[Split]:
    """Split rows so that each corpus in turn, in alphabetical order, is the test part.

    Raises
    ------
    TooFewGroupsError
        If there is one corpus, or a training part would hold one class only.
    """
    names = np.unique(corpora)
    if names.size < 2:
        raise TooFewGroupsError(
            f"leaving one corpus out needs at least 2 corpora, there is {names.tolist()}: give several manifests as "
            "corpus_manifest, or a column corpus"
        )
    splits = []
    for name in names:
        train, test = leave_corpus_out(groups, corpora, str(name))
        if np.unique(y[train]).size < 2:
            n_shared = np.unique(groups[(corpora != name) & np.isin(groups, groups[test])]).size
            shared = f" (it shares {n_shared} groups with others: if their names are equal by chance, rename them)"
            raise TooFewGroupsError(
                f"without the corpus {str(name)!r} and its groups{shared if n_shared else ''} there are not both "
                "classes left to train on: add a corpus that has them"
            )
        splits.append((train, test))
    return splits


def leave_corpus_out(groups: Groups, corpora: NDArray[np.str_], name: str) -> Split:
    """Split rows so that a corpus is the test part; its groups are left out of training in other corpora too."""
    test = corpora == name
    return np.flatnonzero(~test & ~np.isin(groups, groups[test])), np.flatnonzero(test)


def outer_folds(
    y: Labels,
    groups: Groups,
    scheme: str,
    n_folds: int,
    n_repeats: int,
    seed: int,
    corpora: NDArray[np.str_] | None = None,
) -> list[list[Split]]:
    """Split rows for the outer cross-validation, repeatedly.

    Parameters
    ----------
    y, groups : ndarray, shape (n_rows,)
    scheme : {"stratified_groups", "leave_one_group_out", "leave_one_corpus_out", "auto"}
        ``auto`` leaves one group out where there are fewer than two groups a fold and each holds both classes. Where
        some hold one class, it draws stratified folds, no more of them than the rarer class has groups (at least 2):
        a test part of one class is short of that class in training, so that pooled over such parts noise ranks far
        below chance.
    n_folds, n_repeats, seed : int
        Repeat ``r`` (from 0) is drawn with ``seed + r``. To leave each group or corpus out once there is one way only.
    corpora : ndarray of str, shape (n_rows,), optional
        Stratified folds have an equal share of each class of each corpus, as far as whole groups allow it.

    Returns
    -------
    list of list of (train, test)
        By repeat.
    """
    if scheme == "leave_one_corpus_out":
        return [leave_one_corpus_out(y, groups, np.full(len(y), "") if corpora is None else corpora)]
    names = [set(groups[y == label]) for label in (0, 1)]
    few = scheme == "auto" and len(names[0] | names[1]) < 2 * n_folds
    if scheme == "leave_one_group_out" or (few and names[0] == names[1]):
        return [leave_one_group_out(y, groups)]
    if few:
        n_folds = max(2, min(n_folds, *map(len, names)))
    return [grouped_folds(y, groups, n_folds, (seed + repeat) % 2**32, corpora) for repeat in range(n_repeats)]


def inner_folds(
    y: Labels, groups: Groups, n_folds: int, seed: int, corpora: NDArray[np.str_] | None = None
) -> list[Split]:
    """Split a training part as :func:`grouped_folds` does, into fewer folds where its groups ask for it.

    Both classes need groups of their own on both sides, so there are at most as many folds as the
    rarer class has groups.
    """
    n_groups = {name: np.unique(groups[y == label]).size for label, name in enumerate(("real", "fake"))}
    possible = min(n_groups.values())
    if possible < 2:
        raise TooFewGroupsError(
            f"a training part has {n_groups['real']} groups with real and {n_groups['fake']} with fake videos; "
            "to search and calibrate inside it takes two of each: add groups, or leave fewer out (more svm.n_folds)"
        )
    return grouped_folds(y, groups, min(n_folds, possible), seed, corpora)


def grouped_sample(y: Labels, groups: Groups, fraction: float, min_rows: int, seed: int) -> NDArray[np.int64]:
    """Draw a stratified share of the rows by whole groups.

    Parameters
    ----------
    y, groups : ndarray, shape (n_rows,)
    fraction : float
        Share of the rows, above 0 to 1; taken as one part of ``round(1 / fraction)``.
    min_rows : int
        Where the sample would have fewer rows, or fewer than two groups of a class, all rows are returned.
    seed : int

    Returns
    -------
    ndarray of int
        Row numbers, increasing.
    """
    everything = np.arange(len(y))
    n_parts = round(1 / fraction)
    if n_parts < 2 or len(y) * fraction < min_rows or min(np.unique(groups).size, np.bincount(y).max()) < n_parts:
        return everything
    splitter = StratifiedGroupKFold(n_parts, shuffle=True, random_state=seed)
    sample: NDArray[np.int64] = next(iter(splitter.split(everything, y, groups)))[1]
    n_groups = [np.unique(groups[sample][y[sample] == label]).size for label in (0, 1)]
    if len(sample) < min_rows or min(n_groups) < 2:
        return everything
    return sample
