"""The linear machine for more columns than rows."""

import pickle

import numpy as np
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.class_weight import compute_sample_weight

from fvc_kedro.learning.wide import DualLinearSVC


def wide_table(n_rows=40, n_columns=200, seed=0):
    generator = np.random.default_rng(seed)
    y = np.repeat([0, 1], [n_rows // 4, n_rows - n_rows // 4])
    values = generator.normal(size=(n_rows, n_columns))
    values[:, 0] += 2 * y
    return values - values.mean(axis=0), y


def objective(coefficients, intercept, values, y, weights, C):
    slack = np.maximum(0, 1 - (2 * y - 1) * (values @ coefficients + intercept))
    return coefficients @ coefficients / 2 + C * weights @ slack**2


def test_it_is_the_machine_of_linear_svc():
    values, y = wide_table()
    weights = np.random.default_rng(1).uniform(0.5, 2, len(y))
    balanced = weights * compute_sample_weight("balanced", y)
    for C in (0.001, 0.1, 10):
        ours = DualLinearSVC(C).fit(values, y, weights)
        # with a large column of ones in place of an intercept, which is regularised with the coefficients
        theirs = LinearSVC(C=C, dual=False, class_weight="balanced", intercept_scaling=1e3, tol=1e-8, max_iter=10**5)
        theirs.fit(values, y, weights)
        np.testing.assert_allclose(ours.decision_function(values), theirs.decision_function(values), atol=0.01)
        best, other = (
            objective(machine.coef_[0], machine.intercept_[0], values, y, balanced, C) for machine in (ours, theirs)
        )
        assert best <= other * 1.001


def test_every_c_is_another_model_where_the_hinge_loss_knows_one():
    values, y = wide_table()
    hinge = [SVC(C=C, kernel="linear").fit(values, y).decision_function(values) for C in (1, 10)]
    np.testing.assert_array_equal(*hinge)
    ours = [DualLinearSVC(C).fit(values, y).decision_function(values) for C in (0.1, 1, 10)]
    assert np.abs(ours[0] - ours[1]).max() > 1e-3
    assert np.abs(ours[1] - ours[2]).max() > 1e-4


def test_a_weight_of_two_is_a_row_twice():
    values, y = wide_table()
    everything = np.arange(len(y))
    twice = DualLinearSVC(0.01).fit(values[[*everything, *everything]], y[[*everything, *everything]])
    weighted = DualLinearSVC(0.01).fit(values, y, np.full(len(y), 2.0))
    plain = DualLinearSVC(0.01).fit(values, y)
    expected = twice.decision_function(values)
    np.testing.assert_allclose(weighted.decision_function(values), expected, atol=5e-3)
    assert np.abs(plain.decision_function(values) - expected).max() > 0.05


def test_rows_without_weight_do_not_count():
    values, y = wide_table()
    weights = np.where(np.arange(len(y)) % 4 == 0, 0.0, 1.0)
    moved = np.where(weights[:, None] == 0, -values, values)
    first, second = (DualLinearSVC(0.1).fit(table, y, weights) for table in (values, moved))
    np.testing.assert_allclose(first.coef_, second.coef_, atol=1e-3 * np.abs(first.coef_).max())


def test_it_outlives_pickling():
    values, y = wide_table()
    fitted = DualLinearSVC().fit(values, y)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict(values), (fitted.decision_function(values) > 0).astype(int))
    assert list(loaded.classes_) == [0, 1]
