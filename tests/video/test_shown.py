"""Headers laid out bit by bit as the specifications say."""

import time

import pytest

from fvc_kedro.video.shown import shown_reader


def shows_picture(codec, data, extradata=b""):
    return shown_reader(codec, extradata)(data)


def bits(*fields):
    """Join (value, number of bits) into bytes, the last filled with zeros."""
    text = "".join(f"{value:0{length}b}" for value, length in fields)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


@pytest.mark.parametrize("shown", [0, 1])
@pytest.mark.parametrize("predicted", [0, 1])
def test_vp8_has_the_fifth_bit_of_the_first_byte(shown, predicted):
    # little-endian: key frame (1 bit, inverted), version (3), show_frame (1), size of the first part (19)
    assert shows_picture("vp8", bytes([predicted | 2 << 1 | shown << 4, 7, 0])) is bool(shown)


def vp9_frame(shown, profile=0, existing=0):
    reserved = [(0, 1)] if profile == 3 else []
    return bits((2, 2), (profile & 1, 1), (profile >> 1, 1), *reserved, (existing, 1), (0, 1), (shown, 1)) + b"\x00" * 4


@pytest.mark.parametrize("profile", range(4))
def test_vp9_of_every_profile(profile):
    assert shows_picture("vp9", vp9_frame(1, profile))
    assert not shows_picture("vp9", vp9_frame(0, profile))


def test_vp9_shows_a_frame_that_it_has_already():
    assert shows_picture("vp9", bits((2, 2), (0, 2), (1, 1), (3, 3)))


@pytest.mark.parametrize(("frames", "shown"), [((0, 1), True), ((0, 0), False), ((0, 0, 1), True)])
def test_a_vp9_superframe_shows_what_one_of_its_frames_shows(frames, shown):
    contents = [vp9_frame(frame) + b"\x01" * 300 * number for number, frame in enumerate(frames)]
    marker = bytes([0b110 << 5 | (2 - 1) << 3 | len(frames) - 1])
    index = marker + b"".join(len(content).to_bytes(2, "little") for content in contents) + marker
    assert shows_picture("vp9", b"".join(contents) + index) is shown


def obu(kind, payload, *, extended=False):
    """An AV1 unit: header with type and the flags of extension and size, then the size."""
    header = bits((0, 1), (kind, 4), (extended, 1), (1, 1), (0, 1)) + (b"\x00" if extended else b"")
    return (
        header + bytes([len(payload) & 127 | 128, len(payload) >> 7]) + payload
    )  # a size may have more bytes than needed


DELIMITER, SEQUENCE, HEADER, FRAME = 2, 1, 3, 6


def av1_header(shown, existing=0):
    return bits((existing, 1), (1, 2), (shown, 1)) + b"\x05" * 200


@pytest.mark.parametrize("kind", [HEADER, FRAME])
@pytest.mark.parametrize("extended", [False, True])
def test_av1_frames_behind_other_units(kind, extended):
    front = obu(DELIMITER, b"") + obu(SEQUENCE, b"\x0a" * 11)
    assert not shows_picture("av1", front + obu(kind, av1_header(0), extended=extended))
    assert shows_picture("av1", front + obu(kind, av1_header(0)) + obu(kind, av1_header(1), extended=extended))
    assert shows_picture("av1", front + obu(kind, av1_header(0, existing=1)))


def test_av1_without_a_frame_header_is_left_to_the_decoder():
    assert shows_picture("av1", obu(SEQUENCE, b"\x0a" * 11))


def layer(resolution=25, *, ratio=1, version=None, control=False, buffer=False):
    """An MPEG-4 layer header down to the resolution of time."""
    fields = [(0, 1), (1, 8), (0, 1) if version is None else (1, 1)]
    fields += [] if version is None else [(version, 4), (1, 3)]
    fields += [(ratio, 4)] + [(12, 8), (11, 8)] * (ratio == 15)
    fields += [(control, 1)] + ([(1, 2), (0, 1), (buffer, 1)] + [(0, 79)] * buffer) * control
    return b"\x00\x00\x01\x20" + bits(*fields, (0, 2), (1, 1), (resolution, 16), (1, 1), (0, 8))


def vop(coded, *, time_bits=5, seconds=0, kind=1):
    time = [(1, 1)] * seconds + [(0, 1), (1, 1), (1, time_bits), (1, 1)]
    return b"\x00\x00\x01\xb6" + bits((kind, 2), *time, (coded, 1))


@pytest.mark.parametrize("resolution", [1, 2, 25, 30, 30_000, 65_535])
@pytest.mark.parametrize(
    "header", [{}, {"ratio": 15}, {"version": 2}, {"control": True}, {"control": True, "buffer": True}]
)
def test_mpeg4_pictures_that_are_not_coded(resolution, header):
    time_bits = max(1, (resolution - 1).bit_length())
    reader = shown_reader("mpeg4", layer(resolution, **header))
    for seconds in (0, 3):
        assert reader(vop(1, time_bits=time_bits, seconds=seconds) + b"\x55" * 9)
        assert not reader(vop(0, time_bits=time_bits, seconds=seconds))


def test_an_mpeg4_layer_within_the_packets():
    reader = shown_reader("mpeg4", b"")
    assert reader(layer(1000) + vop(1, time_bits=10) + b"\x55" * 9)
    assert not reader(vop(0, time_bits=10))


def test_an_mpeg4_picture_that_is_not_coded_stands_for_one_that_was_packed_before():
    reader = shown_reader("mpeg4", layer())
    packed = vop(1) + b"\x55" * 9 + vop(1, kind=2) + b"\x55" * 5
    assert [reader(packet) for packet in (packed, vop(0), vop(0), packed, vop(0))] == [True, True, False, True, True]


def exponential(value):
    """A number in Exp-Golomb code."""
    return (value + 1, 2 * (value + 1).bit_length() - 1)


def h264_sequence(*, fields, profile=77, number_bits=4, order=2):
    """A sequence header of H.264 down to whether it may have fields, behind an access unit delimiter."""
    chroma = [exponential(1), exponential(0), exponential(0), (0, 1), (0, 1)] if profile == 100 else []
    orders = {0: [exponential(4)], 1: [(0, 1), *[exponential(0)] * 2, exponential(2), *[exponential(1)] * 2], 2: []}
    header = [(profile, 8), (0, 8), (30, 8), exponential(0), *chroma, exponential(number_bits - 4), exponential(order)]
    sizes = [*orders[order], exponential(4), (0, 1), exponential(21), exponential(17), (1 - fields, 1), (1, 8)]
    return b"\x00\x00\x00\x01\x09\x10\x00\x00\x00\x01\x67" + bits(*header, *sizes)


def h264_slice(number, *, bottom=None, number_bits=4, kind=0x41):
    """A slice of a frame, or of a field of some parity."""
    field = [(0, 1)] if bottom is None else [(1, 1), (bottom, 1)]
    header = bits(exponential(0), exponential(5), exponential(0), (number, number_bits), *field, (1, 8))
    return b"\x00\x00\x01" + bytes([kind]) + header + b"\x55" * 20


@pytest.mark.parametrize("profile", [77, 100])
@pytest.mark.parametrize("number_bits", [4, 9])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_h264_fields_of_one_picture_are_one_frame(profile, number_bits, order):
    sequence = h264_sequence(fields=True, profile=profile, number_bits=number_bits, order=order)

    def field(number, bottom):
        return h264_slice(number, bottom=bottom, number_bits=number_bits)

    frame = h264_slice(3, number_bits=number_bits)
    packets = [sequence + field(0, 0), field(0, 1), field(1, 1), field(1, 0), frame, field(4, 0), field(5, 1), frame]
    reader = shown_reader("h264", b"")
    assert [reader(packet) for packet in packets] == [True, False, True, False, True, True, True, True]


def test_h264_without_fields_shows_every_packet():
    reader = shown_reader("h264", h264_sequence(fields=False))
    assert all(reader(h264_slice(number)) for number in (0, 0, 1))


def configuration(sequence):
    """Extra data of H.264 in MP4, with lengths of four bytes."""
    unit = sequence[sequence.rindex(b"\x00\x00\x01") + 3 :]
    return b"\x01\x4d\x00\x1e\xff\xe1" + len(unit).to_bytes(2, "big") + unit + b"\x01\x00\x00"


def test_h264_fields_in_samples_of_mp4():
    reader = shown_reader("h264", configuration(h264_sequence(fields=True)))

    def sample(number, bottom):
        unit = h264_slice(number, bottom=bottom)[3:]
        return b"\x00\x00\x00\x02\x09\x10" + len(unit).to_bytes(4, "big") + unit

    one_by_one = [sample(0, 0), sample(0, 1), sample(1, 0), sample(1, 1)]
    assert [reader(packet) for packet in one_by_one] == [True, False, True, False]
    together = [sample(2, 0) + sample(2, 1), sample(3, 0) + sample(3, 1)]
    assert [reader(packet) for packet in together] == [True, True]


def test_h264_of_mp4_that_has_no_fields_need_not_be_read():
    assert shown_reader("h264", configuration(h264_sequence(fields=False))) is None


def test_a_hostile_sequence_header_costs_little():
    hostile = b"\x00\x00\x01\x67" + b"\x00\x01\x02" + b"\x00" * 3_000_000
    start = time.process_time()
    assert shown_reader("h264", b"")(hostile)
    assert time.process_time() - start < 1


BROKEN = [b"\x00", b"\xff", b"\xff" * 40, b"\xc8", b"\x32\xff\xff\xff", vop(1)[:4], layer()[:4] + vop(1)[:4] + b"\xff"]


@pytest.mark.parametrize("codec", ["vp8", "vp9", "av1", "mpeg4", "h264"])
@pytest.mark.parametrize("content", BROKEN)
def test_broken_headers_do_no_harm(codec, content):
    assert shows_picture(codec, content) in (True, False)


def test_other_codecs_hide_nothing():
    assert shown_reader("hevc", b"") is None
