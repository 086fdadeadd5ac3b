"""How a region's new content is made to fit the picture: its place, its colours, its seam."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fvc_kedro.video.frame import Plane

_MOST_CONTRAST = 2.5  # factor on a channel's standard deviation; more would blow up noise
_MOST_GAMMA = 2.0


def fit(picture: Plane, width: int, height: int) -> Plane:
    """Resize a picture to the given size in pixels."""
    shrinks = picture.shape[0] * picture.shape[1] >= width * height
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=interpolation), np.uint8)


def translate(picture: Plane, across: float, down: float, size: tuple[int, int] | None = None) -> Plane:
    """Move a picture by pixels or parts of them; what comes in at the edge mirrors what is there.

    The result has the given width and height, by default the picture's own.
    """
    matrix = np.array([[1, 0, across], [0, 1, down]], np.float64)
    size = size or (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def blend(over: Plane, under: Plane, opacity: NDArray[np.float32]) -> Plane:
    """Lay one picture over another with the given opacity, shape (height, width, 1)."""
    inside = opacity[:, :, 0] > 0
    shares = opacity[inside]
    mixed = under.copy()
    mixed[inside] = np.rint(shares * over[inside] + (1 - shares) * under[inside])
    return mixed


def match_colour(content: Plane, target: Plane, opacity: NDArray[np.float32]) -> Plane:
    """Give the content the mean and standard deviation that each channel of the target has in the region.

    Parameters
    ----------
    content, target : ndarray of uint8, shape (height, width, 3)
        BGR.
    opacity : ndarray of float, shape (height, width, 1)
        Weights of the pixels: the region.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Meaningful in the region.

    References
    ----------
    Reinhard, Ashikhmin, Gooch & Shirley, "Color transfer between images", 2001 (there in l-alpha-beta, here in BGR).
    """
    mean, spread = _moments(content, opacity)
    wanted_mean, wanted_spread = _moments(target, opacity)
    factor = np.clip(wanted_spread / np.maximum(spread, 1e-6), 1 / _MOST_CONTRAST, _MOST_CONTRAST)
    levels = (np.arange(256)[:, None] - mean) * factor + wanted_mean  # a table of each channel's new levels
    table = np.rint(levels).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(content, table[:, None]), np.uint8)


def match_gamma(content: Plane, target: Plane, opacity: NDArray[np.float32]) -> Plane:
    """Bend the content's grey levels by the gamma (0.5 to 2) that takes its mean in the region to the target's.

    Shapes as in ``match_colour``. The mean is that of the three channels together, as a share of 255.
    """
    share, wanted = (
        float(np.clip(_moments(picture, opacity)[0].mean() / 255, 0.02, 0.98)) for picture in (content, target)
    )
    gamma = float(np.clip(np.log(wanted) / np.log(share), 1 / _MOST_GAMMA, _MOST_GAMMA))
    levels = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return np.asarray(cv2.LUT(content, levels), np.uint8)


def _moments(picture: Plane, weights: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted mean and standard deviation of each channel, shape (3,)."""
    inside = weights[:, :, 0] > 0
    pixels, shares = picture[inside].astype(np.float64), weights[inside, 0].astype(np.float64)
    total = max(float(shares.sum()), 1e-6)
    mean = shares @ pixels / total
    variance = np.maximum(shares @ pixels**2 / total - mean**2, 0)
    return mean, np.sqrt(variance)
