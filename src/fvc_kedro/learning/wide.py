"""The linear machine for tables with more columns than rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics.pairwise import linear_kernel
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from fvc_kedro.learning.folds import Labels

_UNBOUNDED = 1e30  # what no coefficient of a row reaches


class DualLinearSVC(ClassifierMixin, BaseEstimator):
    """Linear support vector machine with squared hinge loss and balanced classes, solved between the rows.

    It is the machine of ``LinearSVC``, whose solver works in the columns and hardly converges where there are more of
    them than rows. ``SVC(kernel="linear")`` has the hinge loss: wide tables are always separable, so from some
    small C on it does not depend on C any more, and points of a grid would be the same model.
    With the squared hinge, rows are separated without slack by the kernel plus ``1 / (2 C weight)`` on its diagonal.

    Parameters
    ----------
    C : float
        Inverse strength of the regularisation.

    Attributes
    ----------
    classes_ : ndarray
        0 (real) and 1 (fake).
    coef_ : ndarray, shape (1, n_columns)
    intercept_ : ndarray, shape (1,)
        Not regularised.

    References
    ----------
    Cristianini & Shawe-Taylor, "An introduction to support vector machines", 2000, section 6.1.2.
    """

    def __init__(self, C: float = 1.0) -> None:  # noqa: N803 - scikit-learn's name
        self.C = C

    def fit(
        self,
        X: NDArray[np.float64],  # noqa: N803 - scikit-learn's name
        y: Labels,
        sample_weight: NDArray[np.float64] | None = None,
    ) -> DualLinearSVC:
        """Fit to rows of shape (n_rows, n_columns), weighted where asked for."""
        values = np.asarray(X, np.float64)
        return self.fit_products(values, linear_kernel(values), y, sample_weight)

    def fit_products(
        self,
        values: NDArray[np.float64],
        products: NDArray[np.float64],
        y: Labels,
        sample_weight: NDArray[np.float64] | None,
    ) -> DualLinearSVC:
        """Fit to rows whose products with each other, which are the same for all C, are known already."""
        weights = compute_sample_weight("balanced", y)
        if sample_weight is not None:
            weights = weights * sample_weight
        slack = 1 / (2 * self.C * np.maximum(weights, 1e-12))
        machine = SVC(C=_UNBOUNDED, kernel="precomputed").fit(products + np.diag(slack), y)
        self.coef_ = machine.dual_coef_ @ values[machine.support_]
        self.intercept_ = machine.intercept_
        self.classes_ = machine.classes_
        self.n_features_in_ = values.shape[1]
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Margin of each row, positive towards the second class."""
        check_is_fitted(self)
        return np.asarray(np.asarray(X, np.float64) @ self.coef_[0] + self.intercept_[0])

    def predict(self, X: Any) -> NDArray[np.int64]:  # noqa: N803 - scikit-learn's name
        """Class of each row."""
        return np.asarray(self.classes_[(self.decision_function(X) > 0).astype(np.int64)])
