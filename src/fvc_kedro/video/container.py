"""Opening a video file, and the table of its packets from one demultiplexing pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EACCES
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

# Formats of video files. Playlists (HLS, DASH, concat) are left out: they make FFmpeg open other files.
_FORMATS = (
    *("mov", "mp4", "matroska", "webm", "avi", "flv", "asf", "mpeg", "mpegts", "mpegvideo", "mxf", "ogg", "gif"),
    *("3gp", "3g2", "rm", "dv", "wtv", "nut", "ivf", "yuv4mpegpipe", "h264", "hevc", "m4v", "mjpeg", "obu", "apng"),
)
_OPTIONS = {"format_whitelist": ",".join(_FORMATS), "protocol_whitelist": "file"}


class UnusableVideoError(ValueError):
    """A file that cannot be measured as a video. Its text is the reason, in words for the user."""


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and find its video stream, decoding on one thread.

    Raises
    ------
    UnusableVideoError
        If the file is missing, empty, no video or has no decodable video stream; the text says which.
        Errors of the demultiplexer inside the ``with`` block are turned into it as well.
    """
    _check_file(path)
    try:
        # the prefix keeps FFmpeg from taking a name such as concat:a for a protocol
        with av.open(f"file:{path}", options=dict(_OPTIONS), metadata_errors="replace") as container:
            yield container, _video_stream(container)
    except av.FFmpegError as error:
        if error.errno == EACCES:
            raise UnusableVideoError("not readable: permission denied") from error
        reason = error.strerror or error
        raise UnusableVideoError(f"not a video that can be opened, or one cut short: {reason}") from error


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise UnusableVideoError("not a file but a folder")
        if not path.is_file():
            raise UnusableVideoError("not a regular file" if path.exists() else "missing: there is no such file")
        if path.stat().st_size == 0:
            raise UnusableVideoError("empty: the file has 0 bytes")
    except OSError as error:
        raise UnusableVideoError(f"not readable: {error.strerror}") from error


def _video_stream(container: InputContainer) -> VideoStream:
    pictures = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not pictures:
        raise UnusableVideoError("no video stream: the file holds " + _stream_kinds(container))
    stream = pictures[0]
    if stream.codec_context is None:
        raise UnusableVideoError("no decoder for the codec of the video stream")
    stream.codec_context.thread_count = 1
    return stream


def _stream_kinds(container: InputContainer) -> str:
    kinds = sorted({"a still picture" if stream.type == "video" else str(stream.type) for stream in container.streams})
    return "only " + ", ".join(kinds) if kinds else "no stream at all"


@dataclass(frozen=True)
class PacketTable:
    """The packets of a video stream, in decoding order, one of the arrays' entries each.

    Attributes
    ----------
    sizes : ndarray of int64
        Bytes.
    times : ndarray of int64 or None
        Presentation times in units of ``time_base``; None unless every packet has one of its own.
    keyframes : ndarray of bool
        Whether decoding can start there.
    shown : ndarray of bool
        Whether the picture is meant to be shown: an edit list may cut pictures off.
    corrupt : int
        Packets that the demultiplexer calls corrupt.
    announced : int
        Frames that the header announces; 0 where it does not.
    time_base : Fraction
        Seconds.
    rate : Fraction or None
        Mean frame rate in frames a second, by the header or FFmpeg's guess.
    codec : str
        FFmpeg's name.
    """

    sizes: NDArray[np.int64]
    times: NDArray[np.int64] | None
    keyframes: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    corrupt: int
    announced: int
    time_base: Fraction
    rate: Fraction | None
    codec: str

    @property
    def n_frames(self) -> int:
        """Number of packets whose picture is shown."""
        return int(np.count_nonzero(self.shown))

    @cached_property
    def shown_times(self) -> NDArray[np.int64] | None:
        """Presentation times of the pictures shown, in order of presentation."""
        return None if self.times is None else np.sort(self.times[self.shown])

    @cached_property
    def frame_numbers(self) -> NDArray[np.intp] | None:
        """Number, in order of presentation, of each packet's picture."""
        if self.times is None or self.shown_times is None:
            return None
        return np.searchsorted(self.shown_times, self.times)

    @cached_property
    def starts(self) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
        """Number of the frame that each keyframe shows, increasing, and the number of its packet.

        A frame shown at or after a keyframe can be decoded from there; pictures that follow it in the
        file but are shown before it (of an open group of pictures) belong to the keyframe before.
        """
        if self.frame_numbers is None or not self.keyframes.any():
            return None
        packets = np.flatnonzero(self.keyframes)
        order = np.lexsort((packets, self.frame_numbers[packets]))
        return self.frame_numbers[packets[order]], packets[order]


def read_packets(
    container: InputContainer, stream: VideoStream, max_frames: int | None = None
) -> tuple[PacketTable, av.VideoFrame | None]:
    """Read the packet table of an open stream and decode its first picture, in one pass.

    Parameters
    ----------
    container, stream
        As :func:`open_video` gives them.
    max_frames : int, optional
        Reading stops when there are more packets than this.

    Returns
    -------
    packets : PacketTable
    first : av.VideoFrame or None
        The first picture that can be decoded, if there is one.
    """
    sizes: list[int] = []
    times: list[int | None] = []
    keyframes: list[bool] = []
    shown: list[bool] = []
    corrupt = 0
    first: av.VideoFrame | None = None
    for packet in container.demux(stream):
        if first is None:
            first = next(iter(decode_packet(stream.codec_context, packet)), None)
        if packet.size == 0:  # the flush packet at the end
            continue
        sizes.append(packet.size)
        times.append(packet.pts)
        keyframes.append(packet.is_keyframe)
        shown.append(not packet.is_discard)
        corrupt += packet.is_corrupt
        if max_frames is not None and len(sizes) > max_frames:
            break
    # AVI has no presentation times: what FFmpeg makes up for pictures that are reordered follows their decoding
    made_up = container.format.name == "avi" and bool(stream.codec_context.has_b_frames)
    complete = None not in times and len(set(times)) == len(times) and not made_up
    table = PacketTable(
        sizes=np.array(sizes, np.int64),
        times=np.array(times, np.int64) if complete else None,
        keyframes=np.array(keyframes, np.bool_),
        shown=np.array(shown, np.bool_),
        corrupt=corrupt,
        announced=stream.frames,
        time_base=stream.time_base or Fraction(1),
        rate=stream.average_rate,
        codec=stream.codec_context.name,
    )
    return table, first


def decode_packet(context: VideoCodecContext, packet: av.Packet) -> list[av.VideoFrame]:
    """Decode a packet, or what the decoder still holds at the end; a damaged packet gives no picture."""
    try:
        return context.decode(packet if packet.size > 0 else None)
    except (av.FFmpegError, EOFError):
        return []
