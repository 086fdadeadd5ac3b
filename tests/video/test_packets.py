"""When pictures are shown, and what damage reaches, by packets laid out here."""

import re
from fractions import Fraction

import numpy as np
import pytest
from formats import cut_in_front, hide_some, joined, plain, recognised, repacked, without_transport_packet
from hypothesis import given
from hypothesis import strategies as st

from fvc_kedro.video import Frame, Limits, UnusableVideoError, VideoFile
from fvc_kedro.video.packets import PacketTable


def table(times, *, rate=None, time_base=Fraction(1, 1000), last_duration=0, **columns):
    n = len(times)
    times = np.array(times, np.int64)
    shown = np.ones(n, np.bool_)
    settings = {
        "sizes": np.full(n, 100),
        "times": times,
        "keyframes": np.arange(n) == 0,
        "shown": shown,
        "announced": 0,
        "time_base": time_base,
        "rate": None if rate is None else Fraction(rate),
        "codec": "h264",
        "damaged": ~shown,
        "hidden": ~shown,
        "clock": np.sort(times),
        "last_duration": last_duration,
    }
    return PacketTable(**settings | columns)


def test_the_duration_is_the_span_of_the_times_and_the_last_frame():
    assert table([0, 100, 300, 1300], last_duration=200).duration_s == pytest.approx(1.5)


@pytest.mark.parametrize(("claimed", "believed"), [(1, 100), (90_000, 1000), (0, 200), (150, 150)])
def test_the_last_frame_is_no_shorter_or_longer_than_any_other(claimed, believed):
    assert table([0, 100, 300, 1300], last_duration=claimed).duration_s == pytest.approx(1.3 + believed / 1000)


def test_the_times_stand_above_the_rate_of_the_header():
    assert table(range(0, 1000, 100), rate=1000).duration_s == pytest.approx(1)
    assert table(range(0, 1000, 100), rate=30).duration_s == pytest.approx(1)


def test_a_rate_that_agrees_with_rounded_times_is_the_more_exact():
    rounded = [round(1000 * number * 1001 / 30_000) for number in range(200)]
    assert table(rounded, rate=Fraction(30_000, 1001)).duration_s == pytest.approx(200 * 1001 / 30_000, abs=1e-9)


def test_a_dropped_frame_is_no_rounding_where_a_tick_is_a_frame():
    chunks = [0, 1, 2, 4, 5]
    assert table(chunks, rate=25, time_base=Fraction(1, 25)).duration_s == pytest.approx(6 / 25)


@pytest.mark.parametrize("times", [[5], [7, 7, 7], [0, 1, 1, 2, 2, 2, 3, 3]])
def test_times_that_cannot_be_are_replaced_by_the_rate(times):
    assert table(times, rate=25).duration_s == pytest.approx(len(times) / 25)
    assert table(times, rate=25).frame_times_s.tolist() == pytest.approx([k / 25 for k in range(len(times))])


@pytest.mark.parametrize("rate", [None, 0, 1001])
def test_without_times_and_rate_there_is_no_duration(rate):
    assert table([7, 7], rate=rate).duration_s is None
    assert table([7, 7], rate=rate).frame_times_s is None


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=40), st.integers(0, 10_000), st.integers(-(10**9), 10**9))
def test_a_later_start_changes_nothing(steps, last, start):
    times = np.concatenate([[0], np.cumsum(steps)])
    one, other = table(times, last_duration=last), table(times + start, last_duration=last)
    assert one.duration_s == other.duration_s
    assert one.frame_times_s.tolist() == other.frame_times_s.tolist()
    span = times[-1] / 1000
    assert span + min(steps) / 1000 - 1e-9 <= one.duration_s <= span + max(steps) / 1000 + 1e-9


def test_of_whatever_transport_packet_is_lost_no_false_picture_is_shown(tmp_path):
    path = tmp_path / "whole.ts"
    plain(codec="libx264", numbers=range(60), options={"g": "8"})(path)
    content = path.read_bytes()
    whole = {round(frame.time_s * 25): frame.luma.copy() for frame in VideoFile(path).frames()}
    holed = tmp_path / "holed.ts"
    # the first keyframe's own loss leaves no trace that FFmpeg would tell of
    n_checked, places = 0, np.linspace(0.2, 0.95, 40)
    for share in places:
        holed.write_bytes(without_transport_packet(share)(content))
        try:
            frames = {round(frame.time_s * 25): frame.luma.copy() for frame in VideoFile(holed).frames()}
        except UnusableVideoError as error:
            assert "damaged" in str(error)  # noqa: PT017 - a group of eight of sixty is more than a tenth
            continue
        n_checked += 1
        assert all(np.array_equal(luma, whole[number]) for number, luma in frames.items())
    assert n_checked > 10


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
def test_wherever_a_capture_begins_its_pictures_are_those_of_the_whole(tmp_path, codec):
    path = tmp_path / "whole.ts"
    options = {"x265-params": "log-level=none:keyint=8:min-keyint=8"} if codec == "libx265" else {"g": "8", "bf": "2"}
    plain(codec=codec, numbers=range(60), options=options)(path)
    whole = [frame.luma.copy() for frame in VideoFile(path).frames()]
    content, begun = path.read_bytes(), tmp_path / "begun.ts"
    for share in np.linspace(0.03, 0.6, 20):
        begun.write_bytes(cut_in_front(share)(content))
        frames = [frame.luma.copy() for frame in VideoFile(begun).frames()]
        assert frames
        for luma, known in zip(frames, whole[-len(frames) :], strict=True):
            np.testing.assert_array_equal(luma, known)


def test_a_joined_programme_that_begins_in_the_middle_is_shown_from_its_first_keyframe(tmp_path):
    first, second, path = tmp_path / "first.ts", tmp_path / "second.ts", tmp_path / "joined.ts"
    groups = {"g": "8", "bf": "0", "sc_threshold": "0"}
    plain(options=groups)(first)
    plain(numbers=range(40), options=groups)(second)
    path.write_bytes(first.read_bytes() + cut_in_front(0.1)(second.read_bytes()))
    known = [Frame(frame.picture).luma.copy() for video in (first, second) for frame in VideoFile(video).frames()]
    frames = [frame.luma for frame in VideoFile(path).frames()]
    assert len(frames) == 24 + 32
    for luma, whole in zip(frames, known[:24] + known[32:], strict=True):
        np.testing.assert_array_equal(luma, whole)


def test_a_programme_that_is_damaged_and_joined_is_damaged_still(tmp_path):
    path = tmp_path / "joined.ts"
    joined({"numbers": range(60)}, {"numbers": range(60)})(path)
    content = path.read_bytes()
    holes = [int(len(content) * share) // 188 * 188 for share in (0.3, 0.6, 0.8)]
    for hole in reversed(holes):
        content = content[:hole] + content[hole + 188 * 4 :]
    path.write_bytes(content)
    with pytest.raises(UnusableVideoError, match=r"damaged: of \d+ frames"):
        VideoFile(path).info  # noqa: B018


def test_pictures_predicted_from_one_that_cannot_be_decoded_are_left_out(tmp_path):
    """Of MPEG-4, whose decoder goes on with wrong pictures and says nothing."""
    path = tmp_path / "broken.mkv"

    def break_one(packets):
        return [(time, b"\xff" * len(one) if number == 44 else one) for number, (time, one) in enumerate(packets)]

    repacked(break_one, codec="mpeg4", numbers=range(60), options={"g": "8", "bf": "0"})(path)
    frames = list(VideoFile(path).frames())
    assert len(frames) >= 54
    for frame in frames:
        luma = (frame.luma.astype(float) - 16) * 255 / 219
        assert recognised(luma) == frame.index


def test_frames_that_are_counted_keep_their_numbers_behind_a_lost_one(tmp_path):
    path = tmp_path / "broken.avi"
    plain(codec="mpeg4", numbers=range(60), options={"g": "6", "bf": "2"})(path)
    content = bytearray(path.read_bytes())
    places = [place.start() for place in re.finditer(b"00dc", bytes(content))][:60]
    size = int.from_bytes(content[places[20] + 4 : places[20] + 8], "little")
    content[places[20] + 8 : places[20] + 8 + size] = b"\xff" * size
    path.write_bytes(content)
    video = VideoFile(path)
    assert video.packets.times is None
    frames = list(video.frames())
    assert 54 <= len(frames) < 60
    for frame in frames[-20:]:
        assert recognised((frame.luma.astype(float) - 16) * 255 / 219) == frame.index


@pytest.mark.parametrize(("codec", "container"), [("mpeg4", "mkv"), ("mpeg4", "avi"), ("flv", "flv")])
def test_decoders_that_make_pictures_of_nothing_are_not_believed(tmp_path, codec, container):
    path = tmp_path / f"begun.{container}"
    repacked(lambda packets: packets[5:], codec=codec, numbers=range(60), options={"g": "8", "bf": "0"})(path)
    frames = list(VideoFile(path).frames())
    numbers = [recognised((frame.luma.astype(float) - 16) * 255 / 219) for frame in frames]
    assert numbers == list(range(8, 60))


def test_a_pause_within_a_group_of_pictures_is_no_new_start(tmp_path):
    path = tmp_path / "paused.ts"
    plain(numbers=range(20), times=[12_000 * number for number in range(20)], options={"g": "100"})(path)
    frames = list(VideoFile(path).frames())
    assert [frame.time_s for frame in frames] == pytest.approx([12 * number for number in range(20)])


def test_a_limit_on_frames_counts_pictures_and_never_shortens_a_video(tmp_path):
    path = tmp_path / "hidden.webm"
    repacked(hide_some(0b10000), codec="libvpx", numbers=range(60), options={"g": "1"})(path)
    assert VideoFile(path).inspect(Limits(max_frames=48)).n_frames == 48
    with pytest.raises(UnusableVideoError, match="over a limit: 48 frames"):
        VideoFile(path).inspect(Limits(max_frames=47))
