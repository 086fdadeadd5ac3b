"""The rbf kernel for tables of many rows, where an exact support vector machine would take hours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted

from fvc_kedro.learning.folds import Labels

_MAX_ITERATIONS = 20_000
_TOLERANCE = 1e-3  # as of SVC; LinearSVC's own takes half as long again, for the same area under the ROC curve to .0001


def rbf_gamma(values: NDArray[np.float64]) -> float:
    """Width of the rbf kernel as ``SVC(gamma="scale")`` takes it: one over columns times variance of all values."""
    variance = float(values.var())
    return 1 / (values.shape[1] * variance) if variance else 1.0


class NystroemSVC(ClassifierMixin, BaseEstimator):
    """Linear support vector machine on an approximate map of the rbf kernel, with balanced classes.

    The map is made of the kernel's values at a random sample of the training rows. Its time grows with the
    number of rows, that of ``SVC`` with its square at least. More components come nearer to the exact kernel: where
    columns are related, as measures of a video are, 300 do; 40 columns that have nothing to do with each other
    take 1000 (``benchmarks/training.py``).

    Parameters
    ----------
    C : float
        Inverse strength of the regularisation.
    n_components : int
        Training rows that the map is made of; all of them where there are fewer.
    random_state : int
        Of the sample of rows.

    Attributes
    ----------
    classes_ : ndarray
        0 (real) and 1 (fake).
    map_ : Nystroem
        Fitted, with the width of the kernel in ``gamma``, see :func:`rbf_gamma`.
    linear_ : LinearSVC
        Fitted to the mapped rows.

    References
    ----------
    Williams & Seeger, "Using the Nyström method to speed up kernel machines", 2001.
    """

    def __init__(self, C: float = 1.0, n_components: int = 300, random_state: int = 0) -> None:  # noqa: N803
        self.C = C
        self.n_components = n_components
        self.random_state = random_state

    def fit(
        self,
        X: NDArray[np.float64],  # noqa: N803 - scikit-learn's name
        y: Labels,
        sample_weight: NDArray[np.float64] | None = None,
    ) -> NystroemSVC:
        """Fit to rows of shape (n_rows, n_columns), weighted where asked for."""
        values = np.asarray(X, np.float64)
        kernel_map = self.fit_map(values)
        return self.fit_mapped(kernel_map, kernel_map.transform(values), y, sample_weight)

    def fit_map(self, values: NDArray[np.float64]) -> Nystroem:
        """Make the map of the kernel, which is the same for all C."""
        return Nystroem(
            gamma=rbf_gamma(values),
            n_components=min(self.n_components, len(values)),
            random_state=self.random_state,
        ).fit(values)

    def fit_mapped(
        self, kernel_map: Nystroem, mapped: NDArray[np.float64], y: Labels, sample_weight: NDArray[np.float64] | None
    ) -> NystroemSVC:
        """Fit to rows that are mapped already."""
        self.map_ = kernel_map
        self.n_features_in_ = kernel_map.n_features_in_
        self.linear_ = LinearSVC(
            C=self.C,
            dual=False,
            class_weight="balanced",
            tol=_TOLERANCE,
            random_state=self.random_state,
            max_iter=_MAX_ITERATIONS,
        ).fit(mapped, y, sample_weight)
        self.classes_ = self.linear_.classes_
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Margin of each row, positive towards the second class."""
        check_is_fitted(self)
        return np.asarray(self.linear_.decision_function(self.map_.transform(X)))

    def predict(self, X: Any) -> NDArray[np.int64]:  # noqa: N803 - scikit-learn's name
        """Class of each row."""
        return np.asarray(self.classes_[(self.decision_function(X) > 0).astype(np.int64)])
