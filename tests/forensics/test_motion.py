import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fvc_kedro.forensics.motion import BLOCK, REACH, block_motion, disagreement, local_contrast, most_changing_region
from pictures import SMALL_AND_ODD, checkerboard, noise, texture


def reference(luma, successor):
    """The same search block by block, slowly."""
    here, there = luma.astype(int), successor.astype(int)
    height, width = luma.shape

    def places(length, most):
        n = min(most, length // BLOCK)
        return [int((k + 0.5) * length / n) - BLOCK // 2 for k in range(n)]

    def difference(y, x, down, across):
        top, left = y + down, x + across
        if max(abs(down), abs(across)) > REACH or min(top, left) < 0 or top + BLOCK > height or left + BLOCK > width:
            return np.inf
        block = here[y : y + BLOCK, x : x + BLOCK]
        return np.abs(block - there[top : top + BLOCK, left : left + BLOCK]).sum()

    tops, lefts = places(height, 8), places(width, 12)
    vectors, still, moved = np.zeros((len(tops), len(lefts), 2), int), [], []
    for row, y in enumerate(tops):
        for column, x in enumerate(lefts):
            place, step = (0, 0), 4
            still.append(difference(y, x, 0, 0))
            while step:
                ways = [(place[0] + a * step, place[1] + b * step) for a in (-1, 0, 1) for b in (-1, 0, 1)]
                best = min([place, *ways], key=lambda way: difference(y, x, *way))
                if best == place:
                    step //= 2
                place = best
            vectors[row, column] = place
            moved.append(difference(y, x, *place))
    return vectors, np.array(still) / BLOCK**2, np.array(moved) / BLOCK**2


@pytest.mark.parametrize("shape", [*SMALL_AND_ODD, (50, 230), (150, 40)])
def test_motion_agrees_with_its_definition(shape):
    luma, successor = texture(shape), np.roll(texture(shape), (2, -3), (0, 1))
    motion = block_motion(luma, successor)
    vectors, still, moved = reference(luma, successor)
    assert motion.vectors.tolist() == vectors.tolist()
    assert motion.still.ravel().tolist() == still.tolist()
    assert motion.moved.ravel().tolist() == moved.tolist()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_motion_agrees_with_its_definition_on_noise(seed):
    luma, successor = noise((40, 52), 60, seed), noise((40, 52), 60, seed + 1)
    motion = block_motion(luma, successor)
    vectors, _, moved = reference(luma, successor)
    assert motion.vectors.tolist() == vectors.tolist()
    assert motion.moved.ravel().tolist() == moved.tolist()


@pytest.mark.parametrize("shift", [(0, 0), (4, 0), (0, -8), (3, 5), (-7, 2)])
def test_a_shifted_picture_has_that_shift_nearly_everywhere(shift):
    y, x = np.mgrid[:160, :240]
    hill = 120 + 60 * np.sin(x / 11) + 60 * np.sin(y / 13)
    luma = hill.astype(np.uint8)
    successor = np.roll(luma, shift, (0, 1))
    inner = block_motion(luma, successor).vectors[1:-1, 1:-1]
    found = (inner == shift).all(axis=-1)
    assert found.mean() > 0.95  # a crest or a slope can have a worse match nearby that no step improves on


def test_motion_never_reaches_beyond_its_reach():
    luma = texture((100, 100))
    assert np.abs(block_motion(luma, np.roll(luma, 20, 1)).vectors).max() <= REACH


def test_the_largest_difference_is_a_code_value_of_255():
    motion = block_motion(np.zeros((32, 32), np.uint8), np.full((32, 32), 255, np.uint8))
    assert set(motion.still.ravel()) == set(motion.moved.ravel()) == {255.0}
    board = checkerboard((48, 48))
    assert set(block_motion(board, ~board).moved.ravel()) == {0.0}


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 5), (5, 11), (7, 2)])
def test_the_most_changing_region_holds_the_change(row, column):
    differences = np.zeros((8, 12))
    differences[row, column] = 5
    x, y, width, height = most_changing_region(differences, 1280, 720)
    assert x <= (column + 0.5) * 1280 / 12 <= x + width
    assert y <= (row + 0.5) * 720 / 8 <= y + height
    assert (width, height) == (240, 240)


@pytest.mark.parametrize(("size", "n_places"), [((480, 360), 3), ((640, 480), 4)])
def test_a_region_covers_a_change_of_its_own_size(size, n_places):
    differences = np.zeros((size[1] // 40, size[0] // 40))
    differences[2 : 2 + n_places, 5 : 5 + n_places] = 1
    assert most_changing_region(differences, *size) == (200, 80, 40 * n_places, 40 * n_places)


def test_a_region_is_in_the_middle_where_there_is_nothing_to_compare():
    assert most_changing_region(np.zeros((0, 0)), 12, 8) == (2, 0, 8, 8)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 8), st.integers(0, 12), st.integers(0, 99))
def test_a_region_always_lies_in_the_picture_and_is_not_empty(width, height, rows, columns, seed):
    differences = np.random.default_rng(seed).random((rows, columns))
    x, y, across, down = most_changing_region(differences, width, height)
    assert 0 <= x <= x + across <= width
    assert 0 <= y <= y + down <= height
    assert across == down >= min(width, height, 32) // 2 * 2
    assert across > 0
    assert x % 2 == y % 2 == 0


def test_blocks_that_move_as_their_neighbours_do_not_disagree():
    pan = np.full((8, 12, 2), (2, -5), np.int64)
    assert (disagreement(pan) == 0).all()
    zoom = np.stack(np.meshgrid(np.arange(8), np.arange(12), indexing="ij"), axis=-1)
    assert disagreement(zoom)[2:-2, 2:-2].max() == 0


def test_a_block_that_moves_in_its_own_way_disagrees():
    vectors = np.zeros((8, 12, 2), np.int64)
    vectors[3, 4] = (3, -4)
    expected = np.zeros((8, 12))
    expected[3, 4] = 5
    np.testing.assert_array_equal(disagreement(vectors), expected)


def test_local_contrast_is_that_of_the_slow_reference():
    values = np.random.default_rng(3).normal(size=(8, 12))
    padded = np.pad(values, 3, mode="symmetric")
    for row in range(8):
        for column in range(12):
            outer = padded[row : row + 7, column : column + 7]
            inner = outer[2:5, 2:5]
            expected = inner.mean() - (outer.sum() - inner.sum()) / 40
            assert local_contrast(values)[row, column] == pytest.approx(expected)


def test_nothing_stands_out_of_an_even_map():
    assert np.abs(local_contrast(np.full((5, 6), 3.7))).max() < 1e-12


def test_pictures_of_two_sizes_are_not_matched():
    with pytest.raises(ValueError, match="cannot be matched"):
        block_motion(np.zeros((64, 64), np.uint8), np.zeros((32, 64), np.uint8))
