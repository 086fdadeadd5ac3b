"""From probabilities to verdicts: thresholds for stated error rates, and what they did on unseen videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.learning.folds import Labels

VERDICTS = ("authentic", "inconclusive", "tampered")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The three-way verdict: authentic below one threshold, tampered from another on, inconclusive in between.

    Attributes
    ----------
    authentic_below, tampered_from : float
        Probabilities of fake; ``-inf`` or ``inf`` where there are too few videos for the rate asked for, so that the
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


def tampered_threshold(real_scores: NDArray[np.float64], false_positive_rate: float) -> float:
    """Find the lowest threshold that a new authentic video reaches with at most the given probability.

    It lies just above the k-th smallest of n scores, k being (1 - rate) (n + 1) rounded up, which holds for any
    distribution as long as a new video is exchangeable with these. Videos of a group are alike, so with few
    groups it holds on average only.

    Parameters
    ----------
    real_scores : ndarray, shape (n_real,)
        Out-of-fold probabilities of authentic videos.
    false_positive_rate : float
        Above 0, below 1.

    Returns
    -------
    float
        ``inf`` where fewer than ``1 / rate - 1`` videos make the rate impossible to promise.

    References
    ----------
    Vovk, Gammerman & Shafer, "Algorithmic learning in a random world", 2005.
    """
    place = ceil((1 - false_positive_rate) * (len(real_scores) + 1) - 1e-9)
    if place > len(real_scores):
        return float("inf")
    return float(np.nextafter(np.sort(real_scores)[place - 1], np.inf))


def authentic_threshold(fake_scores: NDArray[np.float64], false_negative_rate: float) -> float:
    """Find the highest threshold that a new tampered video stays below with at most the given probability.

    The mirror image of :func:`tampered_threshold`; ``-inf`` where there are too few videos.
    """
    place = floor(false_negative_rate * (len(fake_scores) + 1) + 1e-9)
    return float("-inf") if place < 1 else float(np.sort(fake_scores)[place - 1])


def choose_verdicts(
    y: Labels,
    probability: NDArray[np.float64],
    folds: NDArray[np.int64],
    false_positive_rate: float,
    false_negative_rate: float,
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
    folds : ndarray of int, shape (n_videos,)
        The fold in which each video was tested.
    false_positive_rate, false_negative_rate : float
        As of :class:`Verdicts`.
    """
    named = np.empty(len(y), dtype="<U12")
    for fold in np.unique(folds):
        inside, rest = folds == fold, folds != fold
        pair = _thresholds(y[rest], probability[rest], false_positive_rate, false_negative_rate)
        named[inside] = verdicts_of(probability[inside], *pair)
    return Verdicts(
        *_thresholds(y, probability, false_positive_rate, false_negative_rate),
        false_positive_rate=false_positive_rate,
        false_negative_rate=false_negative_rate,
        measured_false_positive_rate=float(np.mean(named[y == 0] == "tampered")),
        measured_false_negative_rate=float(np.mean(named[y == 1] == "authentic")),
    )


def _thresholds(
    y: Labels, probability: NDArray[np.float64], false_positive_rate: float, false_negative_rate: float
) -> tuple[float, float]:
    low = authentic_threshold(probability[y == 1], false_negative_rate)
    high = tampered_threshold(probability[y == 0], false_positive_rate)
    return (low, high) if low <= high else ((low + high) / 2, (low + high) / 2)


def threshold_rows(
    y: Labels, probability: NDArray[np.float64], folds: NDArray[np.int64], rates: Sequence[float]
) -> list[dict[str, float | int | None]]:
    """State, for each false positive rate asked for, the threshold and what it did on folds left out.

    Returns
    -------
    list of dict
        ``false_positive_rate``, ``threshold`` (null where there are too few authentic videos to promise the rate),
        ``least_real_videos`` that it takes, and the ``measured_…`` false and true positive rates.
    """
    rows: list[dict[str, float | int | None]] = []
    for rate in rates:
        tampered = np.zeros(len(y), dtype=bool)
        for fold in np.unique(folds):
            rest = folds != fold
            tampered[~rest] = probability[~rest] >= tampered_threshold(probability[rest & (y == 0)], rate)
        threshold = tampered_threshold(probability[y == 0], rate)
        rows.append(
            {
                "false_positive_rate": rate,
                "threshold": threshold if np.isfinite(threshold) else None,
                "least_real_videos": ceil(1 / rate - 1 - 1e-9),
                "measured_false_positive_rate": float(np.mean(tampered[y == 0])),
                "measured_true_positive_rate": float(np.mean(tampered[y == 1])),
            }
        )
    return rows
