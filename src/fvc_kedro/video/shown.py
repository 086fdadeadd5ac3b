"""Whether a packet shows a picture of its own.

Some do not: their pictures are only referred to, stand for dropped ones, or are second fields. A packet of several
pictures of which one is shown is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

_VP9_PROFILE_WITH_RESERVED_BIT = 3
_SUPERFRAME_MARKER = 0b110
_AV1_FRAME_HEADERS = frozenset({3, 6})  # OBU_FRAME_HEADER and OBU_FRAME
_MPEG4_PICTURE = b"\x00\x00\x01\xb6"
_MPEG4_LAYERS = tuple(b"\x00\x00\x01" + bytes([number]) for number in range(0x20, 0x30))
_START_CODE = b"\x00\x00\x01"
_H264_SEQUENCE = 7
_LONGEST_SLICE_HEADER = 40  # bytes, down to what is read
_LONGEST_SEQUENCE = 1024
_MOST_ZEROS = 32
_H264_SLICES = frozenset({1, 2, 5})
_H264_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})

ShowsPicture = Callable[[bytes], bool]


def shown_reader(codec: str, extradata: bytes) -> ShowsPicture | None:
    """Make a function that is given a stream's packets in turn and says of each whether it shows a picture.

    Parameters
    ----------
    codec : str
        FFmpeg's name of the codec.
    extradata : bytes
        Headers that the container keeps apart from the packets.

    Returns
    -------
    callable or None
        None for codecs all of whose packets show one.

    References
    ----------
    RFC 6386 (VP8), section 9.1. VP9 Bitstream and Decoding Process Specification 0.6 (2016), section 6.2 and
    annex B. AV1 Bitstream and Decoding Process Specification (2019), sections 5.3 and 5.9.2. ISO/IEC 14496-2
    (MPEG-4 Visual, 2004), sections 6.2.3 and 6.2.5. ITU-T H.264 (2019), sections 7.3.2.1.1, 7.3.3 and 7.4.1.2.4.
    """
    if codec == "mpeg4":
        return _Mpeg4(extradata).shows
    if codec == "h264":
        reader = _H264(extradata)
        return reader.shows if reader.may_have_fields else None
    return _READERS.get(codec)


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


class _Mpeg4:
    """MPEG-4 has pictures that are not coded: they stand for dropped frames, or for one that was packed to another."""

    def __init__(self, extradata: bytes) -> None:
        self._time_bits: int | None = None
        self._n_packed = 0
        self._read_layer(extradata)

    def shows(self, data: bytes) -> bool:
        self._read_layer(data)
        places = list(_places(_MPEG4_PICTURE, data))
        n_coded = sum(self._is_coded(data[place + 4 : place + 16]) for place in places)
        if places and n_coded == 0:
            if self._n_packed == 0:
                return False
            self._n_packed -= 1
        self._n_packed += max(0, n_coded - 1)
        return True

    def _read_layer(self, data: bytes) -> None:
        """Find out how many bits the time of a picture has, if the header of the layer is there."""
        places = [place for place in (data.find(layer) for layer in _MPEG4_LAYERS) if place >= 0]
        if not places:
            return
        bits = _Bits(data[places[0] + 4 : places[0] + 40])
        bits.read(1 + 8)  # whether it is randomly accessible, type
        version = bits.read(4) if (has_version := bits.read(1)) else 1
        bits.read(3 if has_version else 0)
        bits.read(16 if bits.read(4) == 15 else 0)  # the shape of pixels
        if bits.read(1):  # control parameters
            bits.read(3)
            bits.read(79 if bits.read(1) else 0)  # of the buffer
        if bits.read(2) == 3 and version != 1:  # shape of the layer: grey scale
            bits.read(4)
        bits.read(1)
        self._time_bits = max(1, (bits.read(16) - 1).bit_length())

    def _is_coded(self, header: bytes) -> bool:
        if self._time_bits is None:
            return True
        bits = _Bits(header)
        bits.read(2)  # type
        while bits.read(1):  # seconds passed
            pass
        bits.read(1 + self._time_bits + 1)
        return bool(bits.read(1)) or bits.is_over


class _H264:
    """H.264 may code the two fields of a picture one by one; in some files each is a packet."""

    def __init__(self, extradata: bytes) -> None:
        self._has_fields = False
        self._frame_number_bits = 0
        self._plane_bits = 0
        self._first_field: tuple[int, int] | None = None
        # in MP4 and Matroska, units have their length in front, and the extra data begin with a version
        self._length_bytes = (extradata[4] & 3) + 1 if extradata[:1] == b"\x01" and len(extradata) > 8 else 0
        if self._length_bytes:
            self._read_sequence(extradata[9:])
        else:
            self._slice_header(extradata)

    @property
    def may_have_fields(self) -> bool:
        """Whether there may be fields, as far as the extra data tell."""
        return self._has_fields or not self._length_bytes

    def shows(self, data: bytes) -> bool:
        """Tell whether this is not the second field of the picture before: of other parity and equal number."""
        header = self._slice_header(data)
        field = None if header is None or not self._has_fields else self._field(header)
        is_second = field is not None and self._first_field == (field[0], 1 - field[1])
        self._first_field = None if is_second else field
        return not is_second

    def _slice_header(self, data: bytes) -> bytes | None:
        """Find the first slice, and read the parameters in front of it."""
        for start in self._units(data):
            kind = data[start] & 31
            if kind in _H264_SLICES:
                return data[start + 1 : start + _LONGEST_SLICE_HEADER]
            if kind == _H264_SEQUENCE:
                self._read_sequence(data[start + 1 : start + _LONGEST_SEQUENCE])
        return None

    def _units(self, data: bytes) -> Iterator[int]:
        """Find where the units of a packet begin."""
        if not self._length_bytes:
            for place in _places(_START_CODE, data):
                if place + 3 < len(data):
                    yield place + 3
            return
        place = self._length_bytes
        while place < len(data):
            yield place
            place += int.from_bytes(data[place - self._length_bytes : place], "big") + self._length_bytes

    def _read_sequence(self, data: bytes) -> None:
        bits = _Bits(_without_escapes(data))
        profile = bits.read(8)
        bits.read(8 + 8)  # constraints, level
        bits.read_exponential()
        self._plane_bits = 0
        if profile in _H264_HIGH_PROFILES:
            chroma = bits.read_exponential()
            self._plane_bits = 2 * bits.read(1) if chroma == 3 else 0
            bits.read_exponential()
            bits.read_exponential()
            bits.read(1)
            if bits.read(1):
                for size in (16,) * 6 + (64,) * (6 if chroma == 3 else 2):
                    _pass_scaling_list(bits, size)
        self._frame_number_bits = bits.read_exponential() + 4
        order = bits.read_exponential()
        if order == 0:
            bits.read_exponential()
        elif order == 1:
            bits.read(1)
            bits.read_exponential()
            bits.read_exponential()
            for _ in range(min(bits.read_exponential(), 255)):
                bits.read_exponential()
        bits.read_exponential()
        bits.read(1)
        bits.read_exponential()
        bits.read_exponential()
        self._has_fields = not bits.read(1) and not bits.is_over

    def _field(self, header: bytes) -> tuple[int, int] | None:
        """Read frame number and parity of a field; None of a frame."""
        bits = _Bits(_without_escapes(header))
        for _ in range(3):  # first macroblock, type, parameters
            bits.read_exponential()
        bits.read(self._plane_bits)
        number = bits.read(self._frame_number_bits)
        return (number, bits.read(1)) if bits.read(1) else None


def _without_escapes(data: bytes) -> bytes:
    return data.replace(b"\x00\x00\x03", b"\x00\x00")


def _pass_scaling_list(bits: _Bits, size: int) -> None:
    if not bits.read(1):
        return
    last, scale = 8, 8
    for _ in range(size):
        if scale:
            code = bits.read_exponential()
            scale = (last + (code + 1 >> 1) * (1 if code % 2 else -1)) % 256
        last = scale or last


class _Bits:
    """Reads numbers of bits from the front; behind the end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    @property
    def is_over(self) -> bool:
        return self._left < 0

    def read(self, n_bits: int) -> int:
        self._left -= n_bits
        return self._value >> self._left & (1 << n_bits) - 1 if self._left >= 0 else 0

    def read_exponential(self) -> int:
        """Read a number in Exp-Golomb code."""
        zeros = 0
        while self._left > 0 and zeros < _MOST_ZEROS and not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def _places(what: bytes, data: bytes) -> Iterator[int]:
    place = data.find(what)
    while place >= 0:
        yield place
        place = data.find(what, place + 1)


_READERS: dict[str, ShowsPicture] = {"vp8": _vp8_shows, "vp9": _vp9_shows, "av1": _av1_shows}
