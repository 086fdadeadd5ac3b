"""Whole procedures on given folds: what they reach, what they must not see, and canaries."""

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from fvc_kedro.learning import cross_validation
from fvc_kedro.learning.cross_validation import MACHINES, Procedure, out_of_fold
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import LeakageError, grouped_folds, outer_folds
from fvc_kedro.learning.rows import Rows
from fvc_kedro.learning.search import Search, search_grid

SEARCH = Search(C=[0.01, 1.0], kernels=["linear", "rbf"], fraction=1.0, min_videos=1, n_folds=3, seed=1)


@pytest.fixture(autouse=True)
def one_thread():
    """As a trial has it; with more, small tables only wait for one another."""
    with threadpool_limits(1):
        yield


def corpus(n_groups=15, a_group=6, n_segments=2, separation=1.5, seed=0, n_features=5):
    """Videos of some segments; the first feature follows the label, and every group has a level of its own."""
    generator = np.random.default_rng(seed)
    n_videos = n_groups * a_group
    y = np.tile([0, 1], n_videos // 2)
    groups = np.repeat([f"g{number:02d}" for number in range(n_groups)], a_group)
    videos = np.array([f"v{number:03d}" for number in generator.permutation(n_videos)])
    values = generator.normal(size=(n_videos, n_features)) + np.repeat(
        generator.normal(size=(n_groups, n_features)), a_group, axis=0
    )
    values[:, 0] += separation * (2 * y - 1)
    index = np.repeat(np.arange(n_videos), n_segments)
    values = values[index] + 0.3 * generator.normal(size=(len(index), n_features))
    table = pl.DataFrame(values, schema=[f"f{number}" for number in range(n_features)])
    return Rows(table, y[index], groups[index], videos[index])


def judged(rows, procedure, n_folds=3, seed=0):
    return out_of_fold(rows, grouped_folds(rows.y, rows.groups, n_folds, seed), procedure)


def auc(found):
    return roc_auc_score(found.y, found.probability)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_machine_separates_what_can_be_separated(machine):
    found = judged(corpus(separation=3.0), Procedure(SEARCH, 3, machine))
    assert auc(found) > 0.95
    assert np.mean((found.probability >= 0.5) == found.y) > 0.85


@pytest.mark.parametrize("machine", MACHINES)
def test_every_machine_is_at_chance_where_nothing_is_to_be_learnt(machine):
    found = [auc(judged(corpus(12, separation=0, seed=seed), Procedure(SEARCH, 3, machine))) for seed in range(5)]
    assert abs(np.mean(found) - 0.5) < 0.1


def test_an_unknown_machine_is_named():
    with pytest.raises(ValueError, match=r"machine must be one of .*svm.*, got 'forest'"):
        Procedure(SEARCH, 3, "forest")


def test_every_video_is_judged_once_in_alphabetical_order():
    rows = corpus()
    splits = grouped_folds(rows.y, rows.groups, 4, 0)
    found = out_of_fold(rows, splits, Procedure(SEARCH, 3, "discriminant"))
    assert found.videos.tolist() == sorted(set(rows.videos))
    assert ((found.probability > 0) & (found.probability < 1)).all()
    assert set(found.folds) == {1, 2, 3, 4}
    about = dict(zip(rows.videos, zip(rows.y, rows.groups, strict=True), strict=True))
    assert [about[video] for video in found.videos] == list(zip(found.y, found.groups, strict=True))
    for number, (_, test) in enumerate(splits, start=1):
        assert set(found.videos[found.folds == number]) == set(rows.videos[test])


@pytest.mark.parametrize("machine", ["svm", "discriminant"])
def test_nothing_of_a_judged_group_was_searched_or_fitted_on(machine, monkeypatch):
    rows = corpus()
    owner = {tuple(row): group for row, group in zip(rows.features.rows(), rows.groups, strict=True)}
    assert len(owner) == len(rows)
    seen, tested = set(), []

    def look(table):
        seen.update(owner[row] for row in table.rows())

    search, fit, judge = cross_validation.search_grid, VideoDetector.fit, cross_validation.judge

    def spied_search(some, *arguments):
        look(some.features)
        return search(some, *arguments)

    def spied_fit(self, table, *arguments):
        look(table)
        return fit(self, table, *arguments)

    def spied_judge(detector, some):
        own = {owner[row] for row in some.features.rows()}
        assert seen
        assert not own & seen
        assert own | seen == set(rows.groups)
        seen.clear()
        tested.extend(own)
        return judge(detector, some)

    monkeypatch.setattr(cross_validation, "search_grid", spied_search)
    monkeypatch.setattr(VideoDetector, "fit", spied_fit)
    monkeypatch.setattr(cross_validation, "judge", spied_judge)
    judged(rows, Procedure(SEARCH, 3, machine))
    assert sorted(tested) == sorted(set(rows.groups))


def test_a_leaked_group_stops_it():
    rows = corpus()
    (train, test), *others = grouped_folds(rows.y, rows.groups, 3, 0)
    with pytest.raises(LeakageError, match="on both sides"):
        out_of_fold(rows, [(np.append(train, test[0]), test), *others], Procedure(SEARCH, 3))


def test_a_split_that_misses_or_repeats_a_video_stops_it():
    rows = corpus()
    splits = grouped_folds(rows.y, rows.groups, 3, 0)
    with pytest.raises(ValueError, match="exactly one test part"):
        out_of_fold(rows, splits[:2], Procedure(SEARCH, 3, "discriminant"))
    with pytest.raises(ValueError, match="exactly one test part"):
        out_of_fold(rows, [*splits, splits[0]], Procedure(SEARCH, 3, "discriminant"))


def spied_fits(monkeypatch):
    fitted = []
    original = cross_validation.fit_detector

    def spy(rows, kernel, C, *arguments):
        fitted.append((kernel, C))
        return original(rows, kernel, C, *arguments)

    monkeypatch.setattr(cross_validation, "fit_detector", spy)
    return fitted


def test_a_search_made_once_gives_all_folds_its_point(monkeypatch):
    rows = corpus(separation=0, seed=4)
    wide = Search([0.001, 0.1, 10.0], ["linear", "rbf"], 1.0, 1, 3)
    fitted = spied_fits(monkeypatch)
    judged(rows, Procedure(wide, 3, searched_once=True), n_folds=5)
    best = min(search_grid(rows, wide), key=lambda point: point.rank)
    assert fitted == [(best.kernel, best.C)] * 5
    fitted.clear()
    judged(rows, Procedure(wide, 3), n_folds=5)
    assert len(fitted) == 5
    assert len(set(fitted)) > 1  # on noise every training part has a favourite of its own


def test_the_logistic_machine_searches_its_values_of_c_only(monkeypatch):
    fitted = spied_fits(monkeypatch)
    judged(corpus(), Procedure(SEARCH, 3, "logistic"))
    assert {kernel for kernel, _ in fitted} == {"logistic"}
    assert {C for _, C in fitted} <= {0.01, 1.0}


@pytest.mark.parametrize("machine", ["discriminant", "boosting"])
@pytest.mark.parametrize("searched_once", [True, False])
def test_a_machine_with_nothing_to_search_searches_nothing(machine, searched_once, monkeypatch):
    monkeypatch.setattr(cross_validation, "search_grid", None)
    found = judged(corpus(n_groups=6), Procedure(SEARCH, 3, machine, searched_once))
    assert np.isfinite(found.probability).all()


@pytest.mark.parametrize("machine", MACHINES)
def test_the_number_of_threads_changes_nothing(machine):
    found = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            found.append(judged(corpus(n_groups=9, separation=0.7), Procedure(SEARCH, 3, machine)).probability)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def copied_noise(seed, n_clips=20, n_copies=10, n_features=8):
    """Random vectors, each there as a clip and its slightly changed copies, labelled by clip.

    So many that the five folds are balanced: what is short in training is in excess in the test part, and pooled
    over folds that differ in their share of fakes, noise ranks below chance.
    """
    generator = np.random.default_rng(seed)
    clips = np.repeat(generator.normal(size=(n_clips, n_features)), n_copies, axis=0)
    values = clips + 0.05 * generator.normal(size=clips.shape)
    y = np.repeat(generator.permutation(np.arange(n_clips) % 2), n_copies)
    groups = np.repeat([f"g{number:02d}" for number in range(n_clips)], n_copies)
    videos = np.array([f"v{number:04d}" for number in range(len(y))])
    return Rows(pl.DataFrame(values, schema=[f"f{n}" for n in range(n_features)]), y, groups, videos)


@pytest.mark.parametrize("machine", ["svm", "boosting"])
def test_canary_copies_of_noise_are_at_chance(machine):
    found = [auc(judged(copied_noise(seed), Procedure(SEARCH, 3, machine), n_folds=5, seed=seed)) for seed in range(10)]
    print(f"copied noise, {machine}: {np.mean(found):.3f} of {np.round(found, 3)}")
    assert abs(np.mean(found) - 0.5) < 0.1


def test_canary_sings_where_rows_are_split():
    rows = copied_noise(0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = HistGradientBoostingClassifier(max_iter=40)
    scores = cross_val_predict(model, rows.features.to_numpy(), rows.y, cv=folds, method="predict_proba")[:, 1]
    print(f"copied noise, boosted trees on split rows: {roc_auc_score(rows.y, scores):.3f}")
    assert roc_auc_score(rows.y, scores) > 0.9


@pytest.mark.parametrize("machine", ["svm", "boosting"])
def test_canary_permuted_labels_are_at_chance(machine):
    found = []
    for seed in range(6):
        rows = corpus(separation=3.0, seed=seed, n_segments=1)
        y = np.random.default_rng(seed).permutation(rows.y)
        found.append(auc(judged(Rows(rows.features, y, rows.groups, rows.videos), Procedure(SEARCH, 3, machine))))
    print(f"permuted labels, {machine}: {np.mean(found):.3f} of {np.round(found, 3)}")
    assert abs(np.mean(found) - 0.5) < 0.1


def test_canary_noise_in_few_groups_of_one_class_is_at_chance():
    """Left out one by one, each group is short in its training part; with that part's share of fakes, noise ranked
    at .11."""
    found, one_by_one = [], []
    for seed in range(8):
        rows = corpus(n_groups=8, a_group=4, n_segments=1, separation=0, seed=seed)
        rows = Rows(rows.features, np.repeat(np.arange(8) % 2, 4), rows.groups, rows.videos)
        procedure = Procedure(SEARCH, 2, "discriminant")
        for scheme, values in (("auto", found), ("leave_one_group_out", one_by_one)):
            (splits,) = outer_folds(rows.y, rows.groups, scheme, 5, 1, seed)
            values.append(auc(out_of_fold(rows, splits, procedure)))
    print(f"noise in 8 pure groups: auto {np.mean(found):.3f}, one by one {np.mean(one_by_one):.3f}")
    assert abs(np.mean(found) - 0.5) < 0.15
    assert abs(np.mean(one_by_one) - 0.5) < 0.15


def test_a_machine_that_tells_nothing_ranks_nothing_whatever_the_folds():
    """Trees with too few videos to be grown on: one and the same probability in folds of other shares of fakes."""
    for n_groups in (9, 16):
        y = np.repeat(np.arange(n_groups) % 2, 4)
        names = np.array([f"v{number:03d}" for number in range(len(y))])
        groups = np.repeat(np.arange(n_groups), 4).astype(str)
        rows = Rows(pl.DataFrame({"constant": np.ones(len(y))}), y, groups, names)
        for machine in ("boosting", "logistic", "svm"):
            found = judged(rows, Procedure(SEARCH, 3, machine), n_folds=4)
            assert auc(found) == 0.5, machine
