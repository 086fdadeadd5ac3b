"""The support vector machine, as one scikit-learn object that takes a feature table and gives probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.validation import has_fit_parameter

from fvc_kedro.learning.folds import Groups, Labels, assert_disjoint, inner_folds
from fvc_kedro.learning.nystroem import NystroemSVC
from fvc_kedro.learning.rows import Rows, by_video, first_rows
from fvc_kedro.learning.thresholds import Verdicts
from fvc_kedro.learning.wide import DualLinearSVC

_MAX_ITERATIONS = 20_000
_MOST_DEVIATIONS = 10.0
_LEAST_VARIANCE = 1e-20  # relative to the squared mean; what rounding leaves of a constant
_LEAST_RANGE = 1e-9  # of margins, relative to their size; what rounding leaves of a constant
_LEAST_SLOPE = 0.02  # log odds in a standard deviation of the margins


def make_classifier(
    kernel: str,
    C: float,  # noqa: N803 - scikit-learn's name
    seed: int,
    *,
    is_wide: bool = False,
    n_components: int = 0,
) -> SVC | LinearSVC | DualLinearSVC | NystroemSVC | LogisticRegression:
    """Make the classifier of a grid point.

    The linear kernel is ``LinearSVC(dual=False)``: 40 times cheaper than ``SVC`` for an AUC within .007. With
    more columns than rows it hardly converges, and the same machine is found by :class:`DualLinearSVC`. Logistic
    regression is for comparing it with the machines by the same search.

    Parameters
    ----------
    kernel : {"linear", "rbf", "logistic"}
    C : float
        Inverse strength of the regularisation.
    seed : int
    is_wide : bool
        Whether there are more columns than rows, see :func:`is_wide`.
    n_components : int
        Rows that the rbf kernel is approximated by, see :class:`NystroemSVC`; 0 takes the exact kernel.

    Raises
    ------
    ValueError
        If the kernel is another one.
    """
    if kernel == "linear" and is_wide:
        return DualLinearSVC(C=C)
    if kernel == "linear":
        return LinearSVC(C=C, dual=False, class_weight="balanced", random_state=seed, max_iter=_MAX_ITERATIONS)
    if kernel == "rbf" and n_components:
        return NystroemSVC(C=C, n_components=n_components, random_state=seed)
    if kernel == "rbf":
        return SVC(C=C, kernel="rbf", class_weight="balanced", random_state=seed)
    if kernel == "logistic":
        return LogisticRegression(C=C, class_weight="balanced", max_iter=_MAX_ITERATIONS)
    raise ValueError(f"kernel must be 'linear', 'rbf' or 'logistic', got {kernel!r}")


def is_wide(rows: Rows, n_features: int) -> bool:
    """Whether a classifier that sees at most ``n_features`` columns (0: all) sees more columns than rows."""
    n_columns = len(rows.features.columns)
    return (min(n_features, n_columns) if n_features else n_columns) > len(rows)


def anova(values: NDArray[np.float64], y: Labels) -> NDArray[np.float64]:
    """Variance between the classes over that within them, for each column; 0 for a constant one.

    It ranks as scikit-learn's ``f_classif``, which warns of constants and gives them NaN.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_columns)
    y : ndarray of int, shape (n_rows,)

    References
    ----------
    Fisher, "Statistical methods for research workers", 1925.
    """
    overall = values.mean(axis=0)
    between, within = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for label in np.unique(y):
        part = values[y == label]
        between += len(part) * (part.mean(axis=0) - overall) ** 2
        within += np.sum((part - part.mean(axis=0)) ** 2, axis=0)
    floor = 1e-12 * np.maximum(1.0, overall**2) * len(values)
    return np.where(within + between > floor, between / np.maximum(within, floor), 0.0)


class BoundedScaler(StandardScaler):
    """Standardises columns, and lets no unseen value outweigh all the others.

    A column that was constant in training tells nothing: it becomes 0, whatever an unseen row holds (as
    figures of a face do where no training video shows one). Other values are cut at 10 standard deviations.
    """

    def transform(self, X: Any, copy: bool | None = None) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        values = np.asarray(super().transform(X, copy=copy))
        varies = self.var_ > _LEAST_VARIANCE * np.maximum(1.0, self.mean_**2)
        return np.asarray(np.clip(values, -_MOST_DEVIATIONS, _MOST_DEVIATIONS) * varies)


def make_preprocessing(feature_names: Sequence[str], n_features: int) -> Pipeline:
    """Chain column choice, imputing, scaling and selection; other columns of a table are passed over.

    Parameters
    ----------
    feature_names : sequence of str
    n_features : int
        Columns to keep, those that differ most between the classes; 0 keeps all.
    """
    choose = ColumnTransformer([("features", "passthrough", list(feature_names))], remainder="drop")
    keep = min(n_features, len(feature_names)) if n_features else "all"
    return Pipeline(
        [
            ("choose", choose),
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", BoundedScaler()),
            ("select", SelectKBest(anova, k=keep)),
        ]
    )


class _OneColumn(ClassifierMixin, BaseEstimator):
    """Takes a single column as the margin, so that scikit-learn's calibration can be fitted to margins."""

    def fit(self, margins: NDArray[np.float64], y: Labels) -> _OneColumn:  # noqa: ARG002 - scikit-learn's signature
        self.classes_ = np.unique(y)
        self.n_features_in_ = 1
        return self

    def decision_function(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        return margins[:, 0]

    def predict(self, margins: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.asarray(self.classes_[(margins[:, 0] > 0).astype(np.int64)])


def rising_sigmoid(margins: NDArray[np.float64], y: Labels) -> tuple[float, float]:
    """Fit Platt's sigmoid, which must rise with the margin.

    Where the margins tell nothing, the fit may come out falling by chance and turn every ranking round. It is
    then all but flat, at the share of fakes: the slope is at least 0.02 in a standard deviation, or for a margin of
    one where all are the same (as those of trees too few videos to be grown on in the calibration's folds).

    Parameters
    ----------
    margins : ndarray, shape (n_videos,)
        Out of fold.
    y : ndarray of int, shape (n_videos,)

    Returns
    -------
    slope, intercept : float
        Of the log odds of fake over the margin.

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    if np.ptp(margins) <= _LEAST_RANGE * max(1.0, float(np.abs(margins).max())):
        return _LEAST_SLOPE, float(logit(y.mean())) - _LEAST_SLOPE * float(margins.mean())
    column, everything = margins[:, None], np.arange(len(y))
    frozen = FrozenEstimator(_OneColumn().fit(column, y))
    platt = CalibratedClassifierCV(frozen, method="sigmoid", cv=[(everything, everything)], ensemble=False)
    middle, spread = float(margins.mean()), max(float(margins.std()), 1e-12)
    step = 0.1 * spread  # small, as probabilities near 0 and 1 hold few digits
    at = logit(platt.fit(column, y).predict_proba(np.array([[middle], [middle + step]]))[:, 1])
    slope = float(at[1] - at[0]) / step
    if slope >= _LEAST_SLOPE / spread:
        return slope, float(at[0]) - slope * middle
    slope = _LEAST_SLOPE / spread
    return slope, float(logit(y.mean())) - slope * middle


class VideoDetector(ClassifierMixin, BaseEstimator):
    """Support vector machine on the rows of videos, calibrated once on the margins of whole videos.

    Imputing, scaling and selection are learnt with the machine, so a fitted detector needs nothing but
    the table of an unseen video. Calibration is Platt's, on grouped out-of-fold margins.

    Parameters
    ----------
    classifier : SVC, LinearSVC or another one with a decision function
        Not fitted, see :func:`make_classifier`. Rows are weighted where it takes weights.
    n_features : int
        Columns that the machine sees, those that differ most between the classes; 0 for all.
    segment_score : {"mean", "median", "max"}
        How the margins of a video's rows become the margin of the video.
    n_folds : int
        Grouped folds that give the margins for the calibration.
    seed : int
        Of the folds.
    share_of_fakes : float, optional
        Share of fakes among the videos that the probabilities are meant for, above 0, below 1; by default that of the
        training videos. Detectors of several training parts must assume one share: each would else rate its
        test videos by a share that is the lower, the more fakes the test part has.

    Attributes
    ----------
    classes_ : ndarray
        0 (real) and 1 (fake).
    feature_names_in_ : ndarray of str
        Columns that a table must have; it may have others.
    pipeline_ : Pipeline
        Fitted: choose, impute, scale, select, classify.
    slope_, intercept_ : float
        The probability of fake is the logistic function of slope times margin plus intercept.
    verdicts_ : Verdicts or None
        The three-way verdict on a probability, where its thresholds were chosen on out-of-fold scores.

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999. Saerens, Latinne & Decaestecker, "Adjusting the
    outputs of a classifier to new a priori probabilities", 2002.
    """

    def __init__(
        self,
        classifier: Any,
        n_features: int = 0,
        segment_score: str = "mean",
        n_folds: int = 3,
        seed: int = 0,
        share_of_fakes: float | None = None,
    ) -> None:
        self.classifier = classifier
        self.n_features = n_features
        self.segment_score = segment_score
        self.n_folds = n_folds
        self.seed = seed
        self.share_of_fakes = share_of_fakes

    def fit(
        self,
        X: pl.DataFrame,  # noqa: N803 - scikit-learn's name
        y: Labels,
        groups: Groups | None = None,
        videos: NDArray[np.str_] | None = None,
    ) -> VideoDetector:
        """Fit to rows of both classes; no group stands on both sides of a split of the calibration.

        Parameters
        ----------
        X : DataFrame
            Feature columns only, a row a segment or a video.
        y : ndarray of int, shape (n_rows,)
            0 for real, 1 for fake.
        groups, videos : ndarray of str, shape (n_rows,), optional
            What must never be split, and the video of each row; by default every row stands alone.
        """
        alone = np.arange(len(y)).astype(np.str_)
        videos = alone if videos is None else videos
        rows = Rows(X, np.asarray(y, np.int64), videos if groups is None else groups, videos)
        splits = inner_folds(rows.y, rows.groups, self.n_folds, self.seed)
        margins = np.empty(len(rows))
        for train, test in splits:
            assert_disjoint(rows.groups, train, test)
            margins[test] = self._fit_pipeline(rows.take(train)).decision_function(rows.features[test.tolist()])
        self.pipeline_ = self._fit_pipeline(rows)
        self.feature_names_in_ = np.array(rows.features.columns, dtype=object)
        self.classes_ = np.unique(rows.y)
        self.verdicts_: Verdicts | None = None
        by_name = by_video(margins, rows.videos, self.segment_score)
        y = rows.y[first_rows(rows.videos)]
        self.slope_, self.intercept_ = rising_sigmoid(np.array(list(by_name.values())), y)
        if self.share_of_fakes is not None:
            self.intercept_ += float(logit(self.share_of_fakes) - logit(y.mean()))
        return self

    def _fit_pipeline(self, rows: Rows) -> Pipeline:
        preprocessing = make_preprocessing(rows.features.columns, self.n_features)
        pipeline = Pipeline([*preprocessing.steps, ("classify", clone(self.classifier))])
        steps = ["scale", "classify"] if has_fit_parameter(self.classifier, "sample_weight") else ["scale"]
        weights = rows.weights()
        weighted = {f"{step}__sample_weight": weights for step in steps}
        return cast(Pipeline, pipeline.fit(rows.features, rows.y, **weighted))

    def decision_function(self, table: Any) -> NDArray[np.float64]:
        """Margin of each row of a table, positive towards fake."""
        return cast(NDArray[np.float64], self.pipeline_.decision_function(table))

    def predict_proba(self, table: Any) -> NDArray[np.float64]:
        """Probabilities of real and fake for each row, shape (n_rows, 2), each row taken as a video."""
        return self.probabilities(self.decision_function(table))

    def predict(self, table: Any) -> NDArray[np.int64]:
        """0 (real) or 1 (fake) for each row."""
        return np.asarray(self.classes_[(self.predict_proba(table)[:, 1] >= 0.5).astype(np.int64)])

    def video_margins(self, table: Any, videos: NDArray[np.str_]) -> dict[str, float]:
        """Margin of each video, given the video of each row, in alphabetical order."""
        return by_video(self.decision_function(table), videos, self.segment_score)

    def probabilities(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of real and fake for margins of videos, shape (n_videos, 2)."""
        fake = expit(self.slope_ * np.asarray(margins, np.float64) + self.intercept_)
        return np.column_stack([1 - fake, fake])

    @property
    def selected_features(self) -> list[str]:
        """Names of the columns that the machine sees."""
        chosen = self.pipeline_.named_steps["select"].get_support()
        return [str(name) for name, kept in zip(self.feature_names_in_, chosen, strict=True) if kept]
