"""Fits that share what they have in common are those of the machines alone."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from fvc_kedro.learning import shared_fits
from fvc_kedro.learning.nystroem import NystroemSVC
from fvc_kedro.learning.rows import Rows
from fvc_kedro.learning.search import Search, classifier_for, search_grid
from fvc_kedro.learning.shared_fits import margins_of_each

SEARCH = Search([0.1, 1, 10], ["linear", "rbf"], 1.0, 1, 3)
SHAPES = {"wide": (60, 150), "tall": (300, 8)}


def noisy(shape, seed=0):
    generator = np.random.default_rng(seed)
    n_rows, n_columns = SHAPES[shape]
    values = generator.normal(size=(n_rows, n_columns))
    score = values[:, 0] + values[:, 1] * values[:, 2] + generator.normal(size=n_rows)
    return values, (score > 0).astype(np.int64), generator.uniform(0.2, 3, n_rows)


def machines_of(shape, search=SEARCH):
    values, y, _ = noisy(shape)
    names = np.arange(len(y)).astype(str)
    data = Rows(pl.DataFrame(values), y, names, names)
    return [classifier_for(data, kernel, C, search) for kernel in search.kernels for C in search.C]


APPROXIMATED = replace(SEARCH, rbf_above_rows=0, rbf_n_components=40)


@pytest.mark.parametrize("search", [SEARCH, APPROXIMATED], ids=["exact", "approximated"])
@pytest.mark.parametrize("shape", SHAPES)
def test_six_grid_points_are_six_decision_functions(shape, search):
    values, y, weights = noisy(shape)
    margins = list(margins_of_each(machines_of(shape, search), values, y, weights, noisy(shape, seed=1)[0]))
    assert len(margins) == 6
    for number, first in enumerate(margins):
        for second in margins[number + 1 :]:
            assert np.abs(first - second).max() > 1e-4 * np.abs(first).max()


@pytest.mark.parametrize("search", [SEARCH, APPROXIMATED], ids=["exact", "approximated"])
@pytest.mark.parametrize("shape", SHAPES)
def test_sharing_changes_nothing(shape, search):
    (values, y, weights), (unseen, truth, _) = noisy(shape), noisy(shape, seed=1)
    machines = machines_of(shape, search)
    for machine, margins in zip(machines, margins_of_each(machines, values, y, weights, unseen), strict=True):
        alone = clone(machine).fit(values, y, sample_weight=weights).decision_function(unseen)
        np.testing.assert_allclose(margins, alone, atol=1e-9 * np.abs(alone).max())
        assert roc_auc_score(truth, margins) == pytest.approx(roc_auc_score(truth, alone), abs=1e-9)
        assert not hasattr(machine, "classes_")


def test_too_many_rows_for_the_kernel_s_matrix_are_fitted_without(monkeypatch):
    values, y, weights = noisy("tall")
    shared = list(margins_of_each(machines_of("tall"), values, y, weights, values))
    monkeypatch.setattr(shared_fits, "MOST_KERNEL_ROWS", len(y) - 1)
    monkeypatch.setattr(shared_fits, "rbf_kernel", None)
    for first, second in zip(shared, margins_of_each(machines_of("tall"), values, y, weights, values), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-9 * np.abs(first).max())


def test_machines_with_maps_of_their_own_do_not_share():
    values, y, weights = noisy("tall")
    machines = [NystroemSVC(n_components=20), NystroemSVC(n_components=30), NystroemSVC(n_components=20)]
    first, second, third = margins_of_each(machines, values, y, weights, values)
    np.testing.assert_array_equal(first, third)
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("shape", SHAPES)
def test_the_search_ranks_as_it_does_without_sharing(shape, monkeypatch):
    values, y, _ = noisy(shape)
    numbers = np.arange(len(y))
    data = Rows(pl.DataFrame(values), y, np.char.mod("g%02d", numbers // 5), np.char.mod("v%03d", numbers))
    shared = search_grid(data, SEARCH)

    def one_by_one(classifiers, train, y, weights, test):
        return [clone(machine).fit(train, y, sample_weight=weights).decision_function(test) for machine in classifiers]

    monkeypatch.setattr("fvc_kedro.learning.search.margins_of_each", one_by_one)
    alone = search_grid(data, SEARCH)
    assert [point.rank for point in shared] == [point.rank for point in alone]
    for first, second in zip(shared, alone, strict=True):
        assert first.mean_roc_auc == pytest.approx(second.mean_roc_auc, abs=1e-9)
