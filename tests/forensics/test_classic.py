import subprocess
import sys
from functools import partial

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fvc_kedro.forensics import FAMILIES, Sampling, measure
from fvc_kedro.forensics.classic import FRAME_FEATURES, frame_features
from fvc_kedro.video import Frame, VideoArray

GAIN = 255 / 219
RESIDUAL = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float64)


def reference(luma):
    """The 12 features by their definitions, slowly."""
    grey = luma.astype(np.float64)
    squared = cv2.filter2D(grey, -1, RESIDUAL, borderType=cv2.BORDER_REFLECT_101) ** 2
    height, width = grey.shape
    padded = np.pad(grey, ((0, -height % 8), (0, -width % 8)), mode="edge")
    blocks = np.array(
        [
            cv2.dct(padded[y : y + 8, x : x + 8])
            for y in range(0, padded.shape[0], 8)
            for x in range(0, padded.shape[1], 8)
        ]
    )
    dc = blocks[:, 0, 0].copy()
    blocks[:, 0, 0] = 0
    laplacian = cv2.Laplacian(grey, cv2.CV_64F, ksize=1)
    across, down = cv2.Sobel(grey, cv2.CV_64F, 1, 0, ksize=3), cv2.Sobel(grey, cv2.CV_64F, 0, 1, ksize=3)
    magnitude = np.sqrt(across**2 + down**2)
    lines = [grey[y].std() for y in range(8, height, 8)] + [grey[:, x].std() for x in range(8, width, 8)]
    return {
        "noise_energy": squared.sum(),
        "noise_mean": squared.mean(),
        "noise_std": squared.std(),
        "dct_dc_mean": dc.mean(),
        "dct_dc_std": dc.std(),
        "dct_ac_mean": blocks.mean(),
        "dct_ac_std": blocks.std(),
        "dct_ac_energy": (blocks**2).sum(),
        "laplacian_var": laplacian.var(),
        "gradient_mean": magnitude.mean(),
        "gradient_std": magnitude.std(),
        "boundary_inconsistency": np.mean(lines) if lines else 0.0,
    }


def assert_equals_reference(luma):
    measured = frame_features(luma, full_range=True)
    for name, value in reference(luma).items():
        assert measured[name] == pytest.approx(value, rel=1e-5, abs=1e-4), name


@pytest.mark.parametrize("shape", [(48, 64), (7, 9), (1, 17), (33, 2), (17, 1), (8, 8), (120, 161)])
def test_every_feature_agrees_with_its_definition(shape):
    assert_equals_reference(np.random.default_rng(shape[0]).integers(0, 256, shape, dtype=np.uint8))


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(2, 40), st.integers(2, 40))))
def test_every_feature_agrees_with_its_definition_on_any_picture(luma):
    assert_equals_reference(luma)


def test_one_pixel_is_no_trouble():
    measured = frame_features(np.full((1, 1), 7, np.uint8), full_range=True)
    assert measured["noise_energy"] == 0
    assert measured["dct_dc_mean"] == 56


def test_a_flat_frame_has_neither_noise_nor_texture():
    measured = frame_features(np.full((30, 50), 77, np.uint8), full_range=True)
    assert measured.pop("dct_dc_mean") == 8 * 77
    assert set(measured.values()) == {0.0}


def test_one_bright_pixel():
    luma = np.zeros((32, 32), np.uint8)
    luma[10, 10] = 1
    measured = frame_features(luma, full_range=True)
    assert measured["noise_energy"] == 8**2 + 8
    assert measured["laplacian_var"] == pytest.approx((16 + 4) / 1024)
    assert measured["dct_ac_energy"] == pytest.approx(1 - 1 / 64)


def test_a_checkerboard():
    luma = (np.indices((16, 16)).sum(axis=0) % 2 * 10).astype(np.uint8)
    measured = frame_features(luma, full_range=True)
    assert measured["noise_mean"] == pytest.approx((4 * 10) ** 2)
    assert measured["noise_std"] == 0
    assert measured["gradient_mean"] == 0
    assert measured["boundary_inconsistency"] == 5


def test_limited_range_is_brought_to_full():
    limited = np.random.default_rng(5).integers(16, 236, (40, 56), dtype=np.uint8)
    measured = frame_features(limited, full_range=False)
    expected = reference((limited.astype(np.float64) - 16) * GAIN)
    for name in FRAME_FEATURES:
        assert measured[name] == pytest.approx(expected[name], rel=1e-5, abs=1e-6), name


def test_mirroring_changes_no_noise():
    luma = np.random.default_rng(6).integers(0, 256, (24, 40), dtype=np.uint8)
    plain, mirrored = (frame_features(np.ascontiguousarray(view), full_range=True) for view in (luma, luma[::-1, ::-1]))
    for name in ("noise_energy", "noise_std", "laplacian_var", "gradient_mean", "dct_ac_energy", "dct_dc_std"):
        assert plain[name] == pytest.approx(mirrored[name], rel=1e-7)


def test_a_view_with_a_stride_is_read_as_its_copy():
    wide = np.random.default_rng(7).integers(0, 256, (24, 90), dtype=np.uint8)
    view = wide[:, 10:50]
    assert frame_features(view, full_range=True) == frame_features(view.copy(), full_range=True)


def whole(video, num_frames=1000, region=None):
    """Measure a video as one segment."""
    columns = measure(video, ["classic"], Sampling(num_frames), region)["classic"]
    return {name: column[0] for name, column in columns.items() if name in FAMILIES["classic"].features}


def test_a_video_has_the_mean_of_its_frames_and_the_facts_of_its_container():
    pixels = np.random.default_rng(8).integers(0, 256, (6, 24, 32), dtype=np.uint8)
    measured = whole(VideoArray(pixels, fps=30.0))
    assert list(measured) == list(FAMILIES["classic"].features)
    assert len(measured) == 15
    per_frame = [frame_features(frame, full_range=True) for frame in pixels]
    for name in FRAME_FEATURES:
        assert measured[name] == pytest.approx(np.mean([values[name] for values in per_frame]))
    assert measured["codec_fps"] == 30.0
    assert measured["codec_resolution"] == 24 * 32
    assert measured["codec_bitrate"] == 8 * 24 * 32 * 30


def test_only_the_sampled_frames_are_seen():
    pixels = np.random.default_rng(9).integers(0, 256, (9, 24, 32), dtype=np.uint8)
    measured = whole(VideoArray(pixels), num_frames=1)
    assert measured["noise_mean"] == pytest.approx(frame_features(pixels[4], full_range=True)["noise_mean"])


def test_a_region_is_measured_as_a_video_of_its_own():
    pixels = np.random.default_rng(10).integers(0, 256, (3, 40, 60), dtype=np.uint8)
    part = whole(VideoArray(pixels), region=(8, 4, 32, 24))
    alone = whole(VideoArray(np.ascontiguousarray(pixels[:, 4:28, 8:40])))
    for name in FRAME_FEATURES:
        assert part[name] == alone[name]


def test_grey_values_of_a_colour_frame_follow_its_luma():
    grey = np.random.default_rng(11).integers(0, 256, (24, 32), dtype=np.uint8)
    frame = Frame.from_bgr(np.repeat(grey[:, :, None], 3, axis=2))
    measured = frame_features(frame.luma, full_range=frame.full_range)
    assert measured["noise_mean"] == pytest.approx(reference(grey)["noise_mean"], rel=0.02)


def test_kernels_are_compiled_once_and_then_read_from_disk():
    program = (
        "import numpy as np\n"
        "from fvc_kedro.forensics import luma_statistics as statistics\n"
        "statistics.luma_sums(np.zeros((16, 16), np.uint8))\n"
        "print(len(statistics._luma_sums.stats.cache_hits), len(statistics._luma_sums.stats.cache_misses))\n"
    )
    run = partial(subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=True)
    run()
    assert run().stdout.split() == ["1", "0"]
