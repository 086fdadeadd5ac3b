"""The detector: one scikit-learn object that takes a feature table and gives probabilities and their evidence."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fvc_kedro.learning.alignment import BatchAlignment, Moments, NotAlignableError, moments_of
from fvc_kedro.learning.calibration import Fusion, fit_fusion
from fvc_kedro.learning.candidates import Candidate
from fvc_kedro.learning.folds import (
    Groups,
    Labels,
    Split,
    TooFewGroupsError,
    assert_disjoint,
    grouped_sample,
    inner_folds,
)
from fvc_kedro.learning.preprocessing import fit_preprocessing
from fvc_kedro.learning.rows import Rows, balanced_weights, first_rows, mean_by_video
from fvc_kedro.learning.search import GridPoint, score_candidates
from fvc_kedro.learning.thresholds import Verdicts

_N_SCALING = 2  # steps of an expert's pipeline before it is aligned: impute and scale
_DIGITS = 12  # scores are rounded, so that detectors without any signal tie instead of being ranked by rounding errors


class VideoDetector(ClassifierMixin, BaseEstimator):
    """Experts by place, each a whitened and calibrated classifier, whose log odds are added up.

    An expert sees a named group of columns: those of the whole picture, of the face, and so on. Its pipeline imputes,
    scales, cuts and whitens its columns and classifies rows (segments or videos). The margin of a video is the mean
    over its rows. Calibrated on grouped out-of-fold margins, it becomes the expert's evidence: what the expert adds to
    the log odds of fake. An expert abstains where a video has none of its columns. All experts use the same grid
    point, which is chosen by their fused evidence on inner folds.

    Parameters
    ----------
    experts : mapping of str to sequence of str
        Columns of each expert.
    candidates : sequence of Candidate
        Points of the grid, in order of preference.
    shrinkage : float, "auto" or None
        Of the within-class covariance, see :class:`~fvc_kedro.learning.preprocessing.WithinClassWhitening`; None does
        not whiten.
    n_inner_folds : int
        Grouped inner folds for search and calibration.
    search_fraction : float
        Share of the training videos, drawn by whole groups, that the search looks at.
    search_min_videos : int
        Where the share would be fewer videos than this, the search takes all of them.
    seed : int
        Of the inner folds and the sample.
    search_once : bool
        Whether :func:`~fvc_kedro.learning.cross_validation.cross_validate` searches the grid once on all videos, test
        parts included, which is optimistic.
    equal_corpora : bool
        Whether every corpus counts the same, in each class that it has, where the training videos are of several; see
        :func:`~fvc_kedro.learning.rows.balanced_weights`. Else every video does. The search compares its points by the
        area under the ROC curve over all videos, which has no weights.
    prevalence : float, optional
        Share of fakes among the videos that the probabilities are meant for; by default that of the training videos.
        Detectors of several training parts must assume one prevalence. Otherwise each would rate its test videos by a
        prevalence that is the lower, the more fakes the test part has.

    Attributes
    ----------
    classes_ : ndarray
        0 (real) and 1 (fake).
    feature_names_in_ : ndarray of str
        Columns that a table must have; it may have others.
    grid_points_ : list of GridPoint
        How every point of the grid did; empty where it was not searched.
    candidate_ : Candidate
        The chosen point.
    experts_ : dict of str to Pipeline or None
        Fitted: impute, scale, whiten, (map,) classify. None for an expert that always abstains: it has fewer than two
        groups of a class, no out-of-fold margins of both classes, or only constant columns.
    moments_ : dict of str to Moments
        Mean and covariance of the scaled and cut columns of each fitted expert, both classes counting the same.
    fusion_ : Fusion
    verdicts_ : Verdicts or None
        The three-way verdict on a probability, where its thresholds were chosen on out-of-fold scores.

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999. Saerens, Latinne & Decaestecker, "Adjusting the
    outputs of a classifier to new a priori probabilities", 2002.
    """

    def __init__(
        self,
        experts: Mapping[str, Sequence[str]],
        candidates: Sequence[Candidate],
        shrinkage: float | str | None = 0.4,
        n_inner_folds: int = 3,
        search_fraction: float = 0.2,
        search_min_videos: int = 200,
        seed: int = 0,
        search_once: bool = False,
        equal_corpora: bool = True,
        prevalence: float | None = None,
    ) -> None:
        self.experts = experts
        self.candidates = candidates
        self.shrinkage = shrinkage
        self.n_inner_folds = n_inner_folds
        self.search_fraction = search_fraction
        self.search_min_videos = search_min_videos
        self.seed = seed
        self.search_once = search_once
        self.equal_corpora = equal_corpora
        self.prevalence = prevalence

    @property
    def columns(self) -> list[str]:
        """Columns that any expert sees, each once."""
        return list(dict.fromkeys(name for own in self.experts.values() for name in own))

    def fit(
        self,
        X: pl.DataFrame,  # noqa: N803 - scikit-learn's name
        y: Labels,
        groups: Groups | None = None,
        videos: NDArray[np.str_] | None = None,
        chosen: int | None = None,
        corpora: NDArray[np.str_] | None = None,
    ) -> VideoDetector:
        """Search, calibrate and fit; no group stands on both sides of an inner split.

        Parameters
        ----------
        X : DataFrame
            Feature columns, a row a segment or a video.
        y : ndarray of int, shape (n_rows,)
            0 for real, 1 for fake.
        groups, videos : ndarray of str, shape (n_rows,), optional
            What must never be split, and the video of each row; by default every row stands alone.
        chosen : int, optional
            Number of the candidate to use, which leaves the search out.
        corpora : ndarray of str, shape (n_rows,), optional
            The corpus of each row; by default all are of one.

        Raises
        ------
        TooFewGroupsError
            If the groups cannot be parted into inner folds, or no expert has two groups of each class.
        """
        alone = np.arange(len(y)).astype(np.str_)
        videos = alone if videos is None else videos
        several = corpora is not None and np.unique(corpora).size > 1
        rows = Rows(
            X, np.asarray(y, np.int64), videos if groups is None else groups, videos, corpora if several else None
        )
        splits = inner_folds(rows.y, rows.groups, self.n_inner_folds, self.seed, rows.corpora)
        margins = None
        self.grid_points_: list[GridPoint] = []
        if chosen is None:
            sample, sample_splits = self._sample(rows, splits)
            every_margin = self._out_of_fold(sample, sample_splits, self.candidates)
            folds = _fold_of_video(sample, sample_splits)
            y_of_videos = sample.y[first_rows(sample.videos)]
            weights = self._weights_of_videos(sample)
            self.grid_points_ = score_candidates(self.candidates, every_margin, y_of_videos, folds, weights)
            chosen = next(number for number, point in enumerate(self.grid_points_) if point.chosen)
            margins = every_margin[chosen] if sample is rows else None
        self.candidate_ = self.candidates[chosen]
        if margins is None:
            margins = self._out_of_fold(rows, splits, [self.candidate_])[0]
        y_of_videos, weights = rows.y[first_rows(rows.videos)], self._weights_of_videos(rows)
        fusion = fit_fusion(margins, y_of_videos, weights)
        if self.prevalence is not None:
            shift = float(logit(self.prevalence) - logit(np.average(y_of_videos, weights=weights)))
            fusion = Fusion(fusion.slopes, fusion.intercepts, fusion.intercept + shift)
        self.fusion_ = fusion
        if np.isnan(fusion.slopes).all():
            raise TooFewGroupsError(
                "no expert has two groups of each class with values in its columns: add groups, or choose other "
                "svm.experts"
            )
        self.experts_ = {
            name: None if np.isnan(slope) else self._fit_expert(rows, columns)
            for (name, columns), slope in zip(self.experts.items(), fusion.slopes, strict=True)
        }
        self.moments_ = {
            name: self._moments(rows, name, expert) for name, expert in self.experts_.items() if expert is not None
        }
        self.feature_names_in_ = np.array(self.columns, object)
        self.classes_ = np.unique(rows.y)
        self.verdicts_: Verdicts | None = None
        return self

    def _sample(self, rows: Rows, splits: list[Split]) -> tuple[Rows, list[Split]]:
        """Rows of a grouped sample of the videos with their folds; all rows where the sample cannot be folded."""
        first = first_rows(rows.videos)
        chosen = grouped_sample(
            rows.y[first], rows.groups[first], self.search_fraction, self.search_min_videos, self.seed
        )
        if len(self.candidates) == 1 or len(chosen) == len(first):
            return rows, splits
        sample = rows.take(np.flatnonzero(np.isin(rows.videos, rows.videos[first][chosen])))
        try:
            return sample, inner_folds(sample.y, sample.groups, self.n_inner_folds, self.seed, sample.corpora)
        except TooFewGroupsError:
            return rows, splits

    def _out_of_fold(self, rows: Rows, splits: Sequence[Split], candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """Margins of every video by classifiers that have not seen its group, NaN where an expert abstains.

        Returns
        -------
        ndarray, shape (n_candidates, n_videos, n_experts)
        """
        margins = np.full((len(candidates), len(rows), len(self.experts)), np.nan)
        for train, test in splits:
            assert_disjoint(rows.groups, train, test)
            for expert, columns in enumerate(self.experts.values()):
                values = _values(rows.features, columns)
                present = _is_present(values)
                seen, unseen = train[present[train]], test[present[test]]
                if len(unseen) == 0 or np.unique(rows.y[seen]).size < 2:
                    continue
                corpora = rows.corpora_of(seen)
                weights = self._weights(rows.y[seen], rows.videos[seen], corpora)
                preprocessing, prepared = fit_preprocessing(
                    values[seen], rows.y[seen], weights, self.shrinkage, corpora
                )
                prepared_unseen = preprocessing.transform(values[unseen])
                if not prepared.any():  # all columns are constant: a classifier would answer at random
                    margins[:, unseen, expert] = 0.0
                    continue
                for number, candidate in enumerate(candidates):
                    fitted = candidate.fit(prepared, rows.y[seen], weights)
                    margins[number, unseen, expert] = fitted.decision_function(prepared_unseen)
        return np.stack([mean_by_video(one, rows.videos)[1] for one in margins])

    def _fit_expert(self, rows: Rows, columns: Sequence[str]) -> Pipeline | None:
        values = _values(rows.features, columns)
        present = _is_present(values)
        y, corpora = rows.y[present], rows.corpora_of(present)
        weights = self._weights(y, rows.videos[present], corpora)
        preprocessing, prepared = fit_preprocessing(values[present], y, weights, self.shrinkage, corpora)
        if not prepared.any():  # all columns are constant
            return None
        return Pipeline([*preprocessing.steps, *self.candidate_.fit(prepared, y, weights).steps])

    def _moments(self, rows: Rows, name: str, expert: Pipeline) -> Moments:
        values = _values(rows.features, self.experts[name])
        present = _is_present(values)
        y = rows.y[present]
        weights = self._weights(y, rows.videos[present], rows.corpora_of(present))
        weights /= np.bincount(y, weights)[y]  # no share of fakes is assumed of a batch but one half
        return moments_of(expert[:_N_SCALING].transform(values[present]), weights)

    def aligned_to(self, table: Any, videos: NDArray[np.str_], prior_videos: float = 5.0) -> VideoDetector:
        """Return a detector that scores after aligning its columns to a batch; this one stays as it is.

        Parameters
        ----------
        table : DataFrame
            The batch: a row a segment or a video, with the columns of ``feature_names_in_``. Labels are not used.
        videos : ndarray of str, shape (n_rows,)
            The video of each row; every video counts the same.
        prior_videos : float
            As of :class:`~fvc_kedro.learning.alignment.BatchAlignment`.

        Returns
        -------
        VideoDetector
            An expert that no row of the batch has columns of is not aligned.

        Raises
        ------
        NotAlignableError
            If the detector was trained before it kept the moments that alignment needs.
        """
        check_is_fitted(self, "fusion_")
        if not hasattr(self, "moments_"):
            raise NotAlignableError(
                "the detector was trained by a version that kept no moments for alignment: kedro run --pipelines "
                "svm_training"
            )
        aligned = copy.copy(self)
        aligned.experts_ = dict(self.experts_)
        for name, expert in self.experts_.items():
            values = _values(table, self.experts[name])
            present = _is_present(values)
            if expert is None or not present.any():
                continue
            steps = [step for step in expert.steps if step[0] != "align"]
            scaled = Pipeline(steps[:_N_SCALING]).transform(values[present])
            align = BatchAlignment(self.moments_[name], prior_videos).fit(scaled, np.asarray(videos)[present])
            aligned.experts_[name] = Pipeline([*steps[:_N_SCALING], ("align", align), *steps[_N_SCALING:]])
        return aligned

    def _weights(self, y: Labels, videos: NDArray[np.str_], corpora: NDArray[np.str_] | None) -> NDArray[np.float64]:
        return balanced_weights(y, videos, corpora if self.equal_corpora else None)

    def _weights_of_videos(self, rows: Rows) -> NDArray[np.float64] | None:
        """Weights of the videos in calibration; None where all count the same."""
        if rows.corpora is None or not self.equal_corpora:
            return None
        first = first_rows(rows.videos)
        return balanced_weights(rows.y[first], rows.videos[first], rows.corpora[first])

    def _row_margins(self, table: Any) -> NDArray[np.float64]:
        """Margin of each row by each expert, NaN where it abstains; shape (n_rows, n_experts)."""
        check_is_fitted(self, "fusion_")
        margins = np.full((len(table), len(self.experts_)), np.nan)
        for expert, (name, pipeline) in enumerate(self.experts_.items()):
            values = _values(table, self.experts[name])
            present = _is_present(values)
            if pipeline is not None and present.any():
                margins[present, expert] = pipeline.decision_function(values[present])
        return margins

    def decision_function(self, table: Any) -> NDArray[np.float64]:
        """Sum up the evidence of the experts on each row, taken as a video; positive towards fake."""
        margins = self._row_margins(table)
        return np.asarray(np.nansum(self.fusion_.evidence(margins), axis=1))

    def predict_proba(self, table: Any) -> NDArray[np.float64]:
        """Probabilities of real and fake for each row, shape (n_rows, 2), each row taken as a video."""
        fake = expit(self.decision_function(table) + self.fusion_.intercept)
        return np.column_stack([1 - fake, fake])

    def predict(self, table: Any) -> NDArray[np.int64]:
        """0 (real) or 1 (fake) for each row."""
        is_fake = self.predict_proba(table)[:, 1] >= 0.5
        return np.asarray(self.classes_[is_fake.astype(np.int64)])

    def score_videos(self, table: Any, videos: NDArray[np.str_]) -> pl.DataFrame:
        """Score each video by all its rows.

        Parameters
        ----------
        table : DataFrame
            A row a segment or a video, with the columns of ``feature_names_in_``.
        videos : ndarray of str, shape (n_rows,)
            The video of each row.

        Returns
        -------
        DataFrame
            A row a video, sorted: ``video_id``, ``margin`` (the summed evidence), ``probability`` of fake, and a column
            for each expert with its evidence: what it adds to the log odds of fake, null where it abstains.
        """
        names, margins = mean_by_video(self._row_margins(table), np.asarray(videos))
        evidence = self.fusion_.evidence(margins)
        margin = np.nansum(evidence, axis=1)
        scores = {"margin": margin, "probability": expit(margin + self.fusion_.intercept)}
        scores |= dict(zip(self.experts_, evidence.T, strict=True))
        return pl.DataFrame({"video_id": names}, schema={"video_id": pl.String}).with_columns(
            pl.Series(name, np.round(values, _DIGITS)).fill_nan(None) for name, values in scores.items()
        )


def _values(table: Any, columns: Sequence[str]) -> NDArray[np.float64]:
    """Columns of a polars or pandas table, NaN where a value is missing."""
    return np.asarray(table[list(columns)].to_numpy(), np.float64)


def _is_present(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each row has a value in any of the columns."""
    return np.asarray(~np.isnan(values).all(axis=1))


def _fold_of_video(rows: Rows, splits: Sequence[Split]) -> NDArray[np.int64]:
    """Inner test part of each video, the videos in alphabetical order."""
    folds = np.zeros(len(rows), np.int64)
    for number, (_, test) in enumerate(splits):
        folds[test] = number
    return folds[first_rows(rows.videos)]
