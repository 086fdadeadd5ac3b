"""Which frames of a video are measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.video.packets import PacketTable
from fvc_kedro.video.probe import VideoInfo


def uniform_indices(n_frames: int, num_frames: int) -> NDArray[np.int64]:
    """Spread ``num_frames`` sample points evenly over a video.

    Every sample is the middle of one of ``num_frames`` equal stretches; a video that is no longer
    than that is taken whole.

    Parameters
    ----------
    n_frames : int
        Frames in the video.
    num_frames : int
        Frames wanted, at least 1.

    Returns
    -------
    ndarray of int64, shape (min(n_frames, num_frames),)
        Increasing frame numbers, all different.

    Raises
    ------
    ValueError
        If ``num_frames`` is below 1 or ``n_frames`` below 0.
    """
    if num_frames < 1:
        raise ValueError(f"num_frames must be at least 1, got {num_frames}")
    if n_frames < 0:
        raise ValueError(f"n_frames must not be negative, got {n_frames}")
    if n_frames <= num_frames:
        return np.arange(n_frames, dtype=np.int64)
    return (2 * np.arange(num_frames, dtype=np.int64) + 1) * n_frames // (2 * num_frames)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a video.

    Attributes
    ----------
    first, last : int
        Numbers of its first frame and of the frame after its last.
    start_s, end_s : float
        Where it starts and ends, in seconds from the first frame.
    """

    first: int
    last: int
    start_s: float
    end_s: float


def frame_times(info: VideoInfo, packets: PacketTable | None) -> NDArray[np.float64]:
    """Presentation times of all frames in seconds from the first, shape (n_frames,).

    They are those of the packets, or evenly spaced where there are none.
    """
    times_s = None if packets is None else packets.frame_times_s
    return np.arange(info.n_frames) / info.fps if times_s is None else times_s


# Tolerance for rounding: a frame exactly at a cut belongs to the later stretch.
_ROUNDING = 1e-6


def cut_evenly(times_s: NDArray[np.float64], duration_s: float, seconds: float) -> list[Stretch]:
    """Cut a video into stretches of equal duration, as near to ``seconds`` as a whole number of them allows.

    Parameters
    ----------
    times_s : ndarray of float64, shape (n_frames,)
        Increasing presentation times in seconds from the first frame, which need not be evenly spaced.
    duration_s : float
        Duration of the video in seconds, with that of its last frame.
    seconds : float
        Duration wanted; infinity for one stretch.

    Returns
    -------
    list of Stretch
        At least one where there is a frame. One in which no frame begins is part of the one before, whose last
        frame is shown on.
    """
    if times_s.size == 0:
        return []
    n = max(1, round(duration_s / seconds))
    numbers = np.minimum((times_s * (n / duration_s) + _ROUNDING).astype(np.int64), n - 1)
    firsts = np.flatnonzero(np.diff(numbers, prepend=-1))
    lasts = np.append(firsts[1:], times_s.size)
    starts = numbers[firsts] * (duration_s / n)
    ends = np.append(starts[1:], duration_s)
    return [
        Stretch(int(first), int(last), float(start), float(end))
        for first, last, start, end in zip(firsts, lasts, starts, ends, strict=True)
    ]
