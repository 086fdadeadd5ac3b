import cv2
import numpy as np
import pytest
from hypothesis import given, settings

from fvc_kedro.forensics import sharpness
from pictures import (
    ANY_PICTURE,
    assert_length_changes_no_mean,
    assert_unchanged,
    checkerboard,
    figures,
    noise,
    texture,
    view_of,
)


def reference(luma):
    """All figures by their definitions, with OpenCV in float64."""
    grey = luma.astype(np.float64)
    border = cv2.BORDER_REFLECT_101
    laplacian = cv2.Laplacian(grey, cv2.CV_64F, ksize=1)
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1))
    residual = cv2.filter2D(grey, -1, np.array([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]), borderType=border)
    even = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
    a, b, c, d = even[::2, ::2], even[::2, 1::2], even[1::2, ::2], even[1::2, 1::2]
    half = np.floor((a + b + c + d + 2) / 4)

    def mean_jump(picture):
        return np.abs(np.diff(picture, axis=0)).mean() + np.abs(np.diff(picture, axis=1)).mean()

    jumps, losses = [], []
    for picture in (grey, grey.T):
        blurred = cv2.blur(np.ascontiguousarray(picture), (9, 1))
        plain, after = (np.abs(np.diff(p[:, 4:-4], axis=1)) for p in (picture, blurred))
        jumps.append(plain.sum())
        losses.append(np.maximum(plain - after, 0).sum())
    return {
        "reblur": 1 - sum(losses) / sum(jumps),
        "laplacian_over_gradient": np.log((laplacian**2).sum() / (gradient**2).sum()),
        "detail_over_gradient": np.log(np.mean((a - b - c + d) ** 2) / np.mean(gradient**2)),
        "scale_ratio": np.log(mean_jump(grey) / mean_jump(half)),
        "residual_tail": np.log(np.mean(residual**4) / np.mean(residual**2) ** 2),
        "gradient_variation": gradient.std() / gradient.mean(),
    }


@pytest.mark.parametrize("shape", [(10, 10), (11, 40), (33, 65), (120, 161)])
@pytest.mark.parametrize("make", [texture, noise])
def test_every_figure_agrees_with_its_definition(shape, make):
    luma = make(shape)
    assert figures(sharpness, luma) == pytest.approx(reference(luma), rel=1e-5, abs=1e-6)


def test_blur_shows_in_every_ratio():
    sharp = texture((160, 200))
    before, after = figures(sharpness, sharp), figures(sharpness, cv2.GaussianBlur(sharp, (0, 0), 2))
    assert after["reblur"] > before["reblur"] + 0.1
    for name in ("laplacian_over_gradient", "detail_over_gradient", "scale_ratio"):
        assert after[name] < before[name] - 0.1, name


def test_a_ramp_is_all_blur_and_noise_is_little():
    ramp = np.arange(100, dtype=np.uint8)[None].repeat(100, axis=0)
    assert figures(sharpness, ramp)["reblur"] == pytest.approx(1)
    assert figures(sharpness, noise((200, 200), 30))["reblur"] < 0.2


def test_brightness_and_contrast_change_nothing():
    luma = texture((120, 160))
    assert_unchanged(sharpness, view_of(luma), view_of(luma + 40), "brightness", 1e-6)
    halved = view_of(luma // 2)  # exact but for the half-size picture's rounding, as texture is even
    assert_unchanged(sharpness, view_of(luma), halved, "contrast", 0.02)


def test_the_range_of_the_luma_changes_nothing():
    luma = texture((64, 80))
    full, limited = (figures(sharpness, view_of(luma, full_range=full_range)) for full_range in (True, False))
    assert full == limited


def test_the_length_changes_no_mean():
    assert_length_changes_no_mean(sharpness, [texture((40, 50), seed) for seed in range(3)])


def test_a_flat_picture_has_none():
    assert np.isnan(list(figures(sharpness, np.full((50, 60), 9, np.uint8)).values())).all()


def test_a_checkerboard_overflows_nothing():
    measured = figures(sharpness, checkerboard((64, 3000)))
    assert measured["reblur"] == pytest.approx(1 / 9)
    assert measured["residual_tail"] == pytest.approx(0, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(ANY_PICTURE)
def test_any_picture_has_finite_figures_or_none(luma):
    view = view_of(luma)
    measured = figures(sharpness, view)
    assert not np.isinf(list(measured.values())).any()
    lacking = {name for name, value in measured.items() if np.isnan(value)}
    has_gradient = view.sums.gradient > 0
    assert ("gradient_variation" in lacking) == (not has_gradient)
    assert ("detail_over_gradient" in lacking) == (not has_gradient or not view.details.any())
    assert ("residual_tail" in lacking) == (view.sums.residual_2 == 0)
    assert ("reblur" in lacking) == (view.jumps.compared == 0)
