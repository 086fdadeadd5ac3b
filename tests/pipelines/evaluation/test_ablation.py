"""Families tried alone and left out, on made-up numbers under the names of real columns."""

import numpy as np
import polars as pl
import pytest
import yaml
from matplotlib.figure import Figure

from conftest import REPOSITORY
from fvc_kedro.forensics import FAMILIES, feature_names
from fvc_kedro.forensics.region import PLACES
from fvc_kedro.pipelines.evaluation.ablation import (
    ABLATION_SCHEMA,
    choices_of_features,
    plan_ablation,
    tabulate_ablation,
)
from fvc_kedro.pipelines.reporting.plots import plot_family_ablation
from fvc_kedro.pipelines.svm_training.nodes import make_folds
from trials import SERIAL, outcomes

PARAMETERS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())
SVM = PARAMETERS["svm"] | {"families": ["chroma", "dct"], "grid": {"C": [1], "kernel": ["linear"]}, "n_folds": 3}
EVALUATION = PARAMETERS["evaluation"] | {"n_bootstrap": 100}


def ablate_families(table, segments, videos, folds, svm, evaluation):
    batch = plan_ablation(table, segments, videos, folds, svm, evaluation, SERIAL)
    return tabulate_ablation(outcomes(batch), evaluation)


def tables(n_groups=9, seed=0):
    """Two segments of each video; of all families only chroma tells real from fake."""
    generator = np.random.default_rng(seed)
    labels = np.tile(["real", "fake"], 3 * n_groups)
    keys = pl.DataFrame(
        {
            "video_id": [f"v{number:03d}" for number in range(len(labels))],
            "label": labels,
            "group": np.repeat([f"g{number}" for number in range(n_groups)], 6),
        }
    )
    index = np.repeat(np.arange(len(keys)), 2)
    names = feature_names(["chroma", "dct", "bitstream"])
    values = generator.normal(size=(len(index), len(names)))
    values[:, : len(feature_names(["chroma"]))] += np.where(labels[index] == "fake", 0.7, -0.7)[:, None]
    segments = keys[index.tolist()].with_columns(
        segment=pl.Series(np.tile([0, 1], len(keys))), start_s=pl.lit(0.0), end_s=pl.lit(3.0)
    )
    segments = segments.hstack(pl.DataFrame(values, schema=names))
    videos = segments.group_by("video_id", "label", "group", maintain_order=True).agg(pl.col(names).mean())
    table = segments.select(*keys.columns, "segment", *feature_names(["chroma", "dct"]))
    return table, segments, videos, make_folds(keys, SVM)


@pytest.fixture(scope="module")
def ablation():
    return ablate_families(*tables(), SVM, EVALUATION)


def row(table, name, kind):
    return table.filter((pl.col("features") == name) & (pl.col("kind") == kind)).row(0, named=True)


def test_every_measured_family_is_tried_alone_and_every_trained_one_left_out(ablation):
    assert dict(ablation.schema) == ABLATION_SCHEMA
    assert ablation.select("features", "kind").rows() == [
        ("default", "default"),
        *((family, "alone") for family in ("dct", "chroma", "bitstream")),
        *((family, "left out") for family in ("dct", "chroma")),
    ]


def test_the_family_that_tells_the_classes_apart_stands_out(ablation):
    assert row(ablation, "chroma", "alone")["roc_auc"] > 0.9
    assert abs(row(ablation, "dct", "alone")["roc_auc"] - 0.5) < 0.25
    lost = row(ablation, "chroma", "left out")
    assert lost["difference"] < -0.2
    assert lost["difference_high"] < 0
    kept = row(ablation, "dct", "left out")
    assert kept["difference_low"] <= 0 <= kept["difference_high"] or abs(kept["difference"]) < 0.1


def test_the_default_differs_in_nothing_from_itself(ablation):
    default = row(ablation, "default", "default")
    assert (default["difference"], default["difference_low"], default["difference_high"]) == (0, 0, 0)
    assert default["n_features"] == len(feature_names(["chroma", "dct"]))


def test_intervals_hold_their_figure(ablation):
    for name in ("roc_auc", "difference"):
        assert (ablation[f"{name}_low"] <= ablation[name] + 1e-9).all()
        assert (ablation[name] <= ablation[f"{name}_high"] + 1e-9).all()


def test_equal_inputs_give_equal_ablations(ablation):
    assert ablate_families(*tables(), SVM, EVALUATION).equals(ablation)


def test_the_ablation_can_be_left_out():
    empty = ablate_families(*tables(), SVM, EVALUATION | {"max_rows": 0})
    assert empty.is_empty()
    assert dict(empty.schema) == ABLATION_SCHEMA
    assert isinstance(plot_family_ablation(empty), Figure)


def test_the_places_of_the_region_are_tried_alone():
    choices = choices_of_features(["region"], feature_names(["region"]))
    assert set(choices) == {("default", "default"), ("region", "alone")} | {
        (f"region: {place}", "alone") for place in ("face", "ring", "difference", "moving", "surround", "contrast")
    }
    places = [choices[f"region: {place}", "alone"] for place in PLACES]
    assert len({name for columns in places for name in columns}) == sum(map(len, places))
    left = set(FAMILIES["region"].features) - {name for columns in places for name in columns}
    assert left == {"region_face_found", "region_face_share", "region_face_size", "region_face_jitter"} | {
        "region_landmark_jitter"
    }


def test_what_is_trained_on_beside_the_families_stays_in():
    table, segments, videos, folds = tables()
    scaled = table.select("video_id", "label", "group", "segment").with_columns(
        scaled_edges=pl.Series(np.random.default_rng(0).normal(size=len(table)))
    )
    alone = ablate_families(scaled, segments, videos, folds, SVM | {"feature_sets": ["scaled"]}, EVALUATION)
    assert row(alone, "default", "default")["n_features"] == 1
    assert alone.filter(pl.col("kind") == "left out").is_empty()
    both = ablate_families(table.hstack(scaled.select("scaled_edges")), segments, videos, folds, SVM, EVALUATION)
    assert row(both, "chroma", "left out")["n_features"] == len(feature_names(["dct"])) + 1


def test_too_many_rows_are_not_ablated(caplog):
    empty = ablate_families(*tables(), SVM, EVALUATION | {"max_rows": 107})
    assert empty.is_empty()
    assert "108 rows are more than evaluation.max_rows, 107" in caplog.text


def test_the_plot_shows_every_choice(ablation):
    figure = plot_family_ablation(ablation)
    shown = [[label.get_text() for label in axes.get_yticklabels()] for axes in figure.axes]
    assert sorted(shown[0]) == ["bitstream", "chroma", "dct", "default"]
    assert sorted(shown[1]) == ["chroma", "dct"]
