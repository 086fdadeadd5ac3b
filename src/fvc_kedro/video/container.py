"""Opening a video file, and choosing its video stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

# Formats of video files. Playlists (HLS, DASH, concat) are left out: they make FFmpeg open other files.
_FORMATS = (
    *("mov", "mp4", "matroska", "webm", "avi", "flv", "asf", "mpeg", "mpegts", "mpegvideo", "mxf", "ogg", "gif"),
    *("3gp", "3g2", "rm", "dv", "wtv", "nut", "ivf", "yuv4mpegpipe", "h264", "hevc", "m4v", "mjpeg", "obu", "apng"),
)
_OPTIONS = {"format_whitelist": ",".join(_FORMATS), "protocol_whitelist": "file"}


_STILLS = Disposition.attached_pic | Disposition.timed_thumbnails


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
            raise UnusableVideoError("not a file but a folder: each of its videos takes a row of its own")
        if not path.is_file():
            raise UnusableVideoError("not a regular file" if path.exists() else "missing: there is no such file")
        if path.stat().st_size == 0:
            raise UnusableVideoError("empty: the file has 0 bytes")
    except OSError as error:
        raise UnusableVideoError(f"not readable: {error.strerror}") from error


def _video_stream(container: InputContainer) -> VideoStream:
    """Find the stream of the largest picture; of equal ones the default, else the first."""
    pictures = moving_pictures(container)
    if not pictures:
        raise UnusableVideoError("no video stream: the file holds " + _stream_kinds(container))
    decodable = [stream for stream in pictures if stream.codec_context is not None]
    if not decodable:
        raise UnusableVideoError("no decoder for the codec of the video stream")
    stream = max(decodable, key=lambda one: (_n_pixels(one), bool(one.disposition & Disposition.default)))
    stream.codec_context.thread_count = 1
    return stream


def moving_pictures(container: InputContainer) -> list[VideoStream]:
    """List the video streams of a container, but for cover pictures and thumbnails."""
    return [stream for stream in container.streams.video if not stream.disposition & _STILLS]


def _n_pixels(stream: VideoStream) -> int:
    return stream.codec_context.width * stream.codec_context.height


def _stream_kinds(container: InputContainer) -> str:
    kinds = sorted({"a still picture" if stream.type == "video" else str(stream.type) for stream in container.streams})
    return "only " + ", ".join(kinds) if kinds else "no stream at all"
