"""The classifiers of the grid and the baselines."""

import pickle
import warnings
from itertools import combinations

import numpy as np
import pytest
import yaml
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.svm import SVC
from tables import linear, rbf, rings
from threadpoolctl import threadpool_limits

from conftest import REPOSITORY
from fvc_kedro.learning.candidates import (
    boosting_candidates,
    discriminant_candidates,
    logistic_candidates,
    svm_candidates,
)
from fvc_kedro.learning.preprocessing import fit_preprocessing

EVERY = {
    "linear": linear(0.1),
    "rbf": rbf(1),
    "approximated rbf": svm_candidates(["rbf"], [], [1], 0, n_components=40),
    "logistic": logistic_candidates([0.1]),
    "discriminant": discriminant_candidates(),
    "boosting": boosting_candidates(0),
}
WEIGHTED = [name for name in EVERY if name != "discriminant"]


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def table(n_rows=200, n_columns=4, n_real=None, seed=0, separation=1.0):
    generator = np.random.default_rng(seed)
    y = (np.arange(n_rows) >= (n_rows // 2 if n_real is None else n_real)).astype(np.int64)
    values = generator.normal(size=(n_rows, n_columns))
    values[:, 0] += separation * (2 * y - 1)
    return values, y


def margins(candidate, values, y, unseen, weights=None):
    return candidate.fit(values, y, np.ones(len(y)) if weights is None else weights).decision_function(unseen)


def points(candidates):
    return [(one.kernel, one.C) for one in candidates]


def test_the_grid_is_in_the_order_of_preference():
    made = svm_candidates(["rbf", "linear"], [0.001, 0.1], [10, 1], seed=0)
    assert points(made) == [("rbf", 10), ("rbf", 1), ("linear", 0.001), ("linear", 0.1)]
    assert points(svm_candidates(["linear"], [1], [2], seed=0)) == [("linear", 1)]
    assert points(logistic_candidates([1, 0.1])) == [(None, 1), (None, 0.1)]
    assert points(discriminant_candidates() + boosting_candidates(0)) == [(None, None)] * 2


def test_an_unknown_kernel_is_named():
    with pytest.raises(ValueError, match="'poly'"):
        svm_candidates(["linear", "poly"], [1.0], [1.0], 0)


def default_grid(n_components=None):
    grid = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())["svm"]["grid"]
    return svm_candidates(grid["kernel"], grid["C"], grid["rbf_C"], 0, n_components)


@pytest.mark.parametrize("n_components", [None, 90])
@pytest.mark.parametrize("shape", [(96, 769), (600, 40)])
def test_the_points_of_the_default_grid_differ_by_more_than_a_factor(shape, n_components):
    """A factor and an offset are undone by the calibration, so that such classifiers would be one and the same.

    With fewer rows than columns, the two rbf points are: no training row is then inside the margin.
    """
    generator = np.random.default_rng(0)
    y = np.arange(shape[0]) % 2
    values, unseen = (generator.normal(size=shape) + 0.15 * (2 * y[:, None] - 1) for _ in range(2))
    preprocessing, prepared = fit_preprocessing(values, y, np.ones(len(y)), 0.4)
    grid = default_grid(n_components)
    assert len(grid) == 4
    decisions = [margins(one, prepared, y, preprocessing.transform(unseen)) for one in grid]
    decisions = [(one - one.mean()) / one.std() for one in decisions]
    for first, second in combinations(range(4), 2):
        if shape[0] > shape[1] or (grid[first].kernel, grid[second].kernel) != ("rbf", "rbf"):
            assert np.abs(decisions[first] - decisions[second]).max() > 1e-3


@pytest.mark.parametrize("name", EVERY)
def test_every_classifier_separates_what_can_be_separated(name):
    (candidate,) = EVERY[name]
    values, y = table(separation=1.5)
    unseen, truth = table(separation=1.5, seed=1)
    assert roc_auc_score(truth, margins(candidate, values, y, unseen)) > 0.95


@pytest.mark.parametrize("name", EVERY)
def test_a_fit_is_repeatable_and_leaves_the_candidate_as_it_was(name):
    (candidate,) = EVERY[name]
    values, y = table()
    first = candidate.fit(values, y, np.ones(len(y)))
    assert not hasattr(candidate.classifier, "classes_")
    assert not hasattr(candidate.feature_map, "components_")
    loaded = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(loaded.decision_function(values), first.decision_function(values))
    np.testing.assert_array_equal(margins(candidate, values, y, values), first.decision_function(values))
    assert first.predict(values).tolist() == (first.decision_function(values) > 0).astype(int).tolist()


@pytest.mark.parametrize("name", [name for name in EVERY if name != "boosting"])  # which learns training by heart
def test_the_commoner_class_is_not_favoured(name):
    (candidate,) = EVERY[name]
    values, y = table(n_rows=400, n_real=320, separation=0.5)
    unseen, _ = table(n_rows=400, separation=0.5, seed=1)
    assert 0.3 < np.mean(margins(candidate, values, y, unseen) > 0) < 0.7


@pytest.mark.parametrize("name", WEIGHTED)
def test_rows_with_hardly_any_weight_do_not_count(name):
    (candidate,) = EVERY[name]
    values, y = table(n_rows=300)
    unseen, truth = table(n_rows=300, seed=1)
    light = np.arange(300) % 3 == 0
    weights = np.where(light, 1e-6, 1.0)
    wrong = np.where(light, 1 - y, y)
    right, misled, plain = (
        margins(candidate, values, *how) for how in ((y, unseen, weights), (wrong, unseen, weights), (wrong, unseen))
    )
    assert np.corrcoef(right, misled)[0, 1] > 0.9
    assert np.corrcoef(right, misled)[0, 1] > np.corrcoef(right, plain)[0, 1] + 0.01
    assert roc_auc_score(truth, misled) > 0.85


@pytest.mark.parametrize("name", ["linear", "rbf", "logistic"])
def test_a_weight_of_two_is_a_row_twice(name):
    (candidate,) = EVERY[name]
    values, y = table(60, separation=0.5)
    twice = margins(candidate, np.vstack([values, values]), np.tile(y, 2), values)
    weighted = margins(candidate, values, y, values, np.full(60, 2.0))
    np.testing.assert_allclose(weighted, twice, atol=5e-3)
    assert np.abs(margins(candidate, values, y, values) - twice).max() > 0.02


def test_the_width_of_the_rbf_kernel_is_one_over_the_number_of_columns():
    values, y = rings()
    for size in (1, 3):  # whatever the size of the values
        ours = margins(rbf(1)[0], size * values, y, size * values)
        theirs = SVC(gamma=1 / 2, class_weight="balanced").fit(size * values, y).decision_function(size * values)
        np.testing.assert_array_equal(ours, theirs)
    near = EVERY["approximated rbf"][0].fit(values, y, np.ones(len(y)))
    basis = near.named_steps["map"].components_
    kernel = np.exp(-np.sum((basis[:, None] - basis) ** 2, axis=2) / 2)
    mapped = near.named_steps["map"].transform(basis)
    np.testing.assert_allclose(mapped @ mapped.T, kernel, atol=1e-6)


def test_the_approximation_comes_near_the_exact_kernel_where_no_line_separates():
    (values, y), (unseen, truth) = rings(), rings(seed=1)
    near = svm_candidates(["rbf"], [], [1], 0, n_components=100)[0]
    straight, exact, close = (
        roc_auc_score(truth, margins(one, values, y, unseen)) for one in (linear(1)[0], rbf(1)[0], near)
    )
    assert straight < 0.6
    assert exact > 0.85
    assert close > exact - 0.02


def test_only_the_rbf_kernel_is_approximated():
    values, y = rings()
    for one in svm_candidates(["linear", "rbf"], [1], [1], 0, n_components=50):
        fitted = one.fit(values, y, np.ones(len(y)))
        assert ("map" in fitted.named_steps) == (one.kernel == "rbf")
        assert fitted.named_steps["classify"].n_features_in_ == (50 if one.kernel == "rbf" else 2)


def test_the_approximation_depends_on_its_seed_and_its_size():
    values, y = rings()
    first, again, other_seed, larger = (
        margins(svm_candidates(["rbf"], [], [1], seed, n_components)[0], values, y, values)
        for seed, n_components in [(0, 30), (0, 30), (1, 30), (0, 40)]
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other_seed).max() > 1e-3
    assert np.abs(first - larger).max() > 1e-3


@pytest.mark.parametrize("shape", [(72, 200), (600, 20)])
def test_linear_classifiers_converge(shape):
    values, y = table(*shape, separation=3.0)
    grid = linear(1e-3, 0.1, 10) + logistic_candidates([1e-3, 0.1, 10])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        for one in grid:
            assert roc_auc_score(y, margins(one, values, y, values)) > 0.95


def test_the_approximation_takes_no_more_rows_than_there_are():
    candidate = svm_candidates(["rbf"], [], [1.0], 0, n_components=50)[0]
    values, y = np.random.default_rng(0).normal(size=(20, 3)), np.tile([0, 1], 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = candidate.fit(values, y, np.ones(20))
    assert fitted.named_steps["map"].components_.shape[0] == 20
