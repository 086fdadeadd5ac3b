"""The classifiers that a search chooses from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.validation import has_fit_parameter

from fvc_kedro.learning.folds import Labels

_MAX_ITERATIONS = 20_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A classifier to try: a point of the grid.

    Attributes
    ----------
    kernel : str or None
        None for a classifier without a kernel.
    C : float or None
        Inverse strength of the regularisation; None where there is nothing to choose.
    classifier : scikit-learn classifier
        With a decision function; not fitted.
    feature_map : scikit-learn transformer, optional
        Applied before the classifier; not fitted.
    """

    kernel: str | None
    C: float | None
    classifier: Any
    feature_map: Any = None

    def fit(self, values: NDArray[np.float64], y: Labels, weights: NDArray[np.float64]) -> Pipeline:
        """Fit a copy to rows; weights are used where the classifier takes them."""
        steps = []
        if self.feature_map is not None:
            n_components = min(self.feature_map.n_components, len(values))
            steps.append(("map", clone(self.feature_map).set_params(n_components=n_components)))
        pipeline = Pipeline([*steps, ("classify", clone(self.classifier))])
        takes_weights = has_fit_parameter(self.classifier, "sample_weight")
        return pipeline.fit(values, y, **({"classify__sample_weight": weights} if takes_weights else {}))


def svm_candidates(
    kernels: Sequence[str],
    C: Sequence[float],  # noqa: N803 - scikit-learn's name
    rbf_C: Sequence[float],  # noqa: N803
    seed: int,
    n_components: int | None = None,
) -> list[Candidate]:
    """Make the support vector machines of a grid, in the order of preference in which it is given.

    The width of the rbf kernel is one over the number of columns. It fits whitened columns, whose variance is about 1.

    Parameters
    ----------
    kernels : sequence of {"linear", "rbf"}
    C, rbf_C : sequence of float
        Inverse strengths of the regularisation, for the linear and the rbf kernel.
    seed : int
    n_components : int, optional
        Rows that the rbf kernel is approximated by (Williams & Seeger, "Using the Nyström method to speed up kernel
        machines", 2001). None for the exact kernel, whose time grows with the square of the rows at least.

    Raises
    ------
    ValueError
        If a kernel is another one.
    """
    unknown = set(kernels) - {"linear", "rbf"}
    if unknown:
        raise ValueError(f"kernels must be 'linear' or 'rbf', got {sorted(unknown)}")
    made = []
    for kernel in kernels:
        for value in rbf_C if kernel == "rbf" else C:
            if kernel == "rbf" and n_components is None:
                made.append(Candidate(kernel, value, SVC(C=value, gamma="auto", class_weight="balanced")))
                continue
            linear = LinearSVC(
                C=value, dual="auto", class_weight="balanced", random_state=seed, max_iter=_MAX_ITERATIONS
            )
            feature_map = None
            if kernel == "rbf":
                feature_map = Nystroem(n_components=n_components, random_state=seed)
            made.append(Candidate(kernel, value, linear, feature_map))
    return made


def logistic_candidates(C: Sequence[float]) -> list[Candidate]:  # noqa: N803 - scikit-learn's name
    """Make a logistic regression for each inverse strength of the regularisation."""
    return [
        Candidate(None, value, LogisticRegression(C=value, class_weight="balanced", max_iter=_MAX_ITERATIONS))
        for value in C
    ]


def discriminant_candidates() -> list[Candidate]:
    """Make a linear discriminant whose covariance is shrunk as Ledoit and Wolf do (2004)."""
    return [Candidate(None, None, LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5]))]


def boosting_candidates(seed: int) -> list[Candidate]:
    """Make boosted trees on histograms, with scikit-learn's settings but smaller leaves."""
    trees = HistGradientBoostingClassifier(
        class_weight="balanced", min_samples_leaf=10, early_stopping=False, random_state=seed
    )
    return [Candidate(None, None, trees)]
