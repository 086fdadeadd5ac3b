"""Cross-validated detectors: what they reach, what they must not see, and canaries."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from tables import copied_noise, detector, linear, make_rows, rbf, score, with_columns
from threadpoolctl import threadpool_limits

from fvc_kedro.learning.candidates import boosting_candidates, discriminant_candidates, logistic_candidates
from fvc_kedro.learning.cross_validation import cross_validate
from fvc_kedro.learning.folds import LeakageError, grouped_folds, outer_folds
from fvc_kedro.learning.rows import Rows


def few_trees(n_trees):
    """Boosted trees, fewer of them for speed."""
    (candidate,) = boosting_candidates(0)
    return replace(candidate, classifier=clone(candidate.classifier).set_params(max_iter=n_trees))


CANDIDATES = {
    "svm": [*rbf(1), *linear(0.01)],
    "logistic": logistic_candidates([0.01, 1]),
    "discriminant": discriminant_candidates(),
    "boosting": [few_trees(30)],
}
SVM = CANDIDATES["svm"]


@pytest.fixture(autouse=True)
def one_thread():
    """As a trial has it; with more, small tables only wait for one another."""
    with threadpool_limits(1):
        yield


def corpus(n_groups=15, a_group=6, n_segments=2, separation=1.5, seed=0, n_columns=5):
    """Videos of some segments; the first column follows the label, and every group has a level of its own."""
    generator = np.random.default_rng(seed)
    n_videos = n_groups * a_group
    y = np.tile([0, 1], n_videos // 2)
    groups = np.repeat([f"g{number:02d}" for number in range(n_groups)], a_group)
    videos = np.array([f"v{number:03d}" for number in generator.permutation(n_videos)])
    values = generator.normal(size=(n_videos, n_columns)) + np.repeat(
        generator.normal(size=(n_groups, n_columns)), a_group, axis=0
    )
    values[:, 0] += separation * (2 * y - 1)
    index = np.repeat(np.arange(n_videos), n_segments)
    values = values[index] + 0.3 * generator.normal(size=(len(index), n_columns))
    return make_rows(values, y[index], groups[index], videos[index])


def with_some_faces(rows):
    """Half of the videos get the column of a face."""
    has_face = np.arange(len(rows)) % 8 < 4
    return with_columns(rows, face=np.where(has_face, rows.features["f1"].to_numpy() ** 2, np.nan))


def folds_of(rows, n_folds=3, seed=0):
    return dict(enumerate(grouped_folds(rows.y, rows.groups, n_folds, seed), start=1))


def judged(rows, candidates=SVM, n_folds=3, seed=0, **settings):
    return cross_validate(rows, folds_of(rows, n_folds, seed), detector(rows, candidates, **settings))


def auc(predictions):
    return roc_auc_score(predictions["label"] == "fake", predictions["probability"])


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_classifier_separates_what_can_be_separated(name):
    predictions, _ = judged(corpus(separation=3.0), CANDIDATES[name])
    assert auc(predictions) > 0.95
    assert ((predictions["probability"] >= 0.5) == (predictions["label"] == "fake")).mean() > 0.85


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_classifier_is_at_chance_where_nothing_is_to_be_learnt(name):
    found = [auc(judged(corpus(12, separation=0, seed=seed), CANDIDATES[name])[0]) for seed in range(5)]
    assert abs(np.mean(found) - 0.5) < 0.1


def test_every_video_is_scored_once_in_alphabetical_order():
    rows = with_some_faces(corpus())
    splits = folds_of(rows, 4)
    model = detector(rows, linear(), experts={"whole": ["f0", "f1"], "face": ["face"]})
    predictions, models = cross_validate(rows, splits, model)
    keys = ["video_id", "label", "group", "corpus", "fold"]
    assert predictions.columns == [*keys, "margin", "probability", "whole", "face"]
    assert predictions["video_id"].to_list() == sorted(set(rows.videos))
    assert predictions["probability"].is_between(0, 1, closed="none").all()
    assert 0 < predictions["face"].null_count() < len(predictions)
    about = dict(zip(rows.videos, zip(np.array(["real", "fake"])[rows.y], rows.groups, strict=True), strict=True))
    found = zip(predictions["label"], predictions["group"], strict=True)
    assert [about[video] for video in predictions["video_id"]] == list(found)
    assert list(models) == [1, 2, 3, 4]
    for fold, (_, test) in splits.items():
        own = predictions.filter(fold=fold)
        assert set(own["video_id"]) == set(rows.videos[test])
        expected = score(models[fold], rows.take(test))
        assert own.select(expected.columns).equals(expected)


@pytest.mark.parametrize(("stated", "assumed"), [(None, 0.5), (0.1, 0.1)])
def test_the_detector_given_is_left_as_it_was(stated, assumed):
    rows = corpus(6)
    model = detector(rows, linear(), prevalence=stated)
    _, models = cross_validate(rows, folds_of(rows), model)
    assert model.prevalence == stated
    assert not hasattr(model, "fusion_")
    assert {one.prevalence for one in models.values()} == {assumed}


def test_a_fold_may_test_nothing():
    rows = corpus(6)
    everything = np.arange(len(rows))
    predictions, models = cross_validate(rows, {0: (everything, everything[:0])}, detector(rows, linear()))
    assert predictions.is_empty()
    assert predictions.columns == judged(rows, linear())[0].columns
    assert predictions.schema == judged(rows, linear())[0].schema
    assert score(models[0], rows).height == 36


def test_a_leaked_group_stops_it():
    rows = corpus()
    splits = folds_of(rows)
    train, test = splits[2]
    with pytest.raises(LeakageError, match="on both sides"):
        cross_validate(rows, splits | {2: (np.append(train, test[0]), test)}, detector(rows))


@pytest.mark.parametrize("poison", [1e9, np.nan, "opposite"])
def test_nothing_of_a_tested_group_is_seen(poison):
    """Whatever the test part is turned into, the detector is the same: its search, calibration and classifier."""
    rows = with_some_faces(corpus(separation=0.7))
    experts = {"whole": [f"f{n}" for n in range(5)], "face": ["face"]}
    model = detector(rows, SVM, experts=experts, search_min_videos=10, search_fraction=0.5)
    splits = folds_of(rows)
    _, models = cross_validate(rows, splits, model)
    for fold, (_, test) in splits.items():
        spoilt = rows.features.to_numpy().copy()
        spoilt[test] = -spoilt[test][::-1] if poison == "opposite" else poison
        features = pl.DataFrame(spoilt, schema=rows.features.columns).fill_nan(None)
        others = Rows(features, rows.y, rows.groups, rows.videos)
        _, found = cross_validate(others, {fold: splits[fold]}, model)
        assert found[fold].grid_points_ == models[fold].grid_points_
        assert {point.n_videos < 60 for point in found[fold].grid_points_} == {True}  # a sample of the training part
        assert score(found[fold], rows).equals(score(models[fold], rows))


def test_the_labels_of_a_tested_group_are_seen_in_the_prevalence_only():
    rows = corpus(separation=0.7)
    splits = folds_of(rows)
    test = splits[1][1]
    _, models = cross_validate(rows, splits, detector(rows, SVM))
    before = score(models[1], rows)

    def score_with_labels_of_test(labels):
        y = rows.y.copy()
        y[test] = labels
        _, found = cross_validate(Rows(rows.features, y, rows.groups, rows.videos), {1: splits[1]}, detector(rows, SVM))
        return score(found[1], rows)

    assert score_with_labels_of_test(1 - rows.y[test]).equals(before)  # half of the videos are fake either way
    after = score_with_labels_of_test(1)
    assert after.drop("probability").equals(before.drop("probability"))
    assert (after["probability"] > before["probability"]).all()


def test_all_detectors_assume_the_prevalence_of_the_whole_corpus():
    """Also where the training parts have another one."""
    rows = corpus(9)
    y = np.where(np.isin(rows.groups, ["g00", "g01", "g02"]) & (np.arange(len(rows)) % 12 < 8), 0, rows.y)
    rows = with_columns(Rows(rows.features, y, rows.groups, rows.videos), constant=pl.lit(1.0))
    _, models = cross_validate(rows, folds_of(rows), detector(rows, linear(), experts={"constant": ["constant"]}))
    prevalence = rows.prevalence()
    assert prevalence != 0.5
    for model in models.values():
        np.testing.assert_allclose(model.predict_proba(rows.features)[:, 1], prevalence, atol=1e-6)


def test_a_search_made_once_gives_all_folds_its_point():
    rows, candidates = corpus(n_segments=1, separation=0), [*linear(1e-4), *rbf(1, 10)]
    _, models = judged(rows, candidates, n_folds=5, search_once=True)
    searched = detector(rows, candidates).fit(rows.features, rows.y, rows.groups, rows.videos)
    for model in models.values():
        assert model.grid_points_ == searched.grid_points_
        assert (model.candidate_.kernel, model.candidate_.C) == (searched.candidate_.kernel, searched.candidate_.C)
    _, models = judged(rows, candidates, n_folds=5)
    for one, other in combinations(models.values(), 2):
        assert one.grid_points_ != other.grid_points_
    chosen = {(model.candidate_.kernel, model.candidate_.C) for model in models.values()}
    assert len(chosen) > 1  # on noise every training part has a favourite of its own


def test_a_search_made_once_changes_nothing_where_there_is_one_point():
    rows = corpus()
    (once, _), (nested, _) = (judged(rows, linear(), search_once=search_once) for search_once in (True, False))
    assert once.equals(nested)


@pytest.mark.parametrize("name", CANDIDATES)
def test_the_number_of_threads_changes_nothing(name):
    candidates = [few_trees(2)] if name == "boosting" else CANDIDATES[name]
    found = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            found.append(judged(corpus(6, separation=0.7), candidates, 2)[0]["probability"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


@pytest.mark.parametrize(("name", "n_seeds"), [("svm", 8), ("boosting", 8)])
def test_canary_copies_of_noise_are_at_chance(name, n_seeds):
    found = [auc(judged(copied_noise(seed, n_copies=5), CANDIDATES[name], 5, seed)[0]) for seed in range(n_seeds)]
    print(f"copied noise, {name}: {np.mean(found):.3f} of {np.round(found, 3)}")
    assert abs(np.mean(found) - 0.5) < 0.1


def test_canary_sings_where_rows_are_split():
    rows = copied_noise(0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = HistGradientBoostingClassifier(max_iter=40)
    scores = cross_val_predict(model, rows.features.to_numpy(), rows.y, cv=folds, method="predict_proba")[:, 1]
    print(f"copied noise, boosted trees on split rows: {roc_auc_score(rows.y, scores):.3f}")
    assert roc_auc_score(rows.y, scores) > 0.9
    alone = Rows(rows.features, rows.y, rows.videos, rows.videos)
    assert auc(judged(alone)[0]) > 0.9


@pytest.mark.parametrize(("name", "n_seeds"), [("svm", 8), ("boosting", 4)])
def test_canary_permuted_labels_are_at_chance(name, n_seeds):
    found = []
    for seed in range(n_seeds):
        rows = corpus(separation=3.0, seed=seed, n_segments=1)
        y = np.random.default_rng(seed).permutation(rows.y)
        found.append(auc(judged(Rows(rows.features, y, rows.groups, rows.videos), CANDIDATES[name])[0]))
    print(f"permuted labels, {name}: {np.mean(found):.3f} of {np.round(found, 3)}")
    assert abs(np.mean(found) - 0.5) < 0.1


def test_canary_noise_in_few_groups_of_one_class_is_at_chance():
    """Left out one by one, each group is short in its training part; with the prevalence of that part, noise ranked
    at .11."""
    found, one_by_one = [], []
    for seed in range(6):
        rows = corpus(n_groups=8, a_group=4, n_segments=1, separation=0, seed=seed)
        rows = Rows(rows.features, np.repeat(np.arange(8) % 2, 4), rows.groups, rows.videos)
        for scheme, values in (("auto", found), ("leave_one_group_out", one_by_one)):
            (splits,) = outer_folds(rows.y, rows.groups, scheme, 5, 1, seed)
            predictions, _ = cross_validate(rows, dict(enumerate(splits)), detector(rows, discriminant_candidates()))
            values.append(auc(predictions))
    print(f"noise in 8 pure groups: auto {np.mean(found):.3f}, one by one {np.mean(one_by_one):.3f}")
    assert abs(np.mean(found) - 0.5) < 0.15
    assert abs(np.mean(one_by_one) - 0.5) < 0.15


@pytest.mark.parametrize(
    ("candidates", "n_groups"),
    [
        (candidates, n_groups)
        for candidates in (linear(), rbf(), *(CANDIDATES[name] for name in ("logistic", "discriminant", "boosting")))
        for n_groups in (9, 16)
    ],
)
def test_a_classifier_that_tells_nothing_ranks_nothing_whatever_the_folds(candidates, n_groups):
    """One and the same probability in folds of other prevalences, although rounding differs between them."""
    y = np.repeat(np.arange(n_groups) % 2, 4)
    rows = make_rows(np.ones((len(y), 1)), y, np.repeat(np.arange(n_groups), 4).astype(str))
    predictions, _ = judged(rows, candidates, n_folds=4)
    assert auc(predictions) == 0.5
