"""The approximated rbf machine: when it is taken, and how near it comes to the exact one."""

import pickle
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.svm import SVC

from fvc_kedro.learning.cross_validation import fit_best, fit_detector
from fvc_kedro.learning.detector import make_classifier
from fvc_kedro.learning.nystroem import NystroemSVC, rbf_gamma
from fvc_kedro.learning.rows import Rows
from fvc_kedro.learning.search import Search, classifier_for, search_grid

SEARCH = Search([0.1, 1, 10], ["linear", "rbf"], 1.0, 1, 3, rbf_above_rows=100, rbf_n_components=50)


def rings(n_rows=600, seed=0):
    """Points inside a ring around the middle and outside it, with some of the labels wrong."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(n_rows, 2)) * [1, 3]
    inside = (values**2 / [1, 9]).sum(axis=1) < 1.4
    return values, np.where(generator.random(n_rows) < 0.1, inside, ~inside).astype(np.int64)


def rows_of_rings(n_rows=240):
    values, y = rings(n_rows)
    numbers = np.arange(n_rows)
    return Rows(
        pl.DataFrame(values, schema=["a", "b"]), y, np.char.mod("g%02d", numbers // 6), np.char.mod("v%03d", numbers)
    )


def test_it_comes_near_the_exact_machine_where_no_line_separates():
    (values, y), (unseen, truth) = rings(), rings(seed=1)
    exact = roc_auc_score(truth, SVC(class_weight="balanced").fit(values, y).decision_function(unseen))
    near = roc_auc_score(truth, NystroemSVC(n_components=100).fit(values, y).decision_function(unseen))
    assert exact > 0.85
    assert near > exact - 0.02


def test_its_kernel_is_as_wide_as_the_exact_one():
    values, y = rings()
    assert rbf_gamma(values) == SVC().fit(values, y)._gamma == NystroemSVC().fit(values, y).map_.gamma
    assert rbf_gamma(np.ones((4, 2))) == 1


def test_it_is_repeatable_and_depends_on_its_seed_and_its_parameters():
    values, y = rings()
    changes = [{}, {"C": 10}, {"n_components": 20}, {"random_state": 1}]
    decisions = [NystroemSVC(**({"n_components": 30} | change)).fit(values, y) for change in changes]
    again = clone(decisions[0]).fit(values, y)
    expected = decisions[0].decision_function(values)
    np.testing.assert_array_equal(again.decision_function(values), expected)
    for other in decisions[1:]:
        assert np.abs(other.decision_function(values) - expected).max() > 1e-3


def test_it_outlives_pickling():
    values, y = rings()
    fitted = NystroemSVC().fit(values, y)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.decision_function(values), fitted.decision_function(values))
    np.testing.assert_array_equal(loaded.predict(values), (fitted.decision_function(values) > 0).astype(int))
    assert list(loaded.classes_) == [0, 1]


def test_a_weight_of_two_is_a_row_twice():
    values, y = rings(60)
    mirrored, both = np.vstack([values, -values]), np.concatenate([y, y])  # the same width of the kernel either way
    twice = NystroemSVC(n_components=240).fit(np.vstack([mirrored, mirrored]), np.concatenate([both, both]))
    weighted = NystroemSVC(n_components=120).fit(mirrored, both, np.full(120, 2.0))
    plain = NystroemSVC(n_components=120).fit(mirrored, both)
    expected = twice.decision_function(values)
    np.testing.assert_allclose(weighted.decision_function(values), expected, atol=0.01)
    assert np.abs(plain.decision_function(values) - expected).max() > 0.05


def test_rows_without_weight_do_not_count():
    values, y = rings()
    weights = np.where(np.arange(len(y)) < 300, 1.0, 1e-9)
    y_wrong = np.where(weights < 1, 1 - y, y)
    margins = [NystroemSVC(n_components=80).fit(values, of, weights).decision_function(values) for of in (y, y_wrong)]
    assert np.corrcoef(*margins)[0, 1] > 0.99


def test_more_components_than_rows_are_as_many_as_rows():
    values, y = rings(40)
    assert NystroemSVC(n_components=300).fit(values, y).map_.components_.shape == (40, 2)


def test_it_is_taken_above_the_limit_and_not_below():
    data = rows_of_rings()
    for limit, machine in [(239, NystroemSVC), (240, SVC)]:
        assert isinstance(classifier_for(data, "rbf", 1.0, replace(SEARCH, rbf_above_rows=limit)), machine)
    assert isinstance(make_classifier("rbf", 1.0, 0), SVC)


def test_the_same_machine_is_searched_and_fitted():
    """An inner fold has fewer rows than the limit, and so have the folds of the calibration."""
    data, search = rows_of_rings(), replace(SEARCH, rbf_above_rows=200, rbf_n_components=5, kernels=["rbf"])
    exact, near = search_grid(data, replace(search, rbf_above_rows=240)), search_grid(data, search)
    assert [point.mean_roc_auc for point in near] != [point.mean_roc_auc for point in exact]
    fitted = fit_best(data, near, search, 3).pipeline_.named_steps["classify"]
    assert isinstance(fitted, NystroemSVC)
    assert fitted.map_.components_.shape == (5, 2)


@pytest.mark.parametrize("kernel", ["rbf", "logistic"])
def test_a_detector_is_searched_fitted_and_calibrated_with_it(kernel):
    data, search = rows_of_rings(), replace(SEARCH, kernels=[kernel])
    points = search_grid(data, search)
    assert points == search_grid(data, search)
    detector = fit_detector(data, kernel, points[0].C, search, 3)
    fake = detector.predict_proba(data.features)[:, 1]
    assert abs(fake.mean() - data.y.mean()) < 0.1
    if kernel == "rbf":
        assert roc_auc_score(data.y, fake) > 0.85
