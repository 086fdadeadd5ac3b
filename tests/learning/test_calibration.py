"""Platt's sigmoid and the sum over the experts."""

import warnings

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.calibration import _SigmoidCalibration

from fvc_kedro.learning.calibration import fit_fusion, rising_sigmoid


def margins_and_labels(n_videos=400, n_experts=1, separation=1.0, seed=0):
    """Margins of experts that know about the same, each with noise of its own; 1 in 4 is fake."""
    generator = np.random.default_rng(seed)
    y = (np.arange(n_videos) % 4 == 0).astype(np.int64)
    return generator.normal(size=(n_videos, n_experts)) + separation * (2 * y[:, None] - 1), y


def total(fusion, margins):
    return np.nansum(fusion.evidence(margins), axis=1)


@pytest.mark.parametrize("unit", [1e-3, 1, 1e3])
def test_a_rising_sigmoid_is_scikit_learn_s(unit):
    margins, y = margins_and_labels()
    margins = unit * margins[:, 0]
    slope, intercept = rising_sigmoid(margins, y)
    expected = _SigmoidCalibration().fit(margins, y)
    assert (slope, intercept) == pytest.approx((-expected.a_, -expected.b_), rel=1e-6)
    np.testing.assert_allclose(expit(slope * margins + intercept), expected.predict(margins), rtol=1e-6)


def test_a_falling_sigmoid_is_all_but_flat_at_the_prevalence():
    margins, y = np.linspace(-3, 3, 40), np.repeat([1, 0], [10, 30])
    for unit in (1e-6, 1, 1e6):
        slope, intercept = rising_sigmoid(unit * margins, y)
        assert slope * (unit * margins).std() == pytest.approx(0.02)
        fake = expit(slope * unit * margins + intercept)
        assert np.abs(fake - 0.25).max() < 0.01
        assert (np.diff(fake) > 0).all()


@pytest.mark.parametrize("value", [0.0, 0.3, -1e6])
def test_margins_that_are_all_the_same_give_the_prevalence(value):
    slope, intercept = rising_sigmoid(np.full(8, value), np.array([0, 0, 0, 1] * 2))
    assert expit(slope * value + intercept) == pytest.approx(0.25)
    assert slope > 0


@pytest.mark.parametrize("seed", range(8))
def test_the_sigmoid_rises_even_where_the_margins_tell_nothing(seed):
    margins, y = margins_and_labels(60, separation=0, seed=seed)
    assert rising_sigmoid(margins[:, 0], y)[0] > 0
    assert (fit_fusion(margins, y).slopes > 0).all()


def test_a_single_expert_is_calibrated_as_by_platt():
    margins, y = margins_and_labels(1000)
    fusion = fit_fusion(margins, y)
    slope, intercept = rising_sigmoid(margins[:, 0], y)
    found = expit(total(fusion, margins) + fusion.intercept)
    np.testing.assert_allclose(found, expit(slope * margins[:, 0] + intercept), atol=0.01)
    assert found.mean() == pytest.approx(y.mean(), abs=0.01)
    assert fusion.intercept == pytest.approx(logit(y.mean()), abs=0.05)


def test_evidence_is_a_straight_line_and_missing_where_the_expert_abstains():
    margins, y = margins_and_labels(n_experts=2)
    margins[::3, 1] = np.nan
    fusion = fit_fusion(margins, y)
    evidence = fusion.evidence(margins)
    np.testing.assert_array_equal(np.isnan(evidence), np.isnan(margins))
    np.testing.assert_array_equal(evidence[:, 0], fusion.slopes[0] * margins[:, 0] + fusion.intercepts[0])


@pytest.mark.parametrize("n_copies", [2, 5])
def test_experts_that_repeat_one_another_come_to_as_much_as_one(n_copies):
    margins, y = margins_and_labels()
    one, many = fit_fusion(margins, y), fit_fusion(np.tile(margins, n_copies), y)
    np.testing.assert_allclose(many.slopes, one.slopes[0] / n_copies, rtol=0.02)
    np.testing.assert_allclose(total(many, np.tile(margins, n_copies)), total(one, margins), atol=0.1)


def test_experts_with_knowledge_of_their_own_add_up():
    margins, y = margins_and_labels(4000, n_experts=2)
    alone = fit_fusion(margins[:, :1], y).slopes[0]
    np.testing.assert_allclose(fit_fusion(margins, y).slopes, alone, rtol=0.15)


def test_an_expert_that_knows_nothing_says_next_to_nothing():
    margins, y = margins_and_labels(n_experts=2)
    margins[:, 1] = np.random.default_rng(1).normal(size=len(y))
    evidence = fit_fusion(margins, y).evidence(margins)
    assert evidence[:, 1].std() < 0.2 * evidence[:, 0].std()


def test_being_there_is_no_evidence():
    """An expert that is there for most fakes and few reals, but cannot tell them apart, leaves the odds alone."""
    generator = np.random.default_rng(0)
    margins, y = margins_and_labels(2000, n_experts=2)
    margins[:, 1] = np.where(generator.random(2000) < np.where(y == 1, 0.9, 0.1), generator.normal(size=2000), np.nan)
    fusion = fit_fusion(margins, y)
    assert np.nanmax(np.abs(fusion.evidence(margins)[:, 1])) < 0.6
    assert abs(fusion.evidence(np.zeros((1, 2)))[0, 1]) < 0.1


@pytest.mark.parametrize("known", [[], [0, 4, 8], [1, 2, 3]])
def test_an_expert_that_knew_one_class_only_always_abstains(known):
    margins, y = margins_and_labels(n_experts=2)
    margins[np.setdiff1d(np.arange(len(y)), known), 1] = np.nan
    fusion = fit_fusion(margins, y)
    assert np.isnan(fusion.evidence(np.ones((3, 2)))[:, 1]).all()
    alone = fit_fusion(margins[:, :1], y)
    np.testing.assert_allclose(fusion.slopes[0], alone.slopes[0])
    np.testing.assert_allclose(fusion.intercept, alone.intercept)


def test_where_all_experts_always_abstain_the_odds_are_those_of_the_prevalence():
    _, y = margins_and_labels()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fusion = fit_fusion(np.full((len(y), 3), np.nan), y)
    assert expit(fusion.intercept) == pytest.approx(0.25)


def test_weights_count_as_copies_do():
    generator = np.random.default_rng(0)
    y = np.tile([0, 1], 40)
    margins = generator.normal(size=80) + y
    weights = np.where(np.arange(80) < 40, 1.0, 3.0)
    slope, intercept = rising_sigmoid(margins, y, weights)
    copies = np.repeat(np.arange(80), weights.astype(int))
    assert (slope, intercept) == pytest.approx(rising_sigmoid(margins[copies], y[copies]), rel=1e-3)
    flat = rising_sigmoid(np.zeros(80), y, np.where(y == 1, 3.0, 1.0))
    assert flat[1] == pytest.approx(np.log(3))
    columns = np.column_stack([margins, np.where(np.arange(80) % 4 < 2, margins, np.nan)])
    weighted, copied = fit_fusion(columns, y, weights), fit_fusion(columns[copies], y[copies])
    np.testing.assert_allclose(weighted.evidence(columns), copied.evidence(columns), rtol=2e-3, atol=1e-3)
