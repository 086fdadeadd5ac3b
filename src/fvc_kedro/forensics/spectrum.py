"""The fall of the power spectrum towards high frequencies.

Generators and resizing leave too little power at high frequencies, or peaks where their up-sampling repeats
the spectrum.

References
----------
Durall, Keuper, Pfreundt & Keuper, "Unmasking deepfakes with simple features", 2019.
Durall, Keuper & Keuper, "Watch your up-convolution: CNN based generative deep neural networks are failing to
reproduce spectral distributions", 2020.
"""

from __future__ import annotations

from functools import cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from fvc_kedro.forensics.family import ALL, MEAN, Measure, frame_family
from fvc_kedro.forensics.view import View
from fvc_kedro.video.frame import Plane

N_BINS = 32
_SIDE = 64  # of the transform; smaller tiles are padded with zeros
_FIRST_FITTED = 8  # the fit runs from an eighth of the sampling rate on
_EDGES = np.linspace(0.5 / N_BINS, 0.5, N_BINS + 1)
CENTRES = (_EDGES[:-1] + _EDGES[1:]) / 2

_DOWN, _ACROSS = np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None, :]
# Bin of each coefficient of a real transform; 0 and N_BINS + 1 gather what lies below and above the bins.
_BINS = np.digitize(np.hypot(_DOWN, _ACROSS), _EDGES).ravel()
# A real transform leaves out the conjugate twins of all coefficients but those of the first and last column.
_TWINS = np.broadcast_to(np.where((_ACROSS == 0) | (_ACROSS == 0.5), 1.0, 2.0), (_SIDE, _ACROSS.size))
_WEIGHTS = _TWINS.ravel() / np.bincount(_BINS, _TWINS.ravel())[_BINS]
_FIT = np.polynomial.polynomial.polyvander(np.log10(CENTRES[_FIRST_FITTED:]), 1)
_SOLVE = np.linalg.pinv(_FIT)

MEASURES = [
    *(
        Measure(
            f"bin{number:02d}",
            f"log10 of the power around {CENTRES[number - 1]:.3f} cycles a pixel over that around "
            f"{CENTRES[0]:.3f}, averaged over directions and tiles",
            "log10",
            "length, fps, brightness, contrast",
            MEAN,
        )
        for number in range(2, N_BINS + 1)
    ),
    Measure(
        "slope",
        "slope of log10 power over log10 frequency above 1/8 cycle a pixel",
        "1",
        "length, fps, brightness, contrast",
        ALL,
    ),
    Measure(
        "fit_residual",
        "root mean square distance of log10 power from that line",
        "log10",
        "length, fps, brightness, contrast",
        ALL,
    ),
    Measure("peak", "largest excess of log10 power over that line", "log10", "length, fps, brightness, contrast", ALL),
]


def radial_power(tiles: Plane) -> NDArray[np.float64]:
    """Log10 of the power at each distance from frequency 0, relative to the lowest.

    Tiles are freed of their mean and windowed (Hann). The power of rounding to whole grey levels is
    added, so that flat tiles have a flat spectrum.

    Parameters
    ----------
    tiles : ndarray of uint8, shape (n, side, side)
        Side of at most 64.

    Returns
    -------
    ndarray of float64, shape (32,)
        The first is 0. NaN without tiles.
    """
    if len(tiles) == 0:
        return np.full(N_BINS, np.nan)
    window, rounding = _window(tiles.shape[1])
    values = tiles.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    values *= window
    # along the rows first, so that rows of padding are not transformed
    coefficients = fft.fft(fft.rfft(values, _SIDE), _SIDE, axis=1, overwrite_x=True)
    power = (coefficients.real**2 + coefficients.imag**2).sum(axis=0, dtype=np.float64) / len(tiles)
    bins = np.bincount(_BINS, power.ravel() * _WEIGHTS)[1 : N_BINS + 1]
    logs = np.log10(bins + rounding)
    return np.asarray(logs - logs[0])


@cache
def _window(side: int) -> tuple[NDArray[np.float32], float]:
    """Hann window of a tile, and the power that rounding to whole numbers leaves in each coefficient."""
    window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
    return window, float(np.sum(window**2, dtype=np.float64)) / 12


def per_frame(view: View) -> list[float]:
    """Bins, slope, residual of the fit and largest peak of one view."""
    power = radial_power(view.tiles)
    fitted = power[_FIRST_FITTED:]
    line = _SOLVE @ fitted
    excess = fitted - _FIT @ line
    return [*power[1:].tolist(), float(line[1]), sqrt(float(excess @ excess) / excess.size), float(excess.max())]


FAMILY = frame_family(
    "spectrum",
    MEASURES,
    per_frame,
    version=1,
    about="How power falls towards high frequencies.",
    source="Durall et al., 2019 and 2020",
    cost=0.15,
    missing="the picture is under 32 pixels wide or high",
)
