from collections import Counter
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings

from fvc_kedro.forensics import cooccurrence
from fvc_kedro.forensics.cooccurrence import PAIRS, pair_shares
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
    """Shares by counting pair after pair of Python numbers."""
    counts = [Counter() for _ in range(3)]
    for tile in tiles.astype(int):
        for picture in (tile, tile.T):
            for order, step in ((1, 2), (2, 4), (3, 6)):
                levels = np.clip(np.rint(np.diff(picture, order, axis=1) / step), -2, 2).astype(int).tolist()
                counts[order - 1].update((a, b) for line in levels for a, b in pairwise(line))
    shares = np.zeros((3, len(PAIRS)))
    for order in range(3):
        for (a, b), number in counts[order].items():
            names = [PAIRS.index(pair) for pair in {(a, b), (b, a), (-a, -b), (-b, -a)} if pair in PAIRS]
            assert len(names) == 1
            shares[order, names[0]] += number / counts[order].total()
    return shares


@pytest.mark.parametrize("shape", [(32, 32), (33, 65), (64, 64), (70, 131)])
@pytest.mark.parametrize("make", [texture, noise])
def test_every_share_agrees_with_its_definition(shape, make):
    tiles = view_of(make(shape)).tiles
    assert np.allclose(pair_shares(tiles), reference(tiles), atol=1e-12)


@pytest.mark.parametrize("side", [5, 6, 7, 32])
def test_tiles_of_any_side_from_5_pixels_agree(side):
    tiles = np.random.default_rng(side).integers(0, 12, (3, side, side), dtype=np.uint8)
    assert np.allclose(pair_shares(tiles), reference(tiles), atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(ANY_PICTURE)
def test_any_picture_has_shares_if_it_is_large_enough(luma):
    values = np.array(list(figures(cooccurrence, luma).values())).reshape(3, -1)
    if min(luma.shape) < 32:
        assert np.isnan(values).all()
    else:
        assert values.sum(axis=1) == pytest.approx(np.ones(3))
        assert values == pytest.approx(reference(view_of(luma).tiles))


def test_there_are_nine_classes_and_as_many_names():
    assert len(PAIRS) == 9
    names = [measure.name for measure in cooccurrence.MEASURES]
    assert len(names) == len(set(names)) == 27
    assert "order1_0_0" in names
    assert "order3_2_minus2" in names


def test_a_flat_picture_has_only_zeros():
    measured = figures(cooccurrence, np.full((64, 64), 50, np.uint8))
    assert {name for name, value in measured.items() if value > 0} == {"order1_0_0", "order2_0_0", "order3_0_0"}


def test_a_ramp_has_equal_neighbours_of_the_first_order_alone():
    ramp = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    measured = figures(cooccurrence, ramp * 2)
    assert measured["order1_1_1"] == 1
    assert measured["order2_0_0"] == measured["order3_0_0"] == 1


def test_the_largest_residuals_alternate():
    measured = figures(cooccurrence, checkerboard((64, 64)))
    assert [measured[f"order{order}_2_minus2"] for order in (1, 2, 3)] == [1, 1, 1]


def test_smoothing_shows():
    luma = noise((128, 128), 6)
    before, after = figures(cooccurrence, luma), figures(cooccurrence, cv2.GaussianBlur(luma, (0, 0), 1.5))
    for order in (1, 2, 3):
        assert after[f"order{order}_0_0"] > before[f"order{order}_0_0"] + 0.3
        assert after[f"order{order}_2_minus2"] < before[f"order{order}_2_minus2"]


def test_mirroring_turning_and_negating_change_nothing():
    tiles = view_of(texture((64, 64))).tiles
    shares = pair_shares(tiles)
    for same in (tiles[:, ::-1], tiles[:, :, ::-1], tiles.transpose(0, 2, 1), ~tiles):
        assert np.allclose(pair_shares(np.ascontiguousarray(same)), shares, atol=1e-12)


def test_brightness_changes_nothing():
    luma = texture((96, 128))
    assert_unchanged(cooccurrence, view_of(luma), view_of(luma + 40), "brightness", 0)


def test_the_length_changes_no_mean():
    assert_length_changes_no_mean(cooccurrence, [texture((40, 50), seed) for seed in range(3)])


def test_limited_range_is_brought_to_full():
    full = texture((96, 96)).astype(float)
    limited = np.rint(16 + full * 219 / 255).astype(np.uint8)
    ours, theirs = (
        figures(cooccurrence, view_of(luma, full_range=full_range))
        for luma, full_range in ((full.astype(np.uint8), True), (limited, False))
    )
    as_if_full = figures(cooccurrence, view_of(limited, full_range=True))
    distance = sum(abs(ours[name] - theirs[name]) for name in ours)
    assert distance < 0.6 * sum(abs(ours[name] - as_if_full[name]) for name in ours)
