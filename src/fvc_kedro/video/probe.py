"""Container facts of a video file from one demultiplexing pass, and the reasons why a file cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
from av.video.stream import VideoStream

from fvc_kedro.video.container import UnusableVideoError, moving_pictures, open_video
from fvc_kedro.video.geometry import displayed_size
from fvc_kedro.video.packets import LEAST_SHARE, PacketTable, read_packets

# Players believe no pixel that is longer than this, either way.
_LONGEST_PIXEL = 8


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

    def check_frames(self, n_frames: int) -> None:
        """Raise UnusableVideoError for a video of more frames than allowed."""
        self._check("frames", n_frames, self.max_frames, "max_frames")

    def check_seconds(self, duration_s: float) -> None:
        """Raise UnusableVideoError for a video longer than allowed."""
        self._check("seconds", duration_s, self.max_seconds, "max_seconds")

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
        Mean frame rate in frames a second: ``n_frames / duration_s``.
    n_frames : int
        Number of frames that are shown.
    duration_s : float
        Span of the times at which they are shown, and one frame more, in seconds.
    codec, pixel_format : str
        FFmpeg's names, such as ``h264`` and ``yuv420p``.
    bitrate : float
        Bits a second of the video stream alone, summed over the packets of what is shown.
    rotation : int
        Degrees, counter-clockwise, by which a player turns the picture: 0, 90, 180 or 270.
    pixel_aspect_ratio : float
        Width over height of a stored pixel as players show it.
    video_stream : int
        Which of the file's streams is read, from 0: that of the largest picture, of equal ones the default.
    n_video_streams : int
        Video streams in the file, without cover pictures.
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
    pixel_aspect_ratio: float = 1.0
    video_stream: int = 0
    n_video_streams: int = 1

    @property
    def displayed_size(self) -> tuple[int, int]:
        """Width and height in pixels as a player shows them."""
        return displayed_size(self.width, self.height, self.rotation, self.pixel_aspect_ratio)


def probe(path: Path, limits: Limits = NO_LIMITS) -> tuple[VideoInfo, PacketTable]:
    """Read the facts of a video file: one pass over its packets and one decoded picture.

    Parameters
    ----------
    path : Path
        The file.
    limits : Limits
        Of pixels it is checked before any picture is decoded, so that a header's absurd claim costs nothing; the
        others are checked after one pass over the packets, which ends where there are too many.

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
        pixel_aspect_ratio = _pixel_aspect_ratio(stream)
        video_stream, n_video_streams = stream.index, len(moving_pictures(container))
    limits.check_frames(int(np.count_nonzero(~packets.hidden)))
    _check_complete(packets)
    fps = packets.fps
    if fps is None:
        raise UnusableVideoError(f"no frame rate: the header says {packets.rate} and the time stamps do not help")
    limits.check_seconds(packets.n_frames / fps)
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
        bitrate=8.0 * int(packets.sizes[packets.shown | packets.hidden].sum()) * fps / packets.n_frames,
        rotation=round(first.rotation / 90) * 90 % 360,
        pixel_aspect_ratio=pixel_aspect_ratio,
        video_stream=video_stream,
        n_video_streams=n_video_streams,
    )
    return info, packets


def _pixel_aspect_ratio(stream: VideoStream) -> float:
    ratio = float(stream.sample_aspect_ratio or 1)
    return ratio if 1 / _LONGEST_PIXEL <= ratio <= _LONGEST_PIXEL else 1.0


def _check_complete(packets: PacketTable) -> None:
    n_packets = packets.sizes.size
    if packets.n_frames == 0:
        raise UnusableVideoError("no frame: the video stream holds no packet that is shown")
    if n_packets < LEAST_SHARE * packets.announced:
        raise UnusableVideoError(f"truncated: the header announces {packets.announced} frames, {n_packets} are there")
    if packets.n_whole < LEAST_SHARE * packets.n_frames:
        raise UnusableVideoError(f"damaged: of {packets.n_frames} frames, {packets.n_whole} are whole")
