"""Parts of the features tried alone and left out, on made-up numbers under the names of real columns."""

import polars as pl
import pytest
from matplotlib.figure import Figure

from evaluations import EVALUATION, SVM, key_table, segments_of, train, training_of, untrained
from fvc_kedro.datasets.trials import TrialResults
from fvc_kedro.forensics import columns_of, feature_names
from fvc_kedro.forensics.region import PLACES
from fvc_kedro.pipelines.evaluation.ablation import (
    ABLATION_SCHEMA,
    choices_of_experts,
    plan_ablation,
    tabulate_ablation,
)
from fvc_kedro.pipelines.reporting.plots import plot_family_ablation
from trials import SERIAL, results_of

EXPERTS = {"colour": ["chroma"], "coding": ["dct", "bitstream"]}
TWO_EXPERTS = SVM | {"experts": EXPERTS}
COLUMNS = {name: columns_of(parts) for name, parts in EXPERTS.items()}


def ablate(trained, **changes):
    settings = EVALUATION | changes
    batch = plan_ablation(trained.table, trained.folds, trained.detector, settings, SERIAL)
    return tabulate_ablation(trained.predictions, results_of(batch), trained.detector, settings)


@pytest.fixture(scope="module")
def trained():
    """Of all families only chroma tells real from fake."""
    measured = ("chroma", "dct", "bitstream", "noise")
    return train(training_of(segments_of(key_table(9, a_group=6), separation=0.3, families=measured)), TWO_EXPERTS)


@pytest.fixture(scope="module")
def ablation(trained):
    return ablate(trained)


def row(table, name, kind):
    return table.filter(features=name, kind=kind).row(0, named=True)


def test_experts_are_tried_alone_and_left_out_and_measured_families_alone(ablation):
    assert dict(ablation.schema) == ABLATION_SCHEMA
    assert set(ablation.select("features", "kind").rows()) == {
        ("default", "default"),
        *((name, kind) for name in EXPERTS for kind in ("alone", "left out")),
        *((family, "alone") for family in ("dct", "bitstream", "noise")),  # chroma is an expert already
    }
    assert len(ablation) == 8
    assert ablation["features"][0] == "default"


def test_the_part_that_tells_the_classes_apart_stands_out(ablation):
    assert row(ablation, "colour", "alone")["roc_auc"] > 0.9
    for name in ("coding", "dct", "noise"):
        assert abs(row(ablation, name, "alone")["roc_auc"] - 0.5) < 0.25
    lost = row(ablation, "colour", "left out")
    assert lost["difference"] < -0.2
    assert lost["difference_high"] < 0
    kept = row(ablation, "coding", "left out")
    assert kept["difference_low"] <= 0 <= kept["difference_high"] or abs(kept["difference"]) < 0.1


def test_the_default_differs_in_nothing_from_itself(ablation):
    default = row(ablation, "default", "default")
    assert (default["difference"], default["difference_low"], default["difference_high"]) == (0, 0, 0)
    assert default["n_features"] == len(feature_names(["chroma", "dct", "bitstream"]))


def test_without_one_of_two_experts_the_other_is_alone(ablation):
    for name, other in (("colour", "coding"), ("coding", "colour")):
        alone, left = row(ablation, name, "alone"), row(ablation, other, "left out")
        assert alone["n_features"] == len(COLUMNS[name])
        for column in ("n_features", "roc_auc", "difference_low"):
            assert alone[column] == left[column]


def test_intervals_hold_their_figure(ablation):
    for name in ("roc_auc", "difference"):
        assert (ablation[f"{name}_low"] <= ablation[name] + 1e-9).all()
        assert (ablation[name] <= ablation[f"{name}_high"] + 1e-9).all()


def test_equal_inputs_give_equal_ablations(trained, ablation):
    assert ablate(trained).equals(ablation)


def test_the_default_is_the_detector_of_the_first_repeat(trained, ablation):
    """All choices are judged on the folds of one repeat: another one's scores change nothing."""
    turned = pl.when(pl.col("repeat") == 2).then(1 - pl.col("probability")).otherwise(pl.col("probability"))
    changed = trained._replace(predictions=trained.predictions.with_columns(probability=turned))
    assert ablate(changed).equals(ablation)


def test_every_choice_has_the_settings_of_the_detector_and_other_experts(trained):
    batch = plan_ablation(trained.table, trained.folds, trained.detector, EVALUATION, SERIAL)
    kept = [name for name in trained.detector.get_params(deep=False) if name not in ("experts", "candidates")]
    assert {trial.about["kind"] for trial in batch.trials} == {"alone", "left out"}
    for trial in batch.trials:
        for name in kept:
            assert getattr(trial.detector, name) == getattr(trained.detector, name)
        assert [(one.kernel, one.C) for one in trial.detector.candidates] == [("linear", 0.1)]
        assert sum(map(len, trial.detector.experts.values())) == trial.about["n_features"]
        assert set(trial.splits) == set(trained.folds.filter(repeat=1)["fold"])


@pytest.mark.parametrize("max_rows", [0, 107])
def test_the_ablation_can_be_left_out(trained, max_rows, caplog):
    empty = ablate(trained, max_rows=max_rows)
    assert empty.is_empty()
    assert dict(empty.schema) == ABLATION_SCHEMA
    assert isinstance(plot_family_ablation(empty), Figure)
    assert ("108 rows are more than evaluation.max_rows, 107" in caplog.text) == (max_rows > 0)


def test_places_of_the_region_are_tried_alone():
    experts = {"place": columns_of(["region.face", "region.ring"]), "colour": columns_of(["chroma"])}
    choices = choices_of_experts(experts, feature_names(["region", "chroma"]))
    places = {f"region.{place}" for place in PLACES}
    assert places == {f"region.{name}" for name in ("face", "ring", "difference", "moving", "surround", "contrast")}
    assert {name for name, kind in choices if kind == "alone"} == {"place", "colour", *places}
    for place in places:
        assert list(choices[place, "alone"].values()) == [columns_of([place])]
    assert choices["place", "left out"] == {"colour": experts["colour"]}


def test_an_expert_that_is_one_part_is_not_tried_twice():
    experts = {"face": columns_of(["region.face"]), "colour": columns_of(["chroma"])}
    choices = choices_of_experts(experts, feature_names(["region", "chroma"]))
    assert ("region.face", "alone") not in choices
    assert ("chroma", "alone") not in choices
    assert ("region.ring", "alone") in choices


def test_a_single_expert_is_neither_left_out_nor_tried_alone():
    choices = choices_of_experts({"all": feature_names(["chroma", "dct"])}, feature_names(["chroma", "dct"]))
    assert list(choices) == [("dct", "alone"), ("chroma", "alone")]


def test_families_that_were_not_measured_are_not_tried():
    partly = feature_names(["chroma", "dct"])[:-1]
    assert ("chroma", "alone") in choices_of_experts({"all": partly}, partly)
    assert ("dct", "alone") not in choices_of_experts({"all": partly}, partly)


def test_scaled_copies_are_tried_as_the_expert_that_they_are():
    table = training_of(segments_of(key_table(4))).with_columns(scaled_edges=pl.lit(1.0))
    experts = untrained(table, feature_sets=["original", "scaled"]).experts
    choices = choices_of_experts(experts, table.columns)
    assert choices["scaled_copy", "alone"] == {"scaled_copy": ["scaled_edges"]}
    assert set(choices["scaled_copy", "left out"]) == {"stream", "colour"}
    alone = untrained(table, feature_sets=["scaled"]).experts
    assert list(choices_of_experts(alone, table.columns)) == [("chroma", "alone"), ("bitstream", "alone")]


def test_a_choice_that_failed_is_told_and_left_out(trained, caplog):
    caplog.set_level("INFO")
    batch = plan_ablation(trained.table, trained.folds, trained.detector, EVALUATION, SERIAL)
    found = results_of(type(batch)(batch.trials[:1], batch.execution, ""))
    results = TrialResults(found.predictions, failures=[({"features": "dct", "kind": "alone"}, "too few groups")])
    table = tabulate_ablation(trained.predictions, results, trained.detector, EVALUATION)
    assert "The ablation leaves out what too few groups show: dct (alone)" in caplog.text
    assert table["features"].to_list() == ["default", "colour"]


def test_the_plot_shows_every_choice(ablation):
    figure = plot_family_ablation(ablation)
    shown = [[label.get_text() for label in axes.get_yticklabels()] for axes in figure.axes]
    assert sorted(shown[0]) == ["bitstream", "coding", "colour", "dct", "detector", "noise"]
    assert sorted(shown[1]) == ["coding", "colour"]
