"""A real face for the tests: NASA's picture of Eileen Collins, public domain, as scikit-image ships it."""

from __future__ import annotations

import numpy as np
from skimage.data import astronaut

FACE = (180, 60, 92, 112)  # x, y, width and height of the face in the picture, by eye and detector


def portrait() -> np.ndarray:
    """BGR pixels, shape (512, 512, 3), uint8."""
    return np.ascontiguousarray(astronaut()[:, :, ::-1])


def moving_portrait(n_frames: int, height: int = 288, width: int = 352, step: int = 2) -> np.ndarray:
    """A face that moves ``step`` pixels to the right in every frame, shape (n, height, width, 3), uint8.

    In the first frame the face lies at (100, 60).
    """
    picture, start = portrait(), np.array([FACE[0] - 100, FACE[1] - 60])
    return np.stack(
        [picture[max(start[1], 0) :, start[0] - step * number :][:height, :width] for number in range(n_frames)]
    )
