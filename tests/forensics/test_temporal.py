from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fvc_kedro.forensics import temporal
from fvc_kedro.forensics.motion import block_motion
from fvc_kedro.forensics.temporal import motion_coherence, motion_entropy, motion_length
from pictures import SMALL_AND_ODD, assert_unchanged, checkerboard, features, figures, noise, texture, view_of


def reference(luma, successor, gain=1.0):
    """All figures by their definitions; motion as block_motion finds it."""
    first, second = gain * luma.astype(float), gain * successor.astype(float)
    details = []
    for grey in (first, second):
        even = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
        details.append(even[::2, ::2] - even[::2, 1::2] - even[1::2, ::2] + even[1::2, 1::2])
    power = np.sqrt((details[0] ** 2).sum() * (details[1] ** 2).sum())
    difference = np.abs(first - second).mean()
    motion = block_motion(luma, successor)
    figures = [
        np.log(0.05 + difference),
        np.mean(luma == successor),
        float(difference < 0.02),
        (details[0] * details[1]).sum() / power if power else np.nan,
    ]
    if motion.still.size == 0:
        return [*figures, *[np.nan] * 4]
    vectors = motion.vectors.astype(float)
    lengths = np.hypot(vectors[..., 0], vectors[..., 1])
    shares = np.unique(np.rint(lengths), return_counts=True)[1] / lengths.size
    neighbours = [np.hypot(*np.moveaxis(np.diff(vectors, axis=axis), -1, 0)).ravel() for axis in (0, 1)]
    distances = np.concatenate(neighbours)
    coherent = distances.size and lengths.any()
    return [
        *figures,
        np.log((0.05 + gain * motion.moved.mean()) / (0.05 + gain * motion.still.mean())),
        np.log(1 + lengths.mean()),
        -(shares * np.log2(shares)).sum(),
        1 - distances.mean() / (2 * lengths.mean()) if coherent else np.nan,
    ]


@pytest.mark.parametrize("shape", SMALL_AND_ODD)
@pytest.mark.parametrize("full_range", [True, False])
def test_every_figure_agrees_with_its_definition(shape, full_range):
    luma, successor = texture(shape), np.roll(noise(shape) // 8 + texture(shape), 3, 1)
    measured = list(figures(temporal, view_of(luma, successor, full_range=full_range)).values())
    expected = reference(luma, successor, 1 if full_range else 255 / 219)
    assert measured == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def test_a_frozen_stretch_shows_as_duplicates():
    moving = [np.roll(texture((64, 80)), k, 1) for k in range(9)]
    frozen = [*moving[:4], *[moving[4]] * 3, *moving[5:7]]
    before, after = features(temporal, moving), features(temporal, frozen)
    assert before["temporal_duplicate_mean"] == 0
    assert after["temporal_duplicate_mean"] == 2 / 8
    assert after["temporal_unchanged_mean"] > before["temporal_unchanged_mean"]


def test_frames_left_out_show_as_a_jump():
    moving = [np.roll(texture((64, 160)), k, 1) for k in range(12)]
    cut = [*moving[:6], *[np.roll(picture, 40, 1) for picture in moving[6:]]]
    assert features(temporal, cut)["temporal_difference_jump"] > features(temporal, moving)["temporal_difference_jump"]


def test_details_of_the_scene_live_on_and_noise_is_new():
    scene = texture((120, 160))
    same = figures(temporal, view_of(scene, scene))
    noisy = figures(temporal, view_of(noise((120, 160), 10, 1), noise((120, 160), 10, 2)))
    assert same["detail_correlation"] == pytest.approx(1)
    assert abs(noisy["detail_correlation"]) < 0.1


def test_a_moving_camera_is_compensated_and_coherent():
    luma = texture((160, 240))
    measured = figures(temporal, view_of(luma, np.roll(luma, (2, 3), (0, 1))))
    assert measured["compensated"] < -1
    assert measured["motion"] == pytest.approx(np.log(1 + np.hypot(2, 3)), abs=0.2)
    assert measured["motion_coherence"] > 0.9
    assert measured["motion_entropy"] < 1
    scattered = figures(temporal, view_of(noise((160, 240), 40, 1), noise((160, 240), 40, 2)))
    assert scattered["motion_coherence"] < 0.6
    assert scattered["motion_entropy"] > 2


def test_figures_of_shifts():
    still = np.zeros((3, 4, 2), np.int64)
    assert motion_length(still) == motion_entropy(still) == 0
    assert np.isnan(motion_coherence(still))
    same = np.broadcast_to([3, 4], still.shape).copy()
    assert motion_length(same) == 5
    assert motion_coherence(same) == 1
    assert np.isnan(motion_coherence(same[:1, :1]))
    halves = same.copy()
    halves[:, :2] = 0
    assert motion_entropy(halves) == 1
    corner = np.full((1, 2, 2), 12)
    corner[0, 0] = -12
    assert motion_length(corner) == pytest.approx(np.hypot(12, 12))
    assert motion_coherence(corner) == pytest.approx(0)
    assert motion_entropy(corner) == 0


def test_brightness_and_contrast_change_what_they_may():
    luma = texture((96, 128))
    successor = np.roll(luma, 3, 1)
    successor[::2] += 2
    view = view_of(luma, successor)
    assert_unchanged(temporal, view, view_of(luma + 40, successor + 40), "brightness", 1e-9)
    assert_unchanged(temporal, view, view_of(luma // 2, successor // 2), "contrast", 0.05)


def test_the_last_frame_and_a_frame_of_another_size_have_none():
    luma = texture((40, 50))
    for view in (view_of(luma), view_of(luma, luma[:, :48])):
        assert np.isnan(list(figures(temporal, view).values())).all()


def test_the_last_frame_of_a_segment_is_left_out():
    pictures = [np.roll(texture((40, 50)), k, 1) for k in range(4)]
    measured = features(temporal, pictures)
    assert list(measured) == list(temporal.FAMILY.features)
    values = [figures(temporal, view_of(a, b))["difference"] for a, b in pairwise(pictures)]
    assert measured["temporal_difference_mean"] == pytest.approx(np.mean(values))


def test_a_region_is_measured_as_a_picture_of_its_own():
    luma, successor = texture((96, 128)), texture((96, 128), 1)
    part = view_of(luma, successor).crop((20, 10, 64, 48))
    alone = view_of(luma[10:58, 20:84], successor[10:58, 20:84])
    assert figures(temporal, part) == figures(temporal, alone)


def test_the_largest_difference_overflows_nothing():
    board = checkerboard((48, 3000))
    measured = figures(temporal, view_of(board, ~board))
    assert measured["difference"] == pytest.approx(np.log(255.05))
    assert measured["detail_correlation"] == pytest.approx(-1)
    assert measured["unchanged"] == 0


@settings(max_examples=60, deadline=None)
@given(st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(lambda shape: arrays(np.uint8, (2, *shape))))
def test_any_two_pictures_have_finite_figures_or_none(pair):
    measured = figures(temporal, view_of(pair[0], pair[1]))
    assert not np.isinf(list(measured.values())).any()
    lacking = {name for name, value in measured.items() if np.isnan(value)}
    if min(pair.shape[1:]) >= 32:
        assert lacking <= {"detail_correlation", "motion_coherence"}
    assert lacking.isdisjoint({"difference", "unchanged", "duplicate"})


def test_the_resolution_changes_no_duplicate():
    for shape in ((40, 50), (160, 200)):
        luma = texture(shape)
        assert figures(temporal, view_of(luma, luma))["duplicate"] == 1
        assert figures(temporal, view_of(luma, np.roll(luma, 1, 1)))["duplicate"] == 0


def shaken(n_frames, patch_shake, camera=(0, 0)):
    """A textured scene under a steady camera motion, with a patch that shakes by itself."""
    generator = np.random.default_rng(4)
    scene, patch = texture((400, 500), seed=1), texture((96, 96), seed=2)
    pictures = []
    for number in range(n_frames):
        down, across = 30 + camera[0] * number, 30 + camera[1] * number
        picture = scene[down : down + 256, across : across + 384].copy()
        y, x = 80 + generator.integers(-patch_shake, patch_shake + 1, 2)
        picture[y : y + 96, 2 * x : 2 * x + 96] = patch
        pictures.append(picture)
    return pictures


def test_a_patch_that_moves_in_its_own_way_stands_out_of_its_surround():
    still, moving = (features(temporal, shaken(10, shake, camera=(1, 2))) for shake in (0, 3))
    name = "temporal_local_disagreement_highest"
    assert moving[name] > still[name] + 0.5


def test_a_steady_camera_makes_nothing_stand_out():
    pictures = [
        texture((400, 500))[20 + number : 276 + number, 20 + 2 * number : 404 + 2 * number] for number in range(8)
    ]
    measured = features(temporal, pictures)
    assert measured["temporal_local_disagreement_highest"] < 0.3
    assert measured["temporal_local_residual_spread"] < 0.3


def test_new_noise_in_a_patch_is_a_residual_that_no_motion_explains():
    generator = np.random.default_rng(5)
    plain = [texture((256, 384)) for _ in range(6)]
    noisy = [picture.copy() for picture in plain]
    for picture in noisy:
        patch = picture[80:176, 150:246]
        picture[80:176, 150:246] = np.clip(patch + generator.normal(0, 6, patch.shape), 0, 255)
    before, after = features(temporal, plain), features(temporal, noisy)
    assert after["temporal_local_residual_highest"] > before["temporal_local_residual_highest"] + 1


def test_small_pictures_have_no_surround():
    measured = features(temporal, shaken(3, 1)[:2])
    assert np.isfinite([measured[name] for name in temporal.LOCAL_FEATURES]).all()
    small = features(temporal, [picture[:40, :200] for picture in shaken(3, 1)])
    assert np.isnan([small[name] for name in temporal.LOCAL_FEATURES]).all()
    assert np.isfinite(small["temporal_difference_mean"])
