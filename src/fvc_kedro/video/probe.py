"""Container facts of a video file from one demultiplexing pass, and the reasons why a file cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np

from fvc_kedro.video.container import PacketTable, UnusableVideoError, open_video, read_packets

# More frames a second than any camera writes: a header that claims it is wrong.
_HIGHEST_RATE = 1000
_TOLERATED_SHORTFALL = 0.01


@dataclass(frozen=True, slots=True)
class Limits:
    """Most that a video may have.

    Parameters
    ----------
    max_pixels : float
        Width times height.
    max_frames : float
        Frames.
    max_seconds : float
        Duration in seconds.
    """

    max_pixels: float = inf
    max_frames: float = inf
    max_seconds: float = inf

    def check_pixels(self, width: int, height: int) -> None:
        """Raise UnusableVideoError for a picture with more pixels than allowed."""
        self._check("pixels a frame", width * height, self.max_pixels, "max_pixels")

    def check_length(self, n_frames: int, fps: float) -> None:
        """Raise UnusableVideoError for a video longer than allowed."""
        self._check("frames", n_frames, self.max_frames, "max_frames")
        self._check("seconds", n_frames / fps, self.max_seconds, "max_seconds")

    @staticmethod
    def _check(what: str, value: float, limit: float, name: str) -> None:
        if value > limit:
            raise UnusableVideoError(f"over a limit: {value:.10g} {what}, ingestion.limits.{name} is {limit:.10g}")


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the container tells of a video.

    Attributes
    ----------
    width, height : int
        Size of the stored picture in pixels, before ``rotation`` is applied.
    fps : float
        Mean frame rate in frames a second.
    n_frames : int
        Number of coded frames that can be read.
    duration_s : float
        ``n_frames / fps``, in seconds.
    codec, pixel_format : str
        FFmpeg's names, such as ``h264`` and ``yuv420p``.
    bitrate : float
        Bits a second of the video stream alone, summed over its packets.
    rotation : int
        Degrees, counter-clockwise, by which a player turns the picture: 0, 90, 180 or 270.
    """

    width: int
    height: int
    fps: float
    n_frames: int
    duration_s: float
    codec: str
    pixel_format: str
    bitrate: float
    rotation: int


def probe(path: Path, limits: Limits = NO_LIMITS) -> tuple[VideoInfo, PacketTable]:
    """Read the facts of a video file: one pass over its packets and one decoded picture.

    Parameters
    ----------
    path : Path
        The file.
    limits : Limits
        Checked before any picture is decoded, so that a header's absurd claim costs nothing.

    Returns
    -------
    VideoInfo, PacketTable

    Raises
    ------
    UnusableVideoError
        If the file is missing, empty, no video, truncated, over a limit or cannot be decoded; the text
        says which.
    """
    with open_video(path) as (container, stream):
        limits.check_pixels(stream.codec_context.width, stream.codec_context.height)
        packets, first = read_packets(container, stream, None if limits.max_frames == inf else int(limits.max_frames))
    _check_complete(packets, limits)
    fps = _frame_rate(packets)
    limits.check_length(packets.n_frames, fps)
    if first is None:
        raise UnusableVideoError("no picture can be decoded")
    limits.check_pixels(first.width, first.height)
    info = VideoInfo(
        width=first.width,
        height=first.height,
        fps=fps,
        n_frames=packets.n_frames,
        duration_s=packets.n_frames / fps,
        codec=packets.codec,
        pixel_format=first.format.name,
        bitrate=8.0 * int(packets.sizes.sum()) * fps / packets.sizes.size,
        rotation=round(first.rotation / 90) * 90 % 360,
    )
    return info, packets


def _check_complete(packets: PacketTable, limits: Limits) -> None:
    n_packets = packets.sizes.size
    if packets.n_frames == 0:
        raise UnusableVideoError("no frame: the video stream holds no packet that is shown")
    shortfall = packets.announced - n_packets
    cut_by_limit = n_packets > limits.max_frames
    if packets.corrupt or (shortfall > max(2, _TOLERATED_SHORTFALL * packets.announced) and not cut_by_limit):
        raise UnusableVideoError(
            f"truncated: the header announces {packets.announced} frames, {n_packets - packets.corrupt} are whole"
        )


def _frame_rate(packets: PacketTable) -> float:
    """Frame rate the header names if it is credible, else the median one of the time stamps."""
    if packets.rate is not None and 0 < packets.rate <= _HIGHEST_RATE:
        return float(packets.rate)
    if packets.shown_times is not None and packets.shown_times.size > 1:
        step = float(np.median(np.diff(packets.shown_times))) * float(packets.time_base)
        if step > 0 and 1 / step <= _HIGHEST_RATE:
            return 1 / step
    raise UnusableVideoError(f"no frame rate: the header says {packets.rate} and the time stamps do not help")
