"""Scaling, cutting, whitening and imputing."""

import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from sklearn.base import clone
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler
from tables import linear

from fvc_kedro.learning.preprocessing import BoundedScaler, WithinClassWhitening, fit_preprocessing


def table(n_rows=300, n_columns=5, seed=0):
    """Correlated columns of different size, the classes apart."""
    generator = np.random.default_rng(seed)
    y = np.arange(n_rows) % 2
    values = generator.normal(size=(n_rows, n_columns)) @ generator.normal(size=(n_columns, n_columns))
    values += y[:, None] * generator.normal(size=n_columns)
    return values, y, generator.uniform(0.2, 3, n_rows)


def residuals_of(values, y, weights):
    means = np.stack([np.average(values[y == label], axis=0, weights=weights[y == label]) for label in (0, 1)])
    return (values - means[y]) * np.sqrt(weights / weights.mean())[:, None]


def shrunk_covariance(values, y, weights, shrinkage):
    residuals = residuals_of(values, y, weights)
    covariance = residuals.T @ residuals / len(y)
    target = np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
    return (1 - shrinkage) * covariance + shrinkage * target


def test_scaled_values_are_cut_and_constants_are_nothing():
    scaler = BoundedScaler().fit(np.array([[0.1, 1.0], [0.1, 3.0]]))
    scaled = scaler.transform(np.array([[9.0, 2.0], [0.1, 1e9], [-9.0, -1e9], [0.1, 4.5]]))
    assert scaled.tolist() == [[0.0, 0.0], [0.0, 3.0], [0.0, -3.0], [0.0, 2.5]]
    assert BoundedScaler(limit=1).fit_transform(np.array([[0.0], [0.0], [9.0]])).max() == 1


def test_uncut_values_are_scaled_as_scikit_learn_does():
    values, _, weights = table()
    ours = BoundedScaler(limit=np.inf).fit(values, sample_weight=weights).transform(values)
    np.testing.assert_allclose(ours, StandardScaler().fit(values, sample_weight=weights).transform(values))


@pytest.mark.parametrize("step", [BoundedScaler(), WithinClassWhitening()])
def test_steps_are_scikit_learn_transformers(step):
    values, y, _ = table()
    before = values.copy()
    with pytest.raises(NotFittedError):
        step.transform(values)
    first, second = clone(step).fit(values, y), clone(step).fit_transform(values, y)
    np.testing.assert_array_equal(first.transform(values), second)
    np.testing.assert_array_equal(values, before)
    assert clone(step).get_params() == step.get_params()


def test_a_constant_column_never_warns_whatever_the_weights():
    """A variance computed in one pass is negative here and there, and its root is no number."""
    for seed in range(150):
        generator = np.random.default_rng(seed)
        values = generator.normal(size=(30, 6))
        values[:, :3] = generator.normal(size=3) * 10.0 ** generator.integers(-3, 9, 3)
        y, weights = np.arange(30) % 2, generator.uniform(0.01, 5, 30)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scaled = BoundedScaler().fit(values, sample_weight=weights).transform(values)
            _, prepared = fit_preprocessing(values, y, weights, 0.4)
        assert np.all(scaled[:, :3] == 0)
        assert scaled[:, 3:].std() > 0.5
        assert np.isfinite(prepared).all()


def test_a_small_variation_of_a_large_value_is_not_a_constant():
    values = 1e5 + 1e-3 * np.random.default_rng(0).normal(size=(100, 1))
    assert BoundedScaler().fit_transform(values).std() == pytest.approx(1, abs=0.1)


def test_the_covariance_within_classes_becomes_the_identity():
    values, y, weights = table(n_rows=2000)
    for weighted in (None, weights):
        whitened = WithinClassWhitening(1e-9).fit(values, y, weighted).transform(values)
        used = np.ones(len(y)) if weighted is None else weights
        residuals = residuals_of(whitened, y, used)
        np.testing.assert_allclose(residuals.T @ residuals / len(y), np.eye(5), atol=1e-6)


def test_the_middle_between_the_class_means_becomes_zero():
    values, y, _ = table()
    y = np.where(np.arange(len(y)) < 250, 0, y)  # far more of one class
    whitened = WithinClassWhitening().fit(values, y).transform(values)
    np.testing.assert_allclose(whitened[y == 0].mean(axis=0), -whitened[y == 1].mean(axis=0), atol=1e-9)


@pytest.mark.parametrize("shape", [(200, 6), (20, 50)])
@pytest.mark.parametrize("shrinkage", [0.01, 0.4, 1.0])
def test_distances_are_those_of_mahalanobis(shape, shrinkage):
    """With fewer rows than columns too: what lies outside the space of the rows is no distance between them."""
    values, y, weights = table(*shape)
    whitened = WithinClassWhitening(shrinkage).fit(values, y, weights).transform(values)
    inverse = np.linalg.inv(shrunk_covariance(values, y, weights, shrinkage))
    np.testing.assert_allclose(pdist(whitened), pdist(values, "mahalanobis", VI=inverse), rtol=1e-6)


def test_full_shrinkage_whitens_nothing():
    values, y, _ = table()
    ratio = pdist(WithinClassWhitening(1.0).fit(values, y).transform(values)) / pdist(values)
    np.testing.assert_allclose(ratio, ratio[0])
    ratio = pdist(WithinClassWhitening(0.1).fit(values, y).transform(values)) / pdist(values)
    assert ratio.max() > 1.5 * ratio.min()


def test_fewer_rows_than_columns_give_fewer_columns_than_rows():
    """Centred rows span one dimension less than their number; one more would be made of rounding errors."""
    values, y, weights = table(21, 60)
    whitening = WithinClassWhitening().fit(values[:20], y[:20], weights[:20])
    assert whitening.transform(values[:20]).shape == (20, 19)
    unseen = whitening.transform(values[20:])
    assert unseen.shape == (1, 19)
    assert np.isfinite(unseen).all()
    assert WithinClassWhitening().fit(*table(60, 21)[:2]).whitening_.shape == (21, 21)


def test_a_whitened_linear_svm_does_not_see_which_mixture_of_columns_it_is_given():
    (values, y, weights), (unseen, _, _) = table(2000), table(100, seed=1)
    mixture = np.random.default_rng(2).normal(size=(5, 5)) * [1, 10, 0.1, 3, 1]
    (candidate,) = linear(0.01)

    def margins(seen, new, whitening):
        prepared = whitening.fit(seen, y, weights)
        return candidate.fit(prepared.transform(seen), y, weights).decision_function(prepared.transform(new))

    plain, mixed = (
        [margins(values @ by, unseen @ by, WithinClassWhitening(shrinkage)) for by in (np.eye(5), mixture)]
        for shrinkage in (1e-9, 1.0)
    )
    np.testing.assert_allclose(plain[0], plain[1], atol=0.01)
    assert np.abs(mixed[0] - mixed[1]).max() > 0.1


def test_columns_that_are_constant_or_there_twice_change_nothing():
    values, y, weights = table()
    more = np.column_stack([values, values[:, :2], np.full(len(y), 7.5), values[:, 0]])
    once, often = (fit_preprocessing(some, y, weights, 1e-6)[1] for some in (values, more))
    np.testing.assert_allclose(pdist(often), pdist(once), rtol=1e-4)


def test_columns_there_twice_are_harmless_with_fewer_rows_than_columns():
    values, y, weights = table(20, 30)
    more = np.column_stack([values, values, np.full((20, 3), 7.5)])
    preprocessing, prepared = fit_preprocessing(more, y, weights, 0.4)
    assert prepared.shape == (20, 19)
    assert np.abs(prepared).max() < 100
    assert np.abs(preprocessing.transform(1e3 * more)).max() < 1000


def test_a_weight_is_a_number_of_repetitions():
    values, y, _ = table(40)
    counts = np.random.default_rng(1).integers(1, 5, 40)
    repeated = np.repeat(np.arange(40), counts)
    for step in (BoundedScaler(), WithinClassWhitening(0.3)):
        weighted = clone(step).fit(values, y, sample_weight=counts.astype(float)).transform(values)
        often = clone(step).fit(values[repeated], y[repeated]).transform(values)
        plain = clone(step).fit(values, y).transform(values)
        np.testing.assert_allclose(cdist(weighted, weighted), cdist(often, often), atol=1e-7)
        assert np.abs(cdist(weighted, weighted) - cdist(plain, plain)).max() > 0.01


def test_weights_do_not_depend_on_their_unit():
    values, y, weights = table()
    first, second = (fit_preprocessing(values, y, some, 0.4)[1] for some in (weights, 10 * weights))
    np.testing.assert_allclose(pdist(first), pdist(second))


@pytest.mark.parametrize("shape", [(300, 5), (20, 60)])
def test_automatic_shrinkage_is_that_of_ledoit_and_wolf(shape):
    values, y, weights = table(*shape)
    found = WithinClassWhitening("auto").fit(values, y, weights)
    assert found.shrinkage_ == ledoit_wolf_shrinkage(residuals_of(values, y, weights), assume_centered=True)
    same = WithinClassWhitening(found.shrinkage_).fit(values, y, weights)
    np.testing.assert_array_equal(found.transform(values), same.transform(values))
    assert WithinClassWhitening().fit(values, y).shrinkage_ == 0.4


def test_a_row_of_each_class_is_enough():
    values = np.random.default_rng(0).normal(size=(2, 4))
    for shrinkage in (0.4, "auto"):
        preprocessing, prepared = fit_preprocessing(values, np.array([0, 1]), np.ones(2), shrinkage)
        assert np.isfinite(prepared).all()
        assert np.isfinite(preprocessing.transform(values + 1)).all()


@pytest.mark.parametrize(("shrinkage", "steps"), [(None, ["impute", "scale"]), ("auto", ["impute", "scale", "whiten"])])
def test_the_rows_returned_are_those_the_pipeline_gives(shrinkage, steps):
    values, y, weights = table()
    values[::7, 1] = np.nan
    pipeline, prepared = fit_preprocessing(values, y, weights, shrinkage)
    assert list(pipeline.named_steps) == steps
    np.testing.assert_allclose(pipeline.transform(values), prepared)


def test_missing_values_are_the_median_of_training_and_empty_columns_are_nothing():
    values, y, weights = table()
    values[:, 2] = np.nan
    pipeline, prepared = fit_preprocessing(values, y, weights, None)
    assert np.all(prepared[:, 2] == 0)
    unseen = np.array([[np.nan, 1.0, 1e6, 0.0, 0.0], [np.median(values[:, 0]), 1.0, np.nan, 0.0, 0.0]])
    first, second = pipeline.transform(unseen)
    np.testing.assert_array_equal(first, second)


def test_weights_are_used_in_scaling_and_in_whitening():
    values, y, weights = table()
    scaled, whitened = (fit_preprocessing(values, y, weights, shrinkage)[1] for shrinkage in (None, 1e-9))
    scaler = BoundedScaler().fit(values, sample_weight=weights)
    np.testing.assert_allclose(scaled, scaler.transform(values))
    residuals = residuals_of(whitened, y, weights)
    np.testing.assert_allclose(residuals.T @ residuals / len(y), np.eye(5), atol=1e-6)


@pytest.mark.parametrize("shape", [(40, 100), (40, 41), (100, 40)])
def test_rounding_errors_do_not_reach_unseen_rows(shape):
    values, y, _ = table(*shape)
    unseen = table(30, shape[1])[0] + 1.0
    noise = 1 + 1e-13 * np.random.default_rng(0).normal(size=values.shape)
    distances = [
        pdist(WithinClassWhitening().fit(training, y).transform(unseen)) for training in (values, values * noise)
    ]
    np.testing.assert_allclose(*distances, rtol=1e-8)


def test_columns_that_are_all_constant_leave_nothing():
    for shape in ((5, 8), (8, 5)):
        whitened = (
            WithinClassWhitening().fit(np.zeros(shape), np.arange(shape[0]) % 2).transform(np.ones((2, shape[1])))
        )
        assert np.isfinite(whitened).all()


def test_what_differs_between_corpora_is_no_variance_within_classes():
    """Corpora that lie apart in a column are whitened as if they lay together."""
    generator = np.random.default_rng(0)
    y, corpora = np.tile([0, 1], 60), np.repeat(["a", "b"], 60)
    values = generator.normal(size=(120, 3)) + y[:, None]
    apart = values + np.where(corpora == "b", 9.0, 0.0)[:, None] * [1, 0, 0]
    fitted = WithinClassWhitening(0.3).fit(apart, y, corpora=corpora)
    shifts = np.array([[apart[(y == label) & (corpora == name)].mean(axis=0) for name in "ab"] for label in (0, 1)])
    moved = apart - shifts[y, np.where(corpora == "b", 1, 0)]
    expected = moved.T @ moved / len(y) * 30 / 29  # the thirty of a class in a corpus lie near their own mean
    shrunk = 0.7 * expected + 0.3 * np.trace(expected) / 3 * np.eye(3)
    np.testing.assert_allclose(fitted.whitening_ @ fitted.whitening_.T, np.linalg.inv(shrunk), rtol=1e-8)
    pooled = WithinClassWhitening(0.3).fit(apart, y)
    assert np.linalg.norm(pooled.whitening_[0]) < np.linalg.norm(fitted.whitening_[0]) / 2
