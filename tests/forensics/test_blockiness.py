from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from clips import write_clip
from fvc_kedro.forensics import blockiness
from fvc_kedro.forensics.blockiness import phase_strengths
from fvc_kedro.forensics.view import View
from fvc_kedro.video import VideoFile
from pictures import (
    ANY_PICTURE,
    assert_length_changes_no_mean,
    assert_unchanged,
    checkerboard,
    features,
    figures,
    jpeg,
    noise,
    texture,
    view_of,
)


def reference(luma, gain=1.0, origin=(0, 0)):
    """All figures by their definitions, place by place."""
    grey = gain * luma.astype(float)
    measured = {}
    for period in (4, 8, 16):
        strengths = []
        for axis, first in ((1, origin[0] + 1), (0, origin[1] + 1)):
            logs = np.log(0.25 + np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis))
            phases = (first + np.arange(logs.size)) % period
            means = [logs[phases == phase].mean() for phase in range(period)]
            strengths.append([means[k] - np.mean(means[:k] + means[k + 1 :]) for k in range(period)])
        measured[f"best{period}"] = (max(strengths[0]) + max(strengths[1])) / 2
        measured[f"own{period}"] = (strengths[0][0] + strengths[1][0]) / 2
        if period == 8:
            across, down = int(np.argmax(strengths[0])), int(np.argmax(strengths[1]))
            phase8 = {"off_grid8": ((across > 0) + (down > 0)) / 2, "phase8": 8 * down + across}
    return measured | phase8


@pytest.mark.parametrize("shape", [(33, 65), (40, 57), (130, 97)])
@pytest.mark.parametrize("full_range", [True, False])
def test_every_figure_agrees_with_its_definition(shape, full_range):
    luma = texture(shape)
    measured = figures(blockiness, view_of(luma, full_range=full_range))
    assert measured == pytest.approx(reference(luma, 1 if full_range else 255 / 219), rel=1e-9, abs=1e-9)


def test_a_region_knows_its_place_on_the_grid():
    luma = jpeg(texture((160, 200)), 40)
    region = (22, 36, 90, 80)
    part = luma[36:116, 22:112]
    measured = figures(blockiness, view_of(luma).crop(region))
    assert measured == pytest.approx(reference(part, origin=(22, 36)), rel=1e-9, abs=1e-9)
    assert measured["phase8"] == measured["off_grid8"] == 0
    assert measured["own8"] > 0.1


def test_a_grid_shows_where_it_lies():
    plain = texture((160, 200))
    coded = jpeg(plain, 30)
    assert figures(blockiness, coded)["own8"] > figures(blockiness, plain)["own8"] + 0.1
    assert figures(blockiness, coded)["off_grid8"] == 0


@pytest.mark.parametrize(("across", "down"), [(3, 0), (0, 5), (3, 3), (7, 1)])
def test_a_shifted_grid_is_off_the_files_own(across, down):
    shifted = jpeg(texture((168, 208)), 30)[down:, across:]
    measured = figures(blockiness, shifted)
    assert measured["phase8"] == 8 * (-down % 8) + -across % 8
    assert measured["off_grid8"] == ((across > 0) + (down > 0)) / 2
    assert measured["best8"] > measured["own8"] + 0.05


def test_phases_that_change_have_a_low_share():
    coded = [jpeg(texture((96, 120), seed), 20) for seed in range(4)]
    assert features(blockiness, coded)["blockiness_phase8_mode_share"] == 1
    cropped = [picture[k : 80 + k, k : 100 + k] for k, picture in enumerate(coded)]
    assert features(blockiness, cropped)["blockiness_phase8_mode_share"] == 0.25
    assert features(blockiness, cropped)["blockiness_off_grid8_mean"] == 0.75


def test_the_transform_grid_of_h264_shows_without_its_deblocking_filter(tmp_path: Path):
    picture = texture((160, 208))
    options = {"qp": "40", "x264-params": "no-deblock=1:8x8dct=0"}
    path = write_clip(tmp_path / "coded.mp4", picture[None], options=options)
    frame = next(VideoFile(path).frames())
    coded = figures(blockiness, View(frame))
    plain = figures(blockiness, picture)
    for period in (4, 8, 16):
        assert coded[f"own{period}"] > plain[f"own{period}"] + 0.1


def test_a_second_h264_grid_shifted_by_3_pixels_moves_the_phase(tmp_path: Path):
    options = {"qp": "40", "x264-params": "no-deblock=1"}
    once = write_clip(tmp_path / "once.mp4", texture((163, 211))[None, :160, :208], options=options)
    luma = next(VideoFile(once).frames()).luma
    shifted = np.pad(luma[3:, 3:], ((0, 3), (0, 3)), mode="edge")
    twice = write_clip(tmp_path / "twice.mp4", shifted[None], options={"qp": "12"})
    first, second = (View(next(VideoFile(path).frames())) for path in (once, twice))
    before, after = figures(blockiness, first), figures(blockiness, second)
    assert (before["off_grid8"], before["phase8"]) == (0, 0)
    assert (after["off_grid8"], after["phase8"]) == (1, 8 * 5 + 5)
    assert after["own8"] < before["own8"] - 0.1


def test_phase_strengths():
    logs = np.tile([0.0, 0, 0, 3], 5)
    assert phase_strengths(logs, 4, 1).tolist() == [3, -1, -1, -1]
    assert np.isnan(phase_strengths(logs[:7], 4, 1)).all()


def test_brightness_changes_nothing():
    luma = texture((120, 160))
    assert_unchanged(blockiness, view_of(luma), view_of(luma + 40), "brightness", 1e-12)


def test_the_length_changes_no_mean():
    assert_length_changes_no_mean(blockiness, [jpeg(texture((40, 50), seed), 50) for seed in range(3)])


@pytest.mark.parametrize("luma", [np.full((50, 60), 200, np.uint8), np.arange(60, dtype=np.uint8)[None].repeat(50, 0)])
def test_a_picture_whose_jumps_are_all_the_same_has_no_strongest_phase(luma):
    measured = figures(blockiness, luma)
    assert measured["best8"] == pytest.approx(0, abs=1e-9)
    assert np.isnan(measured["phase8"])
    assert np.isnan(measured["off_grid8"])


def test_the_largest_jumps_overflow_nothing():
    luma = checkerboard((600, 64))
    luma[:, 31:] = ~luma[:, 31:]
    measured = figures(blockiness, luma)
    assert measured["best16"] == pytest.approx(reference(luma)["best16"])


@settings(max_examples=60, deadline=None)
@given(ANY_PICTURE)
def test_any_picture_has_finite_figures_or_none(luma):
    measured = figures(blockiness, luma)
    assert not np.isinf(list(measured.values())).any()
    for period in (4, 8, 16):
        assert (
            np.isnan(measured[f"best{period}"]) == np.isnan(measured[f"own{period}"]) == (min(luma.shape) <= 2 * period)
        )
    if min(luma.shape) <= 16:
        assert np.isnan(measured["phase8"])


def test_noise_has_no_grid():
    assert figures(blockiness, noise((300, 400)))["best8"] < 0.05
