"""Which candidate is chosen from out-of-fold margins."""

import warnings

import numpy as np
import pytest
from tables import linear

from fvc_kedro.learning.search import score_candidates


def folds_of(aucs, n_real=20, n_fake=5):
    """Margins, labels and folds with the given area under the ROC curve in each fold, in steps of 1 / n_real."""
    margins = [np.concatenate([np.arange(n_real) + 0.5, np.full(n_fake, n_real * auc)]) for auc in aucs]
    y = np.tile(np.repeat([0, 1], [n_real, n_fake]), len(aucs))
    return np.concatenate(margins), y, np.repeat(np.arange(len(aucs)), n_real + n_fake)


def points_of(*candidates):
    """Score candidates of one expert each, given by their areas under the curve."""
    _, y, folds = folds_of(candidates[0])
    margins = np.stack([folds_of(aucs)[0][:, None] for aucs in candidates])
    return score_candidates(linear(*range(1, len(candidates) + 1)), margins, y, folds)


def chosen(*candidates):
    """The number of the candidate chosen."""
    flags = [point.chosen for point in points_of(*candidates)]
    assert sum(flags) == 1
    return flags.index(True)


def test_points_say_how_every_candidate_did():
    first, second = points_of([0.7, 0.9, 0.8], [0.6, 0.6, 0.6])
    assert (first.kernel, first.C, first.n_videos) == ("linear", 1, 75)
    assert first.mean_roc_auc == pytest.approx(0.8)
    assert first.std_roc_auc == pytest.approx(np.std([0.7, 0.9, 0.8]))
    assert (second.C, second.mean_roc_auc, second.std_roc_auc) == (2, pytest.approx(0.6), pytest.approx(0))
    assert (first.chosen, second.chosen) == (True, False)


def test_equal_candidates_leave_it_to_the_first():
    assert chosen([0.7, 0.8], [0.7, 0.8], [0.8, 0.7]) == 0


def test_a_clearly_better_later_candidate_is_chosen():
    assert chosen([0.6, 0.7, 0.6], [0.9, 0.9, 0.95], [0.6, 0.6, 0.6]) == 1


def test_the_first_within_two_hundredths_of_the_best_is_chosen():
    best = [0.8] * 10
    assert chosen([0.75] * 3 + [0.8] * 7, best) == 0  # a mean of .785
    assert chosen([0.75] * 5 + [0.8] * 5, best) == 1  # a mean of .775
    assert chosen([0.7] * 10, [0.75] * 2 + [0.8] * 8, best) == 1
    assert chosen(best, [0.75] * 2 + [0.8] * 8) == 0


def test_the_spread_over_the_folds_does_not_matter():
    assert chosen([0.6, 0.9, 0.6, 0.9], [0.7, 0.9, 0.7, 0.9]) == 1
    assert chosen([0.7, 0.9, 0.7, 0.9], [0.8] * 4) == 0


def test_folds_of_one_class_are_passed_over():
    margins, y, folds = folds_of([0.7, 0.8, 0.9])
    margins, y, folds = (
        np.append(values, more) for values, more in [(margins, [99] * 3), (y, [0] * 3), (folds, [3] * 3)]
    )
    (point,) = score_candidates(linear(1), margins[None, :, None], y, folds)
    assert point.mean_roc_auc == pytest.approx(0.8)
    assert point.n_videos == len(y)


def test_where_all_folds_are_of_one_class_the_first_is_chosen():
    margins = np.random.default_rng(0).normal(size=(2, 8, 1))
    y = np.repeat([0, 1], 4)
    points = score_candidates(linear(1, 2), margins, y, y)
    assert [(point.mean_roc_auc, point.chosen) for point in points] == [(0.5, True), (0.5, False)]


def test_a_single_fold_with_both_classes_will_do():
    assert chosen([0.6], [0.8]) == 1


def test_experts_are_scored_together():
    generator = np.random.default_rng(0)
    y, folds = np.tile([0, 1], 150), np.repeat([0, 1, 2], 100)
    margins = generator.normal(size=(3, 300, 2)) + 0.8 * (2 * y[:, None] - 1)
    margins[0, :, 1] = np.nan
    margins[1, :, 0] = np.nan
    first, second, both = score_candidates(linear(1, 2, 3), margins, y, folds)
    assert both.mean_roc_auc > max(first.mean_roc_auc, second.mean_roc_auc) + 0.03
    assert both.chosen


def test_a_candidate_whose_experts_all_abstain_is_at_chance():
    margins, y, folds = folds_of([0.7, 0.8])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silent, other = score_candidates(
            linear(1, 2), np.stack([np.full_like(margins, np.nan), margins])[:, :, None], y, folds
        )
    assert silent.mean_roc_auc == 0.5
    assert other.chosen
