"""What is done to a picture."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from fvc_kedro.pipelines.sample_corpus import tampering
from fvc_kedro.pipelines.sample_corpus.blending import match_colour, match_gamma
from fvc_kedro.pipelines.sample_corpus.regions import Ellipse, TrackedPatch
from fvc_kedro.video import VideoArray


def video(seed=0, n_frames=20, height=48, width=64):
    return VideoArray(np.random.default_rng(seed).integers(20, 220, (n_frames, height, width, 3), dtype=np.uint8))


REGION = Ellipse(0.5, 0.5, 0.2, 0.2)
PICTURES = [np.random.default_rng(9).integers(60, 190, (80, 96, 3), dtype=np.uint8) for _ in range(4)]
DONOR = video(5, 3, 80, 96)
REENACTMENT = tampering.Reenactment(REGION, 2.0, 10.0, 0.5, 0.7, 1)
SPATIAL = {
    "splice": tampering.Splice(REGION, False, DONOR),
    "poisson splice": tampering.Splice(REGION, True, DONOR),
    "matched_splice": tampering.MatchedSplice(REGION, DONOR),
    "resynthesis": tampering.Resynthesis(REGION, 3.0, (5.0, -5.0, 5.0)),
    "reenactment": REENACTMENT,
    "tracked reenactment": replace(REENACTMENT, region=TrackedPatch(REGION)),
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
    text = repr(tampering.MatchedSplice(REGION, DONOR, "abc"))
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


def test_a_matched_splice_is_nearer_in_colour_than_a_plain_one():
    dark = [(picture // 3).astype(np.uint8) for picture in PICTURES]
    wanted = inside(dark[0])[0]
    plain, matched = (
        inside(next(change(iter(dark))))[0]
        for change in (tampering.Splice(REGION, False, DONOR), tampering.MatchedSplice(REGION, DONOR))
    )
    assert np.abs(matched - wanted).max() < 2
    assert np.abs(plain - wanted).min() > 20


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
