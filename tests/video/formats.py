"""Files of many containers, codecs and oddities, made here from known pictures at known times.

    python tests/video/formats.py > docs/formats.md

writes what the project does with each of them, as test_formats.py has checked it.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

import av
import av.logging
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fvc_kedro.video import UnusableVideoError, VideoFile

os.environ["SVT_LOG"] = "1"  # or SVT-AV1 tells its settings
Make = Callable[[Path], None]
WIDTH, HEIGHT = 64, 48
_TICK = Fraction(1, 1000)
_VIDEO_PACKETS = 0x100  # the number that FFmpeg gives the first stream of a transport stream
_FLASHES = [0, 40, 80, 400, 440, 900, 1000, 1040, 3000, 3040]  # milliseconds


def picture(number: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray:
    """Grey ramp from black to white, turned on by a pixel with each number: 64 pictures that can be told apart."""
    ramp = np.roll(np.linspace(0, 255, WIDTH), number)
    return cv2.resize(np.tile(ramp, (HEIGHT, 1)).astype(np.float32), size, interpolation=cv2.INTER_NEAREST)


@cache
def pictures(size: tuple[int, int]) -> np.ndarray:
    return np.stack([picture(number, size) for number in range(WIDTH)])


def recognised(luma: np.ndarray) -> int:
    """Tell the number of a picture from its luma of 0-255."""
    return int(np.abs(pictures(luma.shape[::-1]) - luma).mean(axis=(1, 2)).argmin())


@dataclass(frozen=True)
class Shown:
    """What a player shows of a file: pictures by number, times in milliseconds, and the size on screen."""

    numbers: Sequence[int]
    times: Sequence[float]
    duration: float
    size: tuple[int, int] = (WIDTH, HEIGHT)
    may_lack: bool = False  # up to a tenth of the pictures, which are damaged


def even(numbers: Iterable[int], rate: float = 25, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Shown:
    """Pictures that are evenly spaced."""
    numbers = list(numbers)
    times = [1000 * place / rate for place in range(len(numbers))]
    return Shown(numbers, times, 1000 * len(numbers) / rate, size)


@dataclass(frozen=True)
class Refused:
    """A file that is refused, with words of the reason."""

    words: str


@dataclass(frozen=True)
class Case:
    """A file, and what must come of it."""

    container: str
    codec: str
    oddity: str
    make: Make = field(compare=False, repr=False)
    expected: Shown | Refused

    @property
    def name(self) -> str:
        return re.sub(r"[^a-z0-9]+", "_", f"{self.codec} {self.oddity}") + f".{self.container}"


@dataclass(frozen=True)
class Stream:
    """Encodes pictures at times."""

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    numbers: Sequence[int] = range(24)
    times: Sequence[int] | None = None  # milliseconds
    rate: Fraction = Fraction(25)
    size: tuple[int, int] = (WIDTH, HEIGHT)
    options: dict[str, str] = field(default_factory=dict)
    pixel_aspect_ratio: str = ""
    full_range: bool = False
    dark: bool = False
    tick: Fraction = _TICK

    def add_to(self, container: av.container.OutputContainer) -> Iterator[av.Packet]:
        stream = container.add_stream(self.codec, rate=self.rate, options=self.options)
        stream.width, stream.height = self.size
        stream.pix_fmt = self.pix_fmt
        stream.codec_context.color_range = 2 if self.full_range else 1
        if self.pixel_aspect_ratio:
            stream.codec_context.sample_aspect_ratio = Fraction(self.pixel_aspect_ratio)
        if self.times is not None:
            stream.codec_context.time_base = stream.time_base = self.tick
        return self._packets(stream)

    def _packets(self, stream: av.VideoStream) -> Iterator[av.Packet]:
        for place, number in enumerate(self.numbers):
            frame = self._frame(0 * picture(number, self.size) if self.dark else picture(number, self.size))
            if self.times is not None:
                frame.pts, frame.time_base = round(self.times[place] / 1000 / self.tick), self.tick
            yield from stream.encode(frame)
        yield from stream.encode(None)

    def _frame(self, grey: np.ndarray) -> av.VideoFrame:
        """Lay out grey in the pixel format by its definition, without a converter."""
        frame = av.VideoFrame(*self.size, self.pix_fmt)
        bits = frame.format.components[0].bits
        is_rgb = frame.format.is_rgb
        limited = (16 + grey / 255 * 219) * 2 ** (bits - 8)
        luma = grey / 255 * (2**bits - 1) if is_rgb or self.full_range else limited
        for number, plane in enumerate(frame.planes):
            rows = np.frombuffer(plane, np.uint8 if bits == 8 else np.uint16).reshape(plane.height, -1)
            if number and not is_rgb:
                rows[:] = 2 ** (bits - 1)
            elif frame.format.is_planar or len(frame.format.components) == 1:
                rows[:, : plane.width] = np.rint(luma)
            else:  # packed RGB
                channels = rows.shape[1] // plane.width
                rows[:, : channels * plane.width] = np.repeat(np.rint(luma), channels, axis=1)
        frame.color_range = 2 if self.full_range else 1
        return frame


def write(path: Path, streams: Sequence[Stream], options: dict[str, str] | None = None) -> None:
    with av.open(str(path), "w", options=options or {}) as container:
        encoders = [stream.add_to(container) for stream in streams]
        for packets in encoders:
            container.mux(list(packets))


def plain(**settings: object) -> Make:
    return partial(write, streams=(Stream(**settings),))  # type: ignore[arg-type]


def altered(change: Callable[[bytes], bytes], container: dict[str, str] | None = None, **settings: object) -> Make:
    """Write a file, then change its bytes."""

    def make(path: Path) -> None:
        write(path, (Stream(**settings),), container)  # type: ignore[arg-type]
        path.write_bytes(change(path.read_bytes()))

    return make


def joined(*parts: dict[str, object], header: int = 0) -> Make:
    """Write the parts one behind the other, as cat does; later ones without the bytes of their header."""

    def make(path: Path) -> None:
        contents = []
        for settings in parts:
            write(path, (Stream(**settings),))  # type: ignore[arg-type]
            contents.append(path.read_bytes())
        path.write_bytes(contents[0] + b"".join(content[header:] for content in contents[1:]))

    return make


Packets = list[tuple[int, bytes]]  # with their times


def repacked(change: Callable[[Packets], Packets], **settings: object) -> Make:
    """Write a file, then its packets changed into another."""

    def make(path: Path) -> None:
        encoded = path.with_name(f"whole_{path.name}")
        write(encoded, (Stream(**settings),))  # type: ignore[arg-type]
        # or FFmpeg would join frames that are hidden to those that follow
        with av.open(str(encoded)) as source, av.open(str(path), "w", options={"fflags": "-autobsf"}) as target:
            stream = source.streams.video[0]
            if stream.codec_context.codec.canonical_name == "av1":  # of which the decoder's name is no template
                copy = target.add_mux_stream("av1", rate=25, width=WIDTH, height=HEIGHT, time_base=stream.time_base)
            else:
                copy = target.add_stream_from_template(stream)
            packets = [one for one in source.demux(stream) if one.size]
            keyframes = {bytes(one) for one in packets if one.is_keyframe}
            for time, content in change([(one.pts, bytes(one)) for one in packets]):
                packet = av.Packet(content)
                packet.is_keyframe = content in keyframes
                packet.pts = packet.dts = time
                packet.time_base, packet.stream = stream.time_base, copy
                target.mux(packet)

    return make


def hide_some(bit: int) -> Callable[[Packets], Packets]:
    """Clear the bit that says that a frame is shown in every fifth; it takes the time of the next."""

    def change(packets: Packets) -> Packets:
        changed = []
        for number, (time, content) in enumerate(packets):
            if number % 5 == 2:
                time, content = packets[number + 1][0], bytes([content[0] & ~bit]) + content[1:]  # noqa: PLW2901
            changed.append((time, content))
        return changed

    return change


def not_coded(packet: bytes) -> bytes:
    """Make a picture of MPEG-4 of 25 frames a second one that is not coded."""
    start = packet.rindex(b"\x00\x00\x01\xb6") + 4
    bits = "".join(f"{byte:08b}" for byte in packet[start : start + 8])
    time = bits.index("0", 2) + 2  # after the type, ones for seconds and a marker
    header = "01" + bits[2 : time + 5] + "1" + "0"
    header += "0" + "1" * (-len(header) % 8 - 1) if len(header) % 8 else "01111111"
    return packet[start - 4 : start] + int(header, 2).to_bytes(len(header) // 8, "big")


def drop_some(packets: Packets) -> Packets:
    """Replace two of five pictures by ones that are not coded."""
    return [(time, not_coded(one) if number % 5 > 2 else one) for number, (time, one) in enumerate(packets)]


def pack(packets: Packets) -> Packets:
    """Pack each reordered picture to the one before, as DivX does, and put one that is not coded in its place."""
    contents = [content for _, content in packets]
    name = contents[0].index(b"\x00\x00\x01\xb6")
    changed = [contents[0][:name] + b"\x00\x00\x01\xb2DivX503b1393p" + contents[0][name:]]
    for place in range(1, len(contents) - 1, 2):
        changed += [contents[place] + contents[place + 1], not_coded(contents[place])]
    return list(enumerate(changed))  # AVI's unit of time is a frame


def cut_between_frames(packets: Packets) -> Packets:
    return [(time, piece) for time, content in packets for piece in av1_frames(content)]


def av1_frames(packet: bytes) -> list[bytes]:
    """Cut an AV1 temporal unit behind each of its frames."""
    pieces, place, start = [], 0, 0
    while place < len(packet):
        kind, body, size, shift = packet[place] >> 3 & 15, place + 1, 0, 0
        while True:
            byte = packet[body]
            size |= (byte & 127) << shift
            body, shift = body + 1, shift + 7
            if byte < 128:
                break
        place = body + size
        if kind in (3, 6):  # a frame header or a frame
            pieces.append(packet[start:place])
            start = place
    if start < len(packet) and pieces:
        pieces[-1] += packet[start:]
    return pieces or [packet]


def without_transport_packet(share: float) -> Callable[[bytes], bytes]:
    """Take out the first packet of the video after a share of the file."""

    def change(content: bytes) -> bytes:
        place = int(len(content) * share) // 188 * 188
        while struct.unpack_from(">H", content, place + 1)[0] & 0x1FFF != _VIDEO_PACKETS:
            place += 188
        return content[:place] + content[place + 188 :]

    return change


def cut_in_front(share: float) -> Callable[[bytes], bytes]:
    return lambda content: content[int(len(content) * share) // 188 * 188 :]


def cut_behind(share: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(len(content) * share)]


def edit_list(start: int, count: int) -> Callable[[bytes], bytes]:
    """Let an MP4 of 25 frames a second and no B frames show ``count`` frames from ``start`` on."""

    def change(content: bytes) -> bytes:
        edited = bytearray(content)
        ticks = struct.unpack_from(">I", content, content.index(b"mdhd") + 16)[0]
        units = struct.unpack_from(">I", content, content.index(b"mvhd") + 16)[0]
        struct.pack_into(">II", edited, content.index(b"elst") + 12, units * count // 25, ticks * start // 25)
        return bytes(edited)

    return change


def with_empty_last_samples(count: int) -> Callable[[bytes], bytes]:
    """Set the sizes of an MP4's last samples to 0."""

    def change(content: bytes) -> bytes:
        edited = bytearray(content)
        table = content.index(b"stsz") + 12
        n = struct.unpack_from(">I", content, table)[0]
        for sample in range(n - count, n):
            struct.pack_into(">I", edited, table + 4 + 4 * sample, 0)
        return bytes(edited)

    return change


def with_header_rate(seconds: float) -> Callable[[bytes], bytes]:
    """Write another frame duration into a Matroska header (DefaultDuration, ID 23 E3 83, in ns)."""

    def change(content: bytes) -> bytes:
        edited = bytearray(content)
        place = content.index(b"\x23\xe3\x83") + 3
        length = content[place] & 0x7F
        edited[place + 1 : place + 1 + length] = int(seconds * 1e9).to_bytes(length, "big")
        return bytes(edited)

    return change


def sound_alone(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


CODECS = {
    "libx264": "h264",
    "libx264rgb": "h264",
    "libx265": "hevc",
    "libvpx": "vp8",
    "libvpx-vp9": "vp9",
    "libsvtav1": "av1",
    "mpeg2video": "mpeg2",
    "prores_ks": "prores",
    "dvvideo": "dv",
}
_FORMATS = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}
_HEVC = {"x265-params": "log-level=none:keyint=8:min-keyint=8:scenecut=0"}
# Keyframes every 8 pictures, without and with pictures that are reordered.
_PLAIN_GROUPS = {
    "libx264": {"g": "8", "bf": "0", "sc_threshold": "0"},
    "libx265": {"x265-params": _HEVC["x265-params"] + ":bframes=0"},
    "mpeg2video": {"g": "8", "bf": "0", "sc_threshold": "1000000000"},
}
_REORDERED_GROUPS = {"libx264": {"g": "8"}, "libx265": _HEVC, "mpeg2video": {"g": "8", "bf": "2"}}
_EXPECTED = even(range(24))


def _usual() -> Iterator[tuple[str, str, str, Make, Shown]]:
    for container, codecs in (
        ("mp4", ("libx264", "libx265", "mpeg4", "libsvtav1", "libvpx-vp9")),
        ("mkv", ("libx264", "libx265", "libsvtav1", "ffv1", "mpeg2video")),
        ("webm", ("libvpx", "libvpx-vp9", "libsvtav1")),
        ("ts", ("libx264", "libx265", "mpeg2video")),
        ("mov", ("libx264", "prores_ks")),
        ("avi", ("libx264", "mpeg4", "mjpeg")),
        ("flv", ("libx264", "flv")),
        *((container, ("mpeg2video",)) for container in ("mpg", "mxf")),
        *(("nut", ("libx264",)), ("h264", ("libx264",)), ("wmv", ("wmv2",))),
    ):
        for codec in codecs:
            settings = {"pix_fmt": _FORMATS.get(codec, "yuv420p"), "full_range": codec == "mjpeg"}
            make = plain(codec=codec, options=_REORDERED_GROUPS.get(codec, {}), **settings)
            yield container, codec, "none", make, _EXPECTED


def _times() -> Iterator[tuple[str, str, str, Make, Shown]]:
    flashes = Shown(range(10), _FLASHES, 3080)
    for container, codec in (
        *(("mp4", "libx264"), ("mp4", "libx265"), ("mov", "libx264"), ("mkv", "libx264"), ("mkv", "libsvtav1")),
        *(("webm", "libvpx"), ("webm", "libvpx-vp9"), ("flv", "libx264"), ("ts", "libx264"), ("ts", "libx265")),
        *(("nut", "libx264"), ("wmv", "wmv2")),
    ):
        options = _REORDERED_GROUPS.get(codec, {})
        make = plain(codec=codec, numbers=range(10), times=_FLASHES, options=options)
        yield container, codec, "variable frame rate", make, flashes
    for container, codec in (("mkv", "libx264"), ("webm", "libvpx-vp9"), ("mkv", "libsvtav1")):
        make = altered(with_header_rate(0.001), codec=codec)
        yield container, codec, "the header claims 1000 frames a second", make, _EXPECTED
    for container in ("mp4", "mov"):
        make = altered(edit_list(10, 10), codec="libx264", options=_PLAIN_GROUPS["libx264"])
        yield container, "libx264", "an edit list shows 10 of 24 frames", make, even(range(10, 20))
    chunks = [place for place in range(35) if place % 7 in (0, 1, 3, 4)]
    for codec in ("mjpeg", "mpeg4", "libx264"):
        settings = {"pix_fmt": _FORMATS.get(codec, "yuv420p"), "full_range": codec == "mjpeg", "tick": Fraction(1, 25)}
        times = [40 * place for place in chunks]
        make = plain(codec=codec, numbers=range(20), times=times, options={"bf": "0"}, **settings)
        yield "avi", codec, "empty chunks for frames that were dropped", make, Shown(range(20), times, times[-1] + 40)
    shown = [number for number in range(60) if number % 5 <= 2]
    expected = Shown(shown, [40 * number for number in shown], 2320)
    for container in ("avi", "mp4", "mkv"):
        settings = {"codec": "mpeg4", "numbers": range(60)}
        make = repacked(drop_some, options={"g": "1", "bf": "0"}, **settings)
        yield container, "mpeg4", "pictures that are not coded for frames that were dropped", make, expected
    make = repacked(pack, codec="mpeg4", numbers=range(25), options={"bf": "1", "b_strategy": "0"})
    yield "avi", "mpeg4", "reordered pictures packed to others", make, even(range(25))
    for container in ("mp4", "mov"):
        make = altered(with_empty_last_samples(4), options={"bf": "0"})
        yield container, "libx264", "empty samples", make, even(range(20))


def _pixels() -> Iterator[tuple[str, str, str, Make, Shown]]:
    for pix_fmt, codec, container in (
        *(("yuv420p", "libx264", "mp4"), ("yuv420p10le", "libx264", "mp4"), ("yuv420p10le", "libx265", "mkv")),
        *(("yuv420p12le", "libx265", "mp4"), ("yuv422p10le", "libx265", "mp4"), ("yuv444p12le", "libx265", "mkv")),
        *(("yuv420p10le", "libsvtav1", "mkv"), ("gray", "libx264", "mp4"), ("gray10le", "ffv1", "mkv")),
        *(("gray12le", "ffv1", "mkv"), ("gray16le", "ffv1", "mkv"), ("yuv422p10le", "ffv1", "mkv")),
        *(("yuv444p16le", "ffv1", "mkv"), ("yuva420p10le", "ffv1", "mkv")),
    ):
        options = _HEVC if codec == "libx265" else {}
        for full_range in (False, True):
            make = plain(codec=codec, pix_fmt=pix_fmt, full_range=full_range, options=options)
            yield container, codec, f"{pix_fmt}, {'full' if full_range else 'limited'} range", make, _EXPECTED
    for pix_fmt, codec, container in (
        *(("rgb24", "libx264rgb", "mkv"), ("bgr0", "ffv1", "mkv"), ("gbrp10le", "ffv1", "mkv")),
        *(("gbrp12le", "ffv1", "mkv"), ("rgb24", "png", "mov")),
    ):
        yield container, codec, pix_fmt, plain(codec=codec, pix_fmt=pix_fmt), _EXPECTED
    yield "gif", "gif", "gray", plain(codec="gif", pix_fmt="gray", full_range=True), _EXPECTED


def _shapes() -> Iterator[tuple[str, str, str, Make, Shown]]:
    for container, codec in (
        *(("mp4", "libx264"), ("mov", "libx265"), ("mkv", "libx264"), ("avi", "mpeg4"), ("ts", "libx264")),
        *(("mp4", "mpeg4"), ("flv", "libx264"), ("h264", "libx264")),
    ):
        options = _HEVC if codec == "libx265" else {}
        make = plain(codec=codec, size=(90, 72), pixel_aspect_ratio="64/45", options=options)
        yield container, codec, "pixels of 64:45", make, even(range(24), size=(128, 72))
    for container in ("mpg", "ts", "mxf"):
        make = plain(codec="mpeg2video", size=(720, 576), pixel_aspect_ratio="64/45")
        yield container, "mpeg2video", "pixels of 64:45", make, even(range(24), size=(1024, 576))
    for container in ("dv", "avi", "mov"):
        make = plain(codec="dvvideo", size=(720, 576))
        yield container, "dvvideo", "PAL, pixels of 16:15", make, even(range(24), size=(768, 576))
    thumbnail = Stream(size=(32, 24), dark=True)
    for container in ("mp4", "mkv", "ts", "avi"):
        make = partial(write, streams=(thumbnail, Stream()))
        yield container, "libx264", "a small video stream before the real one", make, _EXPECTED


def _broken() -> Iterator[tuple[str, str, str, Make, Shown | Refused]]:
    long = [number % WIDTH for number in range(200)]
    for codec in ("libx264", "libx265", "mpeg2video"):
        for kind, groups in (("", _PLAIN_GROUPS[codec]), (", reordered frames", _REORDERED_GROUPS[codec])):
            lost = altered(without_transport_packet(0.52), codec=codec, numbers=long, options=groups)
            yield "ts", codec, f"a transport packet is lost{kind}", lost, replace(even(long), may_lack=True)
        begins = altered(cut_in_front(0.06), codec=codec, numbers=range(60), options=_PLAIN_GROUPS[codec])
        yield "ts", codec, "it begins in the middle of a group of pictures", begins, even(range(8, 60))
        first = {"codec": codec, "options": _REORDERED_GROUPS[codec]}
        for what, start in (("", 0), (", the second an hour later", 3_600_000)):
            times = [start + 40 * place for place in range(24)]
            second = first | {"numbers": range(30, 54), "times": times, "tick": Fraction(1, 25)}
            make = joined(first, second)
            yield "ts", codec, f"two programmes joined{what}", make, even([*range(24), *range(30, 54)])
    for container, codec, header in (("mpg", "mpeg2video", 0), ("flv", "libx264", 13), ("mkv", "libx264", 0)):
        first = {"codec": codec, "options": _REORDERED_GROUPS[codec]}
        make = joined(first, first | {"numbers": range(30, 54)}, header=header)
        yield container, codec, "two files joined", make, even([*range(24), *range(30, 54)])
    for container, codec in (("mp4", "libx264"), ("mov", "mjpeg"), ("avi", "mjpeg")):
        settings = {"pix_fmt": _FORMATS.get(codec, "yuv420p"), "full_range": codec == "mjpeg", "options": {"bf": "0"}}
        options = {} if container == "avi" else {"movflags": "faststart"}
        for share, expected in (
            (0.97, replace(even(range(60)), may_lack=True)),
            (0.6, Refused("truncated: the header")),
        ):
            make = altered(cut_behind(share), options, codec=codec, numbers=range(60), **settings)
            yield container, codec, f"only {100 * share:.0f} % of the file are there", make, expected
    yield "mp4", "libx264", "its index is lost", altered(cut_behind(0.9)), Refused("not a video that can be opened")
    yield "mp4", "aac", "sound alone", sound_alone, Refused("no video stream: the file holds only audio")
    yield "mp4", "none", "an empty file", lambda path: path.write_bytes(b""), Refused("empty: the file has 0 bytes")
    text = Refused("not a video that can be opened")
    yield "mp4", "none", "a web page", lambda path: path.write_text("<html>not available</html>"), text


def _hidden() -> Iterator[tuple[str, str, str, Make, Shown]]:
    oddity = "hidden frames as packets of their own"
    shown = [number for number in range(60) if number % 5 != 2]
    expected = Shown(shown, [40 * number for number in shown], 2400)
    for container in ("webm", "mkv"):
        for codec, bit in (("libvpx", 0b10000), ("libvpx-vp9", 0b10)):
            # all are keyframes, whose headers have nothing else that depends on the bit
            make = repacked(hide_some(bit), codec=codec, numbers=range(60), options={"g": "1"})
            yield container, codec, oddity, make, expected
        make = repacked(cut_between_frames, codec="libsvtav1", numbers=range(60))
        yield container, "libsvtav1", oddity, make, even(range(60))


CASES = [
    Case(container, CODECS.get(codec, codec), oddity, make, expected)
    for part in (_usual, _times, _pixels, _shapes, _hidden, _broken)
    for container, codec, oddity, make, expected in part()
]


def outcome(path: Path) -> str:
    """Say what comes of a file."""
    video = VideoFile(path)
    try:
        info, n = video.info, sum(1 for _ in video.frames())
    except UnusableVideoError as error:
        return "refused: " + re.sub(r"\d+ are there", "fewer are there", str(error))
    width, height = info.displayed_size
    frames = f"{n} frames" if n == info.n_frames else "the whole frames"
    return f"measured: {frames} in {info.duration_s:.2f} s, {width}x{height}"


def markdown() -> str:
    """Write docs/formats.md."""
    lines = [
        "# What is done with files of many kinds",
        "",
        "Made by `python tests/video/formats.py > docs/formats.md`. Every file is made of known pictures at known",
        "times, and broken by a known change. `tests/video/test_formats.py` checks that the pictures, times and sizes",
        "measured are those that went in. Pictures that may be damaged are left out. A file is refused where fewer",
        "than nine tenths of its pictures are whole.",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for oddity in dict.fromkeys(case.oddity for case in CASES):
            title = "Nothing odd" if oddity == "none" else oddity[0].upper() + oddity[1:]
            lines += ["", f"## {title}", "", "| container | codec | outcome |", "| --- | --- | --- |"]
            for case in CASES:
                if case.oddity == oddity:
                    path = Path(folder) / case.name
                    case.make(path)
                    lines.append(f"| {case.container} | {case.codec} | {outcome(path)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    av.logging.set_level(av.logging.PANIC)
    print(markdown(), end="")
