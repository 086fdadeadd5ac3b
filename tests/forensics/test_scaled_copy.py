import numpy as np
import pytest

from fvc_kedro.forensics import Sampling, feature_names, measure
from fvc_kedro.forensics.scaled_copy import block_boundary, edge_density, texture_uniformity
from fvc_kedro.video import UnusableVideoError, VideoArray, VideoInfo

NOISE = np.random.default_rng(0).integers(0, 256, (64, 80), dtype=np.uint8)


def blocky():
    levels = np.random.default_rng(1).integers(60, 190, (8, 10))
    return (np.kron(levels, np.ones((8, 8))) + np.random.default_rng(2).integers(0, 3, (64, 80))).astype(np.uint8)


def test_a_flat_picture_has_no_edge_and_one_texture():
    flat = np.full((32, 32), 90, np.uint8)
    assert edge_density(flat) == 0
    assert texture_uniformity(flat) == 1
    assert block_boundary(flat) == 1


def test_two_halves_have_one_line_of_edges():
    halves = np.zeros((32, 32), np.uint8)
    halves[:, 16:] = 200
    assert 0 < edge_density(halves) <= 2 / 32


def test_two_equal_halves_share_the_texture():
    halves = np.zeros((10, 11), np.uint8)
    halves[5:] = 255
    assert texture_uniformity(halves) == pytest.approx(0.5)


def test_blocks_stand_out_and_noise_does_not():
    assert block_boundary(blocky()) > 10
    assert block_boundary(NOISE) == pytest.approx(1, abs=0.1)


def test_blocking_off_the_grid_is_not_taken_for_blocking():
    assert block_boundary(np.roll(blocky(), (3, 3), axis=(0, 1))) < 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (3, 5), (8, 8)])
def test_small_pictures_have_finite_values(shape):
    picture = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    assert np.isfinite([texture_uniformity(picture), block_boundary(picture)]).all()


def test_colour_spread_is_measured_by_channel():
    pixels = np.zeros((2, 32, 32, 3), np.uint8)
    pixels[:, :, 16:, 2] = 200
    measured = measure(VideoArray(pixels), ["scaled_copy"], Sampling(10))["scaled_copy"]
    assert measured["red_spread"] == [pytest.approx(100, abs=2)]
    assert measured["blue_spread"] == [pytest.approx(0, abs=2)]
    assert list(measured) == ["start_s", "end_s", *feature_names(["scaled_copy"])]


def test_a_video_without_frames_is_named_as_such():
    class Empty(VideoArray):
        @property
        def info(self):
            return VideoInfo(8, 8, 25.0, 0, 0.0, "rawvideo", "gray", 0.0, 0)

    with pytest.raises(UnusableVideoError, match="no picture"):
        measure(Empty(np.zeros((0, 8, 8), np.uint8)), ["classic"], Sampling(5))


def test_a_value_that_is_not_finite_is_a_failure():
    class Endless(VideoArray):
        @property
        def info(self):
            return VideoInfo(8, 8, 25.0, 1, 1.0, "rawvideo", "gray", float("inf"), 0)

    with pytest.raises(UnusableVideoError, match="codec_bitrate is inf"):
        measure(Endless(np.zeros((1, 8, 8), np.uint8)), ["classic"], Sampling(5))
