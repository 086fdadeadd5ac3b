from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clips import write_clip
from fvc_kedro.forensics import bitstream
from fvc_kedro.forensics.bitstream import FEATURES, autocorrelation_peak, packet_features
from fvc_kedro.forensics.family import Segment
from fvc_kedro.video import VideoArray, VideoFile
from fvc_kedro.video.packets import PacketTable
from pictures import texture


def table(sizes, keyframes, times=None, shown=None):
    n = len(sizes)
    shown = np.ones(n, np.bool_) if shown is None else np.array(shown, np.bool_)
    times = None if times is None else np.array(times, np.int64)
    return PacketTable(
        sizes=np.array(sizes, np.int64),
        times=times,
        keyframes=np.array(keyframes, np.bool_),
        shown=shown,
        announced=n,
        time_base=Fraction(1, 25),
        rate=Fraction(25),
        codec="h264",
        damaged=np.zeros(n, np.bool_),
        hidden=np.zeros(n, np.bool_),
        clock=None if times is None else np.sort(times[shown]),
    )


def short(features):
    return {name.removeprefix("bitstream_"): value for name, value in features.items()}


# I P B B P B B, I P B B P B B, in decoding order, with the times at which they are shown
TWO_GROUPS = table(
    sizes=[900, 300, 100, 100, 300, 100, 100] * 2,
    keyframes=[True, *[False] * 6] * 2,
    times=[0, 3, 1, 2, 6, 4, 5, 7, 10, 8, 9, 13, 11, 12],
)


def test_known_packets():
    measured = short(packet_features(TWO_GROUPS, 0, 14, 1000))
    assert measured["bits_per_pixel"] == pytest.approx(np.log(8 * 1900 / 7 / 1000))
    assert measured["intra_share"] == 2 / 14
    assert measured["reordered_share"] == 8 / 14
    assert measured["intra_over_predicted"] == pytest.approx(np.log(3))
    assert measured["reordered_over_predicted"] == pytest.approx(np.log(1 / 3))
    assert measured["gop_length"] == pytest.approx(np.log(7))
    assert measured["gop_variation"] == 0
    assert measured["time_jitter"] == 0
    assert measured["size_period"] == pytest.approx(1)


def test_only_the_packets_of_a_segment_count_but_for_the_distance_of_keyframes():
    measured = short(packet_features(TWO_GROUPS, 1, 7, 1000))
    assert measured["intra_share"] == 0
    assert measured["reordered_share"] == 4 / 6
    assert np.isnan(measured["intra_over_predicted"])
    assert measured["gop_length"] == pytest.approx(np.log(7))


def test_pictures_that_an_edit_list_cuts_off_do_not_count():
    packets = table([500, 10, 10, 10], [True, False, False, False], shown=[False, True, True, True])
    measured = short(packet_features(packets, 0, 3, 8))
    assert measured["bits_per_pixel"] == pytest.approx(np.log(10))
    assert measured["intra_share"] == 0
    assert np.isnan(measured["gop_length"])


def test_uneven_keyframes_and_times():
    packets = table([9] * 10, [k in (0, 2) for k in range(10)], times=[0, 1, 2, 3, 4, 5, 6, 7, 8, 19])
    measured = short(packet_features(packets, 0, 10, 1))
    assert measured["gop_length"] == pytest.approx(np.log(5))  # 2 and 8, the end counting as a keyframe
    assert measured["gop_variation"] == pytest.approx(3 / 5)
    assert measured["time_jitter"] == pytest.approx(np.std([1] * 8 + [11]))


def test_without_times_no_order_is_known():
    measured = short(packet_features(table([5, 3, 3], [True, False, False]), 0, 3, 1))
    assert measured["reordered_share"] == 0
    assert np.isnan(measured["reordered_over_predicted"])
    assert np.isnan(measured["time_jitter"])


@pytest.mark.parametrize("period", [2, 5, 12])
def test_sizes_that_recur_have_a_period(period):
    sizes = np.tile(np.r_[1000, np.random.default_rng(0).integers(50, 100, period - 1)], 20)
    assert autocorrelation_peak(sizes) == pytest.approx(1, abs=0.02)


def test_random_sizes_have_no_period():
    assert autocorrelation_peak(np.random.default_rng(0).integers(0, 1000, 500)) < 0.2


@pytest.mark.parametrize("sizes", [[], [5], [5, 6, 7], [8] * 30])
def test_no_period_without_enough_sizes_or_variation(sizes):
    assert np.isnan(autocorrelation_peak(np.array(sizes, np.int64)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10**7), min_size=4, max_size=150))
def test_the_period_is_the_highest_plain_autocorrelation_and_at_most_one(sizes):
    values = np.array(sizes, np.int64)
    measured = autocorrelation_peak(values)
    if len(set(sizes)) == 1:
        assert np.isnan(measured)
        return
    expected = []
    for distance in range(2, min(64, len(sizes) // 2) + 1):
        early, late = (part - values.mean() for part in (values[:-distance], values[distance:]))
        power = np.sqrt((early**2).sum() * (late**2).sum())
        if power:
            expected.append((early * late).sum() / power)
    assert measured == pytest.approx(max(expected), abs=1e-6)
    assert measured <= 1 + 1e-6


def test_a_video_in_memory_has_none():
    segment = Segment(VideoArray(np.zeros((3, 8, 8), np.uint8)).info, 0, 3)
    measured = bitstream.FAMILY.extractor(segment).result()
    assert list(measured) == list(FEATURES) == list(bitstream.FAMILY.features)
    assert np.isnan(list(measured.values())).all()


def test_a_real_file(tmp_path: Path):
    pictures = np.stack([np.roll(texture((64, 96)), k, 1) for k in range(48)])
    options = {"g": "12", "bf": "2", "x264-params": "keyint=12:min-keyint=12:scenecut=0:b-adapt=0"}
    video = VideoFile(write_clip(tmp_path / "clip.mp4", pictures, options=options))
    packets = video._probed[1]
    measured = short(bitstream.FAMILY.extractor(Segment(video.info, 0, 48, packets)).result())
    assert np.isfinite(list(measured.values())).all()
    assert measured["intra_share"] == 1 / 12
    assert measured["gop_length"] == pytest.approx(np.log(12))
    assert measured["gop_variation"] == 0
    assert 0.5 < measured["reordered_share"] < 0.7
    assert measured["intra_over_predicted"] > 0 > measured["reordered_over_predicted"]
    assert measured["time_jitter"] == 0
    bits = 8 * packets.sizes.sum() / 48 / (64 * 96)
    assert measured["bits_per_pixel"] == pytest.approx(np.log(bits))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_packets_have_finite_features_or_none(data):
    n = data.draw(st.integers(1, 30))
    flags = st.lists(st.booleans(), min_size=n, max_size=n)
    sizes = data.draw(st.lists(st.integers(0, 10**6), min_size=n, max_size=n))
    times = data.draw(st.none() | st.permutations(list(range(n))))
    packets = table(sizes, data.draw(flags), times, data.draw(flags))
    first = data.draw(st.integers(0, n))
    measured = packet_features(packets, first, data.draw(st.integers(first, n + 2)), 100)
    assert list(measured) == list(FEATURES)
    assert not np.isinf(list(measured.values())).any()
