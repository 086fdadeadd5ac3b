"""The 15 features of the AURA student project (Horopter/AURA), kept as a baseline under their own names.

They are means over the sampled frames. Luma of limited range is stretched to 0-255 first. Every one
follows resolution or codec, which is why the other families exist.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.forensics.family import Family, Feature, Segment
from fvc_kedro.forensics.luma_statistics import BLOCK, LumaSums
from fvc_kedro.forensics.view import View
from fvc_kedro.video.frame import Frame, Plane


def _dct_matrix(size: int) -> NDArray[np.float64]:
    """Orthonormal DCT-II matrix, one basis vector a row."""
    k = np.arange(size)[:, None]
    matrix: NDArray[np.float64] = np.cos(np.pi * k * (2 * np.arange(size) + 1) / (2 * size)) * np.sqrt(2 / size)
    matrix[0] /= np.sqrt(2)
    return matrix


# The sum of a block's 63 AC coefficients is the pixels weighted by these: w w' - 1/8, w the DCT's column sums.
_AC_WEIGHTS = np.outer(_dct_matrix(BLOCK).sum(axis=0), _dct_matrix(BLOCK).sum(axis=0)) - 1 / BLOCK

_NOTHING = "length"
FRAME_FEATURES = {
    "noise_energy": Feature("sum of the squared high-pass residual over the frame", "grey levels squared", _NOTHING),
    "noise_mean": Feature("mean of the squared high-pass residual", "grey levels squared", _NOTHING),
    "noise_std": Feature("standard deviation of the squared high-pass residual", "grey levels squared", _NOTHING),
    "dct_dc_mean": Feature("mean DC coefficient of the orthonormal 8x8 DCT", "grey levels", f"{_NOTHING}, resolution"),
    "dct_dc_std": Feature("standard deviation of the DC coefficients over blocks", "grey levels", _NOTHING),
    "dct_ac_mean": Feature("mean of all 64 coefficients with the DC set to 0", "grey levels", _NOTHING),
    "dct_ac_std": Feature("standard deviation of all 64 coefficients with the DC set to 0", "grey levels", _NOTHING),
    "dct_ac_energy": Feature("sum of the squared AC coefficients over the frame", "grey levels squared", _NOTHING),
    "laplacian_var": Feature(
        "variance of the 4-neighbour Laplacian (Pech-Pacheco et al., 2000)", "grey levels squared", _NOTHING
    ),
    "gradient_mean": Feature("mean magnitude of the 3x3 Sobel gradient", "grey levels", _NOTHING),
    "gradient_std": Feature("standard deviation of the magnitude of the 3x3 Sobel gradient", "grey levels", _NOTHING),
    "boundary_inconsistency": Feature(
        "mean standard deviation of grey levels along every 8th row and column", "grey levels", _NOTHING
    ),
}
CONTAINER_FEATURES = {
    "codec_bitrate": Feature("bits a second of the video stream", "bit/s", _NOTHING),
    "codec_fps": Feature("frames a second", "1/s", f"{_NOTHING}, resolution"),
    "codec_resolution": Feature("width times height", "pixels", f"{_NOTHING}, fps"),
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
    return _view_features(View(Frame.from_luma(luma, full_range=full_range)))


def _view_features(view: View) -> dict[str, float]:
    luma, sums, gain = view.luma, view.sums, view.gain
    return (
        _neighbourhood_features(sums, luma.size, gain)
        | _dct_features(sums, luma.shape, gain, view.black)
        | {"boundary_inconsistency": gain * _grid_line_spread(sums, luma.shape)}
    )


def _neighbourhood_features(sums: LumaSums, n: int, gain: float) -> dict[str, float]:
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


def _dct_features(sums: LumaSums, shape: tuple[int, ...], gain: float, black: int) -> dict[str, float]:
    """Figures of the blocks' DCT, by linearity and Parseval's theorem without any transform."""
    n_blocks = -(-shape[0] // BLOCK) * -(-shape[1] // BLOCK)
    total = int(sums.in_block.sum())
    # relative to one place in the block, so that flat blocks have exactly no AC
    relative = (sums.in_block - sums.in_block[0, 0]).astype(np.float64)
    ac_mean = float(np.sum(_AC_WEIGHTS * relative)) / (BLOCK * BLOCK * n_blocks)
    # 64 times the energy is a whole number, so that a flat frame has exactly none
    ac_energy = (BLOCK * BLOCK * sums.padded_2 - sums.block_total_2) / (BLOCK * BLOCK)
    ac_variance = max(ac_energy / (BLOCK * BLOCK * n_blocks) - ac_mean**2, 0.0)
    # whole numbers again: n^2 times the variance of the block totals
    dc_variance = (n_blocks * sums.block_total_2 - total * total) / (n_blocks * BLOCK) ** 2
    return {
        "dct_dc_mean": gain * (total / (n_blocks * BLOCK) - BLOCK * black),
        "dct_dc_std": gain * sqrt(dc_variance),
        "dct_ac_mean": gain * ac_mean,
        "dct_ac_std": gain * sqrt(ac_variance),
        "dct_ac_energy": gain * gain * ac_energy,
    }


def _grid_line_spread(sums: LumaSums, shape: tuple[int, ...]) -> float:
    """Mean standard deviation along every 8th row and column."""
    height, width = shape
    totals = np.concatenate([sums.rows / width, sums.columns[BLOCK::BLOCK] / height])
    squares = np.concatenate([sums.rows_2 / width, sums.columns_2[BLOCK::BLOCK] / height])
    if totals.size == 0:
        return 0.0
    return float(np.sqrt(np.maximum(squares - totals**2, 0.0)).mean())


class ClassicExtractor:
    """Gathers the classic features over the sampled frames of one segment."""

    def __init__(self, segment: Segment) -> None:
        self._info = segment.info
        self._frames: list[list[float]] = []

    def update(self, view: View) -> None:
        """Take in one sampled frame."""
        values = _view_features(view)
        self._frames.append([values[name] for name in FRAME_FEATURES])

    def result(self) -> dict[str, float]:
        """Return the mean over the frames of each feature, and the container's three."""
        means = np.mean(np.array(self._frames, dtype=np.float64), axis=0)
        return dict(zip(FRAME_FEATURES, means.tolist(), strict=True)) | {
            "codec_bitrate": self._info.bitrate,
            "codec_fps": self._info.fps,
            "codec_resolution": float(self._info.width * self._info.height),
        }


FAMILY = Family(
    version=3,
    about="The baseline: what the AURA project measures.",
    source="Horopter/AURA",
    features=FRAME_FEATURES | CONTAINER_FEATURES,
    extractor=ClassicExtractor,
    cost=0.5,
    every_frame=True,
)
