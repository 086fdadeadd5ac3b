"""Planes of every depth and range, from values that are known."""

import av
import numpy as np
import pytest
from formats import plain

from fvc_kedro.forensics import FAMILIES, Sampling, measure
from fvc_kedro.video import Frame, VideoFile

DEPTHS = {"yuv420p10le": 10, "yuv422p10le": 10, "yuv444p12le": 12, "yuva420p10le": 10, "gray10le": 10, "gray16le": 16}


def picture(pix_fmt, luma, chroma=(0, 0), *, full_range):
    """A picture of 16 by 8 pixels with one value a plane."""
    frame = av.VideoFrame(16, 8, pix_fmt)
    dtype = np.uint16 if pix_fmt.endswith("le") else np.uint8
    for plane, value in zip(frame.planes, (luma, *chroma, 0), strict=False):
        np.frombuffer(plane, dtype)[:] = value
    frame.color_range = 2 if full_range else 1
    return Frame(frame)


@pytest.mark.parametrize("pix_fmt", DEPTHS)
@pytest.mark.parametrize("full_range", [False, True])
def test_black_grey_and_white_of_more_bits_are_those_of_eight(pix_fmt, full_range):
    bits = DEPTHS[pix_fmt]
    top = 2**bits - 1
    known = {0: 0, top: 255} if full_range else {16 << bits - 8: 16, 235 << bits - 8: 235, 126 << bits - 8: 126}
    for value, eight in known.items():
        frame = picture(pix_fmt, value, (top // 2 + 1, top // 2 + 1), full_range=full_range)
        assert frame.full_range is full_range
        assert frame.luma.dtype == np.uint8
        assert np.all(frame.luma == eight)
        luma, blue, red = frame.planes()
        assert np.all(luma == eight)
        assert np.all(blue == 128)
        assert np.all(red == 128)


@pytest.mark.parametrize("full_range", [False, True])
def test_chroma_of_more_bits_is_that_of_eight(full_range):
    deep = picture("yuv420p10le", 512, (256, 800), full_range=full_range)
    factor = 255 / 1023 if full_range else 1 / 4
    _, blue, red = deep.planes()
    assert np.all(blue == round(256 * factor))
    assert np.all(red == round(800 * factor))


@pytest.mark.parametrize("pix_fmt", ["yuv422p", "yuvj422p", "yuv444p", "gray", "yuv422p10le"])
@pytest.mark.parametrize("full_range", [False, True])
def test_420_has_the_range_of_the_luma(pix_fmt, full_range):
    frame = picture(pix_fmt, 80 if "10" in pix_fmt else 20, (128, 128), full_range=full_range)
    luma = frame.luma
    assert np.all(frame.planes()[0] == luma)
    assert int(Frame(frame.as_yuv420p()).picture.color_range) == 2 if frame.full_range else 1


@pytest.mark.parametrize("pix_fmt", ["bgr0", "gbrp10le"])
def test_rgb_becomes_of_limited_range(pix_fmt):
    frame = picture(pix_fmt, 255 if pix_fmt == "bgr0" else 1023, (1023, 1023), full_range=True)
    assert not frame.full_range
    assert np.all(frame.luma == 235)


def columns(path):
    families = [name for name in FAMILIES if name != "bitstream"]
    parts = measure(VideoFile(path), families, Sampling(9)).values()
    values = {name: np.array(column, float) for part in parts for name, column in part.items()}
    return {name: column for name, column in values.items() if not name.startswith("codec_")}


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p12le", "yuv444p16le"])
def test_features_do_not_depend_on_the_depth_of_the_same_picture(tmp_path, pix_fmt):
    """Of a full-range grey ramp, whose values of eight bits are values of more bits too."""
    plain(codec="ffv1", full_range=True, numbers=range(9))(tmp_path / "eight.mkv")
    plain(codec="ffv1", full_range=True, numbers=range(9), pix_fmt=pix_fmt)(tmp_path / "deep.mkv")
    eight, deep = columns(tmp_path / "eight.mkv"), columns(tmp_path / "deep.mkv")
    assert eight.keys() == deep.keys()
    for name, column in eight.items():
        np.testing.assert_allclose(deep[name], column, rtol=0.02, atol=0.01, err_msg=name)
