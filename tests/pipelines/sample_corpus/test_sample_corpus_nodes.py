"""The design of the sample corpus: matched pairs, every manipulation, all of it drawn from the seed."""

import pickle

import cv2
import numpy as np
import polars as pl
import pytest
import yaml
from skimage.data import astronaut

from conftest import REPOSITORY
from fvc_kedro.pipelines.sample_corpus.nodes import (
    FACE_MANIPULATIONS,
    SCENE_MANIPULATIONS,
    design_sample_corpus,
)
from fvc_kedro.video import VideoArray

PARAMETERS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())
EXECUTION = PARAMETERS["execution"]


def video(seed=0, n_frames=20, height=48, width=64):
    return VideoArray(np.random.default_rng(seed).integers(20, 220, (n_frames, height, width, 3), dtype=np.uint8))


def portrait(seed, n_frames=40):
    """Return a still of the astronaut's head on noise."""
    still = np.random.default_rng(seed).integers(20, 220, (128, 160, 3), dtype=np.uint8)
    still[:, 16:144] = cv2.resize(astronaut()[:256, 96:352, ::-1], (128, 128), interpolation=cv2.INTER_AREA)
    return VideoArray(np.repeat(still[None], n_frames, axis=0))


SCENES = {f"scene{number}.mp4": video(number, n_frames=40) for number in range(5)}
PORTRAITS = {f"portrait{number}.mp4": portrait(number) for number in range(5)}
CLIPS = SCENES | PORTRAITS


def design(seed=1, clips=CLIPS):
    return design_sample_corpus(clips, PARAMETERS["sample_corpus"] | {"seed": seed}, EXECUTION)


def test_the_sample_corpus_is_made_of_matched_pairs():
    batch, table = design()
    assert table.columns == ["video_path", "label", "group", "platform", "subset", "manipulation"]
    counts = table.group_by("group", "label").len()
    assert counts["len"].unique().to_list() == [3]
    for name, recipe in batch.recipes.items():
        if name.endswith("_real"):
            twin = batch.recipes[name.replace("_real", "_fake")]
            assert recipe.encoding == twin.encoding
            assert recipe.transform.tampering is None
            assert twin.transform.tampering is not None
            for setting in ("start", "length", "scale"):
                assert getattr(recipe.transform, setting) == getattr(twin.transform, setting)
            assert len(list(recipe.frames())) == len(list(twin.frames())) == recipe.transform.length


def manipulations(table, begins=""):
    return table.filter(pl.col("label") == "fake", pl.col("group").str.starts_with(begins))["manipulation"]


def test_every_manipulation_is_used_equally_often_where_it_fits():
    _, table = design()
    assert set(table.select("subset", pl.col("group").str.slice(0, 5)).rows()) == {
        ("faces", "portr"),
        ("scenes", "scene"),
    }
    for begins, kinds in (("portrait", FACE_MANIPULATIONS), ("scene", SCENE_MANIPULATIONS)):
        assert dict(manipulations(table, begins).value_counts().iter_rows()) == dict.fromkeys(kinds, 3)


def test_a_clip_without_a_face_is_asked_for_no_face_and_lends_none():
    batch, table = design()
    assert not set(manipulations(table, "scene")) & set(FACE_MANIPULATIONS)
    hashes = {clip.content_hash for clip in PORTRAITS.values()}
    fakes = [recipe for name, recipe in batch.recipes.items() if name.endswith("_fake")]
    donors = [getattr(recipe.transform.tampering, "donor_hash", "") for recipe in fakes]
    for recipe, donor in zip(fakes, donors, strict=True):
        assert donor != recipe.source.content_hash
        assert not donor or (donor in hashes) == (recipe.source.content_hash in hashes)
    assert sum(map(bool, donors)) == 6


def test_a_single_face_is_not_swapped():
    _, table = design(clips=SCENES | {"portrait0.mp4": PORTRAITS["portrait0.mp4"]})
    assert len(manipulations(table, "portrait")) == 3
    assert "face_swap" not in set(manipulations(table))


def test_a_short_clip_gives_most_of_its_frames_and_a_longer_one_the_seconds_asked_for():
    clips = {"long.mp4": video(1, n_frames=100), "short.mp4": video(2, n_frames=30)}
    lengths = {name.split("_")[0]: set() for name in ("long", "short")}
    for name, recipe in design(clips=clips)[0].recipes.items():
        lengths[name.split("_")[0]].add(len(list(recipe.frames())))
    assert lengths["short"] == {25}
    assert min(lengths["long"]) >= 1.3 * 25
    assert max(lengths["long"]) <= 2.2 * 25


def test_versions_of_three_quarters_get_the_bits_of_their_pixels():
    clip = next(iter(SCENES.values()))
    for recipe in design()[0].recipes.values():
        if recipe.source is clip:
            rate = recipe.encoding.bits_a_second / clip.info.bitrate / recipe.transform.scale**2
            assert 0.4 <= rate <= 0.9


def test_the_sample_corpus_follows_its_seed():
    keys = [{name: recipe.key for name, recipe in design(seed)[0].recipes.items()} for seed in (1, 1, 2)]
    assert keys[0] == keys[1] != keys[2]


def test_no_clip_gets_a_manipulation_twice():
    _, table = design()
    assert not table.filter(pl.col("label") == "fake").select("group", "manipulation").is_duplicated().any()


def test_recipes_make_the_same_pictures_in_another_process_as_here():
    for recipe in design(clips=dict(list(SCENES.items())[:2] + list(PORTRAITS.items())[:2]))[0].recipes.values():
        copy = pickle.loads(pickle.dumps(recipe))
        assert copy.key == recipe.key
        for frame, again in zip(recipe.frames(), copy.frames(), strict=True):
            np.testing.assert_array_equal(frame.bgr(), again.bgr())


def test_a_single_clip_is_too_few():
    with pytest.raises(ValueError, match="at least two clips"):
        design(clips={"a.mp4": SCENES["scene0.mp4"]})
