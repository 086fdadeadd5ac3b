import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fvc_kedro.forensics.kernels import (
    correlation,
    diagonal_details,
    difference_sums,
    jump_totals,
    jumps,
    power_sums,
    products,
    quantile,
)
from pictures import ANY_PICTURE, SMALL_AND_ODD, checkerboard, noise


def random_picture(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def details_reference(luma):
    grey = luma[: luma.shape[0] // 2 * 2, : luma.shape[1] // 2 * 2].astype(int)
    return grey[::2, ::2] - grey[::2, 1::2] - grey[1::2, ::2] + grey[1::2, 1::2]


def jumps_reference(luma):
    """Column and row profiles, 9 times the inner jumps, and what a true 9-tap mean takes of each."""
    grey = luma.astype(float)
    compared = lost = 0.0
    for picture in (grey, grey.T):
        if picture.shape[1] < 10:
            continue
        blurred = np.stack([picture[:, x - 4 : x + 5].mean(axis=1) for x in range(4, picture.shape[1] - 4)], axis=1)
        plain, after = np.abs(np.diff(picture[:, 4:-4], axis=1)), np.abs(np.diff(blurred, axis=1))
        compared += 9 * plain.sum()
        lost += 9 * np.maximum(plain - after, 0).sum()
    return np.abs(np.diff(grey, axis=1)).sum(axis=0), np.abs(np.diff(grey, axis=0)).sum(axis=1), compared, lost


def assert_jumps_agree(luma):
    measured = jumps(luma)
    columns, rows, compared, lost = jumps_reference(luma)
    assert measured.columns.tolist() == columns.tolist()
    assert measured.rows.tolist() == rows.tolist()
    assert measured.compared == compared
    assert measured.lost == pytest.approx(lost, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("shape", SMALL_AND_ODD)
def test_diagonal_details_agree_with_their_definition(shape):
    luma = random_picture(shape)
    assert diagonal_details(luma).tolist() == details_reference(luma).tolist()


@pytest.mark.parametrize("shape", SMALL_AND_ODD)
def test_jumps_agree_with_their_definition(shape):
    assert_jumps_agree(random_picture(shape))


@settings(max_examples=40, deadline=None)
@given(ANY_PICTURE)
def test_jumps_agree_with_their_definition_on_any_picture(luma):
    assert_jumps_agree(luma)


@pytest.mark.parametrize("shape", [(700, 40), (12, 8000), (300, 300)])
def test_the_largest_jumps_overflow_nothing(shape):
    luma = checkerboard(shape)
    assert_jumps_agree(luma)
    totals = 255 * shape[0] * (shape[1] - 1), 255 * (shape[0] - 1) * shape[1]
    assert jump_totals(luma) == totals
    details = diagonal_details(luma)
    n = details.size
    assert set(np.unique(details)) == {-510}
    assert products(details, details) == (n * 510**2,) * 3
    assert products(details, -details) == (-n * 510**2, n * 510**2, n * 510**2)
    assert power_sums(details) == (n * 510**2, n * 510**4)
    assert difference_sums(luma, ~luma) == (luma.size * 255, luma.size)


def test_stripes_ten_pixels_wide_overflow_nothing_and_are_lost_by_eight_ninths():
    luma = np.repeat(np.arange(60) % 2 * 255, 10).astype(np.uint8)[None].repeat(600, axis=0)
    measured = jumps(luma)
    assert measured.lost / measured.compared == pytest.approx(8 / 9)


@pytest.mark.parametrize("shape", SMALL_AND_ODD)
def test_jump_totals_are_the_sums_of_the_profiles(shape):
    luma = random_picture(shape)
    assert jump_totals(luma) == (jumps(luma).columns.sum(), jumps(luma).rows.sum())


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (3, 5), (40, 33), (3, 5000)])
def test_products_and_powers_agree_with_their_definition(shape):
    first, second = np.random.default_rng(0).integers(-510, 511, (2, *shape)).astype(np.int16)
    a, b = first.astype(int), second.astype(int)
    assert products(first, second) == ((a * b).sum(), (a * a).sum(), (b * b).sum())
    assert power_sums(first) == ((a**2).sum(), (a**4).sum())


def test_correlation():
    details = diagonal_details(noise((60, 80)))
    assert correlation(details, details) == pytest.approx(1)
    assert correlation(details, -details) == pytest.approx(-1)
    assert abs(correlation(details, diagonal_details(noise((60, 80), seed=1)))) < 0.1
    assert np.isnan(correlation(details, np.zeros_like(details)))


@pytest.mark.parametrize("shape", SMALL_AND_ODD)
def test_difference_sums_agree_with_their_definition(shape):
    first, second = random_picture(shape), random_picture(shape, 1)
    assert difference_sums(first, second) == (cv2.norm(first, second, cv2.NORM_L1), np.count_nonzero(first != second))


@settings(max_examples=60, deadline=None)
@given(arrays(float, st.integers(1, 50), elements=st.floats(-1e3, 1e3)), st.floats(0, 1))
def test_quantiles_agree_with_numpy(values, share):
    assert quantile(np.sort(values), share) == pytest.approx(np.quantile(values, share), rel=1e-9, abs=1e-9)
