"""Container facts of a video file from one demultiplexing pass, and the reasons why a file cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

# More frames a second than any camera writes: a header that claims it is wrong.
_HIGHEST_RATE = 1000
_TOLERATED_SHORTFALL = 0.01


class UnusableVideoError(ValueError):
    """A file that cannot be measured as a video. Its text is the reason, in words for the user."""


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

    @property
    def displayed_size(self) -> tuple[int, int]:
        """Width and height in pixels as a player shows them."""
        return (self.height, self.width) if self.rotation % 180 else (self.width, self.height)


@dataclass(frozen=True, slots=True)
class _Packets:
    """Sizes in bytes and presentation times in seconds of a stream's packets."""

    sizes: list[int]
    times: list[float]
    corrupt: int


def probe(path: Path) -> VideoInfo:
    """Read the facts of a video file: one pass over its packets and one decoded picture.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    VideoInfo

    Raises
    ------
    UnusableVideoError
        If the file is missing, empty, no video, truncated or cannot be decoded; the text says which.
    """
    _check_file(path)
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UnusableVideoError("no video stream: the file holds " + _stream_kinds(container))
            stream = container.streams.video[0]
            announced = stream.frames
            packets = _read_packets(container, stream)
            rate = stream.average_rate
            codec = stream.codec_context.name
        _check_complete(announced, packets)
        first = first_picture(path)
    except av.FFmpegError as error:
        reason = error.strerror or error
        raise UnusableVideoError(f"not a video that can be opened, or one cut short: {reason}") from error
    n_frames = len(packets.sizes)
    fps = _frame_rate(rate, packets.times)
    return VideoInfo(
        width=first.width,
        height=first.height,
        fps=fps,
        n_frames=n_frames,
        duration_s=n_frames / fps,
        codec=codec,
        pixel_format=first.format.name,
        bitrate=8.0 * sum(packets.sizes) * fps / n_frames,
        rotation=int(first.rotation) % 360,
    )


def first_picture(path: Path) -> av.VideoFrame:
    """Decode the first picture of a file.

    Raises
    ------
    UnusableVideoError
        If no picture can be decoded.
    """
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            return picture
    raise UnusableVideoError("no picture can be decoded")


def _check_file(path: Path) -> None:
    if not path.exists():
        raise UnusableVideoError("missing: there is no such file")
    if not path.is_file():
        raise UnusableVideoError("not a file")
    if path.stat().st_size == 0:
        raise UnusableVideoError("empty: the file has 0 bytes")


def _stream_kinds(container: av.container.InputContainer) -> str:
    kinds = sorted({stream.type for stream in container.streams})
    return "only " + ", ".join(kinds) if kinds else "no stream at all"


def _read_packets(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> _Packets:
    sizes: list[int] = []
    times: list[float] = []
    corrupt = 0
    for packet in container.demux(stream):
        if packet.size == 0:  # the flush packet at the end
            continue
        sizes.append(packet.size)
        corrupt += packet.is_corrupt
        if packet.pts is not None and packet.time_base:
            times.append(float(packet.pts * packet.time_base))
    return _Packets(sizes, times, corrupt)


def _check_complete(announced: int, packets: _Packets) -> None:
    n_frames = len(packets.sizes)
    if n_frames == 0:
        raise UnusableVideoError("no frame: the video stream holds no packet")
    shortfall = announced - n_frames
    if packets.corrupt or shortfall > max(2, _TOLERATED_SHORTFALL * announced):
        raise UnusableVideoError(
            f"truncated: the header announces {announced} frames, {n_frames - packets.corrupt} are whole"
        )


def _frame_rate(announced: Fraction | None, times: list[float]) -> float:
    """Frame rate the header names if it is credible, else the median one of the time stamps."""
    if announced is not None and 0 < announced <= _HIGHEST_RATE:
        return float(announced)
    steps = np.diff(np.sort(times))
    steps = steps[steps > 0]
    if steps.size == 0:
        raise UnusableVideoError(f"no frame rate: the header says {announced} and the time stamps do not help")
    return float(1.0 / np.median(steps))
