"""Handles to videos: small, picklable, opened only when frames are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from fvc_kedro.video.container import UnusableVideoError
from fvc_kedro.video.decoding import VERSION as DECODING_VERSION
from fvc_kedro.video.decoding import decode
from fvc_kedro.video.encoding import VERSION as ENCODER_VERSION
from fvc_kedro.video.encoding import Encoding, write_video, write_video_in_two_passes
from fvc_kedro.video.frame import Frame, Plane
from fvc_kedro.video.packets import PacketTable
from fvc_kedro.video.probe import Limits, VideoInfo, probe


class Video(Protocol):
    """What every node may ask of a video, wherever its pixels come from."""

    @property
    def info(self) -> VideoInfo:
        """Container facts."""

    @property
    def packets(self) -> PacketTable | None:
        """Packets of the video stream; None where there is no file."""

    def inspect(self, limits: Limits) -> VideoInfo:
        """Read the container facts, and refuse a video beyond the limits before it costs much."""

    @property
    def content_hash(self) -> str:
        """SHA-256 that is equal for equal content, as 64 hexadecimal digits."""

    @property
    def n_bytes(self) -> int:
        """Size in bytes."""

    @property
    def stamp(self) -> str:
        """Text that changes when the content may have changed; cheap, unlike the hash."""

    def frames(self, indices: Iterable[int] | None = None) -> Iterator[Frame]:
        """Decode the frames of the given increasing numbers, or all of them, one by one."""


@dataclass(frozen=True)
class VideoFile:
    """A video that lies in a file."""

    path: Path

    def __reduce__(self) -> tuple[type[VideoFile], tuple[Path]]:
        return VideoFile, (self.path,)  # without the facts read so far: another process may find another file

    @property
    def info(self) -> VideoInfo:
        return self._probed[0]

    @property
    def packets(self) -> PacketTable:
        return self._probed[1]

    def inspect(self, limits: Limits) -> VideoInfo:
        return probe(self.path, limits)[0]

    @cached_property
    def _probed(self) -> tuple[VideoInfo, PacketTable]:
        return probe(self.path)

    @cached_property
    def content_hash(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def n_bytes(self) -> int:
        return self.path.stat().st_size

    @property
    def stamp(self) -> str:
        try:
            status = self.path.stat()
        except OSError as error:
            return f"{self.path}: {error.strerror}"
        return f"{self.path}: {status.st_size} bytes, changed at {status.st_mtime_ns}"

    def frames(self, indices: Iterable[int] | None = None) -> Iterator[Frame]:
        return decode(self.path, self._probed[1], indices)


@dataclass(frozen=True)
class MadeVideo:
    """A video that the project has made, whose facts it has noted: only its frames are read from the file."""

    path: Path
    info: VideoInfo
    content_hash: str

    def __reduce__(self) -> tuple[type[MadeVideo], tuple[Path, VideoInfo, str]]:
        return MadeVideo, (self.path, self.info, self.content_hash)

    @cached_property
    def _file(self) -> VideoFile:
        return VideoFile(self.path)

    @property
    def packets(self) -> PacketTable:
        return self._file.packets

    def inspect(self, limits: Limits) -> VideoInfo:
        return self._file.inspect(limits)

    @property
    def n_bytes(self) -> int:
        return self._file.n_bytes

    @property
    def stamp(self) -> str:
        return self.content_hash

    def frames(self, indices: Iterable[int] | None = None) -> Iterator[Frame]:
        return self._file.frames(indices)


@dataclass(frozen=True)
class VideoArray:
    """A video in memory, for tests and notebooks.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n_frames, height, width) or (n_frames, height, width, 3)
        Full-range luma, or BGR.
    fps : float
        Frames a second.
    rotation : int
        Degrees, counter-clockwise, by which a player would turn the picture.
    """

    pixels: Plane
    fps: float = 25.0
    rotation: int = 0

    @property
    def packets(self) -> None:
        return None

    @property
    def info(self) -> VideoInfo:
        n_frames, height, width = self.pixels.shape[:3]
        return VideoInfo(
            width=width,
            height=height,
            fps=self.fps,
            n_frames=n_frames,
            duration_s=n_frames / self.fps,
            codec="rawvideo",
            pixel_format="gray" if self.pixels.ndim == 3 else "bgr24",
            bitrate=8.0 * self.pixels[0].size * self.fps,
            rotation=self.rotation,
        )

    def inspect(self, limits: Limits) -> VideoInfo:
        info = self.info
        limits.check_pixels(info.width, info.height)
        limits.check_frames(info.n_frames)
        limits.check_seconds(info.duration_s)
        return info

    @property
    def content_hash(self) -> str:
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()

    @property
    def n_bytes(self) -> int:
        return self.pixels.nbytes

    @property
    def stamp(self) -> str:
        return self.content_hash

    def frames(self, indices: Iterable[int] | None = None) -> Iterator[Frame]:
        make = Frame.from_luma if self.pixels.ndim == 3 else Frame.from_bgr
        for index in range(len(self.pixels)) if indices is None else indices:
            yield make(self.pixels[index], int(index), index / self.fps)


@dataclass(frozen=True)
class RefusedVideo:
    """Stands for a video that may not be opened: whatever is asked of it raises the reason."""

    reason: str

    @property
    def info(self) -> VideoInfo:
        raise UnusableVideoError(self.reason)

    @property
    def packets(self) -> PacketTable:
        raise UnusableVideoError(self.reason)

    def inspect(self, _: Limits) -> VideoInfo:
        raise UnusableVideoError(self.reason)

    @property
    def content_hash(self) -> str:
        raise UnusableVideoError(self.reason)

    @property
    def n_bytes(self) -> int:
        raise UnusableVideoError(self.reason)

    @property
    def stamp(self) -> str:
        return self.reason

    def frames(self, _: Iterable[int] | None = None) -> Iterator[Frame]:
        raise UnusableVideoError(self.reason)


# What times are rounded to that are not evenly spaced, and by how much containers round evenly spaced ones.
_TICK_S = Fraction(1, 90_000)
_ROUNDING_S = 0.002

Transform = Callable[[Iterator[Frame]], Iterator[Frame]]


@dataclass(frozen=True)
class VideoRecipe:
    """A video that is not made yet: a source, a pure transform of its frames, and how to encode them.

    Parameters
    ----------
    source : Video
        Where the frames come from.
    transform : callable, Iterator[Frame] -> Iterator[Frame]
        Picklable, with a ``repr`` that tells all its settings (a frozen dataclass): the repr is part
        of the recipe's identity.
    encoding : Encoding
        How the result is written.
    source_hash : str
        Content hash of the source, if known; it saves reading the file once more.
    cost : float
        Expected effort, in any unit.
    keeps_times : bool
        Whether each frame keeps the time of its source's; else they are evenly spaced.
    """

    source: Video
    transform: Transform
    encoding: Encoding
    source_hash: str = field(default="", repr=False)
    cost: float = 0.0
    keeps_times: bool = False

    @property
    def key(self) -> str:
        """SHA-256 of everything that the result depends on."""
        source = self.source_hash or self.source.content_hash
        versions = f"{DECODING_VERSION}, {ENCODER_VERSION}"
        parts = (source, repr(self.transform), repr(self.encoding), str(self.keeps_times), versions)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def frames(self) -> Iterator[Frame]:
        """Decode the source and transform it, frame by frame, without encoding."""
        fps = self.source.info.fps
        for index, frame in enumerate(self.transform(self.source.frames())):
            yield replace(frame, index=index, time_s=frame.time_s if self.keeps_times else index / fps)

    def write(self, path: Path) -> None:
        """Decode, transform and encode, a stream for each pass; the file appears under its name only when whole.

        Raises
        ------
        UnusableVideoError
            If the source has no frame, cannot be decoded or is not the one of ``source_hash`` any more.
        """
        if self.source_hash and self.source.content_hash != self.source_hash:
            raise UnusableVideoError("the file has changed since ingestion: kedro run --pipelines ingestion")
        tick_s = _TICK_S if self.keeps_times and not self._is_evenly_spaced else None
        fps = self.source.info.fps
        if self.encoding.bits_a_second is None:
            write_video(path, self.frames(), fps, self.encoding, tick_s)
        else:
            write_video_in_two_passes(path, (self.frames(), self.frames()), fps, self.encoding, tick_s)

    @property
    def _is_evenly_spaced(self) -> bool:
        packets, fps = self.source.packets, self.source.info.fps
        times_s = None if packets is None else packets.frame_times_s
        if times_s is None:
            return True
        return float(np.abs(times_s - np.arange(times_s.size) / fps).max()) < min(_ROUNDING_S, 0.25 / fps)
