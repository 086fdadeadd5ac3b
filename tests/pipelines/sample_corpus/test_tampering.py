"""What is done to a picture."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from fvc_kedro.pipelines.sample_corpus import tampering
from fvc_kedro.pipelines.sample_corpus.blending import match_colour, match_gamma
from fvc_kedro.pipelines.sample_corpus.regions import Ellipse
from fvc_kedro.video import UnusableVideoError, VideoArray


def video(seed=0, n_frames=20, height=48, width=64):
    return VideoArray(np.random.default_rng(seed).integers(20, 220, (n_frames, height, width, 3), dtype=np.uint8))


REGION = Ellipse(0.5, 0.5, 0.2, 0.2)
PICTURES = [np.random.default_rng(9).integers(60, 190, (80, 96, 3), dtype=np.uint8) for _ in range(4)]
DONOR = video(5, 3, 80, 96)
ELSEWHERE = Ellipse(0.3, 0.6, 0.1, 0.3)
SWAP = tampering.FaceSwap(REGION, ELSEWHERE, DONOR)
BLEND = tampering.FaceBlend(REGION, 0.1, -0.1, 1.1, 1.2, 10.0, 0.75)
JITTER = tampering.FaceJitter(REGION, 1.0, 3.0, 1)
REENACTMENT = tampering.Reenactment(REGION, 2.0, 10.0, 0.5, 0.7, 1)
SPATIAL = {
    "splice": tampering.Splice(REGION, False, DONOR),
    "poisson splice": tampering.Splice(REGION, True, DONOR),
    "face_swap": SWAP,
    "resynthesis": tampering.Resynthesis(REGION, 3.0, (5.0, -5.0, 5.0)),
    "reenactment": REENACTMENT,
    "face_blend": BLEND,
    "face_jitter": JITTER,
    "copy_move": tampering.CopyMove(REGION, 0.25, 0.05),
    "inpainting": tampering.Inpainting(REGION),
}


@pytest.mark.parametrize("change", SPATIAL.values(), ids=SPATIAL)
def test_a_region_is_changed_and_nothing_far_from_it(change):
    before = [picture.copy() for picture in PICTURES]
    changed = list(change(iter(PICTURES)))
    assert len(changed) == 4
    for original, picture, after in zip(before, PICTURES, changed, strict=True):
        np.testing.assert_array_equal(picture, original)  # what is handed in is left as it was
        different = np.any(original != after, axis=2)
        assert different[36:44, 44:52].mean() > 0.5
        assert not different[:8].any()
        assert not different[:, :8].any()


@pytest.mark.parametrize("change", SPATIAL.values(), ids=SPATIAL)
def test_tampering_twice_gives_the_same_pictures(change):
    for once, again in zip(change(iter(PICTURES)), change(iter(PICTURES)), strict=True):
        np.testing.assert_array_equal(once, again)


def test_a_reprs_tells_place_and_settings_but_not_where_the_donor_lies():
    text = repr(tampering.FaceSwap(REGION, REGION, DONOR, "abc"))
    assert "feather=0.25" in text
    assert "donor_hash='abc'" in text
    assert "donor=" not in text


def reenacted(**changes):
    return np.stack(list(replace(REENACTMENT, **changes)(iter(PICTURES)))).astype(float)


def test_jitter_follows_its_seed():
    np.testing.assert_array_equal(reenacted(seed=1), reenacted(seed=1))
    assert (reenacted(seed=1) != reenacted(seed=2)).any()
    np.testing.assert_array_equal(reenacted(seed=1, jitter=0.0), reenacted(seed=2, jitter=0.0))


def test_jitter_makes_the_region_of_a_still_scene_tremble():
    def trembling(jitter):
        return np.abs(np.diff(reenacted(jitter=jitter), axis=0))[:, 36:44, 44:52].mean()

    assert trembling(0.0) == 0
    assert trembling(1.0) > trembling(0.3) > 0


def inside(picture):
    opacity = REGION.opacity(*picture.shape[:2])
    pixels, weights = picture.reshape(-1, 3).astype(float), opacity.ravel()
    mean = np.average(pixels, axis=0, weights=weights)
    return mean, np.sqrt(np.average((pixels - mean) ** 2, axis=0, weights=weights))


def test_reenactment_loses_fine_detail_but_keeps_the_tone():
    wave = 120 + 30 * np.sin(np.arange(96) / 6) + np.random.default_rng(2).normal(0, 4, (80, 96))
    picture = np.repeat(wave[:, :, None], 3, axis=2).clip(0, 255).astype(np.uint8)
    after = next(REENACTMENT(iter([picture])))
    (mean, spread), (mean_after, spread_after) = inside(picture), inside(after)
    np.testing.assert_allclose(mean_after, mean, atol=1)
    np.testing.assert_allclose(spread_after, spread, rtol=0.1)
    centre = (slice(34, 46), slice(42, 54), 0)
    roughness = [np.abs(np.diff(shot[centre].astype(float), axis=0)).mean() for shot in (picture, after)]
    assert roughness[1] < 0.7 * roughness[0]


def test_matched_colours_have_the_mean_and_spread_of_the_target():
    generator = np.random.default_rng(4)
    content = generator.normal([80, 110, 140], [25, 15, 20], (80, 96, 3)).clip(0, 255).astype(np.uint8)
    target = generator.normal([120, 100, 90], [12, 20, 18], (80, 96, 3)).clip(0, 255).astype(np.uint8)
    matched = inside(match_colour(content, target, REGION.opacity(80, 96)))
    wanted = inside(target)
    np.testing.assert_allclose(matched[0], wanted[0], atol=0.7)
    np.testing.assert_allclose(matched[1], wanted[1], rtol=0.05)


def test_the_gamma_that_was_applied_is_found():
    target = np.full((80, 96, 3), 128, np.uint8)
    content = np.full((80, 96, 3), round(255 * (128 / 255) ** 1.6), np.uint8)
    opacity = REGION.opacity(80, 96)
    assert np.abs(match_gamma(content, target, opacity).astype(int) - 128).max() <= 1


def test_a_swapped_face_has_the_colours_of_what_it_covers():
    dark = [(picture // 3).astype(np.uint8) for picture in PICTURES]
    for before, after in zip(dark, SWAP(iter(dark)), strict=True):
        np.testing.assert_allclose(inside(after)[0], inside(before)[0], atol=2)


def marked(x, y, height=80, width=96):
    """Return a grey picture with a small bright square around a place."""
    picture = np.full((height, width, 3), 100, np.uint8)
    picture[y - 2 : y + 2, x - 2 : x + 2] = 200
    return picture


def middle(picture):
    rows, columns = np.nonzero(picture[:, :, 0] > 150)
    return columns.mean() + 0.5, rows.mean() + 0.5


def test_a_swapped_face_is_placed_and_scaled():
    """What lies half a radius beside the donor's centre comes to lie half a radius beside the target's."""
    source = Ellipse(0.25, 0.5, 0.125, 0.2)
    donor = VideoArray(marked(60, 80, height=160, width=192)[None])  # half a radius to the right of (48, 80)
    after = next(tampering.FaceSwap(Ellipse(0.5, 0.5, 0.25, 0.25, 0.01), source, donor)(iter([marked(48, 40)])))
    assert middle(after) == pytest.approx((48 + 12, 40), abs=0.6)
    bright = after[:, :, 0] > 150
    assert bright.any(axis=0).sum() == pytest.approx(4, abs=1)  # 24 pixels of radius become 24, and 32 become 20
    assert bright.any(axis=1).sum() == pytest.approx(4 * 20 / 32, abs=1.5)


def test_a_blended_face_is_off_by_what_was_asked_and_its_boundary_lies_on_the_region():
    """A radius of 24 pixels across is a width of 48: a share of .125 is 6 pixels."""
    region = Ellipse(0.5, 0.5, 0.25, 0.25, feather=0.0)
    shifted = next(tampering.FaceBlend(region, 0.125, -0.1, 1.0, 1.0, 0.0, 1.0)(iter([marked(48, 40)])))
    assert middle(shifted) == pytest.approx((48 + 6, 40 - 4), abs=0.1)
    flat = np.full((80, 96, 3), 100, np.uint8)
    brighter = next(tampering.FaceBlend(region, 0.0, 0.0, 1.0, 1.0, 20.0, 0.5)(iter([flat])))
    np.testing.assert_array_equal(brighter[:, :, 0] == 110, region.mask(80, 96) == 255)
    np.testing.assert_array_equal(brighter[:, :, 0] == 100, region.mask(80, 96) == 0)


def test_a_face_blended_with_no_difference_is_left_as_it_is():
    for before, after in zip(
        PICTURES, replace(BLEND, across=0, down=0, zoom=1, contrast=1, brightness=0)(iter(PICTURES)), strict=True
    ):
        np.testing.assert_array_equal(before, after)


def test_jitter_moves_a_face_by_what_was_drawn():
    pictures = [marked(48, 40)] * 200
    jittery = tampering.FaceJitter(Ellipse(0.5, 0.5, 0.25, 0.25, 0.01), 1.0, 0.0, 3)
    places = np.array([centre_of_light(picture) for picture in jittery(iter(pictures))]) - (48, 40)
    assert np.abs(places).max() <= 2.05
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=0.25)
    np.testing.assert_allclose(places.std(axis=0), 0.9, atol=0.2)  # a normal deviate of 1, cut at 2, spreads by .96


def centre_of_light(picture):
    light = picture[:, :, 0].astype(float) - 100
    rows, columns = np.mgrid[: light.shape[0], : light.shape[1]] + 0.5
    return (light * columns).sum() / light.sum(), (light * rows).sum() / light.sum()


def test_flicker_changes_brightness_and_nothing_else():
    flat = [np.full((80, 96, 3), 100, np.uint8)] * 100
    levels = [float(picture[40, 48, 0]) for picture in replace(JITTER, flicker=3.0)(iter(flat))]
    assert np.std(levels) == pytest.approx(3, rel=0.25)
    for before, after in zip(PICTURES, replace(JITTER, jitter=0.0, flicker=0.0)(iter(PICTURES)), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_jitter_of_a_face_follows_its_seed():
    first, again, other = (np.stack(list(replace(JITTER, seed=seed)(iter(PICTURES)))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_spliced_content_moves_with_its_region():
    still = VideoArray(np.repeat(video(6, 1, 80, 96).pixels, 5, axis=0))
    drifting = replace(REGION, x=0.4, drift_x=8 / 96)
    first, second = islice(tampering.Splice(drifting, False, still)(iter(PICTURES)), 2)
    np.testing.assert_array_equal(first[36:44, 34:42], second[36:44, 42:50])


def numbered(n=10):
    return [np.full((8, 8, 3), number, np.uint8) for number in range(n)]


def order(change):
    return [int(picture[0, 0, 0]) for picture in change(iter(numbered()))]


def test_freezing_and_deleting_change_the_order_as_said():
    assert order(tampering.FrameFreeze(3, 2)) == [0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9]
    assert order(tampering.FrameDeletion(3, 2)) == [0, 1, 2, 5, 6, 7, 8, 9]


def test_a_real_version_at_full_scale_is_the_clip():
    clip = video(n_frames=10)
    frames = list(tampering.Version(2, 5, 1.0, None)(clip.frames()))
    assert len(frames) == 5
    for frame, original in zip(frames, islice(clip.pixels, 2, 7), strict=True):
        np.testing.assert_array_equal(frame.bgr(), original)


def test_tampering_begins_with_the_stretch():
    clip = VideoArray(np.stack([np.full((16, 16, 3), 10 * number, np.uint8) for number in range(12)]))
    version = tampering.Version(2, 6, 1.0, tampering.FrameDeletion(3, 2))
    assert [int(frame.bgr()[0, 0, 0]) for frame in version(clip.frames())] == [20, 30, 40, 70, 80, 90]


@pytest.mark.parametrize("scale", [1.0, 0.75, 0.5])
def test_sizes_of_versions_are_multiples_of_eight(scale):
    frame = next(tampering.Version(0, 1, scale, None)(video(height=144, width=176).frames()))
    assert frame.picture.width % 8 == frame.picture.height % 8 == 0


def test_a_scale_that_leaves_no_pixel_is_named():
    with pytest.raises(UnusableVideoError, match=r"a scale of 0\.01 is too small for 176 by 144 pixels"):
        next(tampering.Version(0, 1, 0.01, None)(video(height=144, width=176).frames()))
