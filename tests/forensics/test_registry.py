"""Segments, sampling and successors: what the one loop shows to which family."""

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from clips import write_clip
from faces import moving_portrait
from fvc_kedro.forensics import FAMILIES, Family, Sampling, columns_of, feature_names, measure, noise
from fvc_kedro.forensics import registry as registry_module
from fvc_kedro.video import UnusableVideoError, VideoArray, VideoFile

GENERATOR = np.random.default_rng(0)
MEASURED = [family for family in FAMILIES if family != "scaled_copy"]


def texture(n_frames, height=72, width=96):
    """A textured picture with new noise in every frame."""
    still = GENERATOR.integers(40, 210, (height, width))
    return np.clip(still + GENERATOR.normal(0, 4, (n_frames, height, width)), 0, 255).astype(np.uint8)


class Recorder:
    """Notes which frames it was shown, and their successors."""

    seen: list

    def __init__(self, segment):
        self.segment = segment
        self.frames = []

    def update(self, view):
        successor = None if view.successor is None else view.successor.frame.index
        self.frames.append((view.frame.index, successor))

    def result(self):
        Recorder.seen.append((self.segment.first, self.segment.last, self.frames))
        return {"recorded": float(len(self.frames))}


@pytest.fixture
def recorder(monkeypatch):
    def register(**changes):
        family = Family(1, "Notes.", "nobody", {"recorded": None}, Recorder, cost=0.0, **changes)
        monkeypatch.setitem(registry_module.FAMILIES, "recorder", family)
        Recorder.seen = []
        return Recorder

    return register


def test_a_video_is_cut_into_segments_of_equal_duration(recorder):
    seen = recorder(every_frame=True).seen
    columns = measure(VideoArray(texture(70), fps=10), ["recorder"], Sampling(1000, segment_s=3.0))["recorder"]
    assert columns["start_s"] == [0.0, 3.5]
    assert columns["end_s"] == [3.5, 7.0]
    assert [(first, last) for first, last, _ in seen] == [(0, 35), (35, 70)]
    assert [len(frames) for _, _, frames in seen] == [35, 35]


def test_a_short_video_is_one_segment():
    columns = measure(VideoArray(texture(3), fps=10), ["classic"], Sampling(1000, segment_s=3.0))["classic"]
    assert columns["end_s"] == [pytest.approx(0.3)]


def test_frames_are_sampled_evenly_inside_every_segment(recorder):
    seen = recorder(every_frame=True).seen
    measure(VideoArray(texture(60), fps=10), ["recorder"], Sampling(6, segment_s=3.0, frames_per_segment=3))
    assert [[index for index, _ in frames] for _, _, frames in seen] == [[5, 15, 25], [35, 45, 55]]


def test_a_long_video_has_fewer_segments_measured_rather_than_too_few_frames_in_each(recorder):
    seen = recorder(every_frame=True).seen
    video = VideoArray(texture(60), fps=10)
    columns = measure(video, ["recorder"], Sampling(12, segment_s=1.0, frames_per_segment=6))["recorder"]
    assert columns["start_s"] == [1.0, 4.0]
    assert [len(frames) for _, _, frames in seen] == [6, 6]
    assert measure(video, ["recorder"], Sampling(1, segment_s=1.0))["recorder"]["recorded"] == [1]


def test_a_video_with_no_more_frames_than_wanted_is_taken_whole(recorder):
    for n_frames in (50, 59, 60):
        seen = recorder(every_frame=True).seen
        measure(VideoArray(texture(n_frames), fps=10), ["recorder"], Sampling(60, segment_s=0.7))
        assert sum(len(frames) for _, _, frames in seen) == n_frames


def test_a_stationary_scene_measures_alike_however_long_it_is():
    """Where num_frames are few, a segment of a long video is still looked at as often as frames_per_segment says."""
    short, long = texture(30), np.concatenate([texture(30) for _ in range(8)])
    sampling = Sampling(num_frames=30, segment_s=1.0, frames_per_segment=10)
    one, many = (measure(VideoArray(pixels, fps=30), ["noise"], sampling)["noise"] for pixels in (short, long))
    assert len(many["start_s"]) == 3
    for name in ("noise_level_mean", "noise_level_std", "noise_upper_tail_std", "noise_level_jump"):
        assert np.mean(many[name]) == pytest.approx(one[name][0], rel=0.6, abs=0.02), name


def test_what_needs_several_frames_is_missing_with_one():
    columns = measure(VideoArray(texture(1)), ["noise"], Sampling(5))["noise"]
    assert columns["noise_level_mean"][0] is not None
    assert columns["noise_level_std"] == columns["noise_level_jump"] == [None]


def test_the_region_finds_its_own_part_of_the_picture():
    with pytest.raises(ValueError, match="whole pictures"):
        measure(VideoArray(texture(2)), ["region"], Sampling(5), region=(0, 0, 32, 32))


def test_the_region_is_measured_anew_with_a_new_version_of_what_it_measures(monkeypatch):
    before = FAMILIES["region"].depends_on()
    monkeypatch.setattr(noise, "FAMILY", replace(noise.FAMILY, version=99))
    assert FAMILIES["region"].depends_on() != before
    assert FAMILIES["noise"].depends_on() == ""


def test_dear_families_see_fewer_of_the_same_frames(recorder):
    seen = recorder().seen
    measure(VideoArray(texture(60), fps=10), ["recorder"], Sampling(1000, segment_s=3.0, frames_per_segment=2))
    assert [[index for index, _ in frames] for _, _, frames in seen] == [[7, 22], [37, 52]]


@pytest.mark.parametrize("num_frames", [4, 1000])
def test_each_frame_is_shown_with_its_successor_in_the_video(recorder, num_frames):
    seen = recorder(every_frame=True, looks_ahead=True).seen
    measure(VideoArray(texture(40), fps=10), ["recorder"], Sampling(num_frames, segment_s=2.0, frames_per_segment=2))
    pairs = [pair for _, _, frames in seen for pair in frames]
    assert all(successor == (index + 1 if index < 39 else None) for index, successor in pairs)
    assert len(pairs) == min(num_frames, 40)


def test_the_successor_of_a_segment_s_last_frame_is_in_the_next_segment(recorder):
    seen = recorder(every_frame=True, looks_ahead=True).seen
    measure(VideoArray(texture(40), fps=10), ["recorder"], Sampling(1000, segment_s=2.0))
    assert seen[0][2][-1] == (19, 20)
    assert seen[1][2][0] == (20, 21)


def test_a_lost_frame_is_nobody_s_successor(recorder):
    seen = recorder(every_frame=True, looks_ahead=True).seen

    class Holed(VideoArray):
        def frames(self, indices=None):
            return (frame for frame in super().frames(indices) if frame.index not in (5, 6, 7, 8, 9))

    measure(Holed(texture(20), fps=10), ["recorder"], Sampling(1000, segment_s=0.5))
    assert [first for first, _, frames in seen] == [0, 10, 15]  # nothing is left of the second segment
    assert seen[0][2][-1] == (4, None)


def test_all_families_have_a_value_for_all_their_features_in_every_segment():
    video = VideoArray(np.repeat(texture(20)[..., None], 3, axis=3), fps=10)
    for family, columns in measure(video, MEASURED, Sampling(1000, segment_s=1.0)).items():
        assert list(columns) == ["start_s", "end_s", *feature_names([family])]
        assert {len(column) for column in columns.values()} == {2}


def test_names_begin_with_the_family_and_are_different():
    names = feature_names(list(FAMILIES))
    assert len(set(names)) == len(names)
    for family in set(FAMILIES) - {"classic", "scaled_copy"}:
        assert all(name.startswith(f"{family}_") for name in FAMILIES[family].features)
        assert FAMILIES[family].about
        assert FAMILIES[family].source


def test_families_measured_together_have_the_values_they_have_alone():
    video = VideoArray(np.repeat(texture(12)[..., None], 3, axis=3), fps=10)
    sampling = Sampling(1000, segment_s=1.0)
    together = measure(video, MEASURED, sampling)
    for family in MEASURED:
        assert measure(video, [family], sampling)[family] == together[family], family


def test_a_region_is_seen_as_a_picture_of_its_own():
    pixels = texture(6, 96, 120)
    families = ["noise", "sharpness", "cooccurrence", "temporal"]
    part = measure(VideoArray(pixels), families, Sampling(10), region=(16, 8, 80, 72))
    alone = measure(VideoArray(np.ascontiguousarray(pixels[:, 8:80, 16:96])), families, Sampling(10))
    assert part == alone


@pytest.mark.parametrize(
    ("value", "missing", "refused"), [(nan, "", True), (nan, "never mind", False), (inf, "x", True)]
)
def test_a_value_may_be_missing_only_where_the_family_says_so(recorder, monkeypatch, value, missing, refused):
    recorder(every_frame=True, missing=missing)
    monkeypatch.setattr(Recorder, "result", lambda _: {"recorded": value})
    if refused:
        with pytest.raises(UnusableVideoError, match="recorded is"):
            measure(VideoArray(texture(3)), ["recorder"], Sampling(3))
    else:
        assert measure(VideoArray(texture(3)), ["recorder"], Sampling(3))["recorder"]["recorded"] == [None]


def test_threads_of_opencv_are_given_back():
    import cv2

    before = cv2.getNumThreads()
    measure(VideoArray(texture(3)), ["spectrum"], Sampling(3))
    assert cv2.getNumThreads() == before


def test_the_frame_rate_alone_changes_nothing_that_is_seen():
    pixels = texture(60)
    slow = measure(VideoArray(pixels, fps=10), MEASURED, Sampling(1000, segment_s=3.0))
    fast = measure(VideoArray(pixels, fps=20), MEASURED, Sampling(1000, segment_s=1.5))
    for family in ("cooccurrence", "spectrum", "sharpness", "noise", "blockiness", "dct", "temporal", "chroma"):
        for name in feature_names([family]):
            assert slow[family][name] == fast[family][name], name


def test_a_longer_video_of_the_same_scene_has_the_same_means():
    pixels = texture(120)
    short = measure(VideoArray(pixels[:60], fps=30), MEASURED, Sampling(1000, segment_s=2.0))
    long = measure(VideoArray(pixels, fps=30), MEASURED, Sampling(1000, segment_s=2.0))
    for family in ("cooccurrence", "spectrum", "sharpness", "noise", "blockiness", "dct", "temporal"):
        for name in feature_names([family]):
            if name.endswith(("_mean", "_p50")) and short[family][name][0] is not None:
                assert long[family][name][1] == pytest.approx(short[family][name][0], abs=0.12, rel=0.12), name


def test_h264_in_segments_has_the_luma_of_the_whole(tmp_path):
    video = VideoFile(write_clip(tmp_path / "clip.mp4", np.repeat(texture(50)[..., None], 3, axis=3), fps=25))
    columns = measure(video, ["classic"], Sampling(1000, segment_s=1.0))["classic"]
    whole = measure(video, ["classic"], Sampling(1000))["classic"]
    assert len(columns["noise_mean"]) == 2
    assert np.mean(columns["noise_mean"]) == pytest.approx(whole["noise_mean"][0])


def test_a_video_without_frames_cannot_be_measured():
    class Empty(VideoArray):
        @property
        def info(self):
            return replace(super().info, n_frames=0)

    with pytest.raises(UnusableVideoError, match="no picture"):
        measure(Empty(texture(1)), ["noise"], Sampling(5))


def test_a_patch_of_other_noise_raises_noise_and_region_and_nothing_else():
    families = [family for family in MEASURED if family not in ("classic", "bitstream")]
    plain = moving_portrait(12) + np.random.default_rng(0).normal(0, 3, (12, 288, 352, 1))
    patched = plain.copy()
    patched[:, 100:164, 100:164] += np.random.default_rng(1).normal(0, 9, (12, 64, 64, 1))  # inside the face
    before, after = (
        measure(VideoArray(np.clip(pixels, 0, 255).astype(np.uint8)), families, Sampling(1000, frames_per_segment=8))
        for pixels in (plain, patched)
    )
    for name in ("noise_upper_tail_mean", "noise_spread_mean", "noise_spread_given_luma_mean"):
        assert after["noise"][name][0] > before["noise"][name][0] + 0.12
    for name in ("region_face_noise_level_mean", "region_difference_noise_level_mean"):
        assert after["region"][name][0] > before["region"][name][0] + 0.35
    for family in set(families) - {"noise", "region"}:
        for name in feature_names([family]):
            # kurtosis tells two noises in one picture apart, wherever it is taken
            if name.endswith("_mean") and "_tail_" not in name and before[family][name][0] is not None:
                assert abs(after[family][name][0] - before[family][name][0]) < 0.1, name


def test_what_is_decoded_does_not_depend_on_the_families_asked_for():
    """Else the records of two families of a damaged file would be of other segments."""
    asked = []

    class Noting(VideoArray):
        def frames(self, indices=None):
            asked.append(list(indices))
            return super().frames(asked[-1])

    for families in (["noise"], ["temporal"], MEASURED):
        measure(Noting(texture(40), fps=10), families, Sampling(4, segment_s=2.0, frames_per_segment=2))
    assert asked[0] == asked[1] == asked[2]


def test_a_picture_that_changes_its_size_is_refused():
    class Changing(VideoArray):
        def frames(self, indices=None):
            yield from VideoArray(texture(5)).frames()
            yield from (replace(frame, index=5 + frame.index) for frame in VideoArray(texture(5, 32, 48)).frames())

    for families in (["temporal"], ["region"], ["classic"]):
        with pytest.raises(UnusableVideoError, match="changes from 96x72 to 48x32 at frame 5"):
            measure(Changing(texture(10)), families, Sampling(100))


def test_a_place_named_beside_its_family_is_listed_once():
    assert columns_of(["region", "region.face"]) == columns_of(["region"]) == feature_names(["region"])
    assert columns_of(["region.face", "noise"])[-1] == feature_names(["noise"])[-1]


def test_an_unknown_part_is_named():
    with pytest.raises(ValueError, match=r"unknown parts \['region.nose'\]"):
        columns_of(["noise", "region.nose"])
