"""Which frames of a video are measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
