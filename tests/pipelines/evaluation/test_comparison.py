"""The detector beside its baselines, on made-up tables."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from evaluations import EVALUATION, SVM, folds_of, index_of, key_table, segments_of, train, training_of, untrained
from fvc_kedro.datasets.trials import TrialResults
from fvc_kedro.forensics import feature_names
from fvc_kedro.learning.resampling import METRICS
from fvc_kedro.pipelines.evaluation.ablation import plan_ablation
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
from fvc_kedro.pipelines.evaluation.learning_curve import plan_learning_curve
from fvc_kedro.pipelines.training_rows import TrainingDataError
from trials import SERIAL, results_of

KEYS = key_table()
FAMILIES = ("bitstream", "chroma", "classic")
TRIED = [method for method in METHODS if method not in (DETECTOR, MAJORITY)]


def table_of(keys=KEYS, families=FAMILIES, separation=0.25):
    return training_of(segments_of(keys, separation=separation, families=families))


def plan(table, **columns):
    index = index_of(table.select("video_id", "label", "group", "corpus").unique(maintain_order=True), **columns)
    return plan_comparison(table, index, folds_of(table.filter(segment=0)), untrained(table), SERIAL)


def only(batch, *methods, repeat=1):
    """Of the methods named, one repeat."""
    return replace(
        batch, trials=[one for one in batch.trials if one.about["method"] in methods and one.about["repeat"] == repeat]
    )


def noisy_facts():
    generator = np.random.default_rng(0)
    return {"bitrate": generator.uniform(1e4, 1e6, len(KEYS)), "bytes": generator.integers(1, 10**6, len(KEYS))}


@pytest.fixture(scope="module")
def trained():
    return train(table_of())


@pytest.fixture(scope="module")
def predicted(trained):
    results = results_of(plan(trained.table, **noisy_facts()))
    return tabulate_predictions(trained.predictions, results, trained.folds)


@pytest.fixture(scope="module")
def compared(predicted):
    return compare_methods(predicted, EVALUATION)


def test_every_method_but_the_detector_is_trained_on_every_repeat():
    about = [trial.about for trial in plan(table_of()).trials]
    assert about == [{"method": method, "repeat": repeat} for method in TRIED for repeat in (1, 2)]


def test_methods_see_their_columns_and_no_others():
    table = table_of()
    trials = {trial.about["method"]: trial for trial in plan(table).trials}
    classic, every_column = feature_names(["classic"]), feature_names(["bitstream", "chroma"])
    for method, trial in trials.items():
        assert len(trial.detector.experts) == 1
        (columns,) = trial.detector.experts.values()
        assert trial.rows.features.columns == list(columns)
        if method in METADATA:
            assert not set(columns) & set(table.columns)
        else:
            assert columns == (classic if method == "classic_svm" else every_column)


def test_the_other_support_vector_machines_are_searched_and_whitened_as_the_detector():
    table = table_of()
    trials = {trial.about["method"]: trial.detector for trial in plan(table).trials}
    for method, detector in trials.items():
        own = [(one.kernel, one.C) for one in detector.candidates] == [("linear", 0.1)]
        assert (own, detector.shrinkage) == ((True, SVM["shrinkage"]) if method.endswith("svm") else (False, None))
        assert (detector.seed, detector.n_inner_folds) == (SVM["seed"], SVM["n_inner_folds"])


def test_metadata_are_what_a_container_tells_and_no_pixel():
    index = index_of(
        KEYS,
        platform=[None, "", "twitter", "youtube"] * 12,
        fps=[None, 25.0] * 24,
        bitrate=[0.0] * 48,
    )
    table = metadata_table(index.reverse(), KEYS)
    assert table.select("video_id", "label", "group", "corpus").equals(KEYS)
    facts = ["bytes", "width", "height", "pixel_aspect_ratio", "fps", "n_frames", "duration_s", "bitrate"]
    indicators = [
        "fps: missing",
        "platform: not stated",
        "platform: twitter",
        "platform: youtube",
        "codec: h264",
        "pixel_format: yuv420p",
    ]
    assert table.columns == ["video_id", "label", "group", "corpus", *facts, *indicators]
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
    assert predicted.filter(method=MAJORITY)["probability"].unique().to_list() == [0.5]
    for metric in ("roc_auc", "mean_group_auc"):
        row = compared[0].filter(method=MAJORITY, metric=metric).row(0, named=True)
        assert (row["value"], row["low"], row["high"]) == (0.5, 0.5, 0.5)


def test_the_larger_class_has_the_prevalence_as_probability(trained):
    most = trained.folds.filter((pl.col("label") == "fake") | (pl.col("group") < "g06"))  # 24 fakes, 12 reals
    oof_predictions = trained.predictions.join(most, on=["repeat", "video_id"], how="semi")
    table = tabulate_predictions(oof_predictions, TrialResults(pl.DataFrame()), most)
    assert table.filter(method=MAJORITY)["probability"].unique().to_list() == pytest.approx([2 / 3])


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


def test_one_support_vector_machine_on_all_columns_is_beside_the_fused_ones(compared):
    auc = dict(compared[0].filter(metric="roc_auc").select("method", "value").rows())
    assert auc["single_svm"] > 0.85
    assert auc["single_svm"] != auc[DETECTOR]


def test_the_detector_is_taken_as_it_was_trained(trained, predicted):
    columns = ["repeat", "fold", "video_id", "probability"]
    assert predicted.filter(method=DETECTOR).select(columns).equals(trained.predictions.select(columns))


def test_metadata_that_give_the_label_away_are_caught():
    bitrate = np.where(KEYS["label"] == "fake", 9e4, 4e5) * np.random.default_rng(0).uniform(0.9, 1.1, len(KEYS))
    trained = train(table_of(separation=0.0), SVM | {"n_repeats": 1})
    results = results_of(only(plan(trained.table, bitrate=bitrate), *METADATA))
    table = tabulate_predictions(trained.predictions, results, trained.folds)
    auc = dict(compare_methods(table, EVALUATION)[0].filter(metric="roc_auc").select("method", "value").rows())
    assert min(auc[method] for method in METADATA) > 0.95
    assert abs(auc[DETECTOR] - 0.5) < 0.25


def test_equal_inputs_give_equal_outputs(trained, predicted, compared):
    assert compare_methods(predicted, EVALUATION)[0].equals(compared[0])
    methods = ("metadata_boosting", "linear_discriminant")
    results = results_of(only(plan(trained.table, **noisy_facts()), *methods, repeat=2))
    again = tabulate_predictions(trained.predictions, results, trained.folds)
    expected = predicted.filter(pl.col("method").is_in(methods), repeat=2)
    assert again.filter(pl.col("method").is_in(methods)).equals(expected)


def test_without_classic_the_others_are_compared(caplog):
    batch = plan(table_of(families=("bitstream", "chroma")))
    assert {trial.about["method"] for trial in batch.trials} == set(TRIED) - {"classic_svm"}
    assert "classic_svm is not compared: the family classic is not in features.families" in caplog.text


def test_a_method_that_failed_is_told_and_left_out(trained, predicted, caplog):
    found = predicted.filter(method="linear_discriminant")
    failures = [({"method": "gradient_boosting", "repeat": repeat}, "too few groups") for repeat in (1, 2)]
    table = tabulate_predictions(trained.predictions, TrialResults(found, failures=failures), trained.folds)
    assert "gradient_boosting is not compared in repeat 1: too few groups" in caplog.text
    comparison, tests = compare_methods(table, EVALUATION)
    assert comparison["method"].unique(maintain_order=True).to_list() == [DETECTOR, MAJORITY, "linear_discriminant"]
    assert tests["method"].to_list() == [MAJORITY, "linear_discriminant"]


def test_where_all_methods_failed_the_detector_stands_beside_the_prevalence(trained):
    table = tabulate_predictions(trained.predictions, TrialResults(pl.DataFrame()), trained.folds)
    assert table["method"].unique(maintain_order=True).to_list() == [DETECTOR, MAJORITY]


def test_repeats_become_columns_video_by_video():
    table = pl.DataFrame(
        {
            "repeat": [2, 1, 2, 1],
            "video_id": ["b", "a", "a", "b"],
            "label": ["fake", "real", "real", "fake"],
            "group": ["y", "x", "x", "y"],
            "corpus": ["c"] * 4,
            "probability": [0.8, 0.1, 0.2, 0.7],
        }
    )
    videos, probability = repeats_of(table)
    assert videos.rows() == [("a", "real", "x", "c"), ("b", "fake", "y", "c")]
    assert probability.tolist() == [[0.1, 0.2], [0.7, 0.8]]


@pytest.mark.parametrize("mode", ["global", "per_fold"])
def test_baselines_ablation_and_learning_curve_are_searched_as_the_detector(mode):
    table, svm = table_of(), SVM | {"search": SVM["search"] | {"mode": mode}}
    folds, detector = folds_of(table.filter(segment=0)), untrained(table, **svm)
    batches = [
        plan_comparison(table, index_of(KEYS), folds, detector, SERIAL),
        plan_ablation(table, folds, detector, EVALUATION, SERIAL),
        plan_learning_curve(table, folds, detector, EVALUATION, SERIAL),
    ]
    for batch in batches:
        assert batch.trials
        assert {trial.detector.search_once for trial in batch.trials} == {mode == "global"}


def test_predictions_of_other_folds_are_not_compared():
    trained = train(table_of(), SVM)
    moved = trained.folds.with_columns(fold=pl.col("fold").reverse().over("repeat"))
    with pytest.raises(TrainingDataError, match="not those of these folds"):
        tabulate_predictions(trained.predictions, TrialResults(pl.DataFrame()), moved)
