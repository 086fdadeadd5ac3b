from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clips import write_clip
from fvc_kedro.forensics import chroma
from fvc_kedro.forensics.chroma import exposed, saturation
from fvc_kedro.forensics.view import View
from fvc_kedro.video import Frame, VideoFile
from pictures import assert_unchanged, checkerboard, figures, noise, texture, view_of


def coloured(luma, blue, red, *, full_range=False):
    """View of a 4:2:0 picture of a square of an even size."""
    return View(Frame.on_black(len(luma), (luma, blue, red), (0, 0), full_range=full_range))


def random_view(side=64, seed=0, **options):
    half = (side // 2, side // 2)
    planes = noise((side, side), 30, seed), noise(half, 12, seed + 1, 120), noise(half, 20, seed + 2, 140)
    return coloured(*planes, **options)


def reference(luma, blue, red, black=16, white=235):
    """All figures by their definitions."""
    even = luma[: luma.shape[0] // 2 * 2, : luma.shape[1] // 2 * 2].astype(float)
    small = np.floor((even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2] + 2) / 4)
    height, width = min(small.shape[0], blue.shape[0]) // 2 * 2, min(small.shape[1], blue.shape[1]) // 2 * 2
    details = []
    for plane in (blue.astype(float), red.astype(float), small):
        p = plane[:height, :width]
        details.append(p[::2, ::2] - p[::2, 1::2] - p[1::2, ::2] + p[1::2, 1::2])
    luma_gain, chroma_gain = (1, 1) if black == 0 else (255 / 219, 255 / 224)
    cb, cr, y = (gain * values for gain, values in zip((chroma_gain, chroma_gain, luma_gain), details, strict=True))
    distance = chroma_gain * np.hypot(blue - 128.0, red - 128.0)

    def correlated(a, b):
        return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())

    return {
        "detail_over_luma": np.log((np.mean(cb**2) + np.mean(cr**2)) / 2 / np.mean(y**2)),
        "blue_red_correlation": correlated(cb, cr),
        "blue_luma_correlation": correlated(cb, y),
        "red_luma_correlation": correlated(cr, y),
        "saturation": np.log(1 + distance.mean()),
        "saturation_tail": np.percentile(distance, 99) / distance.mean(),
        "under_exposed": np.mean(luma <= black + 4),
        "over_exposed": np.mean(luma >= white - 4),
    }


@pytest.mark.parametrize("side", [8, 34, 70])
@pytest.mark.parametrize("full_range", [True, False])
def test_every_figure_agrees_with_its_definition(side, full_range):
    view = random_view(side, full_range=full_range)
    bounds = (0, 255) if full_range else (16, 235)
    assert figures(chroma, view) == pytest.approx(reference(view.luma, *view.chroma, *bounds), rel=1e-9)


@pytest.mark.parametrize("shape", [(34, 65), (33, 66), (47, 81)])
def test_odd_sizes_agree_with_the_definition(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    view = View(Frame.from_bgr(pixels))
    assert figures(chroma, view) == pytest.approx(reference(view.luma, *view.chroma), rel=1e-9)


def test_a_region_agrees_with_the_definition():
    view = random_view(96).crop((20, 8, 50, 64))
    assert view.chroma[0].shape == (32, 25)
    assert figures(chroma, view) == pytest.approx(reference(view.luma, *view.chroma), rel=1e-9)


def test_a_grey_video_has_none(tmp_path: Path):
    assert np.isnan(list(figures(chroma, view_of(texture((40, 50)))).values())).all()
    path = write_clip(tmp_path / "grey.mkv", texture((48, 64))[None], codec="ffv1", pix_fmt="gray")
    assert np.isnan(list(figures(chroma, View(next(VideoFile(path).frames()))).values())).all()


def test_a_colour_video_without_colour_has_no_saturation():
    grey = np.full((32, 32), 128, np.uint8)
    measured = figures(chroma, coloured(noise((64, 64)), grey, grey))
    assert measured["saturation"] == 0
    for name in ("detail_over_luma", "blue_red_correlation", "red_luma_correlation", "saturation_tail"):
        assert np.isnan(measured[name]), name


def test_colour_that_goes_with_luma_is_correlated():
    base = noise((32, 32), 20)
    luma = np.repeat(np.repeat(base, 2, 0), 2, 1)
    measured = figures(chroma, coloured(luma, base // 2 + 64, 255 - base))
    assert measured["blue_luma_correlation"] > 0.95
    assert measured["red_luma_correlation"] == pytest.approx(-1)
    assert measured["blue_red_correlation"] < -0.95


def test_blurred_colour_has_less_detail():
    import cv2

    luma, blue, red = noise((64, 64), 30), noise((32, 32), 20, 1), noise((32, 32), 20, 2)
    sharp = figures(chroma, coloured(luma, blue, red))
    soft = figures(chroma, coloured(luma, cv2.GaussianBlur(blue, (0, 0), 1), cv2.GaussianBlur(red, (0, 0), 1)))
    assert soft["detail_over_luma"] < sharp["detail_over_luma"] - 1


def test_saturation_of_known_colours():
    blue, red = np.full((20, 30), 128 + 30, np.uint8), np.full((20, 30), 128 - 40, np.uint8)
    assert saturation(blue, red, 0.99) == (50, 50)
    blue[0, 0], red[0, 0] = 0, 0
    mean, tail = saturation(blue, red, 1.0)
    assert tail == pytest.approx(np.hypot(128, 128))
    assert mean == pytest.approx((599 * 50 + np.hypot(128, 128)) / 600)


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, st.tuples(st.just(2), st.integers(1, 12), st.integers(1, 12))), st.floats(0, 1))
def test_saturation_agrees_with_numpy(planes, share):
    distance = np.hypot(planes[0] - 128.0, planes[1] - 128.0)
    mean, tail = saturation(planes[0], planes[1], share)
    assert mean == pytest.approx(distance.mean())
    assert tail == pytest.approx(np.quantile(distance, share), abs=1e-9)


def test_exposure():
    luma = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert exposed(luma, 4, 251) == (5, 5)
    for full_range, shares in ((True, (5 / 256, 5 / 256)), (False, (21 / 256, 25 / 256))):
        square = np.repeat(np.repeat(luma, 2, 0), 2, 1)
        measured = figures(chroma, coloured(square, noise((16, 16)), noise((16, 16), seed=1), full_range=full_range))
        assert (measured["under_exposed"], measured["over_exposed"]) == shares


def test_brightness_changes_little():
    luma, blue, red = texture((64, 64)), noise((32, 32), 12), noise((32, 32), 12, 1)
    assert_unchanged(chroma, coloured(luma, blue, red), coloured(luma + 30, blue, red), "brightness", 1e-9)


def test_the_length_changes_no_mean():
    from fvc_kedro.forensics.family import Segment
    from fvc_kedro.video import VideoArray

    info = VideoArray(np.zeros((3, 64, 64), np.uint8)).info
    once, twice = (chroma.FAMILY.extractor(Segment(info, 0, 3)) for _ in range(2))
    for seed in range(3):
        once.update(random_view(seed=seed))
        for _ in range(2):
            twice.update(random_view(seed=seed))
    assert list(once.result()) == list(chroma.FAMILY.features)
    for name, value in once.result().items():
        if name.endswith("_mean"):
            assert twice.result()[name] == pytest.approx(value), name


def test_the_largest_chroma_overflows_nothing():
    board = checkerboard((64, 64))
    measured = figures(chroma, coloured(checkerboard((128, 128)), board, ~board, full_range=True))
    assert measured["blue_red_correlation"] == pytest.approx(-1)
    assert measured["saturation_tail"] == pytest.approx(1, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3))), st.booleans())
def test_any_picture_has_finite_figures_or_none(pixels, cropped):
    view = View(Frame.from_bgr(pixels))
    height, width = pixels.shape[:2]
    if cropped:
        view = view.crop((width // 3, height // 3, width - width // 3, height - height // 3))
    measured = figures(chroma, view)
    assert not np.isinf(list(measured.values())).any()
    if min(view.luma.shape) >= 6:
        assert np.isfinite([measured["saturation"], measured["under_exposed"], measured["over_exposed"]]).all()
