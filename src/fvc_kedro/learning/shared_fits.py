"""Fitting many classifiers to the same rows, with what they have in common computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel
from sklearn.svm import SVC

from fvc_kedro.learning.folds import Labels
from fvc_kedro.learning.nystroem import NystroemSVC, rbf_gamma
from fvc_kedro.learning.wide import DualLinearSVC

Values = NDArray[np.float64]
MOST_KERNEL_ROWS = 6000  # whose square takes 288 MB


def margins_of_each(
    classifiers: Sequence[Any], train: Values, y: Labels, weights: Values, test: Values
) -> Iterator[Values]:
    """Fit each classifier to the same rows and give its margins of the same test rows.

    Up to 6,000 training rows, an rbf ``SVC`` is fitted to the matrix of the kernel's values between the rows, which is
    the same for all C: two to fourteen times faster than ``SVC`` with its own kernel, for the same margins but for
    rounding. Those of :class:`DualLinearSVC` share the products of the rows, those of :class:`NystroemSVC` the map.
    Others are fitted as they are.

    Parameters
    ----------
    classifiers : sequence
        Not fitted, and left so. The faster, the longer those of one kernel follow each other.
    train, test : ndarray, shape (n_rows, n_columns)
    y : ndarray of int, shape (n_train,)
    weights : ndarray, shape (n_train,)

    Yields
    ------
    ndarray, shape (n_test,)
        In the order of the classifiers.
    """

    @lru_cache(maxsize=1)
    def rbf_values() -> tuple[Values, Values]:
        gamma = rbf_gamma(train)
        return rbf_kernel(train, gamma=gamma), rbf_kernel(test, train, gamma=gamma)

    @lru_cache(maxsize=1)
    def products() -> Values:
        return np.asarray(linear_kernel(train))

    @lru_cache(maxsize=1)
    def mapped(n_components: int, seed: int) -> tuple[Nystroem, Values, Values]:
        kernel_map = NystroemSVC(n_components=n_components, random_state=seed).fit_map(train)
        return kernel_map, kernel_map.transform(train), kernel_map.transform(test)

    for classifier in classifiers:
        if isinstance(classifier, SVC) and classifier.kernel == "rbf" and len(train) <= MOST_KERNEL_ROWS:
            yield _margins_by_kernel_values(classifier, *rbf_values(), y, weights)
        elif isinstance(classifier, DualLinearSVC):
            yield clone(classifier).fit_products(train, products(), y, weights).decision_function(test)
        elif isinstance(classifier, NystroemSVC):
            kernel_map, seen, unseen = mapped(classifier.n_components, classifier.random_state)
            yield clone(classifier).fit_mapped(kernel_map, seen, y, weights).linear_.decision_function(unseen)
        else:
            yield clone(classifier).fit(train, y, sample_weight=weights).decision_function(test)


def _margins_by_kernel_values(classifier: SVC, among: Values, towards: Values, y: Labels, weights: Values) -> Values:
    """Margins of test rows, given the kernel's values among the training rows and of the test rows towards them."""
    fitted = clone(classifier).set_params(kernel="precomputed").fit(among, y, sample_weight=weights)
    coefficients = np.zeros(len(y))
    coefficients[fitted.support_] = fitted.dual_coef_[0]
    return np.asarray(towards @ coefficients + fitted.intercept_[0])
