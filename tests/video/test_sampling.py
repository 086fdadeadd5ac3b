import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fvc_kedro.video.sampling import uniform_indices


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
