"""Encoding a stream of frames with H.264."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import av

from fvc_kedro.video.container import UnusableVideoError
from fvc_kedro.video.frame import Frame

_FRAMES_A_RUN = 8
VERSION = 3  # raised whenever equal frames may come out as other bytes, so that kept videos are made anew


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a video is written: H.264 (libx264), 4:2:0, eight bits, in MP4, without sound.

    Parameters
    ----------
    crf : int
        Constant rate factor, 0 (lossless) to 51.
    preset : str
        libx264's preset, from ``ultrafast`` to ``veryslow``.
    keyframe_interval : int
        Most frames between two intra frames.
    bits_a_second : int, optional
        Mean rate to aim at instead of the rate factor. It takes two passes.
    """

    crf: int = 20
    preset: str = "medium"
    keyframe_interval: int = 250
    bits_a_second: int | None = None


def write_video(
    path: Path, frames: Iterator[Frame], fps: float, encoding: Encoding, tick_s: Fraction | None = None
) -> None:
    """Encode frames into an MP4 file, one at a time, each at its own time.

    The file is written under a temporary name and renamed when whole, so ``path`` never holds half a
    video. One encoder thread, and no macroblock tree, with which libx264 was seen to encode equal frames
    of many sizes in several ways by chance: equal frames give equal bytes, if width and height are
    multiples of 8.

    Parameters
    ----------
    path : Path
        Where to write; its folder is made.
    frames : iterator of Frame
        All of one size, width and height even.
    fps : float
        Frame rate to write. How long the last of unevenly spaced frames is shown is left to the format.
    encoding : Encoding
    tick_s : Fraction, optional
        What times are rounded to, in seconds; by default one frame interval, which fits evenly spaced frames.

    Raises
    ------
    UnusableVideoError
        If there is no frame.
    """
    _write(path, frames, fps, encoding, tick_s, {"crf": str(encoding.crf)})


def write_video_in_two_passes(
    path: Path,
    frames: tuple[Iterator[Frame], Iterator[Frame]],
    fps: float,
    encoding: Encoding,
    tick_s: Fraction | None = None,
) -> None:
    """Encode frames into an MP4 file of the size that the encoding's ``bits_a_second`` ask for, within some percent.

    Parameters
    ----------
    path, fps, encoding, tick_s
        As in ``write_video``.
    frames : tuple of two iterators of Frame
        The same frames twice: the first pass measures, the second encodes.

    Raises
    ------
    UnusableVideoError
        If there is no frame.
    """
    with TemporaryDirectory() as folder:
        rate = {"b": str(encoding.bits_a_second), "stats": str(Path(folder, "x264.log"))}
        _write(Path(folder, "first.mp4"), frames[0], fps, encoding, tick_s, rate | {"flags": "+pass1"})
        _write(path, frames[1], fps, encoding, tick_s, rate | {"flags": "+pass2"})


@contextmanager
def _named_when_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a path, and rename what was written there unless an error comes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.stem}.{os.getpid()}.partial.mp4")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _in_runs(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Take frames a few at a time: decoder and encoder by turns would drive each other's data from the cache."""
    while run := list(islice(frames, _FRAMES_A_RUN)):
        yield from run


def _write(
    path: Path,
    frames: Iterator[Frame],
    fps: float,
    encoding: Encoding,
    tick_s: Fraction | None,
    rate_control: dict[str, str],
) -> None:
    frames = _in_runs(frames)
    first = next(frames, None)
    if first is None:
        raise UnusableVideoError("no frame to encode")
    rate = Fraction(fps).limit_denominator(100_000)
    tick_s = tick_s or 1 / rate
    options = rate_control | {"preset": encoding.preset, "threads": "1", "x264-params": "mbtree=0"}
    with _named_when_whole(path) as partial, av.open(str(partial), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height = first.picture.width, first.picture.height
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = tick_s
        stream.codec_context.gop_size = encoding.keyframe_interval
        stream.codec_context.color_range = 2 if first.full_range else 1
        time = -1
        frame: Frame | None = first
        while frame is not None:
            picture = frame.picture
            if picture.format.name != "yuv420p":
                picture = picture.reformat(format="yuv420p")
            time = max(time + 1, round(Fraction(frame.time_s) / tick_s))
            picture.pts = time
            picture.time_base = tick_s
            picture.pict_type = 0  # or libx264 repeats the source's frame types
            container.mux(stream.encode(picture))
            frame = next(frames, None)
        container.mux(stream.encode(None))
