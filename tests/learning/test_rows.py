"""Rows, their weights and what they come to by video."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import corpus, in_segments

from fvc_kedro.learning.rows import balanced_weights, first_rows, mean_by_video


def test_every_video_of_a_class_weighs_the_same_however_long_it_is():
    rows = in_segments(corpus(), [1, 3, 7, 2, 5])
    weights = balanced_weights(rows.y, rows.videos)
    for label in (0, 1):
        own = rows.y == label
        assert weights[own].mean() == pytest.approx(1)
        _, places = np.unique(rows.videos[own], return_inverse=True)
        totals = np.bincount(places, weights[own])
        np.testing.assert_allclose(totals, totals[0])


def test_weights_of_one_class_only():
    np.testing.assert_allclose(balanced_weights(np.ones(3, int), np.array(list("aab"))), [0.75, 0.75, 1.5])


def test_a_mean_leaves_out_missing_values():
    values = np.array([[3.0, np.nan], [1.0, np.nan], [np.nan, 4.0], [5.0, 2.0]])
    names, means = mean_by_video(values, np.array(list("baba")))
    assert names.tolist() == ["a", "b"]
    np.testing.assert_array_equal(means, [[3.0, 2.0], [3.0, 4.0]])
    _, means = mean_by_video(values[:2], np.array(list("aa")))
    np.testing.assert_array_equal(means, [[2.0, np.nan]])


VALUES = st.one_of(st.floats(-9, 9), st.just(float("nan")))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("dacb"), VALUES, VALUES), min_size=1, max_size=20))
def test_means_are_those_of_polars(made):
    table = pl.DataFrame(made, schema=["video", "first", "second"], orient="row").fill_nan(None)
    names, means = mean_by_video(table.select("first", "second").to_numpy().astype(float), table["video"].to_numpy())
    expected = table.group_by("video").mean().sort("video")
    assert names.tolist() == expected["video"].to_list()
    np.testing.assert_allclose(means, expected.select("first", "second").to_numpy().astype(float), atol=1e-12)


def test_first_rows_are_one_of_each_video_in_the_order_of_names():
    assert first_rows(np.array(list("bacab"))).tolist() == [1, 0, 2]


def test_rows_are_taken_with_all_that_belongs_to_them():
    rows = corpus()
    some = rows.take(np.array([5, 0, 5]))
    assert len(some) == 3
    assert some.features.rows() == [rows.features.row(number) for number in (5, 0, 5)]
    assert (some.y.tolist(), some.videos.tolist()) == ([1, 0, 1], ["v0005", "v0000", "v0005"])
    assert len(rows.take(np.arange(0))) == 0


def test_prevalence_counts_videos_not_segments():
    rows = corpus().take(np.array([0, 1, 1, 1, 2, 4]))
    assert rows.prevalence() == 0.25


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.integers(0, 9)), min_size=1, max_size=30))
def test_every_corpus_counts_the_same_in_each_class_that_it_has(rows):
    corpora, y, numbers = (np.array(column) for column in zip(*rows, strict=True))
    videos = np.char.add(np.char.add(corpora, y.astype(str)), numbers.astype(str))
    weights = balanced_weights(y, videos, corpora)
    for label in np.unique(y):
        of_class = y == label
        n_videos = {name: len(set(videos[of_class & (corpora == name)])) for name in np.unique(corpora[of_class])}
        totals = {name: weights[of_class & (corpora == name)].sum() for name in n_videos}
        fair = np.mean(list(n_videos.values()))
        full = [total for name, total in totals.items() if fair <= 5 * n_videos[name]]
        np.testing.assert_allclose(full, full[0])
        assert all(total <= full[0] + 1e-9 for total in totals.values())
        assert weights[of_class].mean() == pytest.approx(1)
        for name in n_videos:
            own = of_class & (corpora == name)
            of_videos = [weights[own & (videos == video)].sum() for video in np.unique(videos[own])]
            np.testing.assert_allclose(of_videos, of_videos[0])


def test_the_few_videos_of_a_small_corpus_count_at_most_five_times():
    y, corpora = np.tile([0, 1], 101), np.repeat(["large", "small"], [200, 2])
    weights = balanced_weights(y, np.arange(202).astype(str), corpora)
    large, small = weights[0], weights[-1]
    assert small / large == pytest.approx(5 * 100 / 50.5)  # five times, where the large corpus counts for half
    equal = balanced_weights(y, np.arange(202).astype(str))
    assert small / equal[-1] <= 5 * 202 / 110
