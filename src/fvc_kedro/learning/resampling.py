"""Every figure of an evaluation, for all resamples of the groups at once, with intervals and paired tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from fvc_kedro.learning.folds import Groups, Labels
from fvc_kedro.learning.metrics import roc_auc, rows_by_group

Figures = dict[str, NDArray[np.float64]]

FALSE_POSITIVE_RATES = (0.01, 0.05, 0.10)
# Name of every metric, and whether more is better (None: it describes the corpus or the verdicts).
METRICS: dict[str, bool | None] = {
    "roc_auc": True,
    "mean_group_auc": True,
    "average_precision": True,
    "base_rate": None,
    "equal_error_rate": False,
    "accuracy": True,
    "balanced_accuracy": True,
    "mcc": True,
    "f1_score": True,
    "f1_always_fake": None,
    "log_loss": False,
    "brier": False,
    "expected_calibration_error": False,
    **{f"tpr_at_{rate:.0%}_fpr".replace("%", "_percent"): True for rate in FALSE_POSITIVE_RATES},
}
_N_BINS = 10
_LEAST_PROBABILITY = float(np.finfo(np.float64).eps)  # as scikit-learn's log-loss
_MOST_CELLS = 2_000_000  # of one array: resamples are worked through in blocks


def draw_groups(n_groups: int, n_resamples: int, seed: int) -> NDArray[np.float64]:
    """Draw whole groups with replacement.

    Returns
    -------
    ndarray, shape (n_resamples, n_groups)
        How often each group was drawn; every row sums to ``n_groups``.

    References
    ----------
    Field & Welsh, "Bootstrapping clustered data", 2007.
    """
    drawn = np.random.default_rng(seed).integers(n_groups, size=(n_resamples, n_groups))
    counts = np.zeros((n_resamples, n_groups))
    np.add.at(counts, (np.arange(n_resamples)[:, None], drawn), 1)
    return counts


def figures_of(y: Labels, probability: NDArray[np.float64], groups: Groups, counts: NDArray[np.float64]) -> Figures:
    """Compute every metric for each resample of the groups.

    Parameters
    ----------
    y : ndarray of int, shape (n_videos,)
        0 for real, 1 for fake.
    probability : ndarray, shape (n_videos,) or (n_videos, n_repeats)
        Of fake, out of fold. A metric is computed for each repeat of the cross-validation and averaged over them:
        the repeats judge one detector after another, they make no committee.
    groups : ndarray of str, shape (n_videos,)
    counts : ndarray, shape (n_resamples, n_groups)
        How often each group counts, in alphabetical order; ones for the figure itself, else as of
        :func:`draw_groups`.

    Returns
    -------
    dict of str to ndarray, shape (n_resamples,)
        By the names of ``METRICS``; all NaN where a resample holds one class only (and ``mean_group_auc`` also where
        no group in it holds both), so that the intervals of all are over the same resamples.
    """
    places = np.unique(groups, return_inverse=True)[1]
    repeats = np.asarray(probability, np.float64).reshape(len(y), -1).T
    within = [_auc_by_group(y, scores, groups) for scores in repeats]
    step = max(1, _MOST_CELLS // max(len(y), 1))
    blocks = []
    for start in range(0, len(counts), step):
        block = counts[start : start + step]
        weights = block[:, places]
        each = [
            _ranking(y, scores, weights)
            | _labels_called(y, scores >= 0.5, weights)
            | _probabilities(y, scores, weights)
            | {"mean_group_auc": _weighted_mean(auc, block)}
            for scores, auc in zip(repeats, within, strict=True)
        ]
        n_fake = weights @ y
        both = (n_fake > 0) & (n_fake < weights.sum(axis=1))
        blocks.append({name: np.where(both, np.mean([one[name] for one in each], axis=0), np.nan) for name in METRICS})
    return {name: np.concatenate([block[name] for block in blocks]) for name in METRICS}


def interval(values: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of a figure over its resamples, those without a value left out; NaN where all are."""
    known = values[~np.isnan(values)]
    if known.size == 0:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def share_with_interval(
    values: NDArray[np.float64], of_class: NDArray[np.bool_], groups: Groups, counts: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Average over the videos of a class, such as the share that is called wrongly, with a 95 % interval.

    Parameters
    ----------
    values : ndarray, shape (n_videos,)
        One a video, from 0 to 1.
    of_class : ndarray of bool, shape (n_videos,)
        The videos that count.
    groups : ndarray of str, shape (n_videos,)
    counts : ndarray, shape (n_resamples, n_groups)
        As of :func:`draw_groups`.

    Returns
    -------
    mean, low, high : float
        NaN without a video of the class.
    """
    if not of_class.any():
        return float("nan"), float("nan"), float("nan")
    places = np.unique(groups, return_inverse=True)[1]
    n_of_class = counts @ np.bincount(places, of_class)
    resampled = _ratio(counts @ np.bincount(places, values * of_class), n_of_class)
    return float(values[of_class].mean()), *interval(resampled)


def mcnemar_test(y: Labels, called: NDArray[np.int64], other: NDArray[np.int64]) -> tuple[int, int, float]:
    """Compare two classifiers by the videos that only one of them calls rightly.

    Parameters
    ----------
    y, called, other : ndarray of int, shape (n_videos,)
        Truth and the two verdicts, 0 or 1.

    Returns
    -------
    only_first, only_second : int
        Videos that only one calls rightly.
    p_value : float
        Two-sided and exact, that both are as good. Videos of a group count as independent, which flatters it.

    References
    ----------
    McNemar, "Note on the sampling error of the difference between correlated proportions", 1947.
    """
    first, second = called == y, other == y
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    if only_first + only_second == 0:
        return 0, 0, 1.0
    return only_first, only_second, float(binomtest(only_first, only_first + only_second).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number, so that the chance of any false alarm stays what is claimed.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    order = np.argsort(p_values, kind="stable")
    corrected, highest = np.empty(len(order)), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[place]))
        corrected[place] = highest
    return [float(value) for value in corrected]


def permute_labels(y: Labels, groups: Groups, seed: int, corpora: NDArray[np.str_] | None = None) -> Labels:
    """Permute labels as the corpus has them: within the groups that hold both classes, else between groups.

    Groups of one class keep one class, so that a permuted corpus has the structure of the true one. With several
    corpora, labels are permuted within each, a group that two share in each by itself. So what the corpora alone tell
    of the label helps with permuted labels as with the true ones.

    Parameters
    ----------
    y : ndarray of int, shape (n_videos,)
    groups : ndarray of str, shape (n_videos,)
    seed : int
    corpora : ndarray of str, shape (n_videos,), optional
        By default, all videos are of one.

    References
    ----------
    Ojala & Garriga, "Permutation tests for studying classifier performance", 2010.
    """
    generator = np.random.default_rng(seed)
    permuted = y.copy()
    for own in [np.arange(len(y))] if corpora is None else rows_by_group(corpora):
        pure = []
        for rows in (own[inside] for inside in rows_by_group(groups[own])):
            if np.unique(y[rows]).size == 2:
                permuted[rows] = generator.permutation(y[rows])
            else:
                pure.append(rows)
        labels = generator.permutation([int(y[rows[0]]) for rows in pure])
        for rows, label in zip(pure, labels, strict=True):
            permuted[rows] = label
    return permuted


def permutation_p_value(observed: float, permuted: Sequence[float]) -> float:
    """Share of the permutations that do as well, the observed order counted as one of them.

    References
    ----------
    Phipson & Smyth, "Permutation p-values should never be zero", 2010.
    """
    return float((1 + np.sum(np.asarray(permuted) >= observed - 1e-12)) / (1 + len(permuted)))


def _auc_by_group(y: Labels, scores: NDArray[np.float64], groups: Groups) -> NDArray[np.float64]:
    return np.array([roc_auc(y[rows], scores[rows]) for rows in rows_by_group(groups)])


def _weighted_mean(values: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    return _ratio(counts[:, known] @ values[known], counts[:, known].sum(axis=1))


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0))


def _ranking(y: Labels, scores: NDArray[np.float64], weights: NDArray[np.float64]) -> Figures:
    """Metrics of the ranking, from the true and false positives above every distinct score."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    fakes = _from_zero(np.cumsum(weights[:, order] * y[order], axis=1)[:, last])
    reals = _from_zero(np.cumsum(weights[:, order] * (1 - y[order]), axis=1)[:, last])
    n_fake, n_real = fakes[:, -1], reals[:, -1]
    tpr = _ratio(fakes, np.broadcast_to(n_fake[:, None], fakes.shape))
    fpr = _ratio(reals, np.broadcast_to(n_real[:, None], reals.shape))
    precision = np.nan_to_num(_ratio(fakes[:, 1:], fakes[:, 1:] + reals[:, 1:]))
    found = {
        "roc_auc": np.sum(np.diff(fpr, axis=1) * (tpr[:, 1:] + tpr[:, :-1]) / 2, axis=1),
        "average_precision": np.sum(np.diff(tpr, axis=1) * precision, axis=1),
        "equal_error_rate": _equal_error_rate(fpr, tpr),
        "base_rate": _ratio(n_fake, n_fake + n_real),
        "f1_always_fake": _ratio(2 * n_fake, 2 * n_fake + n_real),
    }
    for name, rate in zip([name for name in METRICS if name.startswith("tpr_at")], FALSE_POSITIVE_RATES, strict=True):
        found[name] = np.max(np.where(fpr <= rate + 1e-12, tpr, 0.0), axis=1)
    return found


def _from_zero(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)


def _equal_error_rate(fpr: NDArray[np.float64], tpr: NDArray[np.float64]) -> NDArray[np.float64]:
    """Error at which as many reals as fakes are called wrongly, on the straight lines of the ROC curve."""
    excess = fpr - (1 - tpr)  # rises from -1 to 1
    after = np.argmax(excess >= 0, axis=1)
    rows, before = np.arange(len(after)), np.maximum(after - 1, 0)
    rise = excess[rows, after] - excess[rows, before]
    share = np.divide(-excess[rows, before], rise, out=np.zeros(len(rise)), where=rise > 0)
    return np.asarray(fpr[rows, before] + share * (fpr[rows, after] - fpr[rows, before]))


def _labels_called(y: Labels, called: NDArray[np.bool_], weights: NDArray[np.float64]) -> Figures:
    """Metrics of the labels, where a video is called fake from one half on."""
    true_fake, false_fake = weights @ (called & (y == 1)), weights @ (called & (y == 0))
    false_real, true_real = weights @ (~called & (y == 1)), weights @ (~called & (y == 0))
    n_fake, n_real = true_fake + false_real, true_real + false_fake
    product = (true_fake + false_fake) * (true_real + false_real) * n_fake * n_real
    mcc = np.divide(
        true_fake * true_real - false_fake * false_real,
        np.sqrt(product),
        out=np.zeros(len(product)),  # as scikit-learn: 0 where only one class was called
        where=product > 0,
    )
    return {
        "accuracy": _ratio(true_fake + true_real, n_fake + n_real),
        "balanced_accuracy": (_ratio(true_fake, n_fake) + _ratio(true_real, n_real)) / 2,
        "mcc": mcc,
        "f1_score": np.nan_to_num(_ratio(2 * true_fake, 2 * true_fake + false_fake + false_real)),
    }


def _probabilities(y: Labels, probability: NDArray[np.float64], weights: NDArray[np.float64]) -> Figures:
    """Metrics of the probabilities; the calibration error is over ten bins of equal width.

    References
    ----------
    Brier, "Verification of forecasts expressed in terms of probability", 1950. Naeini, Cooper & Hauskrecht,
    "Obtaining well calibrated probabilities using Bayesian binning", 2015.
    """
    total = weights.sum(axis=1)
    told = np.clip(np.where(y == 1, probability, 1 - probability), _LEAST_PROBABILITY, 1.0)
    bins = np.minimum((probability * _N_BINS).astype(np.int64), _N_BINS - 1)
    excess = np.zeros((len(y), _N_BINS))
    excess[np.arange(len(y)), bins] = probability - y
    return {
        "log_loss": _ratio(weights @ -np.log(told), total),
        "brier": _ratio(weights @ (probability - y) ** 2, total),
        "expected_calibration_error": _ratio(np.abs(weights @ excess).sum(axis=1), total),
    }


def _interval_of(metric: str, value: float, resampled: NDArray[np.float64]) -> tuple[float, float]:
    """Interval of a metric; that of the calibration error is turned round, as resampling always makes it larger.

    References
    ----------
    Davison & Hinkley, "Bootstrap methods and their application", 1997, section 5.2 (the basic interval).
    """
    low, high = interval(resampled)
    if metric != "expected_calibration_error":
        return low, high
    return max(0.0, 2 * value - high), max(0.0, 2 * value - low)


@dataclass(frozen=True, slots=True)
class Judged:
    """Every metric of one method: as it is, and for each resample of the groups.

    Attributes
    ----------
    whole, resampled : dict of str to ndarray, shape (1,) and (n_resamples,)
        As of :func:`figures_of`.
    """

    whole: Figures
    resampled: Figures

    def figures(self) -> dict[str, tuple[float, float, float]]:
        """Value of every metric, with the bounds of its 95 % interval."""
        values = {name: float(self.whole[name][0]) for name in METRICS}
        return {name: (value, *_interval_of(name, value, self.resampled[name])) for name, value in values.items()}

    def less(self, other: Judged) -> dict[str, tuple[float, float, float]]:
        """Every metric less that of another method, with its 95 % interval, paired by resample."""
        return {
            name: (
                float(self.whole[name][0] - other.whole[name][0]),
                *interval(self.resampled[name] - other.resampled[name]),
            )
            for name in METRICS
        }


def judge_videos(y: Labels, probability: NDArray[np.float64], groups: Groups, counts: NDArray[np.float64]) -> Judged:
    """Compute every metric as it is and for each resample.

    Parameters
    ----------
    y, probability, groups
        As of :func:`figures_of`.
    counts : ndarray, shape (n_resamples, n_groups)
        Resamples, as of :func:`draw_groups`; the same for methods that are to be compared.
    """
    once = np.ones((1, counts.shape[1]))
    return Judged(figures_of(y, probability, groups, once), figures_of(y, probability, groups, counts))
