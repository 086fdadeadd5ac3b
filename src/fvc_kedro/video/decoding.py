"""Decoding, frame by frame, on one thread, of no more than what the frames wanted depend on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np

from fvc_kedro.video.container import UnusableVideoError, open_video
from fvc_kedro.video.frame import Frame
from fvc_kedro.video.packets import LEAST_SHARE, PacketTable, decode_packet, demux

VERSION = 2  # raised whenever a file may give other facts, frames or times than before, so that all is measured anew
# Codecs whose disposable pictures no other picture refers to, so that leaving one out changes no other.
# (HEVC's may be referred to by higher temporal layers.)
_CODECS_WITH_DISPOSABLE_PICTURES = frozenset({"h264"})


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
    if n_decoded < LEAST_SHARE * len(wanted):
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
        for packet in demux(container, stream):
            if packet.size > 0:
                number += 1
                if number < plan.resume_at:
                    continue
                plan.stamp(packet, number)
                if is_discarding != (can_discard and not plan.needs_picture_of(number)):
                    is_discarding = not is_discarding
                    context.skip_frame = "NONREF" if is_discarding else "DEFAULT"
            pictures = decode_packet(context, packet)
            if pictures is None and packet.size > 0:
                plan.note_damage(number)
            for picture in pictures or ():
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
        # as lists, in which single numbers are found faster than in arrays
        self._is_timed = packets.frame_numbers is not None
        self._numbers = packets.counted_numbers.tolist()
        self._starts = None if packets.starts is None else [array.tolist() for array in packets.starts]
        times_s = packets.frame_times_s
        self._times_s = [0.0] * packets.n_frames if times_s is None else times_s.tolist()
        self._shown = packets.shown.tolist()
        self._damaged = set(packets.counted_numbers[packets.damaged & packets.shown].tolist())
        self._keys = np.flatnonzero(packets.keyframes)
        self._recent: list[int] = []  # packets of the pictures that came since the last keyframe
        self.resume_at = 0
        self._look_ahead()

    @property
    def is_done(self) -> bool:
        return self._position == len(self._indices)

    def needs_picture_of(self, packet_number: int) -> bool:
        """Whether the picture of a packet is wanted for itself."""
        return not self._is_timed or self._numbers[packet_number] in self._wanted

    def stamp(self, packet: av.Packet, number: int) -> None:
        """Write its number on a packet, which the decoder passes on to the picture.

        The packet's own times may be those of several pictures, where time stamps start anew.
        """
        packet.pts = number if self._shown[number] else None

    def note_damage(self, number: int) -> None:
        """Leave out the frame of a packet that cannot be decoded, and those up to the next keyframe."""
        following = np.searchsorted(self._keys, number, side="right")
        stop = self._keys[following] if following < self._keys.size else len(self._numbers)
        self._damaged.update(self._numbers[number:stop])

    def place(self, picture: av.VideoFrame) -> Frame | None:
        """Take in a decoded picture; return it as a frame if it is whole and wanted."""
        index = self._number(picture)
        self._is_damaged = picture.is_corrupt or (self._is_damaged and not picture.key_frame)
        if index is None or self.is_done or index < self._indices[self._position]:
            return None
        while not self.is_done and self._indices[self._position] < index:
            self._position += 1
        wanted = not self.is_done and self._indices[self._position] == index
        if wanted:
            self._position += 1
        self._look_ahead()
        if not wanted or self._is_damaged or index in self._damaged:
            return None
        return Frame(picture, index, self._times_s[index])

    def _number(self, picture: av.VideoFrame) -> int | None:
        packet = picture.pts
        if packet is None:
            return None
        if self._is_timed:
            return int(self._numbers[packet])
        # without times, pictures are counted as they come, anew from every keyframe, as some may be lost
        if picture.key_frame:
            self._count = self._numbers[packet] + sum(other > packet for other in self._recent)
            self._recent = []
        self._recent.append(packet)
        self._count += 1
        return self._count - 1

    def _look_ahead(self) -> None:
        if self._starts is not None and not self.is_done:
            first_frames, first_packets = self._starts
            place = bisect_right(first_frames, self._indices[self._position]) - 1
            self.resume_at = first_packets[place] if place >= 0 else 0
