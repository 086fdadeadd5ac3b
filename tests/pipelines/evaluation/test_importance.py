"""What the fold models lose when a part of the features is shuffled."""

from collections import Counter

import numpy as np
import polars as pl
import pytest

from evaluations import EVALUATION, SVM, key_table, segments_of, train, training_of
from fvc_kedro.forensics import columns_of, feature_names
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.pipelines.evaluation.importance import IMPORTANCE_SCHEMA, column_weights, parts_of, permute_parts
from fvc_kedro.pipelines.reporting.plots import plot_importance


def permuted(keys, separation=1.0, n_segments=2, **changes):
    trained = train(training_of(segments_of(keys, n_segments, separation)), SVM | {"n_repeats": 1} | changes)
    return permute_parts(trained.table, trained.folds, trained.loaders, EVALUATION)


@pytest.fixture(scope="module")
def table():
    return permuted(key_table())


def row(table, part):
    return table.filter(part=part).row(0, named=True)


def test_the_part_that_carries_the_signal_loses_and_noise_does_not(table):
    assert dict(table.schema) == IMPORTANCE_SCHEMA
    assert table["part"].to_list() == ["chroma", "bitstream"]
    assert table["n_features"].to_list() == [len(feature_names([name])) for name in ("chroma", "bitstream")]
    signal, noise = row(table, "chroma"), row(table, "bitstream")
    assert 0.3 < signal["loss"] < 0.6
    assert signal["loss_low"] > 0.2
    assert abs(noise["loss"]) < 0.1
    assert noise["loss_low"] - 1e-9 <= 0 <= noise["loss_high"] + 1e-9


def test_intervals_hold_their_loss(table):
    assert (table["loss_low"] <= table["loss"] + 1e-9).all()
    assert (table["loss"] <= table["loss_high"] + 1e-9).all()


@pytest.mark.parametrize("outer", ["stratified_groups", "leave_one_group_out"])
def test_a_signal_is_found_though_every_group_is_of_one_class(outer):
    """Where a test part is one group, shuffling inside it would leave the label's trace where it was."""
    found = permuted(key_table(8, pure=True), outer=outer)
    assert row(found, "chroma")["loss"] > 0.3
    assert abs(row(found, "bitstream")["loss"]) < 0.15


def test_the_models_are_those_of_the_first_repeat():
    keys = key_table(8)
    assert permuted(keys, n_repeats=2).equals(permuted(keys))


def test_segments_are_shuffled_between_videos_and_a_part_stays_together(monkeypatch):
    keys, judged = key_table(6), []
    trained = train(training_of(segments_of(keys, separation=1.0)), SVM | {"n_repeats": 1})
    rows_of_part = {
        name: dict(zip(trained.table.select(feature_names([name])).rows(), trained.table["video_id"], strict=True))
        for name in ("bitstream", "chroma")
    }
    original = VideoDetector.score_videos

    def spy(model, features, videos):
        judged.append(
            {
                name: [
                    owner[row] == video
                    for row, video in zip(features.select(feature_names([name])).rows(), videos, strict=True)
                ]
                for name, owner in rows_of_part.items()
            }
        )  # a row of a part that is not moved whole is not found
        return original(model, features, videos)

    monkeypatch.setattr(VideoDetector, "score_videos", spy)
    permute_parts(trained.table, trained.folds, trained.loaders, EVALUATION)
    kinds = Counter(tuple(name for name, own in one.items() if not all(own)) for one in judged)
    assert kinds == {(): 3, ("bitstream",): 3 * EVALUATION["n_shuffles"], ("chroma",): 3 * EVALUATION["n_shuffles"]}
    for one in judged:
        assert all(np.mean(own) < 0.5 or all(own) for own in one.values())


def test_equal_inputs_give_equal_losses(table):
    assert permuted(key_table()).equals(table)


def test_columns_of_scaled_copies_are_a_part_of_their_own():
    columns = [*feature_names(["chroma"]), "scaled_edges", "scaled_hue"]
    assert parts_of(columns) == {"chroma": feature_names(["chroma"]), "scaled copy": ["scaled_edges", "scaled_hue"]}


def test_the_family_region_is_parted_by_place():
    columns = [*feature_names(["dct"]), *columns_of(["region.face", "region.contrast"])]
    parts = parts_of(columns)
    assert list(parts) == ["dct", "region.face", "region.contrast"]
    assert [name for own in parts.values() for name in own] == columns


def test_the_plot_names_every_part(table):
    figure = plot_importance(table)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["bitstream", "chroma"]
    assert np.isfinite(figure.get_size_inches()).all()


def test_a_weight_is_what_a_standard_deviation_adds_to_the_log_odds():
    trained = train(training_of(segments_of(key_table())))
    weights = column_weights(trained.detector)
    assert len(weights) == len(trained.detector.columns)
    assert weights["weight"].abs().is_sorted(descending=True)
    assert set(weights["column"].head(5)) <= set(feature_names(["chroma"]))  # which tell real from fake
    rows = trained.table.head(1)
    for expert, column, weight in weights.sample(6, seed=0).iter_rows():
        scaler = trained.detector.experts_[expert]["scale"]
        number = trained.detector.experts[expert].index(column)
        mean, deviation = scaler.mean_[number], scaler.scale_[number]
        low, high = (
            trained.detector.decision_function(rows.with_columns(pl.lit(mean + shift * deviation).alias(column)))[0]
            for shift in (-0.5, 0.5)
        )
        assert high - low == pytest.approx(weight, abs=1e-9)


def test_an_rbf_kernel_has_no_weights():
    grid = {"C": [0.1], "rbf_C": [1], "kernel": ["rbf"]}
    trained = train(training_of(segments_of(key_table())), SVM | {"n_repeats": 1, "grid": grid})
    assert column_weights(trained.detector).is_empty()
