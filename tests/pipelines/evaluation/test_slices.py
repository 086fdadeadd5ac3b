"""Slices of a small table that can be counted by hand."""

import numpy as np
import polars as pl
import pytest

from evaluations import EVALUATION, index_of, key_table
from fvc_kedro.pipelines.evaluation.slices import MISTAKE_SCHEMA, SLICE_SCHEMA, find_mistakes, slice_results
from fvc_kedro.pipelines.reporting.plots import plot_slices

KEYS = key_table(4, a_group=4)  # v000 real, v001 fake, v002 real, … in four groups of four
PLATFORMS = ["", "youtube", None, "youtube"] * 2 + ["twitter", "youtube"] * 2 + ["twitter", "twitter"] * 2
MANIPULATIONS = ["", "splice", "", "swap", "", "splice", "", ""] * 2
FACTS = {
    "platform": PLATFORMS,
    "subset": ["day", "day", "", None] * 4,
    "manipulation": MANIPULATIONS,
    "width": [640, 360, 480, 720] * 4,
    "height": [359, 640, 720, 1280] * 4,  # shorter sides: 359, 360, 480, 720
    "duration_s": [9.9, 10.0, 30.0, 500.0] * 4,
    "bitrate": [1e4, None, 1e5, 1e9] * 4,
}
# Probabilities of fake in two repeats; of the reals, v000 is called fake in one of them.
PROBABILITY = np.array([np.tile([0.1, 0.9], 8), np.tile([0.2, 0.8], 8)])
PROBABILITY[0, 0] = 0.7
PROBABILITY[:, 5] = 0.3


def predictions(probability=PROBABILITY):
    return pl.concat(
        KEYS.with_columns(repeat=pl.lit(repeat, pl.Int64), fold=pl.lit(repeat), probability=pl.Series(values))
        for repeat, values in enumerate(probability, start=1)
    )


@pytest.fixture(scope="module")
def slices():
    return slice_results(predictions(), index_of(KEYS, **FACTS), EVALUATION | {"small_slice": 4})


def row(slices, by, name):
    return slices.filter(slice_by=by, slice=name).row(0, named=True)


def test_classes_come_in_their_natural_order(slices):
    assert dict(slices.schema) == SLICE_SCHEMA
    assert slices.select("slice_by", "slice").rows() == [
        ("platform", "not stated"),
        ("platform", "twitter"),
        ("platform", "youtube"),
        ("subset", "day"),
        ("manipulation", "not stated"),
        ("manipulation", "splice"),
        ("manipulation", "swap"),
        ("resolution", "below 360 lines"),
        ("resolution", "360 to 719 lines"),
        ("resolution", "720 to 1079 lines"),
        ("bitrate", "not known"),
        ("bitrate", "below 0.05 bit a pixel"),
        ("bitrate", "0.2 bit a pixel or more"),
        ("duration", "below 10 s"),
        ("duration", "10 to 30 s"),
        ("duration", "30 s to 2 min"),
        ("duration", "2 min or more"),
    ]


def test_what_a_manifest_does_not_state_is_called_so(slices):
    """A manifest with an empty field, or without the column, gives the index an empty text."""
    assert "" not in slices["slice"].to_list()
    assert (row(slices, "platform", "not stated")["n_real"], row(slices, "platform", "not stated")["n_fake"]) == (4, 0)


def test_only_stated_subsets_are_slices(slices):
    day = row(slices, "subset", "day")
    assert (day["n_real"], day["n_fake"], day["n_groups"]) == (4, 4, 4)


def test_videos_and_groups_are_counted(slices):
    twitter = row(slices, "platform", "twitter")
    assert (twitter["n_real"], twitter["n_fake"], twitter["n_groups"]) == (4, 2, 2)
    assert twitter["is_small"]
    for by in ("platform", "resolution", "bitrate", "duration"):
        own = slices.filter(slice_by=by)
        assert (own["n_real"].sum(), own["n_fake"].sum()) == (8, 8), by


def test_a_manipulation_is_set_beside_all_real_videos(slices):
    own = slices.filter(slice_by="manipulation")
    assert own["n_real"].to_list() == [8, 8, 8]
    assert dict(zip(own["slice"], own["n_fake"], strict=True)) == {"not stated": 2, "splice": 4, "swap": 2}
    assert own["is_small"].to_list() == [True, True, True]  # of four groups
    assert own["n_groups"].to_list() == [4, 4, 4]


def test_rates_are_means_over_the_repeats(slices):
    """Of 8 reals one is called fake in one of two repeats; v005, a splice, is called real in both."""
    assert row(slices, "manipulation", "swap")["false_positive_rate"] == pytest.approx(1 / 16)
    assert row(slices, "manipulation", "swap")["false_negative_rate"] == 0
    assert row(slices, "manipulation", "splice")["false_negative_rate"] == pytest.approx(1 / 4)
    youtube = row(slices, "platform", "youtube")
    assert (youtube["n_real"], youtube["n_fake"]) == (0, 6)
    assert youtube["false_negative_rate"] == pytest.approx(1 / 6)


def test_a_slice_of_one_class_has_rates_but_no_curve(slices):
    for name, missing, known in (("not stated", "negative", "positive"), ("youtube", "positive", "negative")):
        own = row(slices, "platform", name)
        assert own["is_small"]
        for bound in ("", "_low", "_high"):
            assert own[f"roc_auc{bound}"] is None
            assert own[f"false_{missing}_rate{bound}"] is None
            assert (own[f"false_{known}_rate{bound}"] is not None) == (bound == "" or own["n_groups"] >= 3)


def test_the_area_is_that_of_the_slice(slices):
    assert row(slices, "platform", "twitter")["roc_auc"] == 1
    swap = row(slices, "manipulation", "swap")
    assert swap["roc_auc"] == 1
    splice = row(slices, "manipulation", "splice")  # v005 at .3 lies above all reals but v000 in the first repeat
    assert splice["roc_auc"] == pytest.approx(np.mean([31 / 32, 1]))
    assert splice["roc_auc_low"] <= splice["roc_auc"] <= splice["roc_auc_high"]


def test_the_plot_leaves_out_what_has_no_area(slices):
    figure = plot_slices(slices)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "platform: twitter (4 real, 2 fake)" in names
    assert not any("youtube" in name for name in names)


def test_mistakes_are_ranked_by_how_sure_they_were():
    probability = np.array([0.9, 0.45, *[0.1, 0.9] * 6, 0.99, 0.05])
    mistakes = find_mistakes(predictions([probability]), index_of(KEYS, **FACTS))
    assert dict(mistakes.schema) == dict(MISTAKE_SCHEMA)
    assert mistakes.select("rank", "video_id", "label").rows() == [
        (1, "v014", "real"),
        (2, "v015", "fake"),
        (3, "v000", "real"),
        (4, "v001", "fake"),
    ]
    assert mistakes["video_path"][0] == "v014.mp4"
    right = np.tile([0.1, 0.9], 8)
    assert find_mistakes(predictions([right]), index_of(KEYS)).is_empty()


def test_a_mistake_is_one_on_average_over_the_repeats():
    """v000 is called fake in one of two repeats, with .7 and .2; v005, a fake, is at .3 in both."""
    mistakes = find_mistakes(predictions(), index_of(KEYS, **FACTS))
    assert mistakes.select("video_id", "probability").rows() == [("v005", pytest.approx(0.3))]


def test_a_slice_is_small_by_its_videos_or_its_groups():
    def sliced(n_groups, a_group):
        n_videos = n_groups * a_group
        names = [f"v{number:03d}" for number in range(n_videos)]
        groups = [f"g{number // a_group}" for number in range(n_videos)]
        predictions = pl.DataFrame(
            {
                "repeat": [1] * n_videos,
                "fold": [1] * n_videos,
                "video_id": names,
                "label": ["real", "fake"] * (n_videos // 2),
                "group": groups,
                "corpus": "one",
                "probability": np.linspace(0, 1, n_videos),
            }
        )
        keys = predictions.select("video_id", "label", "group", "corpus")
        found = slice_results(predictions, index_of(keys, platform=["p"] * n_videos), EVALUATION | {"small_slice": 10})
        return row(found, "platform", "p")

    assert not sliced(5, 4)["is_small"]
    assert sliced(4, 6)["is_small"]
    assert sliced(9, 2)["is_small"]
    two = sliced(2, 12)
    assert (two["roc_auc_low"], two["false_positive_rate_high"]) == (None, None)
    assert two["roc_auc"] is not None
