"""The table of a stream's packets from one demultiplexing pass, and when their pictures are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.format import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fvc_kedro.video.shown import shown_reader

# Share of the frames that must be whole and decodable: with fewer, a video is refused as truncated or damaged.
LEAST_SHARE = 0.9
# More frames a second than any camera writes: a header or time stamps that claim it are wrong.
_HIGHEST_RATE = 1000
# Time stamps that leap further start anew, in formats where that is allowed (FFmpeg's dts_delta_threshold).
_LONGEST_GAP_S = 10.0
# Between keyframes, smaller steps back are disorder, not a new start.
_SMALLEST_STEP_BACK_S = 0.5
# The header's rate and the time stamps agree, if they differ by no more than rounding.
_ROUNDING_TICKS = 2
_ROUNDING_FRAMES = 0.25
_MARK_COMES_EARLY = 2
# The format whose index lists every packet that is to come.
_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"

_NEVER = np.iinfo(np.int64).min

Times = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PacketTable:
    """The packets of a video stream, in decoding order, one of the arrays' entries each.

    Attributes
    ----------
    sizes : ndarray of int64
        Bytes.
    times : ndarray of int64 or None
        Presentation times in units of ``time_base``, running on where time stamps start anew; None where a
        packet lacks one, or two packets that are shown share one.
    keyframes : ndarray of bool
        Whether decoding can start there.
    shown : ndarray of bool
        Whether the picture is meant to be shown. An edit list may cut pictures off, a codec may have
        pictures that are only referred to or not coded, and those before the first keyframe cannot be decoded.
    announced : int
        Packets that the header announces; 0 where it does not.
    time_base : Fraction
        Seconds.
    rate : Fraction or None
        Mean frame rate in frames a second, by the header or FFmpeg's guess.
    codec : str
        FFmpeg's name.
    damaged : ndarray of bool
        Packets that the demultiplexer calls corrupt, and those after them up to the next keyframe.
    hidden : ndarray of bool
        Packets without a picture of their own: it is only referred to, it is not coded, or they are second fields.
    clock : ndarray of int64 or None
        Increasing presentation times of the pictures shown, even where it is not known which packet
        has which.
    last_duration : int
        How long the last picture is shown, by its packet, in units of ``time_base``; 0 where it does not say.
    """

    sizes: NDArray[np.int64]
    times: Times | None
    keyframes: Mask
    shown: Mask
    announced: int
    time_base: Fraction
    rate: Fraction | None
    codec: str
    damaged: Mask
    hidden: Mask
    clock: Times | None
    last_duration: int = 0

    @property
    def n_frames(self) -> int:
        """Number of packets whose picture is shown."""
        return int(np.count_nonzero(self.shown))

    @property
    def n_whole(self) -> int:
        """Number of those packets that no damage is known of."""
        return int(np.count_nonzero(self.shown & ~self.damaged))

    @cached_property
    def frame_numbers(self) -> NDArray[np.intp] | None:
        """Number, in order of presentation, of each packet's picture."""
        if self.times is None:
            return None
        return np.searchsorted(np.sort(self.times[self.shown]), self.times)

    @property
    def counted_numbers(self) -> NDArray[np.intp]:
        """The same or, where the times do not tell it, the number in decoding order."""
        return np.cumsum(self.shown) - 1 if self.frame_numbers is None else self.frame_numbers

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

    @cached_property
    def fps(self) -> float | None:
        """Frames over the duration, in frames a second; None where no rate is known.

        The duration is the span of the times at which pictures are shown and one frame more. The last picture
        is shown as long as its packet says, but no shorter or longer than any other. Where the header's rate
        agrees with the times but for their rounding, it is the more exact; without credible times it stands alone.
        """
        rate = self.rate if self.rate is not None and 0 < self.rate <= _HIGHEST_RATE else None
        if not self._are_times_credible:
            return None if rate is None else float(rate)
        by_times = float(self._ticks * self.time_base)
        if rate is not None:
            rounding = min(float(_ROUNDING_TICKS * self.time_base), _ROUNDING_FRAMES / float(rate))
            if abs(self.n_frames / float(rate) - by_times) <= rounding:
                return float(rate)
        return self.n_frames / by_times

    @property
    def duration_s(self) -> float | None:
        """Number of frames over their rate, in seconds; None where no rate is known."""
        return None if self.fps is None else self.n_frames / self.fps

    @cached_property
    def frame_times_s(self) -> NDArray[np.float64] | None:
        """Times at which pictures are shown in seconds from the first; None where no rate is known."""
        if self._are_times_credible and self.clock is not None:
            return np.asarray((self.clock - self.clock[0]) * float(self.time_base), np.float64)
        return None if self.fps is None else np.arange(self.n_frames, dtype=np.float64) / self.fps

    @cached_property
    def _ticks(self) -> int:
        """Span of the clock and one frame more, in units of ``time_base``; 0 where it cannot be told."""
        if self.clock is None:
            return 0
        steps = np.diff(self.clock)
        steps = steps[steps > 0]
        if steps.size == 0:
            return self.last_duration
        last = np.clip(self.last_duration, steps.min(), steps.max()) if self.last_duration > 0 else np.median(steps)
        return int(self.clock[-1] - self.clock[0]) + int(last)

    @property
    def _are_times_credible(self) -> bool:
        return self._ticks * self.time_base * _HIGHEST_RATE >= self.n_frames > 0


@dataclass
class _Columns:
    """The table while packets come in."""

    sizes: list[int] = field(default_factory=list)
    presentation: list[int | None] = field(default_factory=list)
    decoding: list[int | None] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    keyframes: list[bool] = field(default_factory=list)
    cut_off: list[bool] = field(default_factory=list)
    hidden: list[bool] = field(default_factory=list)
    corrupt: list[bool] = field(default_factory=list)


def read_packets(
    container: InputContainer, stream: VideoStream, max_frames: int | None = None
) -> tuple[PacketTable, av.VideoFrame | None]:
    """Read the packet table of an open stream and decode its first picture, in one pass.

    Parameters
    ----------
    container, stream
        As :func:`fvc_kedro.video.container.open_video` gives them.
    max_frames : int, optional
        Reading stops when more packets than this have pictures of their own.

    Returns
    -------
    packets : PacketTable
    first : av.VideoFrame or None
        The first picture that can be decoded, if there is one.
    """
    context = stream.codec_context
    shows_picture = shown_reader(context.codec.canonical_name, context.extradata or b"")
    announced = _announced(container, stream)
    columns = _Columns()
    first: av.VideoFrame | None = None
    first_came_after = 0
    previous_time: int | None = None
    n_pictures = 0
    for packet in demux(container, stream):
        if first is None:
            first = next(iter(decode_packet(stream.codec_context, packet) or ()), None)
            first_came_after = len(columns.sizes)
        if packet.size == 0:  # the flush packet at the end
            continue
        is_hidden = shows_picture is not None and not shows_picture(bytes(packet))
        is_second_field = is_hidden and context.codec.canonical_name == "h264"
        time = previous_time if is_second_field else packet.pts
        previous_time = time
        columns.sizes.append(packet.size)
        columns.presentation.append(time)
        columns.decoding.append(packet.dts)
        columns.durations.append(packet.duration or 0)
        columns.keyframes.append(packet.is_keyframe and not is_second_field)
        columns.cut_off.append(packet.is_discard)
        columns.hidden.append(is_hidden)
        columns.corrupt.append(packet.is_corrupt)
        n_pictures += not is_hidden
        if max_frames is not None and n_pictures > max_frames:
            break
    return _table(columns, container, stream, announced, first, first_came_after), first


def _announced(container: InputContainer, stream: VideoStream) -> int:
    """Count the packets that the header announces, without the empty ones of frames that were dropped."""
    if container.format.name == _MP4 and len(stream.index_entries) > 0:
        return sum(entry.size > 0 for entry in stream.index_entries)
    if container.format.name == "avi" and not _is_cut_short(Path(container.name.removeprefix("file:"))):
        return 0  # as the header counts empty chunks too
    return int(stream.frames)


def _is_cut_short(avi: Path) -> bool:
    """Whether an AVI file is shorter than the sizes of its parts, of which a large file has several."""
    end, n_bytes = 0, avi.stat().st_size
    with avi.open("rb") as file:
        while (header := file.read(8))[:4] == b"RIFF" and end < n_bytes:
            end += 8 + int.from_bytes(header[4:], "little")
            end += end % 2
            file.seek(end)
    return end > n_bytes + 1


def _table(
    columns: _Columns,
    container: InputContainer,
    stream: VideoStream,
    announced: int,
    first: av.VideoFrame | None,
    first_came_after: int,
) -> PacketTable:
    time_base = stream.time_base or Fraction(1)
    keyframes, hidden = np.array(columns.keyframes, np.bool_), np.array(columns.hidden, np.bool_)
    presentation, decoding = _filled(columns.presentation), _filled(columns.decoding)
    is_avi = container.format.name == "avi"
    if is_avi:  # which numbers its chunks and has no presentation times: those that FFmpeg makes up may lie
        presentation = decoding
    made_up = is_avi and bool(stream.codec_context.has_b_frames)
    may_leap = bool(Flags(container.format.flags) & Flags.ts_discont)
    order = presentation if decoding is None else decoding
    marked = np.array(columns.corrupt, np.bool_)
    # a leap within a group of pictures is a pause, unless packets were lost there
    may_begin = keyframes | _delayed(marked)
    parts = _parts(order, keyframes, float(time_base), may_leap=may_begin if may_leap else None)
    times = None if made_up or None in columns.presentation else presentation
    undecodable = _undecodable(parts, times, keyframes, first, first_came_after)
    left_out = np.array(columns.cut_off, np.bool_) | undecodable
    shown = ~(left_out | hidden)
    corrupt = _corrupt(marked, parts)
    clock = decoding if None in columns.presentation else presentation
    ticks = int(np.median([value for value in columns.durations if value > 0] or [0]))
    clock = None if clock is None else _run_on(clock, parts, shown, ticks)
    times = None if times is None else clock
    is_exact = times is not None and np.unique(times[shown]).size == np.count_nonzero(shown)
    if is_avi and announced and decoding is not None:
        announced -= max(0, int(decoding[-1]) + 1 - decoding.size)  # chunks are numbered, empty ones too
    last = 0 if clock is None or not shown.any() else columns.durations[int(np.argmax(np.where(shown, clock, _NEVER)))]
    return PacketTable(
        sizes=np.array(columns.sizes, np.int64),
        times=times if is_exact else None,
        keyframes=keyframes,
        shown=shown,
        announced=announced,
        time_base=time_base,
        rate=stream.average_rate,
        codec=stream.codec_context.codec.canonical_name,
        damaged=_damaged(corrupt, keyframes, times, parts),
        hidden=hidden & ~left_out,
        clock=None if clock is None else np.sort(clock[shown]),
        last_duration=last,
    )


def _filled(times: list[int | None]) -> Times | None:
    """Give packets without a time that of the one before; the first ones that of the next. None where none has one."""
    known = next((time for time in times if time is not None), None)
    if known is None:
        return None
    filled = []
    for time in times:
        known = known if time is None else time
        filled.append(known)
    return np.array(filled, np.int64)


def _parts(order: Times | None, keyframes: Mask, seconds: float, *, may_leap: Mask | None) -> NDArray[np.intp]:
    """Find the parts in which time stamps run on: the number of the packet that each begins with, first 0.

    Joined programmes and discontinuities make them start anew: earlier, or much later where ``may_leap`` is true.
    """
    if order is None or order.size == 0:
        return np.zeros(1, np.intp)
    steps = np.diff(order) * seconds
    anew = (steps < 0) & (keyframes[1:] | (steps < -_SMALLEST_STEP_BACK_S))
    if may_leap is not None:
        anew |= (steps > _LONGEST_GAP_S) & may_leap[1:]
    return np.concatenate([np.zeros(1, np.intp), np.flatnonzero(anew) + 1])


def _undecodable(
    parts: NDArray[np.intp],
    times: Times | None,
    keyframes: Mask,
    first: av.VideoFrame | None,
    first_came_after: int,
) -> Mask:
    """Find pictures before the first keyframe of a part, which depend on what was not recorded.

    Before the first keyframe of the file the decoder knows better which it can make. Some decoders make pictures of
    what follows no keyframe at all, though, which are not to be believed.
    """
    if first is not None and first_came_after < int(np.argmax(keyframes)) and not first.key_frame:
        first = None
    undecodable = np.zeros(keyframes.size, np.bool_)
    for start, stop in zip(parts, [*parts[1:], keyframes.size], strict=True):
        keys = np.flatnonzero(keyframes[start:stop])
        if keys.size == 0:
            undecodable[start:stop] = start == 0 and keyframes.any() and first_came_after >= stop
            continue
        key = int(start + keys[0])
        if times is None:
            undecodable[start:key] = start > 0 or first is None or first_came_after >= key
            continue
        begin = times[key]
        if start == 0 and first is not None and first.pts is not None:
            begin = min(begin, first.pts)
        undecodable[start:stop] = times[start:stop] < begin
        if start > 0:
            undecodable[start:key] = True
    return undecodable


def _run_on(times: Times, parts: NDArray[np.intp], shown: Mask, ticks: int) -> Times:
    """Shift the times of every part so that it follows the one before, one frame later."""
    running = times.copy()
    end: int | None = None
    for start, stop in zip(parts, [*parts[1:], times.size], strict=True):
        inside = running[start:stop]
        seen = inside[shown[start:stop]]
        if seen.size == 0:
            continue
        if end is not None:
            inside += end - seen.min()
        end = int(inside[shown[start:stop]].max()) + max(1, ticks)
    return running


def _corrupt(marked: Mask, parts: NDArray[np.intp]) -> Mask:
    """Find the packets that may be corrupt, as FFmpeg's parsers may mark one up to two packets early."""
    corrupt = marked.copy()
    for start in parts[1:]:  # that the counters of transport packets start anew with the times is no damage
        corrupt[max(0, start - _MARK_COMES_EARLY) : start + 1] = False
    return _delayed(corrupt)


def _delayed(marked: Mask) -> Mask:
    """Mark the packets behind those that are marked too."""
    return np.convolve(marked, np.ones(_MARK_COMES_EARLY + 1))[: marked.size] > 0 if marked.size else marked


def _damaged(corrupt: Mask, keyframes: Mask, times: Times | None, parts: NDArray[np.intp]) -> Mask:
    """Mark what may depend on corrupt packets: all up to the next keyframe, and what is shown before that one."""
    damaged = np.zeros(corrupt.size, np.bool_)
    starts = frozenset(parts[1:].tolist())
    is_damaged, key = False, -1
    for number in range(corrupt.size) if corrupt.any() or starts else ():
        if number in starts:
            is_damaged, key = True, -1  # a part that begins in the middle depends on what was not recorded
        before, is_damaged = is_damaged, corrupt[number] or (is_damaged and not keyframes[number])
        if keyframes[number]:
            key = number if before else -1
        leads = key >= 0 and times is not None and times[number] < times[key]
        damaged[number] = is_damaged or leads
    return damaged


def demux(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet]:
    """Yield the packets of a stream but for empty ones, then the one that flushes the decoder."""
    try:
        for packet in container.demux(stream):
            is_flush = packet.pts is None and packet.dts is None
            if packet.size > 0 or is_flush:
                yield packet
    except IndexError:
        pass  # of PyAV, at the end of a file in the middle of which another stream appeared


def decode_packet(context: VideoCodecContext, packet: av.Packet) -> list[av.VideoFrame] | None:
    """Decode a packet, or what the decoder still holds at the end; None where it cannot be decoded."""
    try:
        return context.decode(packet if packet.size > 0 else None)
    except (av.FFmpegError, EOFError):
        return None
