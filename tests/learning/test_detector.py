"""The detector: experts, their evidence, the search and the probabilities."""

import pickle
import warnings

import joblib
import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score
from tables import (
    copied_noise,
    corpus,
    detector,
    fit,
    fitted,
    in_segments,
    linear,
    make_rows,
    rbf,
    rings,
    score,
    with_columns,
)
from threadpoolctl import threadpool_limits

from fvc_kedro.learning.candidates import boosting_candidates, discriminant_candidates, logistic_candidates
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import TooFewGroupsError, grouped_sample
from fvc_kedro.learning.rows import Rows

WHOLE = [f"f{number}" for number in range(4)]
FACE = ["face0", "face1"]
EXPERTS = {"whole": WHOLE, "face": FACE}


@pytest.fixture(autouse=True)
def one_thread():
    """As a trial has it; with more, small tables only wait for one another."""
    with threadpool_limits(1):
        yield


def with_faces(rows, has_face, separation=1.0, shift=0.0, seed=0):
    """The same rows with columns of a face, missing where there is none; the first follows the label."""
    values = np.random.default_rng(seed).normal(size=(len(rows), 2)) + shift
    values[:, 0] += separation * (2 * rows.y - 1)
    values[~has_face] = np.nan
    return with_columns(rows, face0=values[:, 0], face1=values[:, 1])


def half_with_faces(rows, **changes):
    return with_faces(rows, np.arange(len(rows)) % 4 < 2, **changes)


@pytest.fixture(scope="module", params=["linear", "rbf"])
def model_and_rows(request):
    rows = half_with_faces(corpus())
    return fitted(rows, linear() if request.param == "linear" else rbf(), experts=EXPERTS), rows


# Tables and files


def test_a_saved_detector_needs_nothing_but_its_file(model_and_rows, tmp_path):
    model, rows = model_and_rows
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    expected = model.predict_proba(rows.features)
    table = rows.features.select(reversed(rows.features.columns)).with_columns(video_id=pl.lit("x"), label=pl.lit("y"))
    np.testing.assert_array_equal(loaded.predict_proba(table), expected)
    np.testing.assert_array_equal(loaded.predict_proba(table.to_pandas()), expected)
    assert loaded.score_videos(table.to_pandas(), rows.videos).equals(score(model, rows))
    assert list(loaded.feature_names_in_) == [*WHOLE, *FACE]
    assert list(loaded.classes_) == [0, 1]


def test_pandas_tables_can_be_learnt_from_too():
    rows = half_with_faces(corpus())
    learnt = [
        fitted(Rows(table, rows.y, rows.groups, rows.videos), experts=EXPERTS)
        for table in (rows.features, rows.features.to_pandas())
    ]
    np.testing.assert_array_equal(*(model.predict_proba(rows.features) for model in learnt))


def test_a_table_without_a_column_is_refused(model_and_rows):
    model, rows = model_and_rows
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="f1"):
        model.predict_proba(rows.features.drop("f1"))
    with pytest.raises(KeyError, match="face1"):
        model.predict_proba(rows.features.drop("face1").to_pandas())


def test_an_empty_table_has_the_same_columns(model_and_rows):
    model, rows = model_and_rows
    none = score(model, rows.take(np.arange(0)))
    assert none.is_empty()
    assert none.schema == score(model, rows).schema
    assert none.columns == ["video_id", "margin", "probability", "whole", "face"]


def test_columns_of_two_experts_are_named_once():
    rows = corpus()
    model = fitted(rows, experts={"first": ["f2", "f0"], "second": ["f0", "f1"]})
    assert list(model.feature_names_in_) == ["f2", "f0", "f1"]


# A scikit-learn estimator


def test_it_is_a_scikit_learn_estimator():
    rows = corpus(separation=2.0)
    model = detector(rows, shrinkage="auto", seed=3)
    copied = clone(model)
    assert copied.get_params()["shrinkage"] == "auto"
    assert copied.set_params(prevalence=0.1).prevalence == 0.1
    assert model.prevalence is None
    assert "VideoDetector" in repr(model)
    with pytest.raises(NotFittedError):
        model.predict(rows.features)
    assert cross_val_score(model, rows.features, rows.y, scoring="roc_auc").mean() > 0.9
    assert model.fit(rows.features, rows.y).score(rows.features, rows.y) > 0.9
    with pytest.raises(NotFittedError):
        copied.score_videos(rows.features, rows.videos)


def test_fitting_changes_no_parameter_and_can_be_repeated():
    rows = corpus(separation=0.5)
    model = detector(rows, linear(0.01, 1))
    before = pickle.dumps(model.get_params(deep=False))
    first = fit(model, rows).predict_proba(rows.features)
    assert pickle.dumps(model.get_params(deep=False)) == before
    np.testing.assert_array_equal(fit(model, rows).predict_proba(rows.features), first)
    np.testing.assert_array_equal(fit(clone(model), rows).predict_proba(rows.features), first)
    other = fit(clone(model).set_params(seed=1), rows).predict_proba(rows.features)
    assert np.abs(other - first).max() > 1e-6


def test_without_groups_every_row_stands_alone():
    rows = corpus()
    names = np.arange(len(rows)).astype(str)
    expected = fit(detector(rows), Rows(rows.features, rows.y, names, names)).predict_proba(rows.features)
    np.testing.assert_array_equal(detector(rows).fit(rows.features, rows.y).predict_proba(rows.features), expected)


@pytest.mark.parametrize(
    "candidates", [linear(), rbf(), logistic_candidates([0.1]), discriminant_candidates(), boosting_candidates(0)]
)
@pytest.mark.parametrize("shrinkage", [0.4, "auto", None])
def test_every_classifier_with_every_shrinkage(candidates, shrinkage):
    rows = corpus(8, separation=1.5)
    model = fitted(rows, candidates, shrinkage=shrinkage)
    unseen = corpus(8, separation=1.5, seed=1)
    assert roc_auc_score(unseen.y, model.decision_function(unseen.features)) > 0.9
    steps = ["impute", "scale", "classify"] if shrinkage is None else ["impute", "scale", "whiten", "classify"]
    assert list(model.experts_["all"].named_steps) == steps


def test_nothing_warns_of_columns_that_are_constant_or_missing():
    for seed in range(5):
        rows = half_with_faces(in_segments(corpus(6, seed=seed), [1, 2, 5], seed), seed=seed)
        rows = with_columns(rows, f4=pl.lit(0.1 + seed), f5=pl.lit(None, pl.Float64), face2=pl.lit(1e6))
        experts = {"whole": [*WHOLE, "f4", "f5"], "face": [*FACE, "face2"], "constant": ["f4"], "missing": ["f5"]}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = fitted(rows, [*linear(), *rbf()], experts=experts)
            scores = score(model, rows)
        assert scores["margin"].is_finite().all()
        assert scores["missing"].is_null().all()
    assert scores["constant"].null_count() == len(scores)


# Margins, evidence and probabilities


def test_the_margin_is_the_sum_of_the_evidence(model_and_rows):
    model, rows = model_and_rows
    scores = score(model, in_segments(rows, [1, 3]))
    total = scores["whole"] + scores["face"].fill_null(0)
    np.testing.assert_allclose(scores["margin"], total, atol=1e-9)
    np.testing.assert_allclose(scores["probability"], expit(scores["margin"] + model.fusion_.intercept), atol=1e-9)


def test_a_row_is_scored_as_a_video_of_one_row(model_and_rows):
    model, rows = model_and_rows
    scores = score(model, rows)
    assert scores["video_id"].to_list() == rows.videos.tolist()
    np.testing.assert_allclose(scores["margin"], model.decision_function(rows.features), atol=1e-9)
    np.testing.assert_allclose(scores["probability"], model.predict_proba(rows.features)[:, 1], atol=1e-9)


def test_the_evidence_of_a_video_is_the_mean_over_its_rows(model_and_rows):
    model, rows = model_and_rows
    rows = in_segments(rows, [1, 4, 2])
    each = score(model, Rows(rows.features, rows.y, rows.groups, np.char.mod("%05d", np.arange(len(rows)))))
    expected = each.with_columns(video_id=pl.Series(rows.videos)).group_by("video_id").mean().sort("video_id")
    scores = score(model, rows)
    for name in EXPERTS:
        np.testing.assert_allclose(
            scores[name].fill_null(np.nan), expected[name].fill_null(np.nan), atol=1e-9, equal_nan=True
        )


def test_probability_rises_with_the_margin(model_and_rows):
    model, rows = model_and_rows
    order = np.argsort(model.decision_function(rows.features))
    probabilities = model.predict_proba(rows.features)
    assert np.all(np.diff(probabilities[order, 1]) >= 0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(rows.features), (probabilities[:, 1] >= 0.5).astype(int))


def test_probabilities_are_plausible(model_and_rows):
    model, rows = model_and_rows
    fake = model.predict_proba(rows.features)[:, 1]
    assert abs(fake.mean() - rows.y.mean()) < 0.1
    assert np.mean((fake - rows.y) ** 2) < 0.2


@pytest.mark.parametrize("seed", range(6))
def test_fakes_are_not_ranked_below_reals_where_nothing_can_be_learnt(seed):
    """The sigmoid of an expert whose out-of-fold margins tell nothing must not fall."""
    rows = corpus(6, n_columns=30, separation=0.0, seed=seed)
    model = fitted(rows)
    assert (model.fusion_.slopes > 0).all()
    assert roc_auc_score(rows.y, model.decision_function(rows.features)) > 0.5


def test_noise_that_every_group_repeats_is_not_believed():
    """Learnt by heart, copies are told apart; the calibration has never seen those of the same group."""
    found = []
    for seed in range(4):
        rows = copied_noise(seed)
        model = fitted(rows, rbf())
        assert roc_auc_score(rows.y, model.decision_function(rows.features)) > 0.9
        found.append(np.abs(model.predict_proba(rows.features)[:, 1] - 0.5).mean())
    together = fit(detector(rows, rbf()), Rows(rows.features, rows.y, rows.videos, rows.videos))
    assert np.mean(found) < 0.15
    assert np.abs(together.predict_proba(rows.features)[:, 1] - 0.5).mean() > 0.3  # where rows are split


def test_probabilities_are_meant_for_a_prevalence():
    rows = corpus(separation=0.5)
    rows = rows.take(np.flatnonzero((rows.y == 0) | (np.arange(len(rows)) % 6 == 1)))  # a third of the fakes
    trained, balanced = (fitted(rows, prevalence=prevalence) for prevalence in (None, 0.5))
    np.testing.assert_array_equal(*(model.decision_function(rows.features) for model in (trained, balanced)))
    odds = [np.divide(*model.predict_proba(rows.features).T[::-1]) for model in (trained, balanced)]
    np.testing.assert_allclose(odds[1] / odds[0], 3.0)  # three reals for a fake in training, one elsewhere
    again = fitted(rows, prevalence=0.25)
    np.testing.assert_allclose(again.predict_proba(rows.features), trained.predict_proba(rows.features))


def test_the_prevalence_in_training_is_that_of_videos_not_of_segments():
    rows = corpus()
    rows = in_segments(rows, np.where(rows.y == 1, 5, 1))
    model = fitted(rows)
    np.testing.assert_allclose(
        model.predict_proba(rows.features), fitted(rows, prevalence=0.5).predict_proba(rows.features)
    )


# Experts


def test_an_expert_abstains_where_all_its_columns_are_missing(model_and_rows):
    model, rows = model_and_rows
    has_face = np.arange(len(rows)) % 4 < 2
    scores = score(model, rows)
    assert scores["face"].is_null().to_list() == (~has_face).tolist()
    assert scores["whole"].null_count() == 0
    np.testing.assert_array_equal(scores["margin"].filter(~has_face), scores["whole"].filter(~has_face))
    assert np.abs(scores["margin"] - scores["whole"]).filter(has_face).min() > 1e-6


def test_a_video_that_shows_a_face_in_some_rows_is_judged_by_those(model_and_rows):
    model, rows = model_and_rows
    shown = rows.take(np.array([0, 2]))  # a row with a face, and one without
    both = model.score_videos(shown.features, np.array(["v", "v"]))
    alone = score(model, rows.take(np.array([0])))
    assert both["face"].item() == pytest.approx(alone["face"].item())


def test_where_all_experts_abstain_the_probability_is_that_of_the_prevalence():
    rows = half_with_faces(corpus())
    model = fitted(rows, experts=EXPERTS, prevalence=0.3)
    nothing = rows.features.head(3).with_columns(pl.lit(None, pl.Float64).alias(name) for name in [*WHOLE, *FACE])
    scores = model.score_videos(nothing, np.array(list("abc")))
    assert scores["margin"].to_list() == [0, 0, 0]
    assert scores["whole"].null_count() == scores["face"].null_count() == 3
    np.testing.assert_array_equal(model.predict_proba(nothing)[:, 1], expit(model.fusion_.intercept))
    assert expit(model.fusion_.intercept) == pytest.approx(0.3, abs=0.05)


def test_imputing_never_makes_up_a_face():
    rows = corpus(separation=0.5)
    has_face = np.arange(len(rows)) % 4 < 2
    near, far = (with_faces(rows, has_face, shift=shift) for shift in (0.0, 1000.0))
    first, second = (fitted(some, rbf(), experts=EXPERTS) for some in (near, far))
    medians = [model.experts_["face"].named_steps["impute"].statistics_ for model in (first, second)]
    np.testing.assert_allclose(medians[1] - medians[0], 1000)
    faceless = near.take(np.flatnonzero(~has_face))
    expected = score(first, faceless)
    np.testing.assert_allclose(score(second, faceless)["margin"], expected["margin"], atol=1e-6)
    np.testing.assert_array_equal(expected["margin"], expected["whole"])


def test_an_expert_learns_from_the_rows_that_have_its_columns_only():
    rows = half_with_faces(corpus())
    face_rows = rows.take(np.flatnonzero(rows.features["face0"].is_not_null()))
    together = fitted(rows, experts=EXPERTS).experts_["face"]
    alone = fitted(face_rows, experts={"face": FACE}).experts_["face"]
    values = face_rows.features.select(FACE).to_numpy()
    np.testing.assert_allclose(together.decision_function(values), alone.decision_function(values))


def test_the_classifier_of_an_expert_does_not_depend_on_the_others():
    rows = half_with_faces(corpus())
    together, alone = fitted(rows, experts=EXPERTS), fitted(rows, experts={"whole": WHOLE})
    values = rows.features.select(WHOLE).to_numpy()
    np.testing.assert_array_equal(*(model.experts_["whole"].decision_function(values) for model in (together, alone)))


def test_a_second_place_that_knows_more_helps():
    rows, unseen = (half_with_faces(corpus(separation=0.5, seed=seed), separation=2.0, seed=seed) for seed in (0, 1))
    areas = []
    for experts in ({"whole": WHOLE}, EXPERTS):
        areas.append(roc_auc_score(unseen.y, fitted(rows, experts=experts).decision_function(unseen.features)))
    assert areas[1] > areas[0] + 0.05


@pytest.mark.parametrize("shown", [[], ["g00"], ["g00", "g01"]])
def test_an_expert_with_fewer_than_two_groups_of_a_class_is_not_trained(shown):
    """With g01, a face is shown in two groups, but fakes show it in one only."""
    rows = corpus()
    has_face = np.isin(rows.groups, shown) & ~((rows.groups == "g01") & (rows.y == 1))
    rows = with_faces(rows, has_face, separation=5.0)
    model = fitted(rows, experts=EXPERTS)
    assert model.experts_["face"] is None
    assert model.experts_["whole"] is not None
    unseen = with_faces(corpus(seed=1), np.ones(len(rows), bool), separation=5.0)
    scores = score(model, unseen)
    assert scores["face"].is_null().all()
    np.testing.assert_allclose(scores["margin"], fitted(rows, experts={"a": WHOLE}).decision_function(unseen.features))


def test_an_expert_with_a_few_more_groups_is_trained():
    rows = corpus()
    rows = with_faces(rows, np.isin(rows.groups, ["g00", "g03", "g05", "g06", "g08", "g11"]))
    model = fitted(rows, experts=EXPERTS)
    assert model.experts_["face"] is not None
    assert score(model, rows)["face"].null_count() == len(rows) / 2


def test_without_an_expert_to_train_there_is_no_detector():
    rows = with_faces(corpus(), np.arange(72) < 6)
    with pytest.raises(TooFewGroupsError, match="no expert has two groups of each class"):
        fitted(rows, experts={"face": FACE})


def test_too_few_groups_of_a_class_are_told():
    rows = corpus()
    y = np.where(rows.groups == "g00", 1, 0)
    with pytest.raises(TooFewGroupsError, match="11 groups with real and 1 with fake"):
        fitted(Rows(rows.features, y, rows.groups, rows.videos))


@pytest.mark.parametrize("pure", [False, True])
def test_two_groups_of_a_class_are_enough(pure):
    """As when a corpus of three groups leaves one out: inner training parts then have one group of a class."""
    rows = corpus(4 if pure else 2, separation=3.0)
    y = np.repeat([0, 1, 0, 1], 6) if pure else rows.y
    values = rows.features.to_numpy() + 6.0 * (y - rows.y)[:, None] * (np.arange(4) == 0)
    rows = make_rows(values, y, rows.groups)
    assert roc_auc_score(y, fitted(rows).decision_function(rows.features)) > 0.9


def test_a_detector_that_could_never_say_anything_is_refused():
    """Both groups that show a face in fakes may fall into one inner fold; the rest then cannot be learnt from."""
    rows = corpus(separation=3.0)
    y = np.repeat(np.arange(12) % 2, 6)
    rows = Rows(rows.features, y, rows.groups, rows.videos)
    rows = with_faces(rows, np.isin(rows.groups, ["g00", "g01", "g02", "g03"]), separation=3.0)
    refused = 0
    for seed in range(8):
        try:
            model = fitted(rows, experts={"face": FACE}, seed=seed)
        except TooFewGroupsError:
            refused += 1
        else:
            assert np.ptp(model.decision_function(rows.features)) > 0.1
    assert 0 < refused < 8


def test_two_equal_experts_rank_as_one_does():
    rows, unseen = corpus(separation=0.5), corpus(separation=0.5, seed=1)
    once = fitted(rows, rbf())
    twice = fitted(rows, rbf(), experts={"first": WHOLE, "second": WHOLE})
    margins = [model.decision_function(unseen.features) for model in (once, twice)]
    assert np.argsort(margins[0]).tolist() == np.argsort(margins[1]).tolist()
    np.testing.assert_allclose(margins[1], margins[0], atol=0.15)


# Missing values and odd columns


def test_missing_values_are_imputed(model_and_rows):
    model, rows = model_and_rows
    holes = rows.features.with_columns(f1=pl.lit(None, pl.Float64))
    assert np.isfinite(model.predict_proba(holes)).all()
    medians = rows.features.with_columns(f1=pl.lit(rows.features["f1"].median()))
    np.testing.assert_allclose(model.predict_proba(holes), model.predict_proba(medians))


@pytest.mark.parametrize("candidates", [linear(), rbf()])
def test_values_that_no_training_video_has_do_not_matter(candidates):
    """As those of a face, where only an unseen video shows one; whether with others or in an expert of their own."""
    rows = corpus(n_columns=5, separation=1.5)
    faces = {f"face{number}": pl.lit(None, pl.Float64) for number in range(100)}
    rows = with_columns(rows, **faces)
    shown = rows.features.with_columns(pl.lit(7.5).alias(name) for name in faces)
    whole = [name for name in rows.features.columns if name not in faces]
    for experts in ({"all": rows.features.columns}, {"whole": whole, "face": list(faces)}):
        model = fitted(rows, candidates, experts=experts)
        np.testing.assert_array_equal(model.decision_function(shown), model.decision_function(rows.features))
        assert roc_auc_score(rows.y, model.decision_function(shown)) > 0.9


@pytest.mark.parametrize("candidates", [linear(), rbf()])
def test_columns_that_are_constant_in_training_do_not_matter(candidates):
    rows = with_columns(corpus(separation=1.5), constant=pl.lit(0.1))
    model = fitted(rows, candidates)
    changed = rows.features.with_columns(constant=pl.lit(1e9))
    np.testing.assert_allclose(model.decision_function(changed), model.decision_function(rows.features), atol=1e-9)


def test_a_value_that_one_training_video_has_does_not_outweigh_all_others():
    rows = corpus(n_columns=5, separation=1.5)
    rare = np.full(len(rows), np.nan)
    rare[-1] = 3.0
    model = fitted(with_columns(rows, rare=rare), rbf())
    unseen = corpus(n_columns=5, separation=1.5, seed=1)
    with_rare = unseen.features.with_columns(rare=pl.lit(500.0))
    assert roc_auc_score(unseen.y, model.decision_function(with_rare)) > 0.9


def test_a_single_huge_value_does_not_decide():
    rows = corpus(separation=1.5)
    model = fitted(rows)
    huge = rows.features.with_columns(f2=pl.lit(1e12))
    margins = model.decision_function(huge)
    assert np.abs(margins).max() < 20
    assert roc_auc_score(rows.y, margins) > 0.9


# Segments


def test_repeating_the_segments_of_a_video_changes_nothing():
    rows = corpus()
    repeated = rows.take(np.repeat(np.arange(len(rows)), 4))
    once, often = (score(fitted(some), rows)["margin"] for some in (rows, repeated))
    assert np.corrcoef(once, often)[0, 1] > 0.999
    model = fitted(rows)
    assert score(model, repeated).equals(score(model, rows))


@pytest.mark.parametrize("C", [0.001, 0.1])
def test_unequal_numbers_of_segments_do_not_matter(C):
    rows = corpus(separation=0.7)
    counts = np.random.default_rng(1).integers(1, 9, len(rows))
    repeated = rows.take(np.repeat(np.arange(len(rows)), counts))
    plain, often = (fitted(some, linear(C)) for some in (rows, repeated))
    margins = [model.experts_["all"].decision_function(rows.features.to_numpy()) for model in (plain, often)]
    assert np.corrcoef(*margins)[0, 1] > 0.999


def test_unequal_numbers_of_segments_do_not_matter_to_the_search():
    rows = corpus(separation=0.7)
    repeated = rows.take(np.repeat(np.arange(len(rows)), np.where(np.arange(len(rows)) % 12 == 0, 200, 1)))
    areas = [fitted(some, linear(0.001)).grid_points_[0].mean_roc_auc for some in (rows, repeated)]
    assert areas[1] == pytest.approx(areas[0], abs=0.05)


def test_a_long_video_does_not_outweigh_the_others():
    rows = corpus(separation=1.5)
    odd = rows.features.to_numpy().copy()
    odd[0] = [4.0, 4.0, -4.0, 4.0]  # a real one that looks fake
    rows = make_rows(odd, rows.y, rows.groups)
    long = rows.take(np.repeat(np.arange(len(rows)), np.where(np.arange(len(rows)) == 0, 1000, 1)))
    unseen = corpus(separation=1.5, seed=1)
    for candidates in (linear(0.001), linear(0.1), rbf(1)):
        margins = fitted(long, candidates).decision_function(unseen.features)
        assert roc_auc_score(unseen.y, margins) > 0.9


def test_the_order_of_rows_does_not_matter_to_the_score_of_a_video(model_and_rows):
    model, rows = model_and_rows
    rows = in_segments(rows, [2, 4])
    expected, found = score(model, rows), score(model, rows.take(np.random.default_rng(1).permutation(len(rows))))
    assert found["video_id"].to_list() == expected["video_id"].to_list() == sorted(set(rows.videos))
    np.testing.assert_allclose(found["margin"], expected["margin"], atol=1e-9)


# Search


def test_the_search_scores_every_point_in_its_order_and_is_repeatable():
    rows, candidates = corpus(), [*linear(0.01, 1), *rbf(1, 10)]
    model = fitted(rows, candidates)
    assert [(p.kernel, p.C) for p in model.grid_points_] == [("linear", 0.01), ("linear", 1), ("rbf", 1), ("rbf", 10)]
    (chosen,) = [point for point in model.grid_points_ if point.chosen]
    assert (model.candidate_.kernel, model.candidate_.C) == (chosen.kernel, chosen.C)
    assert chosen.mean_roc_auc > 0.8
    assert model.grid_points_ == fitted(rows, candidates).grid_points_
    assert model.verdicts_ is None


def test_every_point_is_another_detector():
    rows, candidates = corpus(separation=0.5), [*linear(0.001, 1), *rbf(0.1, 1, 10)]
    decisions = [fitted(rows, candidates, number).decision_function(rows.features) for number in range(5)]
    for number, first in enumerate(decisions):
        for second in decisions[number + 1 :]:
            assert np.abs(first - second).max() > 1e-3


def test_the_rbf_kernel_is_chosen_where_no_line_separates():
    values, y = rings(240)
    rows = make_rows(values, y, np.repeat(np.arange(40), 6).astype(str))
    assert fitted(rows, [*linear(1), *rbf(1)]).candidate_.kernel == "rbf"


def test_the_first_point_is_chosen_where_a_line_separates():
    for candidates in ([*linear(0.1), *rbf(1)], [*rbf(1), *linear(0.1)]):
        assert fitted(corpus(separation=2.0), candidates).candidate_ is candidates[0]


def test_a_chosen_point_is_not_searched_and_comes_to_the_same():
    rows, candidates = corpus(separation=0.5), [*linear(0.001, 1), *rbf(1)]
    searched = fitted(rows, candidates)
    number = next(n for n, candidate in enumerate(candidates) if candidate is searched.candidate_)
    given = fitted(rows, candidates, number)
    assert given.grid_points_ == []
    assert score(given, rows).equals(score(searched, rows))
    assert fitted(rows, candidates, (number + 1) % 3).candidate_ is candidates[(number + 1) % 3]


def many_videos(seed=0, **changes):
    return corpus(n_groups=100, a_group=4, n_columns=3, seed=seed, **changes)


def n_videos_searched(rows, **settings):
    return {point.n_videos for point in fitted(rows, linear(0.01, 1), **settings).grid_points_}


def test_the_search_looks_at_a_share_of_many_videos():
    rows = many_videos()
    assert n_videos_searched(rows, search_min_videos=60) == {80}
    assert n_videos_searched(rows, search_min_videos=81) == {400}
    assert n_videos_searched(rows, search_min_videos=60, search_fraction=1.0) == {400}


def test_the_search_counts_videos_not_segments():
    rows = in_segments(many_videos(), [2, 4])
    assert n_videos_searched(rows, search_min_videos=60) == {80}
    assert n_videos_searched(rows, search_min_videos=81) == {400}


def test_the_search_sees_its_sample_only_but_the_calibration_all_videos():
    rows, candidates = many_videos(separation=0.7), linear(0.001, 1)
    sampled = fitted(rows, candidates, search_min_videos=60)
    given = fitted(rows, candidates, candidates.index(sampled.candidate_))
    assert score(sampled, rows).equals(score(given, rows))
    sample = grouped_sample(rows.y, rows.groups, 0.2, 60, seed=0)

    def points_without(spoilt):
        values = rows.features.to_numpy().copy()
        values[spoilt] = np.nan
        return fitted(make_rows(values, rows.y, rows.groups), candidates, search_min_videos=60).grid_points_

    assert points_without(np.setdiff1d(np.arange(400), sample)) == sampled.grid_points_
    assert points_without(sample[:8]) != sampled.grid_points_


def test_a_sample_that_cannot_be_folded_gives_way_to_all_videos():
    """Groups of one class each, of which a sample has two at the most."""
    for seed in range(10):
        y = np.repeat(np.arange(12) % 2, 60)
        groups = np.repeat([f"g{number:02d}" for number in range(12)], 60)
        values = np.random.default_rng(seed).normal(size=(len(y), 2)) + y[:, None]
        model = fitted(make_rows(values, y, groups), linear(0.01, 1), search_min_videos=20, seed=seed)
        assert all(point.mean_roc_auc > 0.8 for point in model.grid_points_)


def test_a_single_point_is_scored_on_all_videos():
    model = fitted(many_videos(), linear(1), search_min_videos=60)
    assert [(point.n_videos, point.chosen) for point in model.grid_points_] == [(400, True)]


def test_the_search_scores_videos_not_segments():
    rows = corpus(n_groups=6, separation=0.4)
    halves = rows.take(np.repeat(np.arange(len(rows)), 2))
    noise = np.tile([40.0, -40.0], len(rows))[:, None]  # cancels between the two segments of a video
    halves = make_rows(halves.features.to_numpy() + noise, halves.y, halves.groups, halves.videos)
    alone = Rows(halves.features, halves.y, halves.groups, np.arange(len(halves)).astype(str))
    by_video, by_segment = (fitted(some, shrinkage=None).grid_points_[0].mean_roc_auc for some in (halves, alone))
    assert by_video > by_segment + 0.02


def test_a_test_part_of_one_class_gives_the_search_no_score():
    rows = corpus(n_groups=4, separation=2.0)
    y = np.where(rows.groups == "g00", 0, np.where(rows.groups == "g01", 1, rows.y))
    model = fitted(Rows(rows.features, y, rows.groups, rows.videos), linear(0.01, 1), n_inner_folds=4)
    assert all(np.isfinite(point.mean_roc_auc) for point in model.grid_points_)


def test_the_search_is_at_chance_on_copied_noise():
    """Nothing of an inner test part was scaled, whitened or fitted with."""
    found = [fitted(copied_noise(seed), rbf()).grid_points_[0].mean_roc_auc for seed in range(8)]
    assert abs(np.mean(found) - 0.5) < 0.12
    rows = copied_noise(0)
    split = fit(detector(rows, rbf()), Rows(rows.features, rows.y, rows.videos, rows.videos))
    assert split.grid_points_[0].mean_roc_auc > 0.95


def test_the_inner_test_parts_are_not_seen_in_training(monkeypatch):
    """Each row of the first column is a number of its own, by which it is known again."""
    rows = half_with_faces(in_segments(corpus(8), [1, 2]))
    owner = dict(zip(rows.features["f0"], rows.groups, strict=True))
    assert len(owner) == len(rows)
    parts = []
    prepare = VideoDetector.__init__.__globals__["fit_preprocessing"]

    class Spied:
        def __init__(self, pipeline, train):
            self.pipeline, self.train, self.steps = pipeline, train, pipeline.steps

        def transform(self, values):
            parts.append((self.train, {owner[value] for value in values[:, 0]}))
            return self.pipeline.transform(values)

    def spied(values, *arguments):
        pipeline, prepared = prepare(values, *arguments)
        return Spied(pipeline, {owner[value] for value in values[:, 0]}), prepared

    monkeypatch.setattr("fvc_kedro.learning.detector.fit_preprocessing", spied)
    fitted(rows, linear(0.01, 1), experts={"whole": WHOLE})
    assert len(parts) == 3
    assert sorted(group for _, test in parts for group in test) == sorted(set(rows.groups))
    for train, test in parts:
        assert not train & test
        assert train | test == set(rows.groups)
