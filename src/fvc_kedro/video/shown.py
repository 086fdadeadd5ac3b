"""Whether a packet shows a picture: VP8, VP9 and AV1 have pictures that are only referred to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

_VP9_PROFILE_WITH_RESERVED_BIT = 3
_SUPERFRAME_MARKER = 0b110
_AV1_FRAME_HEADERS = frozenset({3, 6})  # OBU_FRAME_HEADER and OBU_FRAME


def shows_picture(codec: str, data: bytes) -> bool:
    """Read from a packet's first bits whether one of its frames is shown.

    Parameters
    ----------
    codec : str
        FFmpeg's name of the codec. Packets of codecs without hidden frames are shown.
    data : bytes
        The packet.

    References
    ----------
    RFC 6386 (VP8), section 9.1. VP9 Bitstream and Decoding Process Specification 0.6 (2016), section 6.2 and
    annex B. AV1 Bitstream and Decoding Process Specification (2019), sections 5.3 and 5.9.2.
    """
    reader = _READERS.get(codec)
    return reader is None or reader(data)


def has_hidden_frames(codec: str) -> bool:
    """Whether a codec may have packets that show no picture."""
    return codec in _READERS


def _vp8_shows(data: bytes) -> bool:
    return bool(data[0] & 0b10000)


def _vp9_shows(data: bytes) -> bool:
    return any(_vp9_frame_shows(data[start]) for start in _vp9_frame_starts(data))


def _vp9_frame_starts(data: bytes) -> Iterator[int]:
    """Find where the frames of a packet begin; several make a superframe, whose index lies at its end."""
    yield 0
    marker = data[-1]
    n_frames, n_bytes = (marker & 0b111) + 1, (marker >> 3 & 0b11) + 1
    index = len(data) - 2 - n_frames * n_bytes
    if marker >> 5 != _SUPERFRAME_MARKER or index < 0 or data[index] != marker:
        return
    start = 0
    for frame in range(n_frames - 1):
        place = index + 1 + frame * n_bytes
        start += int.from_bytes(data[place : place + n_bytes], "little")
        if start < index:
            yield start


def _vp9_frame_shows(byte: int) -> bool:
    """Read the first byte: marker (2 bits), profile (2; profile 3 has another), show existing, type, show."""
    profile = byte >> 5 & 1 | byte >> 3 & 0b10
    shift = 0 if profile < _VP9_PROFILE_WITH_RESERVED_BIT else 1
    shows_existing = byte >> (3 - shift) & 1
    return bool(shows_existing or byte >> (1 - shift) & 1)


def _av1_shows(data: bytes) -> bool:
    headers = list(_av1_frame_headers(data))
    # a packet whose parts cannot be told is left to the decoder
    return not headers or any(byte >> 7 or byte >> 4 & 1 for byte in headers)


def _av1_frame_headers(data: bytes) -> Iterator[int]:
    """Find the first byte of each frame header: show existing (1 bit), type (2), show (1)."""
    place = 0
    while place < len(data):
        header = data[place]
        place += 2 if header & 0b100 else 1
        size = len(data) - place
        if header & 0b10:
            size, place = _leb128(data, place)
        if header >> 3 & 0b1111 in _AV1_FRAME_HEADERS and place < len(data):
            yield data[place]
        place += size


def _leb128(data: bytes, place: int) -> tuple[int, int]:
    """Read a number of seven bits a byte; return it and the place after it."""
    value = 0
    for number, byte in enumerate(data[place : place + 8]):
        value |= (byte & 0x7F) << 7 * number
        if byte < 0x80:
            return value, place + number + 1
    return len(data), place


_READERS: dict[str, Callable[[bytes], bool]] = {"vp8": _vp8_shows, "vp9": _vp9_shows, "av1": _av1_shows}
