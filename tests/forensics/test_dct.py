import cv2
import numpy as np
import pytest
from hypothesis import given, settings

from fvc_kedro.forensics import dct
from fvc_kedro.forensics.dct import BANDS, band_figures, benford_distance, coefficients, periodicity
from pictures import (
    ANY_PICTURE,
    assert_length_changes_no_mean,
    assert_unchanged,
    checkerboard,
    figures,
    jpeg,
    noise,
    texture,
    view_of,
)


def blocks_reference(luma, origin=(0, 0)):
    """Coefficients of all whole blocks of the grid in float64, shape (n_blocks, 8, 8); for up to 32 each way."""
    top, left = -origin[1] % 8, -origin[0] % 8
    return np.array(
        [
            np.round(cv2.dct(luma[y : y + 8, x : x + 8].astype(np.float64)), 9)
            for y in range(top, luma.shape[0] - 7, 8)
            for x in range(left, luma.shape[1] - 7, 8)
        ]
    )


def reference(blocks):
    """All figures by their definitions."""
    frequency = np.add.outer(np.arange(8), np.arange(8))
    measured = {}
    for number, (low, high) in enumerate(BANDS, start=1):
        band = np.abs(blocks[:, (frequency >= low) & (frequency <= high)])
        measured[f"band{number}_scale"] = np.log(0.05 + band.mean())
        measured[f"band{number}_tail"] = np.log(np.mean(band**4) / np.mean(band**2) ** 2) if band.any() else np.nan
        measured[f"band{number}_zeros"] = np.mean(band < 0.5)
    peaks = []
    for u, v in ((0, 1), (1, 0), (0, 2), (1, 1), (2, 0)):
        rounded = np.rint(blocks[:, u, v])
        counts = [np.count_nonzero(rounded == value) for value in range(-64, 64)]
        spectrum = [np.abs(np.sum(counts * np.exp(-2j * np.pi * np.arange(128) / 128 * line))) for line in range(8, 65)]
        peaks.append(max(spectrum) / max(np.median(spectrum), 1))
    measured["periodicity"] = np.log(np.mean(peaks))
    large = [abs(value) for value in blocks.reshape(-1, 64)[:, 1:].ravel() if abs(value) >= 1]
    digits = np.array([int(str(int(value))[0]) for value in large])
    law = np.log10(1 + 1 / np.arange(1, 10))
    shares = np.array([np.mean(digits == digit) for digit in range(1, 10)])
    measured["benford"] = np.sum((shares - law) ** 2 / law)
    return measured


@pytest.mark.parametrize("shape", [(8, 8), (9, 31), (33, 65), (130, 97)])
@pytest.mark.parametrize("origin", [(0, 0), (3, 6)])
def test_coefficients_agree_with_their_definition(shape, origin):
    luma = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    expected = blocks_reference(luma, origin).reshape(-1, 64).T
    measured = coefficients(luma, origin)
    assert measured.shape == (64, expected.shape[1] if expected.size else 0)
    assert np.allclose(measured, expected.reshape(measured.shape), atol=5e-4)


@pytest.mark.parametrize("shape", [(16, 16), (33, 65), (130, 97)])
@pytest.mark.parametrize("gain", [1.0, 255 / 219])
@pytest.mark.parametrize("make", [texture, noise])
def test_every_figure_agrees_with_its_definition(shape, gain, make):
    luma = make(shape)
    measured = figures(dct, view_of(luma, full_range=gain == 1))
    expected = reference(gain * blocks_reference(luma))
    assert measured == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_at_most_32_by_32_blocks_are_taken_evenly_spread():
    luma = noise((800, 600))
    assert coefficients(luma).shape == (64, 32 * 32)
    every = {tuple(np.round(block, 1)) for block in blocks_reference(luma).reshape(-1, 64)}
    assert len(every) == 100 * 75
    taken = coefficients(np.arange(800, dtype=np.uint16)[:, None].repeat(8, 1).astype(np.uint8) // 8)
    assert np.allclose(taken[1:8], 0)


def test_a_region_is_cut_into_the_blocks_of_the_whole_picture():
    luma = texture((96, 128))
    part = figures(dct, view_of(luma).crop((22, 13, 60, 50)))
    whole_blocks = figures(dct, view_of(luma[16:56, 24:80]))
    assert part == whole_blocks


def test_coarser_quantisation_lowers_scales_and_makes_zeros():
    plain = texture((160, 208))
    before, after = figures(dct, plain), figures(dct, jpeg(plain, 20))
    for band in (4, 5, 6):
        assert after[f"band{band}_scale"] < before[f"band{band}_scale"] - 0.3
        assert after[f"band{band}_zeros"] > before[f"band{band}_zeros"] + 0.2
        assert after[f"band{band}_tail"] > before[f"band{band}_tail"]


def quantised(luma, *steps):
    blocks = blocks_reference(luma)
    for step in steps:
        blocks = np.rint(blocks / step) * step
    return blocks.reshape(-1, 64).T.astype(np.float32)


@pytest.mark.parametrize("step", [3, 5, 7, 12])
def test_a_coarse_quantisation_shows_through_a_finer_one(step):
    luma = noise((256, 256), 12)
    never, fine, twice = (periodicity(quantised(luma, *steps)) for steps in ((), (1,), (step, 1)))
    assert abs(fine - never) < 0.3
    assert twice > fine + 0.5


def test_recompression_in_jpeg_shows():
    luma = texture((256, 256))
    single = figures(dct, jpeg(luma, 98))["periodicity"]
    double = figures(dct, jpeg(jpeg(luma, 60), 98))["periodicity"]
    assert double > single + 0.5


def test_benford():
    law = np.log10(1 + 1 / np.arange(1, 10))
    counts = np.rint(law * 100_000).astype(int)
    values = np.repeat(np.arange(1, 10) * 10.0, counts).astype(np.float32)
    values = np.stack([np.full(values.size, 99, np.float32), values * np.where(np.arange(values.size) % 2, 1, -1)])
    assert benford_distance(values.astype(np.float32)) == pytest.approx(0, abs=1e-6)
    nines = np.array([[1.0], [999.9]], np.float32)
    assert benford_distance(nines) == pytest.approx(sum(law[:8]) + (1 - law[8]) ** 2 / law[8])
    assert np.isnan(benford_distance(np.full((64, 4), 0.9, np.float32)))


def test_bands_cover_all_coefficients_but_the_mean():
    values = np.zeros((64, 3), np.float32)
    values[0] = 1000
    assert set(band_figures(values)[::3]) == {np.log(0.05)}
    assert set(band_figures(values)[2::3]) == {1.0}
    assert set(band_figures(np.full((64, 3), 2, np.float32))[2::3]) == {0.0}


def test_coefficients_of_half_a_grey_level_are_exact_and_not_under_it():
    luma = np.full((8, 8), 100, np.uint8)
    luma[0, 0] += 4
    values = coefficients(luma)
    assert values[4, 0] == values[32, 0] == values[36, 0] == 0.5
    band = np.abs(blocks_reference(luma)[0][np.isin(np.add.outer(range(8), range(8)), (3, 4))])
    assert band_figures(values)[3 * 2 + 2] == np.mean(band < 0.5) == 0


@pytest.mark.parametrize("grey", [0, 1, 77, 255])
def test_a_flat_picture_has_exactly_no_ac_coefficient(grey):
    luma = np.full((40, 64), grey, np.uint8)
    assert not coefficients(luma)[1:].any()
    measured = figures(dct, luma)
    assert np.isnan([measured[f"band{number}_tail"] for number in range(1, 7)]).all()
    assert measured["band1_zeros"] == 1
    assert measured["periodicity"] == pytest.approx(0, abs=1e-9)
    assert np.isnan(measured["benford"])


def test_brightness_and_contrast_change_what_they_may():
    luma = texture((120, 160))
    assert_unchanged(dct, view_of(luma), view_of(luma + 40), "brightness", 1e-4)
    assert_unchanged(dct, view_of(luma), view_of(luma // 2), "contrast", 1e-4)


def test_the_length_changes_no_mean():
    assert_length_changes_no_mean(dct, [texture((40, 50), seed) for seed in range(3)])


def test_the_largest_coefficients_overflow_nothing():
    luma = np.kron(checkerboard((4, 4)), np.ones((4, 4), np.uint8))
    assert figures(dct, view_of(luma, full_range=False)) == pytest.approx(
        reference(255 / 219 * blocks_reference(luma)), rel=1e-4, abs=1e-3, nan_ok=True
    )
    assert not np.isinf(list(figures(dct, checkerboard((64, 64))).values())).any()


@settings(max_examples=60, deadline=None)
@given(ANY_PICTURE)
def test_any_picture_has_finite_figures_or_none(luma):
    measured = figures(dct, luma)
    assert not np.isinf(list(measured.values())).any()
    assert np.isnan(measured["band1_zeros"]) == (min(luma.shape) < 8)
