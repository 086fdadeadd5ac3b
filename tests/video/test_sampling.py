from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fvc_kedro.video import VideoInfo
from fvc_kedro.video.sampling import Stretch, cut_evenly, frame_times, uniform_indices


def test_a_short_video_is_taken_whole():
    assert uniform_indices(5, 10).tolist() == [0, 1, 2, 3, 4]


def test_samples_are_the_middles_of_equal_stretches():
    assert uniform_indices(100, 4).tolist() == [12, 37, 62, 87]


@given(st.integers(0, 10_000), st.integers(1, 2_000))
def test_samples_are_different_in_range_and_evenly_spread(n_frames, num_frames):
    indices = uniform_indices(n_frames, num_frames)
    assert len(indices) == min(n_frames, num_frames)
    assert np.all(np.diff(indices) >= 1)
    assert np.ptp(np.diff(indices)) <= 1 if len(indices) > 1 else True
    assert all(0 <= index < n_frames for index in indices)


@pytest.mark.parametrize(("n_frames", "num_frames"), [(10, 0), (-1, 5)])
def test_impossible_numbers_are_refused(n_frames, num_frames):
    with pytest.raises(ValueError, match="must"):
        uniform_indices(n_frames, num_frames)


def info(n_frames, fps):
    return VideoInfo(64, 48, fps, n_frames, n_frames / fps, "h264", "yuv420p", 1e5, 0)


@given(st.integers(1, 400), st.floats(1, 120), st.floats(0.1, 20))
def test_stretches_part_all_frames_among_them(n_frames, fps, seconds):
    stretches = cut_evenly(frame_times(info(n_frames, fps), None), n_frames / fps, seconds)
    assert stretches[0].first == 0
    assert stretches[-1].last == n_frames
    for stretch, following in pairwise(stretches):
        assert stretch.last == following.first
        assert stretch.first < stretch.last
        assert stretch.end_s == following.start_s
    assert stretches[-1].end_s == pytest.approx(n_frames / fps)


def test_stretches_are_as_long_as_asked_for_as_nearly_as_can_be():
    durations = [
        [round(stretch.end_s - stretch.start_s, 6) for stretch in cut_evenly(np.arange(n) / 10, n / 10, 3.0)]
        for n in (10, 44, 46, 90)
    ]
    assert durations == [[1.0], [4.4], [2.3, 2.3], [3.0, 3.0, 3.0]]


def test_a_changing_frame_rate_is_cut_by_time():
    times = np.concatenate([np.arange(30) / 30, 1 + np.arange(10) / 5])  # a second at 30, two at 5 frames a second
    stretches = cut_evenly(times, 3.0, 1.0)
    assert [(stretch.first, stretch.last) for stretch in stretches] == [(0, 30), (30, 35), (35, 40)]
    for stretch in stretches:
        inside = times[stretch.first : stretch.last]
        assert ((stretch.start_s <= inside) & (inside < stretch.end_s)).all()


def test_a_stretch_in_which_no_frame_begins_belongs_to_the_one_before():
    stretches = cut_evenly(np.array([0.0, 0.1, 9.0]), 9.1, 1.0)
    assert [(stretch.first, stretch.last) for stretch in stretches] == [(0, 2), (2, 3)]
    assert stretches[0].end_s == stretches[1].start_s == pytest.approx(9.1 * 8 / 9)


def test_an_absurd_time_stamp_costs_no_memory():
    assert len(cut_evenly(np.array([0.0, 0.04, 1e12]), 1e12 + 0.04, 3.0)) == 2


def test_one_endless_segment_is_the_whole():
    assert cut_evenly(np.arange(5) / 25, 0.2, float("inf")) == [Stretch(0, 5, 0.0, pytest.approx(0.2))]
    assert cut_evenly(np.empty(0), 0.0, 3.0) == []


@pytest.mark.parametrize("fps", [24000 / 1001, 24, 25, 30000 / 1001, 30, 50, 60])
def test_a_frame_at_a_cut_belongs_to_the_later_stretch_whatever_its_last_bits(fps):
    for n_segments in range(2, 40):
        n = 12 * n_segments
        exact, off = np.arange(n) / fps, np.arange(n) * (1 / fps) * (1 - 1e-12)
        for times in (exact, off):
            assert [stretch.first for stretch in cut_evenly(times, n / fps, 12 / fps)] == list(range(0, n, 12))
