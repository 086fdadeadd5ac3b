"""Decoding, frame by frame, on one thread, of no more than what the frames wanted depend on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path

import av

from fvc_kedro.video.container import PacketTable, UnusableVideoError, decode_packet, open_video
from fvc_kedro.video.frame import Frame

# Codecs whose disposable pictures no other picture refers to, so that leaving one out changes no other.
# (HEVC's may be referred to by higher temporal layers.)
_CODECS_WITH_DISPOSABLE_PICTURES = frozenset({"h264"})
_LEAST_SHARE = 0.9


def decode(path: Path, packets: PacketTable, indices: Iterable[int] | None = None) -> Iterator[Frame]:
    """Decode a file's frames in presentation order.

    A frame's number is its rank among the presentation times of the packets; where they lack times,
    frames are counted as they are decoded. What the frames wanted do not depend on is not decoded: groups of
    pictures without any of them, and disposable pictures between them. A picture that the decoder
    cannot make, or only with errors concealed, is left out, and so are those after it, which may be
    predicted from it, up to the next keyframe.

    Parameters
    ----------
    path : Path
        The file.
    packets : PacketTable
        The file's packets.
    indices : iterable of int, optional
        Increasing numbers of the frames wanted; all of them by default. Decoding stops after the last.

    Yields
    ------
    Frame

    Raises
    ------
    UnusableVideoError
        If the file cannot be opened or read, or, after the last frame, if less than nine tenths of those
        wanted could be decoded.
    """
    wanted = list(range(packets.n_frames)) if indices is None else [int(index) for index in indices]
    n_decoded = 0
    for frame in _decode(path, packets, wanted):
        n_decoded += 1
        yield frame
    if n_decoded < _LEAST_SHARE * len(wanted):
        raise UnusableVideoError(f"damaged: of {len(wanted)} frames wanted, only {n_decoded} can be decoded")


def _decode(path: Path, packets: PacketTable, indices: list[int]) -> Iterator[Frame]:
    plan = _Plan(packets, indices)
    if plan.is_done:
        return
    with open_video(path) as (container, stream):
        context = stream.codec_context
        can_discard = context.name in _CODECS_WITH_DISPOSABLE_PICTURES
        is_discarding = False
        number = -1
        for packet in container.demux(stream):
            if packet.size > 0:
                number += 1
                if number < plan.resume_at:
                    continue
                if is_discarding != (can_discard and not plan.needs_picture_of(number)):
                    is_discarding = not is_discarding
                    context.skip_frame = "NONREF" if is_discarding else "DEFAULT"
            for picture in decode_packet(context, packet):
                frame = plan.place(picture)
                if frame is not None:
                    yield frame
                if plan.is_done:
                    return
            if plan.resume_at > number + 1:
                context.flush_buffers()


class _Plan:
    """Which frames are still wanted, and from which packet on the next one can be decoded."""

    def __init__(self, packets: PacketTable, indices: list[int]) -> None:
        self._indices = indices
        self._wanted = frozenset(indices)
        self._position = 0
        self._count = 0
        self._is_damaged = False
        # as lists, in which single numbers are found and compared faster than in arrays
        self._times = None if packets.shown_times is None else packets.shown_times.tolist()
        self._numbers = None if packets.frame_numbers is None else packets.frame_numbers.tolist()
        self._starts = None if packets.starts is None else [array.tolist() for array in packets.starts]
        self._time_base = float(packets.time_base)
        self._rate = float(packets.rate or 0)
        self.resume_at = 0
        self._look_ahead()

    @property
    def is_done(self) -> bool:
        return self._position == len(self._indices)

    def needs_picture_of(self, packet_number: int) -> bool:
        """Whether the picture of a packet is wanted for itself."""
        return self._numbers is None or self._numbers[packet_number] in self._wanted

    def place(self, picture: av.VideoFrame) -> Frame | None:
        """Take in a decoded picture; return it as a frame if it is whole and wanted."""
        index, time_s = self._number(picture)
        self._is_damaged = picture.is_corrupt or (self._is_damaged and not picture.key_frame)
        if self.is_done or index < self._indices[self._position]:
            return None
        while not self.is_done and self._indices[self._position] < index:
            self._position += 1
        wanted = not self.is_done and self._indices[self._position] == index
        if wanted:
            self._position += 1
        self._look_ahead()
        return Frame(picture, index, time_s) if wanted and not self._is_damaged else None

    def _number(self, picture: av.VideoFrame) -> tuple[int, float]:
        if self._times is None:
            self._count += 1
            return self._count - 1, (self._count - 1) / self._rate if self._rate else 0.0
        if picture.pts is None:
            return -1, 0.0
        index = bisect_right(self._times, picture.pts) - 1
        return index, (picture.pts - self._times[0]) * self._time_base

    def _look_ahead(self) -> None:
        if self._starts is not None and not self.is_done:
            first_frames, first_packets = self._starts
            self.resume_at = first_packets[max(bisect_right(first_frames, self._indices[self._position]) - 1, 0)]
