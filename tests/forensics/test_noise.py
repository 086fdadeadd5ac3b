import cv2
import numpy as np
import pytest
from hypothesis import given, settings

from fvc_kedro.forensics import noise as family
from fvc_kedro.forensics.noise import block_noise, given_luma, moran
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


def reference(luma, gain=1.0):
    """All figures by their definitions, block by block."""
    grey = luma[: luma.shape[0] // 2 * 2, : luma.shape[1] // 2 * 2].astype(float)
    details = (grey[::2, ::2] - grey[::2, 1::2] - grey[1::2, ::2] + grey[1::2, 1::2]) / 2
    rows, columns = luma.shape[0] // 16, luma.shape[1] // 16
    levels, means = np.zeros((rows, columns)), np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            detail = details[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            levels[row, column] = np.log2(0.25 + gain * np.median(np.abs(detail)) / 0.6745)
            means[row, column] = luma[16 * row : 16 * row + 16, 16 * column : 16 * column + 16].mean()
    n_classes = min(4, rows * columns // 4)
    borders = np.quantile(means, np.arange(1, n_classes) / n_classes)
    rest = levels.copy()
    for number in range(n_classes):
        members = np.searchsorted(borders, means) == number
        rest[members] -= np.median(levels[members]) if members.any() else 0
    centred = rest - rest.mean()
    pairs = [centred[y, x] * centred[y, x + 1] for y in range(rows) for x in range(columns - 1)]
    pairs += [centred[y, x] * centred[y + 1, x] for y in range(rows - 1) for x in range(columns)]
    low, middle, high = np.percentile(levels, [10, 50, 90])
    rest_1, rest_10, rest_50, rest_90, rest_99 = np.percentile(rest, [1, 10, 50, 90, 99])
    return {
        "level": middle,
        "spread": high - low,
        "spread_given_luma": rest_90 - rest_10,
        "upper_tail": rest_99 - rest_50,
        "lower_tail": rest_50 - rest_1,
        "autocorrelation": np.mean(pairs) / np.mean(centred**2) if centred.any() else np.nan,
        "kurtosis": np.log(np.mean(details**4) / np.mean(details**2) ** 2),
    }


@pytest.mark.parametrize("shape", [(32, 32), (33, 65), (16, 70), (130, 97)])
@pytest.mark.parametrize("full_range", [True, False])
def test_every_figure_agrees_with_its_definition(shape, full_range):
    luma = texture(shape)
    measured = figures(family, view_of(luma, full_range=full_range))
    assert measured == pytest.approx(reference(luma, 1 if full_range else 255 / 219), rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("sigma", [2, 5, 15])
def test_the_level_is_the_noise_that_was_added(sigma):
    measured = figures(family, noise((320, 320), sigma))
    assert 2 ** measured["level"] - 0.25 == pytest.approx(sigma, rel=0.12)
    assert measured["kurtosis"] == pytest.approx(np.log(3), abs=0.05)


@pytest.mark.parametrize(("sigma", "tail"), [(12, "upper_tail"), (1, "lower_tail")])
def test_a_patch_of_other_noise_spreads_the_levels(sigma, tail):
    plain = noise((256, 256), 4)
    pasted = plain.copy()
    pasted[64:160, 80:176] = noise((96, 96), sigma, seed=1)
    before, after = figures(family, plain), figures(family, pasted)
    for name in ("spread", "spread_given_luma", "autocorrelation", tail):
        assert after[name] > before[name] + 0.3, name


def test_noise_that_follows_luma_is_taken_out():
    luma = np.concatenate(
        [noise((64, 256), sigma, mean=mean) for sigma, mean in ((2, 40), (4, 90), (8, 140), (9, 200))]
    )
    measured = figures(family, luma)
    assert measured["spread"] > 1.5
    assert measured["spread_given_luma"] < 0.6


def test_brightness_and_contrast_change_what_they_may():
    luma = texture((128, 160))
    assert_unchanged(family, view_of(luma), view_of(luma + 50), "brightness", 1e-9)
    assert_unchanged(family, view_of(luma), view_of(luma // 2), "contrast", 1e-9)


def test_the_length_changes_no_mean():
    assert_length_changes_no_mean(family, [texture((40, 50), seed) for seed in range(3)])


def test_a_flat_picture_has_a_level_but_no_kurtosis():
    measured = figures(family, np.full((64, 64), 7, np.uint8))
    assert measured["level"] == -2
    assert measured["spread"] == 0
    assert np.isnan(measured["kurtosis"])
    assert np.isnan(measured["autocorrelation"])


def test_the_largest_noise_overflows_nothing():
    luma = checkerboard((64, 64))
    sigma, means = block_noise(luma, view_of(luma).details)
    assert sigma == pytest.approx(np.full((4, 4), 255 / 0.6745))
    assert means == pytest.approx(np.full((4, 4), 127.5))
    assert figures(family, luma)["kurtosis"] == 0


def test_the_median_lies_between_the_two_middle_details():
    luma = np.zeros((16, 16), np.uint8)
    luma[:8, ::2] = 6
    luma[8:, ::4] = 3  # half of the details are 0
    luma[1::2] = 0
    sigma, _ = block_noise(luma, view_of(luma).details)
    details = np.abs(view_of(luma).details)
    assert sigma[0, 0] == pytest.approx(np.median(details) / 2 / 0.6745)
    assert np.median(details) % 1 == 0.5


def test_levels_are_freed_of_their_luma():
    luma = np.arange(16.0).reshape(4, 4)
    assert np.unique(given_luma(np.repeat([1.0, 2, 3, 4], 4).reshape(4, 4), luma)).tolist() == [0]


def test_few_blocks_are_not_each_freed_of_itself():
    assert figures(family, noise((32, 32)))["spread_given_luma"] > 0
    assert given_luma(np.arange(4.0), np.arange(4.0)).tolist() == [-1.5, -0.5, 0.5, 1.5]


def test_moran():
    halves = np.repeat([0.0, 1], 8)[None].repeat(16, axis=0)
    assert moran(halves) > 0.9
    assert moran(checkerboard((16, 16)) / 255) == pytest.approx(-1)
    assert np.isnan(moran(np.full((4, 4), 0.1)))
    assert np.isnan(moran(np.array([[3.0]])))
    blurred = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(40, 40)), (0, 0), 2)
    assert moran(blurred) > 0.8


@settings(max_examples=60, deadline=None)
@given(ANY_PICTURE)
def test_any_picture_has_finite_figures_or_none(luma):
    measured = figures(family, luma)
    assert not np.isinf(list(measured.values())).any()
    if (luma.shape[0] // 16) * (luma.shape[1] // 16) >= 4:
        lacking = {name for name, value in measured.items() if np.isnan(value)}
        assert lacking <= {"autocorrelation", "kurtosis"}
        assert "kurtosis" not in lacking or not view_of(luma).details.any()
    else:
        assert np.isnan(list(measured.values())).all()
