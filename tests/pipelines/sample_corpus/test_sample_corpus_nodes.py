"""The design of the sample corpus: matched pairs, every manipulation, all of it drawn from the seed."""

import pickle

import numpy as np
import polars as pl
import pytest
import yaml

from conftest import REPOSITORY
from fvc_kedro.pipelines.sample_corpus.nodes import MANIPULATIONS, design_sample_corpus
from fvc_kedro.video import VideoArray

PARAMETERS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())
EXECUTION = PARAMETERS["execution"]


def video(seed=0, n_frames=20, height=48, width=64):
    return VideoArray(np.random.default_rng(seed).integers(20, 220, (n_frames, height, width, 3), dtype=np.uint8))


CLIPS = {f"clip{number}.mp4": video(number, n_frames=40) for number in range(4)}


def design(seed=1, clips=CLIPS):
    return design_sample_corpus(clips, PARAMETERS["sample_corpus"] | {"seed": seed}, EXECUTION)


def test_the_sample_corpus_is_made_of_matched_pairs():
    batch, table = design()
    assert table.columns == ["video_path", "label", "group", "platform", "manipulation"]
    counts = table.group_by("group", "label").len()
    assert counts["len"].unique().to_list() == [4]
    for name, recipe in batch.recipes.items():
        if name.endswith("_real"):
            twin = batch.recipes[name.replace("_real", "_fake")]
            assert recipe.encoding == twin.encoding
            assert recipe.transform.tampering is None
            assert twin.transform.tampering is not None
            for setting in ("start", "length", "scale"):
                assert getattr(recipe.transform, setting) == getattr(twin.transform, setting)
            assert len(list(recipe.frames())) == len(list(twin.frames())) == recipe.transform.length


def test_every_manipulation_is_used_equally_often():
    _, table = design()
    counts = dict(table.filter(pl.col("label") == "fake")["manipulation"].value_counts().iter_rows())
    assert counts == dict.fromkeys(MANIPULATIONS, 2)


def test_the_sample_corpus_follows_its_seed():
    keys = [{name: recipe.key for name, recipe in design(seed)[0].recipes.items()} for seed in (1, 1, 2)]
    assert keys[0] == keys[1] != keys[2]


def test_two_clips_are_enough_for_every_manipulation():
    _, table = design(clips=dict(list(CLIPS.items())[:2]))
    assert sorted(table.filter(pl.col("label") == "fake")["manipulation"]) == sorted(MANIPULATIONS)


def test_no_clip_gets_a_manipulation_twice():
    _, table = design()
    assert not table.filter(pl.col("label") == "fake").select("group", "manipulation").is_duplicated().any()


def test_recipes_make_the_same_pictures_in_another_process_as_here():
    for recipe in design(clips=dict(list(CLIPS.items())[:2]))[0].recipes.values():
        copy = pickle.loads(pickle.dumps(recipe))
        assert copy.key == recipe.key
        for frame, again in zip(recipe.frames(), copy.frames(), strict=True):
            np.testing.assert_array_equal(frame.bgr(), again.bgr())


def test_a_single_clip_is_too_few():
    with pytest.raises(ValueError, match="at least two clips"):
        design(clips={"a.mp4": CLIPS["clip0.mp4"]})
