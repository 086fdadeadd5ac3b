import numpy as np
import pytest

from faces import moving_portrait
from fvc_kedro.forensics import Sampling, feature_names, measure
from fvc_kedro.forensics.region import FACE_MEASURES, FAMILY, compare, jitter, ring_strips
from fvc_kedro.forensics.view import View
from fvc_kedro.video import Frame, VideoArray

GENERATOR = np.random.default_rng(0)
SAMPLING = Sampling(1000, frames_per_segment=8)


def measured(pixels, **changes):
    columns = measure(VideoArray(pixels, **changes), ["region"], SAMPLING)["region"]
    return {name: column[0] for name, column in columns.items()}


def noisy(pixels, sigma, seed=1):
    noise = np.random.default_rng(seed).normal(0, sigma, pixels.shape[:3])[..., None]
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def portrait_figures():
    return measured(noisy(moving_portrait(16), 3))


def box_of(number):
    return (slice(60, 172), slice(100 + 2 * number, 192 + 2 * number))


def with_face_changed(change):
    pixels = noisy(moving_portrait(16), 3)
    for number, picture in enumerate(pixels):
        picture[box_of(number)] = change(picture[box_of(number)], number)
    return pixels


def test_the_strips_of_a_ring_surround_the_rectangle_without_overlap():
    inner = (100, 80, 64, 96)
    strips = ring_strips(inner, 640, 480)
    covered = np.zeros((480, 640), int)
    for x, y, width, height in [inner, *strips]:
        covered[y : y + height, x : x + width] += 1
    assert covered.max() == 1
    ring = np.argwhere(covered)
    assert ring.min(axis=0).tolist() == [80 - 48, 100 - 32]
    assert (ring.max(axis=0) + 1).tolist() == [80 + 96 + 48, 100 + 64 + 32]
    assert covered[80 - 48 : 80 + 96 + 48, 68:196].all()


def test_strips_are_kept_inside_the_picture_and_narrow_ones_left_out():
    strips = ring_strips((10, 0, 64, 64), 100, 200)
    assert all(x >= 0 and y >= 0 and x + w <= 100 and y + h <= 200 for x, y, w, h in strips)
    assert len(strips) == 1  # above, left and right there is no room
    assert ring_strips((0, 0, 100, 200), 100, 200) == []


def test_a_face_is_compared_with_its_ring(portrait_figures):
    assert portrait_figures["region_face_found"] == 1
    assert portrait_figures["region_face_share"] == 1
    assert portrait_figures["region_face_size"] == pytest.approx(np.log(92 * 112 / (288 * 352)), abs=0.25)
    for name in ("noise_level_mean", "sharpness_reblur_mean", "spectrum_slope_mean", "temporal_compensated_mean"):
        face, ring, difference = (
            portrait_figures[f"region_{place}_{name}"] for place in ("face", "ring", "difference")
        )
        assert difference == pytest.approx(face - ring)
    assert [name for name, value in portrait_figures.items() if "_moving_" in name and value is not None] == []


def test_noise_in_the_face_alone_shows_in_the_face_alone(portrait_figures):
    changed = measured(with_face_changed(lambda face, number: noisy(face[None], 9, seed=number)[0]))
    name = "noise_level_mean"
    assert changed[f"region_face_{name}"] > portrait_figures[f"region_face_{name}"] + 0.7
    assert changed[f"region_ring_{name}"] == pytest.approx(portrait_figures[f"region_ring_{name}"], abs=0.15)
    assert changed[f"region_difference_{name}"] > portrait_figures[f"region_difference_{name}"] + 0.6


def test_a_face_made_anew_at_lower_resolution_is_less_sharp_than_its_ring(portrait_figures):
    import cv2

    def resynthesise(face, _):
        height, width = face.shape[:2]
        small = cv2.resize(face, (width // 3, height // 3), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)

    changed = measured(with_face_changed(resynthesise))
    for name, sign in (
        ("sharpness_laplacian_over_gradient_mean", -1),
        ("spectrum_bin28_mean", -1),
        ("noise_level_mean", -1),
    ):
        shift = changed[f"region_difference_{name}"] - portrait_figures[f"region_difference_{name}"]
        assert sign * shift > 0.3, name


def test_noise_everywhere_is_no_difference(portrait_figures):
    changed = measured(noisy(moving_portrait(16), 9, seed=3))
    name = "noise_level_mean"
    assert changed[f"region_face_{name}"] > portrait_figures[f"region_face_{name}"] + 0.7
    assert abs(changed[f"region_difference_{name}"]) < abs(portrait_figures[f"region_difference_{name}"]) + 0.2


def moving_square(n_frames=16, patch_noise=0.0):
    """A textured square that moves over a still, noisy background; noise of its own on request."""
    background = GENERATOR.integers(60, 190, (240, 320))
    square = GENERATOR.integers(60, 190, (80, 80))
    pixels = np.stack([background] * n_frames).astype(np.float64)
    for number in range(n_frames):
        noise = np.random.default_rng(number).normal(0, patch_noise, (80, 80)) if patch_noise else 0
        pixels[number, 80:160, 120 + 2 * number : 200 + 2 * number] = square + noise
    return np.clip(pixels + np.random.default_rng(9).normal(0, 2, pixels.shape), 0, 255).astype(np.uint8)


def test_without_a_face_the_moving_region_is_compared_with_its_surround():
    figures = measured(moving_square())
    assert figures["region_face_found"] == figures["region_face_share"] == 0
    missing = [name for name in feature_names(["region"]) if figures[name] is None]
    assert {name for name in missing if "_moving_" in name} <= {
        name for name in missing if "blockiness" in name or "coherence" in name
    }
    places = ("region_face_size", "region_face_jitter", "region_landmark_jitter")
    assert set(places) <= set(missing)
    for prefix in ("region_face_noise", "region_ring", "region_difference"):
        assert all(figures[name] is None for name in feature_names(["region"]) if name.startswith(prefix))
    name = "temporal_difference_mean"
    assert figures[f"region_moving_{name}"] > figures[f"region_surround_{name}"] + 0.5


def test_missing_faces_are_missing_values_never_zeros():
    figures = measured(moving_square())
    zeros = [name for name in feature_names(["region"]) if figures[name] == 0 and "_face_" in name]
    assert zeros == ["region_face_found", "region_face_share"]


def test_a_face_in_some_frames_is_measured_there():
    pixels = noisy(moving_portrait(16), 3)
    pixels[8:] = 90
    columns = measure(VideoArray(pixels, fps=8), ["region"], Sampling(1000, frames_per_segment=16))["region"]
    assert columns["region_face_share"] == [pytest.approx(0.5, abs=0.13)]
    assert columns["region_face_noise_level_mean"][0] is not None
    assert columns["region_moving_noise_level_mean"] == [None]


@pytest.mark.parametrize("shape", [(1, 1), (20, 200), (48, 64), (70, 66)])
def test_small_pictures_lack_values_and_raise_nothing(shape):
    figures = measured(GENERATOR.integers(0, 256, (4, *shape), dtype=np.uint8))
    assert figures["region_face_found"] == 0
    assert len(figures) == 2 + len(FAMILY.features)


def test_jitter_is_what_is_left_of_steady_motion():
    steady = np.stack([np.arange(20.0) * 3, np.arange(20.0) * -1], axis=1)
    assert jitter(steady) == pytest.approx(0)
    shaken = steady + GENERATOR.normal(0, 2, steady.shape)
    assert jitter(shaken) > 1
    steady[5] = np.nan
    assert jitter(steady) == pytest.approx(0)
    assert np.isnan(jitter(steady[:2]))


def test_a_comparison_has_a_figure_for_every_measure():
    frames = [Frame.from_luma(GENERATOR.integers(0, 256, (200, 200), dtype=np.uint8), index) for index in (0, 1)]
    figures = compare(View(frames[0], View(frames[1])), (64, 64, 64, 64))
    assert len(figures) == len(FACE_MEASURES)
    assert np.isfinite(figures).mean() > 0.9


def test_crops_are_never_resized():
    """What is in a crop is bit for bit what is in the picture."""
    luma = GENERATOR.integers(0, 256, (200, 260), dtype=np.uint8)
    view = View(Frame.from_luma(luma)).crop((32, 48, 100, 90))
    np.testing.assert_array_equal(view.luma, luma[48:138, 32:132])
    for tile in view.tiles:
        assert tile.shape == (32, 32)
        windows = np.lib.stride_tricks.sliding_window_view(view.luma, (32, 32)).reshape(-1, 32, 32)
        assert (windows == tile).all(axis=(1, 2)).any()
