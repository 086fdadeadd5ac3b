"""The detector beside its rivals, on made-up tables."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from evaluations import EVALUATION, SVM, folds_of, grid_of, index_of, key_table, segments_of, training_of, videos_of
from fvc_kedro.execution import Outcomes
from fvc_kedro.forensics import feature_names
from fvc_kedro.learning.resampling import METRICS
from fvc_kedro.pipelines.evaluation.comparison import (
    COMPARISON_SCHEMA,
    DETECTOR,
    MAJORITY,
    METADATA,
    METHODS,
    PREDICTION_SCHEMA,
    TEST_SCHEMA,
    compare_methods,
    metadata_table,
    plan_comparison,
    repeats_of,
    tabulate_predictions,
)
from fvc_kedro.pipelines.training_rows import TrainingDataError
from trials import SERIAL, outcomes

KEYS = key_table()
FAMILIES = ("bitstream", "chroma", "classic")


def plan(keys=KEYS, families=FAMILIES, separation=0.25, **columns):
    segments = segments_of(keys, separation=separation, families=families)
    folds = folds_of(keys)
    index = index_of(keys, **columns)
    measured = (training_of(segments), segments, videos_of(segments))
    return plan_comparison(*measured, index, folds, grid_of(), SVM, SERIAL), folds


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"families": ["chroma"]}, "families or feature_sets"),
        ({"feature_sets": ["original", "scaled"]}, "families or feature_sets"),
        ({"unit": "video"}, "unit"),
        ({"n_folds": 2}, "n_folds, n_repeats, outer or seed"),
        ({"seed": 1}, "n_folds, n_repeats, outer or seed"),
        ({"n_repeats": 3}, "n_folds, n_repeats, outer or seed"),
        ({"grid": {"C": [1], "kernel": ["linear"]}}, "grid"),
        ({"search": SVM["search"] | {"mode": "global"}}, "search.mode"),
    ],
)
def test_what_was_trained_with_other_parameters_is_not_evaluated(changes, named):
    segments = segments_of(KEYS, families=FAMILIES)
    measured = (training_of(segments), segments, videos_of(segments))
    with pytest.raises(TrainingDataError, match=rf"svm: {named}\).*svm_training,evaluation,reporting"):
        plan_comparison(*measured, index_of(KEYS), folds_of(KEYS), grid_of(), SVM | changes, SERIAL)


def only(batch, *methods, repeat="1"):
    """Of the methods named, one repeat."""
    return replace(batch, trials={f"{name}/{repeat}": batch.trials[f"{name}/{repeat}"] for name in methods})


def noisy_facts():
    generator = np.random.default_rng(0)
    return {"bitrate": generator.uniform(1e4, 1e6, len(KEYS)), "bytes": generator.integers(1, 10**6, len(KEYS))}


@pytest.fixture(scope="module")
def predicted():
    batch, folds = plan(**noisy_facts())
    return tabulate_predictions(outcomes(batch), folds)


@pytest.fixture(scope="module")
def compared(predicted):
    return compare_methods(predicted, EVALUATION)


def test_metadata_are_what_a_container_tells_and_no_pixel():
    index = index_of(
        KEYS,
        platform=[None, "", "twitter", "youtube"] * 12,
        fps=[None, 25.0] * 24,
        bitrate=[0.0] * 48,
    )
    table = metadata_table(index.reverse(), KEYS)
    assert table.select("video_id", "label", "group").equals(KEYS)
    facts = ["bytes", "width", "height", "fps", "n_frames", "duration_s", "bitrate"]
    indicators = [
        "fps: missing",
        "platform: not stated",
        "platform: twitter",
        "platform: youtube",
        "codec: h264",
        "pixel_format: yuv420p",
    ]
    assert table.columns == ["video_id", "label", "group", *facts, *indicators]
    assert not set(table.columns) & set(feature_names(["classic", "bitstream", "chroma", "temporal", "region"]))
    assert table["width"].to_list() == pytest.approx([np.log(641)] * 48)
    assert table["fps"].null_count() == 24
    assert table["fps: missing"].to_list() == [1, 0] * 24
    assert table["bitrate"].unique().to_list() == [0]
    assert table["platform: not stated"].to_list() == [1, 1, 0, 0] * 12
    assert (table.select(pl.sum_horizontal(pl.selectors.starts_with("platform"))).to_series() == 1).all()
    assert all(dtype == pl.Float64 for name, dtype in table.schema.items() if name not in KEYS.columns)


def test_metadata_do_not_follow_the_label_or_the_group():
    """Neither the manipulation nor the subset, path or hash of a video may help."""
    index = index_of(KEYS, manipulation=KEYS["label"], subset=KEYS["label"], sha256=KEYS["label"])
    assert metadata_table(index, KEYS).equals(metadata_table(index_of(KEYS), KEYS))


def test_videos_that_the_index_knows_beside_those_trained_on_are_left_out():
    few = KEYS.head(8)
    assert metadata_table(index_of(KEYS), few).select(few.columns).equals(few)


def test_every_method_judges_every_video_in_every_repeat(predicted):
    assert dict(predicted.schema) == dict(PREDICTION_SCHEMA)
    assert predicted["method"].unique(maintain_order=True).to_list() == list(METHODS)
    assert predicted.group_by("method", "repeat").len()["len"].unique().to_list() == [len(KEYS)]
    assert len(predicted) == len(METHODS) * 2 * len(KEYS)
    for _, one in predicted.group_by("method", "repeat"):
        assert one.select(KEYS.columns).equals(KEYS)
    assert predicted["probability"].is_between(0, 1).all()


def test_all_methods_are_judged_on_the_folds_that_were_drawn(predicted):
    drawn = folds_of(KEYS).select("repeat", "video_id", "fold").sort("repeat", "video_id")
    for method in METHODS:
        own = predicted.filter(method=method).select("repeat", "video_id", "fold").sort("repeat", "video_id")
        assert own.equals(drawn), method


def test_the_larger_class_ranks_nothing(predicted, compared):
    own = predicted.filter(method=MAJORITY)
    assert own["probability"].unique().to_list() == [0.5]
    for metric in ("roc_auc", "mean_group_auc"):
        row = compared[0].filter(method=MAJORITY, metric=metric).row(0, named=True)
        assert (row["value"], row["low"], row["high"]) == (0.5, 0.5, 0.5)


def test_the_comparison_lists_every_metric_with_its_interval(compared):
    comparison, tests = compared
    assert dict(comparison.schema) == COMPARISON_SCHEMA
    assert comparison.select("method", "metric").rows() == [(m, metric) for m in METHODS for metric in METRICS]
    known = comparison.drop_nulls()
    assert len(known) == len(comparison)
    assert (known["low"] <= known["high"]).all()
    auc = known.filter(metric="roc_auc")
    assert ((auc["low"] <= auc["value"] + 1e-9) & (auc["value"] <= auc["high"] + 1e-9)).all()
    assert dict(tests.schema) == TEST_SCHEMA
    assert tests["method"].to_list() == [method for method in METHODS if method != DETECTOR]
    assert (tests["p_value"] <= tests["p_value_holm"]).all()


def test_the_detector_differs_in_nothing_from_itself(compared):
    own = compared[0].filter(method=DETECTOR)
    assert own.select("difference", "difference_low", "difference_high").unique().rows() == [(0, 0, 0)]


def test_a_difference_is_the_method_less_the_detector(compared):
    comparison = compared[0]
    own = comparison.filter(method=DETECTOR)["value"]
    for method in METHODS:
        other = comparison.filter(method=method)
        assert other["difference"].to_list() == pytest.approx((other["value"] - own).to_list(), abs=1e-12)


def test_the_detector_finds_what_metadata_do_not_know(compared):
    auc = dict(compared[0].filter(metric="roc_auc").select("method", "value").rows())
    assert auc[DETECTOR] > 0.85
    for method in ("logistic_regression", "linear_discriminant"):
        assert auc[method] > 0.85
    assert auc["gradient_boosting"] > 0.7
    for method in (*METADATA, "classic_svm"):
        assert abs(auc[method] - 0.5) < 0.25
    worse = compared[0].filter(method=METADATA[0], metric="roc_auc").row(0, named=True)
    assert worse["difference_high"] < 0


def test_metadata_that_give_the_label_away_are_caught():
    bitrate = np.where(KEYS["label"] == "fake", 9e4, 4e5) * np.random.default_rng(0).uniform(0.9, 1.1, len(KEYS))
    batch, folds = plan(bitrate=bitrate, separation=0.0)
    table = tabulate_predictions(outcomes(only(batch, DETECTOR, *METADATA)), folds.filter(repeat=1))
    comparison = compare_methods(table, EVALUATION)[0]
    auc = dict(comparison.filter(metric="roc_auc").select("method", "value").rows())
    assert min(auc[method] for method in METADATA) > 0.95
    assert abs(auc[DETECTOR] - 0.5) < 0.25


def test_equal_inputs_give_equal_outputs(predicted, compared):
    assert compare_methods(predicted, EVALUATION)[0].equals(compared[0])
    batch, folds = plan(**noisy_facts())
    methods = (DETECTOR, "metadata_boosting", "linear_discriminant")
    again = tabulate_predictions(outcomes(only(batch, *methods, repeat="2")), folds).filter(
        pl.col("method") != MAJORITY
    )
    assert again.equals(predicted.filter(pl.col("method").is_in(methods), repeat=2))


def test_without_classic_the_others_are_compared(caplog):
    batch, _ = plan(families=("bitstream", "chroma"))
    assert {name.partition("/")[0] for name in batch.trials} == set(METHODS) - {"classic_svm", MAJORITY}
    assert "classic_svm is not compared: the family classic is not in features.families" in caplog.text


def test_a_method_that_failed_is_told_and_left_out(caplog):
    batch, folds = plan(keys=key_table(6))
    found = outcomes(only(batch, DETECTOR, "linear_discriminant"))
    failed = Outcomes(found.values, {"gradient_boosting/1": "too few groups"})
    table = tabulate_predictions(failed, folds.filter(repeat=1))
    assert "gradient_boosting/1 is not compared: too few groups" in caplog.text
    assert "gradient_boosting" not in compare_methods(table, EVALUATION)[0]["method"]


def test_repeats_become_columns_video_by_video():
    table = pl.DataFrame(
        {
            "repeat": [2, 1, 2, 1],
            "video_id": ["b", "a", "a", "b"],
            "label": ["fake", "real", "real", "fake"],
            "group": ["y", "x", "x", "y"],
            "probability": [0.8, 0.1, 0.2, 0.7],
        }
    )
    videos, probability = repeats_of(table)
    assert videos.rows() == [("a", "real", "x"), ("b", "fake", "y")]
    assert probability.tolist() == [[0.1, 0.2], [0.7, 0.8]]
