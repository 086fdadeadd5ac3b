"""Batch alignment: what it maps back, what it leaves alone, and what it does not look at."""

import joblib
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import corpus, detector, fitted, in_segments, linear, rbf, score, with_columns
from threadpoolctl import threadpool_limits

from fvc_kedro.learning.alignment import BatchAlignment, Moments, NotAlignableError, moments_of

FACE = ["face0", "face1"]
EXPERTS = {"whole": [f"f{number}" for number in range(4)], "face": FACE}


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def names(n):
    return np.array([f"v{number:04d}" for number in range(n)])


def spread(n_rows=400, n_columns=3, seed=0):
    """Rows whose columns are correlated."""
    generator = np.random.default_rng(seed)
    mixing = np.eye(n_columns) + 0.2 * generator.uniform(-1, 1, (n_columns, n_columns))
    return generator.normal(size=(n_rows, n_columns)) @ mixing + 2


def shifted(rows, factors=(1.5, 0.8, 1.2, 0.7), offset=0.6):
    """The same rows as another camera and encoder might measure them."""
    columns = [f"f{number}" for number in range(len(factors))]
    return with_columns(
        rows, **{name: pl.col(name) * factor + offset for name, factor in zip(columns, factors, strict=True)}
    )


def with_faces(rows, has_face=None):
    values = np.random.default_rng(1).normal(size=(len(rows), 2)) + rows.y[:, None]
    values[np.arange(len(rows)) % 3 == 0 if has_face is None else ~has_face] = np.nan
    return with_columns(rows, face0=values[:, 0], face1=values[:, 1])


def aligned(model, batch, **settings):
    return model.aligned_to(batch.features, batch.videos, **settings)


# The map


def test_moments_are_weighted():
    values, weights = spread(), np.random.default_rng(1).uniform(0.1, 2, 400)
    found = moments_of(values, weights)
    np.testing.assert_allclose(found.covariance, np.cov(values.T, aweights=weights, ddof=0))
    np.testing.assert_allclose(found.mean, weights @ values / weights.sum())


def test_what_differs_from_corpus_to_corpus_is_no_covariance():
    values, corpora = spread(), np.repeat(["a", "b"], 200)
    apart = values + np.where(corpora == "a", 100.0, -100.0)[:, None]
    found = moments_of(apart, np.ones(400), corpora)
    within = [np.cov(values[corpora == name].T, ddof=0) for name in ("a", "b")]
    np.testing.assert_allclose(found.covariance, np.mean(within, axis=0))
    np.testing.assert_allclose(found.mean, values.mean(axis=0), atol=1e-9)
    one = moments_of(values, np.ones(400), np.full(400, "a"))
    np.testing.assert_allclose(one.covariance, moments_of(values, np.ones(400)).covariance)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_mean_and_covariance_of_the_batch_become_those_trained_on(seed, n_columns):
    source = moments_of(spread(seed=seed, n_columns=n_columns), np.ones(400))
    batch = spread(300, n_columns, seed + 1) * 3 - 7
    mapped = BatchAlignment(source, 1e-6).fit(batch, names(300)).transform(batch)
    found = moments_of(mapped, np.ones(300))
    scale = np.abs(source.covariance).max()
    np.testing.assert_allclose(found.mean, source.mean, atol=1e-6 * np.sqrt(scale))
    np.testing.assert_allclose(found.covariance, source.covariance, atol=0.05 * scale)  # the ridge


def test_known_answer_for_one_column():
    source = Moments(np.array([1.0]), np.array([[4.0]]))
    batch = np.array([[10.0], [12.0]])
    model = BatchAlignment(source, prior_videos=2.0).fit(batch, names(2))
    # Half of the variance is that of the batch, 1, half that trained on, 4.
    # To both, a thousandth of the variance trained on is added.
    np.testing.assert_allclose(model.transform(batch)[:, 0], 1 + np.array([-1, 1]) * np.sqrt(4.004 / 2.504))


def test_a_batch_that_lies_where_training_did_stays_there():
    values = spread()
    model = BatchAlignment(moments_of(values, np.ones(400))).fit(values, names(400))
    np.testing.assert_allclose(model.transform(values), values, atol=1e-9)


def test_the_map_is_symmetric():
    """So it stretches and does not turn: of all maps to the same covariance, it moves the rows least."""
    found = BatchAlignment(moments_of(spread(), np.ones(400))).fit(spread(seed=1), names(400)).map_
    np.testing.assert_allclose(found, found.T, atol=1e-9)


def test_a_small_batch_is_little_more_than_shifted():
    source = moments_of(spread(), np.ones(400))
    few, many = (BatchAlignment(source).fit(3 * spread(n, seed=2), names(n)).map_ for n in (3, 300))
    assert np.linalg.norm(few - np.eye(3)) < 0.6 * np.linalg.norm(many - np.eye(3))


def test_a_single_video_is_shifted_to_the_mean():
    source = moments_of(spread(), np.ones(400))
    batch = np.array([[5.0, -3.0, 100.0]])
    np.testing.assert_allclose(BatchAlignment(source).fit(batch, names(1)).transform(batch)[0], source.mean)


def test_constant_columns_stay_finite():
    source = spread()
    source[:, 0] = 0.0
    batch = spread(seed=1)
    batch[:, :2] = 0.0
    mapped = BatchAlignment(moments_of(source, np.ones(400))).fit(batch, names(400)).transform(batch)
    assert np.isfinite(mapped).all()
    np.testing.assert_allclose(mapped[:, 0], 0, atol=1e-9)
    nothing = Moments(np.zeros(2), np.zeros((2, 2)))
    assert not BatchAlignment(nothing).fit(np.zeros((4, 2)), names(4)).transform(np.zeros((4, 2))).any()


# The detector


@pytest.mark.parametrize("candidates", [linear(), rbf()], ids=["linear", "rbf"])
def test_a_shifted_copy_of_the_corpus_is_scored_as_the_corpus(candidates):
    rows = corpus(n_groups=20, separation=0.8)
    model, other = fitted(rows, candidates), shifted(corpus(n_groups=20, separation=0.8))
    wanted, plain = score(model, rows)["margin"].to_numpy(), score(model, other)["margin"].to_numpy()
    found = score(aligned(model, other, prior_videos=1e-6), other)["margin"].to_numpy()
    assert np.abs(found - wanted).mean() < 0.15 * np.abs(plain - wanted).mean()  # values were cut


@pytest.mark.parametrize("candidates", [linear(), rbf()], ids=["linear", "rbf"])
def test_a_large_batch_that_was_not_shifted_is_hardly_changed(candidates):
    model, other = fitted(corpus(n_groups=40), candidates), corpus(n_groups=40, seed=1)
    plain, found = score(model, other)["margin"].to_numpy(), score(aligned(model, other), other)["margin"].to_numpy()
    assert np.corrcoef(plain, found)[0, 1] > 0.98
    assert np.abs(found - plain).mean() < 0.2 * np.abs(plain).mean()


def test_alignment_restores_what_a_shift_of_the_columns_took():
    model, other = fitted(corpus(n_groups=20)), shifted(corpus(n_groups=20, seed=1), offset=1.5)
    called = [score(one, other)["margin"].to_numpy()[other.y == 0] > 0 for one in (model, aligned(model, other))]
    assert called[0].mean() > 0.4
    assert called[1].mean() < 0.25


def test_the_detector_itself_stays_as_it_is():
    rows = with_faces(corpus())
    model = fitted(rows, experts=EXPERTS)
    before = score(model, rows)
    other = shifted(with_faces(corpus(seed=1)))
    once = aligned(model, other)
    assert score(model, rows).equals(before)
    assert score(aligned(once, other), other).equals(score(once, other))  # aligned once, not twice


def test_order_of_the_rows_does_not_matter():
    model = fitted(corpus())
    other = in_segments(shifted(corpus(seed=1)), [1, 2, 3])
    turned = other.take(np.random.default_rng(0).permutation(len(other)))
    found, same = score(aligned(model, other), other), score(aligned(model, turned), turned)
    np.testing.assert_allclose(found["margin"], same["margin"], atol=1e-9)


def test_long_videos_count_no_more_than_short_ones():
    model, other = fitted(corpus()), shifted(corpus(seed=1))
    counts = np.where(np.arange(len(other)) < 6, 20, 1)
    repeated = other.take(np.repeat(np.arange(len(other)), counts))
    np.testing.assert_allclose(
        score(aligned(model, repeated), other)["margin"], score(aligned(model, other), other)["margin"], atol=1e-9
    )


def test_both_classes_count_the_same_in_what_is_aligned_to():
    """So training on many fakes does not make a batch of as many real ones look fake."""
    rows = corpus(n_groups=20)
    few = rows.take(np.flatnonzero((rows.y == 1) | (np.arange(len(rows)) % 6 == 0)))
    mean = fitted(few).moments_["all"].mean
    scaled = fitted(few).experts_["all"][:2].transform(few.features.to_numpy())
    np.testing.assert_allclose(mean, (scaled[few.y == 0].mean(axis=0) + scaled[few.y == 1].mean(axis=0)) / 2)


def test_a_batch_like_one_of_several_corpora_is_stretched_no_wider():
    """In the direction in which the corpora differ, too."""
    parts = [corpus(n_groups=20, seed=seed) for seed in (0, 1)]
    far = [with_columns(part, f1=pl.col("f1") + by) for part, by in zip(parts, (4, -4), strict=True)]
    both = far[0].features.vstack(far[1].features)
    names = np.repeat(["a", "b"], [len(part) for part in far])
    y, groups, videos = (np.concatenate([getattr(part, name) for part in far]) for name in ("y", "groups", "videos"))
    model = detector(far[0]).fit(both, y, np.char.add(names, groups), np.char.add(names, videos), corpora=names)
    other = with_columns(corpus(n_groups=20, seed=2), f1=pl.col("f1") + 4)
    align = aligned(model, other).experts_["all"]["align"]
    np.testing.assert_allclose(align.map_, np.eye(4), atol=0.25)


def test_an_expert_is_aligned_by_the_videos_that_have_its_place():
    rows = with_faces(corpus(n_groups=20))
    model, other = fitted(rows, experts=EXPERTS), with_faces(corpus(n_groups=20, seed=1))
    has_face = ~np.isnan(other.features["face0"].to_numpy())
    part = other.take(np.flatnonzero(has_face))
    found = score(aligned(model, other), other).filter(pl.Series(has_face))
    np.testing.assert_allclose(found["face"], score(aligned(model, part), part)["face"], atol=1e-9)


def test_an_expert_whose_place_no_video_has_abstains_and_the_others_are_aligned():
    model = fitted(with_faces(corpus()), experts=EXPERTS)
    other = with_faces(corpus(seed=1), has_face=np.zeros(72, bool))
    found = score(aligned(model, shifted(other)), shifted(other))
    assert found["face"].null_count() == 72
    assert found["margin"].is_finite().all()
    assert not found["margin"].equals(score(model, shifted(other))["margin"])


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_videos_get_finite_scores(n):
    model = fitted(with_faces(corpus()), experts=EXPERTS)
    other = with_faces(corpus(seed=1)).take(np.arange(n))
    assert score(aligned(model, other), other)["margin"].is_finite().all()


def test_an_aligned_detector_is_saved_like_any(tmp_path):
    model, other = fitted(corpus()), shifted(corpus(seed=1))
    joblib.dump(aligned(model, other), tmp_path / "aligned.joblib")
    assert score(joblib.load(tmp_path / "aligned.joblib"), other).equals(score(aligned(model, other), other))


def test_a_detector_trained_before_says_what_to_do():
    model = fitted(corpus())
    del model.moments_
    with pytest.raises(NotAlignableError, match="kedro run --pipelines svm_training"):
        aligned(model, corpus())
