"""The 15 features of the AURA student project (Horopter/AURA), kept as a baseline under their own names.

They are means over the sampled frames. Luma of limited range is stretched to 0-255 first. Every one
follows resolution or codec, which is why the other families exist.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from fvc_kedro.forensics.luma_statistics import block_sums, neighbourhood_sums
from fvc_kedro.video.frame import Frame, Plane
from fvc_kedro.video.probe import VideoInfo

VERSION = 1

_LIMITED_RANGE_GAIN = 255 / 219
_LIMITED_RANGE_BLACK = 16
_BLOCK = 8
_COEFFICIENTS = _BLOCK * _BLOCK

FRAME_FEATURES = {
    "noise_energy": "sum of the squared high-pass residual over the frame (grey levels squared)",
    "noise_mean": "mean of the squared high-pass residual (grey levels squared)",
    "noise_std": "standard deviation of the squared high-pass residual (grey levels squared)",
    "dct_dc_mean": "mean DC coefficient of the orthonormal 8x8 DCT",
    "dct_dc_std": "standard deviation of the DC coefficients over blocks",
    "dct_ac_mean": "mean of all 64 coefficients with the DC set to 0",
    "dct_ac_std": "standard deviation of all 64 coefficients with the DC set to 0",
    "dct_ac_energy": "sum of the squared AC coefficients over the frame",
    "laplacian_var": "variance of the 4-neighbour Laplacian (Pech-Pacheco et al., 2000)",
    "gradient_mean": "mean magnitude of the 3x3 Sobel gradient",
    "gradient_std": "standard deviation of the magnitude of the 3x3 Sobel gradient",
    "boundary_inconsistency": "mean standard deviation of grey levels along every 8th row and column",
}
CONTAINER_FEATURES = {
    "codec_bitrate": "bits a second of the video stream",
    "codec_fps": "frames a second",
    "codec_resolution": "width times height (pixels)",
}


def frame_features(luma: Plane, *, full_range: bool) -> dict[str, float]:
    """Measure one luma plane.

    Parameters
    ----------
    luma : ndarray of uint8, shape (height, width)
    full_range : bool
        Whether code values run over 0-255 rather than 16-235.

    Returns
    -------
    dict
        A value for each name in ``FRAME_FEATURES``.
    """
    gain = 1.0 if full_range else _LIMITED_RANGE_GAIN
    black = 0 if full_range else _LIMITED_RANGE_BLACK
    return (
        _neighbourhood_features(luma, gain)
        | _dct_features(luma, gain, black)
        | {"boundary_inconsistency": gain * _grid_line_spread(luma)}
    )


def _neighbourhood_features(luma: Plane, gain: float) -> dict[str, float]:
    sums = neighbourhood_sums(luma)
    n = luma.size
    gain_2 = gain * gain
    noise_mean = sums.residual_2 / n
    gradient_mean = sums.gradient / n
    return {
        "noise_energy": gain_2 * sums.residual_2,
        "noise_mean": gain_2 * noise_mean,
        "noise_std": gain_2 * sqrt(max(sums.residual_4 / n - noise_mean**2, 0.0)),
        "laplacian_var": gain_2 * (sums.laplacian_2 / n - (sums.laplacian / n) ** 2),
        "gradient_mean": gain * gradient_mean,
        "gradient_std": gain * sqrt(max(sums.gradient_2 / n - gradient_mean**2, 0.0)),
    }


def _dct_features(luma: Plane, gain: float, black: int) -> dict[str, float]:
    sums = block_sums(luma)
    dc = sums.total / _BLOCK
    n_coefficients = _COEFFICIENTS * dc.size
    ac_mean = float(np.sum(sums.ac_coefficients)) / n_coefficients
    # 64 times the energy is a whole number, so that a flat frame has exactly none
    ac_energy = int(np.sum(_COEFFICIENTS * sums.squares - sums.total * sums.total)) / _COEFFICIENTS
    ac_variance = max(ac_energy / n_coefficients - ac_mean**2, 0.0)
    return {
        "dct_dc_mean": gain * (float(dc.mean()) - _BLOCK * black),
        "dct_dc_std": gain * float(dc.std()),
        "dct_ac_mean": gain * ac_mean,
        "dct_ac_std": gain * sqrt(ac_variance),
        "dct_ac_energy": gain * gain * ac_energy,
    }


def _grid_line_spread(luma: Plane) -> float:
    rows = luma[_BLOCK::_BLOCK].std(axis=1)
    columns = luma[:, _BLOCK::_BLOCK].std(axis=0)
    lines = np.concatenate([rows, columns])
    return float(lines.mean()) if lines.size else 0.0


class ClassicExtractor:
    """Gathers the classic features over the sampled frames of one video."""

    def __init__(self, info: VideoInfo) -> None:
        self._info = info
        self._frames: list[list[float]] = []

    def update(self, frame: Frame) -> None:
        """Take in one sampled frame."""
        values = frame_features(frame.luma, full_range=frame.full_range)
        self._frames.append([values[name] for name in FRAME_FEATURES])

    def result(self) -> dict[str, float]:
        """Return the mean over the frames of each feature, and the container's three."""
        means = np.mean(np.array(self._frames, dtype=np.float64), axis=0)
        return dict(zip(FRAME_FEATURES, means.tolist(), strict=True)) | {
            "codec_bitrate": self._info.bitrate,
            "codec_fps": self._info.fps,
            "codec_resolution": float(self._info.width * self._info.height),
        }
