import cv2
import numpy as np
import pytest
from hypothesis import given, settings

from fvc_kedro.forensics import spectrum
from fvc_kedro.forensics.spectrum import CENTRES, N_BINS, radial_power
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


def reference(tiles):
    """Radial power by a full complex transform in float64, coefficient by coefficient."""
    side = tiles.shape[1]
    window = np.outer(np.hanning(side), np.hanning(side))
    padded = np.zeros((len(tiles), 64, 64))
    for tile, values in enumerate(tiles.astype(float)):
        padded[tile, :side, :side] = (values - values.mean()) * window
    power = (np.abs(np.fft.fft2(padded)) ** 2).mean(axis=0)
    width = (0.5 - 1 / 64) / 32
    sums, counts = np.zeros(32), np.zeros(32)
    for y, down in enumerate(np.fft.fftfreq(64)):
        for x, across in enumerate(np.fft.fftfreq(64)):
            radius = np.hypot(down, across)
            if 1 / 64 <= radius < 0.5:
                sums[int((radius - 1 / 64) / width)] += power[y, x]
                counts[int((radius - 1 / 64) / width)] += 1
    logs = np.log10(sums / counts + (window**2).sum() / 12)
    return logs - logs[0]


@pytest.mark.parametrize("shape", [(32, 32), (33, 65), (64, 64), (130, 197)])
@pytest.mark.parametrize("make", [texture, noise])
def test_every_figure_agrees_with_its_definition(shape, make):
    view = view_of(make(shape))
    bins = reference(view.tiles)
    slope, start = np.polyfit(np.log10(CENTRES[8:]), bins[8:], 1)
    excess = bins[8:] - start - slope * np.log10(CENTRES[8:])
    expected = [*bins[1:], slope, np.sqrt(np.mean(excess**2)), excess.max()]
    assert list(figures(spectrum, view).values()) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_white_noise_is_flat():
    measured = figures(spectrum, noise((300, 300), 30))
    assert measured["slope"] == pytest.approx(0, abs=0.15)
    assert measured["bin32"] == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("method", [cv2.INTER_LINEAR, cv2.INTER_CUBIC])
def test_up_sampling_takes_the_high_frequencies(method):
    luma = texture((160, 200))
    enlarged = cv2.resize(luma, (400, 320), interpolation=method)
    before, after = figures(spectrum, luma), figures(spectrum, enlarged)
    assert after["slope"] < before["slope"] - 1
    for number in (28, 30, 32):
        assert after[f"bin{number}"] < before[f"bin{number}"] - 0.5


@pytest.mark.parametrize("number", [14, 20, 27])
def test_a_wave_is_a_peak_in_its_bin(number):
    luma = noise((128, 128), 10).astype(float)
    luma += 20 * np.sin(2 * np.pi * CENTRES[number - 1] * np.arange(128))
    before, after = figures(spectrum, noise((128, 128), 10)), figures(spectrum, luma.clip(0, 255).astype(np.uint8))
    gains = [after[f"bin{k:02d}"] - before[f"bin{k:02d}"] for k in range(2, N_BINS + 1)]
    assert abs(2 + int(np.argmax(gains)) - number) <= 1
    assert after["peak"] > before["peak"] + 0.3
    assert after["fit_residual"] > before["fit_residual"]


def test_brightness_and_contrast_change_little():
    luma = texture((128, 160))
    assert_unchanged(spectrum, view_of(luma), view_of(luma + 40), "brightness", 1e-4)
    # the power of rounding counts four times as much at half the contrast
    assert_unchanged(spectrum, view_of(luma), view_of(luma // 2), "contrast", 0.2)


def test_the_length_changes_no_mean():
    assert_length_changes_no_mean(spectrum, [texture((40, 50), seed) for seed in range(3)])


def test_a_flat_picture_has_a_flat_spectrum():
    assert list(figures(spectrum, np.full((70, 90), 9, np.uint8)).values()) == pytest.approx([0] * 34, abs=1e-9)


def test_the_largest_contrast_is_finite():
    assert np.isfinite(list(figures(spectrum, checkerboard((70, 130))).values())).all()


def test_no_tiles_no_power():
    assert np.isnan(radial_power(np.empty((0, 32, 32), np.uint8))).all()


@settings(max_examples=60, deadline=None)
@given(ANY_PICTURE)
def test_any_picture_has_figures_if_it_is_large_enough(luma):
    values = list(figures(spectrum, luma).values())
    assert np.isfinite(values).all() if min(luma.shape) >= 32 else np.isnan(values).all()
