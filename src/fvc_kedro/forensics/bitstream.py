"""What the packets tell: how many bits go where.

It can learn the platform instead of the forgery, so it is not trained on unless asked for.
"""

from __future__ import annotations

from math import log, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from fvc_kedro.forensics.family import Family, Feature, Segment
from fvc_kedro.forensics.view import View
from fvc_kedro.video.packets import PacketTable

_LONGEST_PERIOD = 64  # frames

FEATURES = {
    "bitstream_bits_per_pixel": Feature("ln of the bits a pixel and frame", "ln bits", "length"),
    "bitstream_intra_share": Feature("share of frames that are keyframes (I)", "share", "brightness"),
    "bitstream_reordered_share": Feature("share of frames decoded after one that is shown later (B)", "share",
                                         "resolution, length, brightness"),
    "bitstream_intra_over_predicted": Feature("ln of the mean bytes of keyframes over those of predicted frames (P), "
                                              "which are all others that are not reordered", "ln", "length"),
    "bitstream_reordered_over_predicted": Feature("ln of the mean bytes of reordered over those of predicted frames",
                                                  "ln", "length"),
    "bitstream_gop_length": Feature("ln of the mean distance of keyframes in the whole video, its end counting as one",
                                    "ln frames", "resolution, brightness"),
    "bitstream_gop_variation": Feature("standard deviation over mean of that distance", "1", "resolution, brightness"),
    "bitstream_size_period": Feature("highest autocorrelation of the frames' bytes at distances of 2 to 64 frames", "1",
                                     "length"),
    "bitstream_time_jitter": Feature("standard deviation of the distances of presentation times over their median",
                                     "frame intervals", "resolution, length, brightness"),
}  # fmt: skip


def _log_ratio(above: NDArray[np.int64], below: NDArray[np.int64]) -> float:
    if above.size == 0 or below.size == 0 or above.mean() == 0 or below.mean() == 0:
        return nan
    return log(above.mean() / below.mean())


def autocorrelation_peak(sizes: NDArray[np.int64]) -> float:
    """Highest autocorrelation at distances of 2 to 64, of at most half the series; NaN where there is none.

    The products of the series and itself further on are over the root of the power of both stretches, so
    that a series which recurs has 1 at its period, and none more.
    """
    farthest = min(_LONGEST_PERIOD, sizes.size // 2)
    if farthest < 2 or sizes.min() == sizes.max():
        return nan
    values = sizes - sizes.mean()
    power = np.concatenate([[0.0], np.cumsum(values**2)])
    correlations = [
        float(values[:-distance] @ values[distance:]) / sqrt(power[-distance - 1] * (power[-1] - power[distance]))
        for distance in range(2, farthest + 1)
        if power[-distance - 1] > 0 and power[-1] > power[distance]
    ]
    return max(correlations, default=nan)


def packet_features(packets: PacketTable, first: int, last: int, n_pixels: int) -> dict[str, float]:
    """Measure the packets of the frames from number ``first`` to before ``last``.

    Returns
    -------
    dict
        A value for each name in ``FEATURES``, NaN where there is none.
    """
    numbers = packets.counted_numbers
    here = (numbers >= first) & (numbers < last)
    inside = packets.shown & here
    reordered = numbers < np.maximum.accumulate(numbers)
    intra, sizes = packets.keyframes, packets.sizes
    predicted = ~intra & ~reordered
    coded = float(sizes[here & (packets.shown | packets.hidden)].sum())
    bits = 8 * coded / np.count_nonzero(inside) / n_pixels if inside.any() else 0.0
    gops = np.diff(np.sort(numbers[intra & packets.shown]), append=packets.n_frames)
    steps = np.empty(0) if packets.clock is None else np.diff(packets.clock[first:last])
    return {
        "bitstream_bits_per_pixel": log(bits) if bits > 0 else nan,
        "bitstream_intra_share": float(intra[inside].mean()) if inside.any() else nan,
        "bitstream_reordered_share": float(reordered[inside].mean()) if inside.any() else nan,
        "bitstream_intra_over_predicted": _log_ratio(sizes[inside & intra], sizes[inside & predicted]),
        "bitstream_reordered_over_predicted": _log_ratio(sizes[inside & reordered], sizes[inside & predicted]),
        "bitstream_gop_length": log(gops.mean()) if gops.size and gops.mean() > 0 else nan,
        "bitstream_gop_variation": float(gops.std() / gops.mean()) if gops.size and gops.mean() > 0 else nan,
        "bitstream_size_period": autocorrelation_peak(sizes[inside][np.argsort(numbers[inside], kind="stable")]),
        "bitstream_time_jitter": float(steps.std() / np.median(steps)) if steps.size and np.median(steps) > 0 else nan,
    }


class BitstreamExtractor:
    """Looks at the packets alone."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment

    def update(self, view: View) -> None:
        """Pass over a frame."""

    def result(self) -> dict[str, float]:
        """Measure the packets of the segment; all is missing where the video has none."""
        segment = self._segment
        if segment.packets is None:
            return dict.fromkeys(FEATURES, nan)
        n_pixels = segment.info.width * segment.info.height
        return packet_features(segment.packets, segment.first, segment.last, n_pixels)


FAMILY = Family(
    version=1,
    about="Where the bits go.",
    source="definitions of this project",
    features=FEATURES,
    extractor=BitstreamExtractor,
    cost=0.05,
    missing="the video is not a file, or has no frame of one of the kinds compared",
)
