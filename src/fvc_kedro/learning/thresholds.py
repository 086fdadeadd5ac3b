"""From probabilities to verdicts: thresholds for stated error rates, and what they did on unseen videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.learning.folds import Groups, Labels

VERDICTS = ("authentic", "inconclusive", "tampered")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The three-way verdict: authentic below one threshold, tampered from another on, inconclusive in between.

    Attributes
    ----------
    authentic_below, tampered_from : float
        Probabilities of fake; ``-inf`` or ``inf`` where there are too few groups for the rate asked for, so that the
        verdict is never given.
    false_positive_rate : float
        Share of authentic videos that may be called tampered, as asked for.
    false_negative_rate : float
        Share of tampered videos that may be called authentic, as asked for.
    measured_false_positive_rate, measured_false_negative_rate : float
        The same shares on the videos of folds whose scores had no part in choosing the thresholds.
    """

    authentic_below: float
    tampered_from: float
    false_positive_rate: float
    false_negative_rate: float
    measured_false_positive_rate: float
    measured_false_negative_rate: float

    def __call__(self, probability: NDArray[np.float64]) -> NDArray[np.str_]:
        """Name the verdict on each probability of fake."""
        return verdicts_of(np.asarray(probability, np.float64), self.authentic_below, self.tampered_from)


def verdicts_of(probability: NDArray[np.float64], authentic_below: float, tampered_from: float) -> NDArray[np.str_]:
    """Name the verdict on each probability of fake."""
    tampered = probability >= tampered_from
    return np.where(tampered, "tampered", np.where(probability < authentic_below, "authentic", "inconclusive"))


def tampered_threshold(
    real_scores: NDArray[np.float64],
    groups: NDArray[np.str_],
    false_positive_rate: float,
    corpora: NDArray[np.str_] | None = None,
) -> float:
    """Find the lowest threshold that an authentic video of a new group reaches with at most the given probability.

    Every group counts the same, whatever its number of videos, and one more group counts as beyond all scores. If
    the new group is exchangeable with these, that holds for any distribution of the scores and however alike the
    videos of a group are. Here the scores come from the detectors of folds and the threshold serves the final
    detector, of more training videos: so the rate is aimed at, not promised.

    With several corpora, it is the highest of their thresholds. If a new corpus is exchangeable with these K, the
    chance that it would need a higher one is at most 1 / (K + 1). A corpus of too few groups for the rate counts with
    its highest score.

    Parameters
    ----------
    real_scores : ndarray, shape (n_real,)
        Out-of-fold probabilities of authentic videos; with several corpora, of detectors that have not seen the
        corpus of the video.
    groups : ndarray of str, shape (n_real,)
    false_positive_rate : float
        Above 0, below 1.
    corpora : ndarray of str, shape (n_real,), optional
        By default, all videos are of one corpus.

    Returns
    -------
    float
        ``inf`` where fewer than ``1 / rate - 1`` groups, in every corpus, are too few for the rate.

    References
    ----------
    Vovk, Gammerman & Shafer, "Algorithmic learning in a random world", 2005. Lee, Barber & Willett,
    "Distribution-free inference with hierarchical data", 2023.
    """
    if len(real_scores) == 0:
        return float("inf")
    if corpora is not None and np.unique(corpora).size > 1:
        each = [(real_scores[corpora == name], groups[corpora == name]) for name in np.unique(corpora)]
        thresholds = [tampered_threshold(*one, false_positive_rate) for one in each]
        highest = [float(np.nextafter(scores.max(), np.inf)) for scores, _ in each]
        return max(map(min, thresholds, highest)) if np.isfinite(min(thresholds)) else float("inf")
    _, places, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(real_scores, kind="stable")
    below = np.cumsum((1 / counts[places])[order]) / (len(counts) + 1)
    enough = np.flatnonzero(below >= 1 - false_positive_rate - 1e-9)
    return float(np.nextafter(real_scores[order][enough[0]], np.inf)) if enough.size else float("inf")


def authentic_threshold(
    fake_scores: NDArray[np.float64],
    groups: NDArray[np.str_],
    false_negative_rate: float,
    corpora: NDArray[np.str_] | None = None,
) -> float:
    """Find the highest threshold that a tampered video of a new group stays below with at most the given probability.

    The mirror image of :func:`tampered_threshold`; ``-inf`` where there are too few groups.
    """
    mirrored = tampered_threshold(-fake_scores, groups, false_negative_rate, corpora)
    return float("-inf") if np.isinf(mirrored) else float(np.nextafter(-mirrored, np.inf))


def least_groups(rate: float) -> int:
    """Count the groups that it takes at least to aim at an error rate."""
    return ceil(1 / rate - 1 - 1e-9)


def choose_verdicts(
    y: Labels,
    probability: NDArray[np.float64],
    groups: Groups,
    folds: NDArray[np.int64],
    false_positive_rate: float,
    false_negative_rate: float,
    corpora: NDArray[np.str_] | None = None,
) -> Verdicts:
    """Choose both thresholds on out-of-fold probabilities, and measure them on folds left out.

    Where the two would overlap, because the classes are told apart better than asked for, both are the point half
    way, so that no verdict is inconclusive and both rates are kept.

    Parameters
    ----------
    y : ndarray of int, shape (n_videos,)
        0 for real, 1 for fake.
    probability : ndarray, shape (n_videos,)
        Of fake, out of fold.
    groups : ndarray of str, shape (n_videos,)
    folds : ndarray of int, shape (n_videos,)
        The fold in which each video was tested.
    false_positive_rate, false_negative_rate : float
        As of :class:`Verdicts`.
    corpora : ndarray of str, shape (n_videos,), optional
        As of :func:`tampered_threshold`; then the folds are the corpora.
    """
    corpora = np.full(len(y), "") if corpora is None else corpora
    named = np.empty(len(y), dtype="<U12")
    for fold in np.unique(folds):
        inside, rest = folds == fold, ~np.isin(groups, groups[folds == fold])
        pair = _thresholds(
            y[rest], probability[rest], groups[rest], corpora[rest], false_positive_rate, false_negative_rate
        )
        named[inside] = verdicts_of(probability[inside], *pair)
    return Verdicts(
        *_thresholds(y, probability, groups, corpora, false_positive_rate, false_negative_rate),
        false_positive_rate=false_positive_rate,
        false_negative_rate=false_negative_rate,
        measured_false_positive_rate=float(np.mean(named[y == 0] == "tampered")),
        measured_false_negative_rate=float(np.mean(named[y == 1] == "authentic")),
    )


def _thresholds(
    y: Labels,
    probability: NDArray[np.float64],
    groups: Groups,
    corpora: NDArray[np.str_],
    false_positive_rate: float,
    false_negative_rate: float,
) -> tuple[float, float]:
    real, fake = y == 0, y == 1
    low = authentic_threshold(probability[fake], groups[fake], false_negative_rate, corpora[fake])
    high = tampered_threshold(probability[real], groups[real], false_positive_rate, corpora[real])
    return (low, high) if low <= high else ((low + high) / 2, (low + high) / 2)


def thresholds_of_other_folds(
    y: Labels,
    probability: NDArray[np.float64],
    groups: Groups,
    folds: NDArray[np.int64],
    rate: float,
    corpora: NDArray[np.str_] | None = None,
) -> NDArray[np.float64]:
    """Choose, for each video, the threshold of a false positive rate on the folds that the video is not in.

    A group that has videos in its fold, as corpora may share one, is left out of the others too.

    Returns
    -------
    ndarray, shape (n_videos,)
        As of :func:`tampered_threshold`.
    """
    chosen = np.empty(len(y))
    for fold in np.unique(folds):
        known = ~np.isin(groups, groups[folds == fold]) & (y == 0)
        of_known = None if corpora is None else corpora[known]
        chosen[folds == fold] = tampered_threshold(probability[known], groups[known], rate, of_known)
    return chosen


def threshold_rows(
    y: Labels,
    probability: NDArray[np.float64],
    groups: Groups,
    folds: NDArray[np.int64],
    rates: Sequence[float],
    corpora: NDArray[np.str_] | None = None,
) -> list[dict[str, float | int | None]]:
    """State, for each false positive rate asked for, the threshold and what it did on folds left out.

    Returns
    -------
    list of dict
        ``false_positive_rate``, ``threshold`` (null where there are too few groups with authentic videos),
        ``least_real_groups`` that it takes, and the ``measured_…`` false and true positive rates, with a threshold
        that is chosen for each fold on the others; null where these have too few groups for one.
    """
    rows: list[dict[str, float | int | None]] = []
    for rate in rates:
        chosen = thresholds_of_other_folds(y, probability, groups, folds, rate, corpora)
        tampered, is_measured = probability >= chosen, bool(np.isfinite(chosen).all())
        of_real = None if corpora is None else corpora[y == 0]
        threshold = tampered_threshold(probability[y == 0], groups[y == 0], rate, of_real)
        rows.append(
            {
                "false_positive_rate": rate,
                "threshold": threshold if np.isfinite(threshold) else None,
                "least_real_groups": least_groups(rate),
                "measured_false_positive_rate": float(np.mean(tampered[y == 0])) if is_measured else None,
                "measured_true_positive_rate": float(np.mean(tampered[y == 1])) if is_measured else None,
            }
        )
    return rows
