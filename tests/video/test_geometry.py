import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fvc_kedro.video import Frame, VideoArray
from fvc_kedro.video.geometry import Letterbox, displayed_size, letterbox_region


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(8, 256).map(lambda half: 2 * half))
def test_the_region_is_even_inside_the_square_and_keeps_the_aspect(width, height, size):
    x, y, inner_width, inner_height = letterbox_region(width, height, size)
    assert all(value % 2 == 0 for value in (x, y, inner_width, inner_height))
    assert 0 <= x <= size - inner_width
    assert 0 <= y <= size - inner_height
    assert max(inner_width, inner_height) == size
    assert abs(inner_width - width * size / max(width, height)) <= 2
    assert abs(inner_height - height * size / max(width, height)) <= 2
    assert abs((size - inner_width - x) - x) <= 2
    assert abs((size - inner_height - y) - y) <= 2


@pytest.mark.parametrize(("width", "height", "size"), [(0, 5, 256), (5, 5, 255), (5, 5, 0)])
def test_impossible_sizes_are_refused(width, height, size):
    with pytest.raises(ValueError, match="got"):
        letterbox_region(width, height, size)


def letterboxed_luma(video, size, rotation=0):
    return next(Letterbox(size, rotation)(video.frames())).luma


def test_a_wide_picture_lies_between_black_bars():
    luma = letterboxed_luma(VideoArray(np.full((1, 32, 64), 200, np.uint8)), 64)
    assert luma.shape == (64, 64)
    assert np.all(luma[16:48] == luma[16, 0])
    assert luma[16, 0] > 150
    assert len(np.unique(luma[:16])) == len(np.unique(luma[48:])) == 1
    assert luma[0, 0] <= 16


def test_limited_range_black_is_16():
    planes = (np.full((32, 64), 100, np.uint8), np.full((16, 32), 90, np.uint8), np.full((16, 32), 160, np.uint8))
    stacked = np.concatenate([plane.reshape(-1, 64) for plane in planes])
    picture = av.VideoFrame.from_ndarray(stacked, format="yuv420p")
    boxed = next(Letterbox(64)(iter([Frame(picture)])))
    luma, blue, red = boxed.planes()
    assert luma[0, 0] == 16
    assert luma[32, 32] == 100
    assert (blue[0, 0], red[0, 0]) == (128, 128)
    assert (blue[16, 16], red[16, 16]) == (90, 160)


@pytest.mark.parametrize(("rotation", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (270, (0, -1))])
def test_the_picture_is_turned_counter_clockwise(rotation, corner):
    pixels = np.zeros((1, 64, 64), np.uint8)
    pixels[0, :16, :16] = 250
    luma = letterboxed_luma(VideoArray(pixels), 64, rotation)
    assert luma[corner] > 200
    assert sum(luma[place] > 200 for place in ((0, 0), (0, -1), (-1, 0), (-1, -1))) == 1


def test_pixels_that_are_not_square_are_shown_as_wide_as_they_are():
    assert displayed_size(720, 576, 0, 64 / 45) == (1024, 576)
    assert displayed_size(720, 480, 0, 8 / 9) == (640, 480)
    assert displayed_size(90, 72, 90, 64 / 45) == (72, 128)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_an_anamorphic_picture_is_letterboxed_as_the_square_one(rotation):
    across = np.tile(np.linspace(40, 220, 128), (72, 1))
    across[20:40, 30:60] = 250
    squeezed = cv2.resize(across, (90, 72), interpolation=cv2.INTER_AREA)
    letterboxed = [
        next(Letterbox(256, rotation, ratio)(iter([Frame.from_luma(luma.astype(np.uint8))]))).luma.astype(float)
        for luma, ratio in ((across, 1.0), (squeezed, 64 / 45))
    ]
    square, anamorphic = letterboxed
    assert np.abs(square - anamorphic).mean() < 3
    empty = square[:56] if rotation % 180 == 0 else square[:, :56]
    assert np.array_equal(empty, anamorphic[:56] if rotation % 180 == 0 else anamorphic[:, :56])
    assert np.ptp(empty) == 0
