"""Trials are done in parallel, each once, and an interrupted batch is taken up where it was."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from kedro.io import DatasetError
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from fvc_kedro import execution as engines
from fvc_kedro.datasets import trials
from fvc_kedro.datasets.trials import Trial, TrialBatch, TrialsDataset, run_trial
from fvc_kedro.execution import DeadWorkerError, Execution
from fvc_kedro.learning.candidates import boosting_candidates, svm_candidates
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import LeakageError, grouped_folds
from fvc_kedro.learning.rows import Rows

SERIAL, TWO = Execution("serial"), Execution("local", workers=2)
DETECTOR = VideoDetector({"one": ["a", "b"], "two": ["c"]}, svm_candidates(["linear"], [0.1], [1.0], 0))
PREDICTIONS = dict.fromkeys(("video_id", "label", "group", "corpus"), pl.String) | {"fold": pl.Int64}
PREDICTIONS |= dict.fromkeys(("margin", "probability", "one", "two"), pl.Float64)


def make_rows(separation=1.0, seed=0, n_groups=8, pure=False):
    generator = np.random.default_rng(seed)
    y = np.repeat(np.arange(n_groups) % 2, 4) if pure else np.tile([0, 1], 2 * n_groups)
    values = generator.normal(size=(len(y), 3)) + separation * (2 * y - 1)[:, None]
    groups = np.repeat([f"g{number}" for number in range(n_groups)], 4)
    videos = np.array([f"v{number:02d}" for number in range(len(y))])
    return Rows(pl.DataFrame(values, schema=["a", "b", "c"]), y, groups, videos)


def make_trial(seed=0, **changes):
    rows = make_rows()
    splits = dict(enumerate(grouped_folds(rows.y, rows.groups, 2, seed), start=1))
    return replace(Trial({"seed": seed}, rows, splits, DETECTOR), **changes)


def named(name, seed=0, **changes):
    return make_trial(seed, about={"name": name}, **changes)


def batch(some, execution=SERIAL):
    return TrialBatch(some, execution, "test")


def saved(path, some, execution=SERIAL, name="batch"):
    dataset = TrialsDataset(path=str(path), batch=name)
    dataset.save(batch(some, execution))
    return dataset.load()


def names(results):
    return results.predictions["name"].unique(maintain_order=True).to_list()


def files(path):
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*.joblib"))


def times(path):
    return {file: file.stat().st_mtime_ns for file in path.rglob("*.joblib")}


@pytest.fixture
def done(monkeypatch):
    """Trials as they are done."""
    found = []

    def spy(trial):
        found.append(trial)
        return run_trial(trial)

    monkeypatch.setattr(trials, "run_trial", spy)
    return found


def test_a_trial_is_a_table_of_out_of_fold_scores_with_what_it_is_about(tmp_path):
    found = saved(tmp_path, [make_trial(about={"method": "svm", "repeat": 2})])
    assert dict(found.predictions.schema) == PREDICTIONS | {"method": pl.String, "repeat": pl.Int32}
    assert found.predictions["video_id"].to_list() == sorted(make_rows().videos)
    assert set(found.predictions["fold"]) == {1, 2}
    assert set(found.predictions.select("method", "repeat").rows()) == {("svm", 2)}
    assert (found.models, found.failures) == ([], [])


def test_columns_that_a_trial_lacks_are_null(tmp_path):
    alone = clone(DETECTOR).set_params(experts={"three": ["c"]})
    table = saved(tmp_path, [named("both"), named("alone", detector=alone)]).predictions
    nulls = {name: part.null_count().row(0, named=True) for (name,), part in table.group_by("name")}
    assert {name for name, count in nulls["both"].items() if count} == {"three"}
    assert {name for name, count in nulls["alone"].items() if count} == {"one", "two"}


def test_models_are_kept_where_wished_and_score_as_told(tmp_path):
    trial = make_trial(about={"repeat": 3}, keeps_models=True)
    found = saved(tmp_path, [make_trial(1), trial])
    ((about, models),) = found.models
    assert about == {"repeat": 3}
    assert list(models) == [1, 2]
    for fold, model in models.items():
        tested = trial.rows.take(trial.splits[fold][1])
        own = found.predictions.filter(pl.col("fold") == fold, pl.col("repeat") == 3)
        again = model.score_videos(tested.features, tested.videos)
        assert again["probability"].to_list() == own["probability"].to_list()


def test_one_process_and_two_give_the_same_results(tmp_path):
    some = [make_trial(seed) for seed in range(4)]
    first, second = saved(tmp_path / "one", some), saved(tmp_path / "two", some, TWO)
    assert first.predictions.equals(second.predictions)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert len(files(tmp_path / "one")) == 4
    assert not list(tmp_path.rglob("*partial*"))


def test_an_engine_more_does_trials_with_no_other_edit(tmp_path, monkeypatch):
    used = []

    def cluster(tasks, execution):
        for name, task in tasks.items():
            used.append(name)
            yield name, lambda task=task: task.function(*task.arguments)

    monkeypatch.setitem(engines._ENGINES, "cluster", cluster)
    some = [make_trial(0), make_trial(1)]
    found = saved(tmp_path / "cluster", some, Execution("cluster"))
    assert len(used) == 2
    assert found.predictions.equals(saved(tmp_path / "serial", some).predictions)


def test_nothing_is_done_twice(tmp_path, done):
    some = [named("a", 0), named("b", 1)]
    saved(tmp_path, some)
    before = times(tmp_path)
    again = saved(tmp_path, [*some, named("c", 2)])
    assert len(done) == 3
    assert names(again) == ["a", "b", "c"]
    assert times(tmp_path).items() >= before.items()


def test_batches_of_a_folder_share_what_is_done(tmp_path, done):
    saved(tmp_path, [named("a")], name="first")
    assert names(saved(tmp_path, [named("z"), named("y", 1)], name="second")) == ["z", "y"]
    assert len(done) == 2
    assert names(TrialsDataset(path=str(tmp_path), batch="first").load()) == ["a"]


def test_equal_trials_are_done_once_and_told_apart_by_what_they_are_about(tmp_path, done):
    found = saved(tmp_path, [named("a"), named("b", 1), named("again")])
    assert len(done) == 2
    parts = found.predictions.partition_by("name", include_key=False, as_dict=True)
    assert list(parts) == [("a",), ("b",), ("again",)]
    assert parts["a",].equals(parts["again",])


def test_trials_come_back_in_their_order(tmp_path):
    order = ["10", "9", "b/2", "a/1", "1"]
    assert names(saved(tmp_path, [named(name, n) for n, name in enumerate(order)], TWO)) == order


def test_an_interrupted_batch_is_taken_up_where_it_was(tmp_path, monkeypatch):
    some = [make_trial(seed) for seed in range(5)]
    calls = []

    def break_at_the_third(trial):
        calls.append(trial)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run_trial(trial)

    monkeypatch.setattr(trials, "run_trial", break_at_the_third)
    dataset = TrialsDataset(path=str(tmp_path / "broken"), batch="batch")
    with pytest.raises(KeyboardInterrupt):
        dataset.save(batch(some))
    assert not dataset.exists()
    kept = times(tmp_path / "broken")
    assert len(kept) == 2
    dataset.save(batch(some))
    assert len(calls) == 3 + 3
    assert times(tmp_path / "broken").items() >= kept.items()
    monkeypatch.undo()
    assert saved(tmp_path / "whole", some).predictions.equals(dataset.load().predictions)
    assert files(tmp_path / "whole") == files(tmp_path / "broken")


def kill_unless(values, file):
    """Kill the process that trains, unless a file is there."""
    if not Path(file).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return values


def stumble(values):
    raise ZeroDivisionError("an unforeseen one")


def calling(function, **arguments):
    """Make a detector whose classifiers see their columns through a function."""
    (candidate,) = DETECTOR.candidates
    classifier = make_pipeline(FunctionTransformer(function, kw_args=arguments), candidate.classifier)
    return clone(DETECTOR).set_params(candidates=[replace(candidate, classifier=classifier)])


def test_a_worker_killed_in_a_training_stops_the_run_and_the_next_takes_it_up(tmp_path):
    deadly = named("deadly", 2, detector=calling(kill_unless, file=str(tmp_path / "safe")))
    deadly = replace(deadly, splits={1: deadly.splits[1]})  # cheaper than the others, so that it comes last
    some = [deadly, named("a", 0), named("b", 1)]
    dataset, one = TrialsDataset(path=str(tmp_path / "out"), batch="batch"), Execution("local", workers=1)
    with pytest.raises(DatasetError, match=r"died during a training \(SIGKILL\).*The next run takes up") as error:
        dataset.save(batch(some, one))
    assert isinstance(error.value.__cause__, DeadWorkerError)
    assert not dataset.exists()
    kept = times(tmp_path)
    assert len(kept) == 2
    (tmp_path / "safe").touch()
    dataset.save(batch(some, one))
    assert names(dataset.load()) == ["deadly", "a", "b"]
    assert times(tmp_path).items() >= kept.items()


def with_rows(trial, **changes):
    return replace(trial, rows=replace(trial.rows, **changes))


def changed_label(trial):
    y = trial.rows.y.copy()
    y[:2] = y[1::-1]
    return with_rows(trial, y=y)


def changed_value(trial):
    table = trial.rows.features.clone()
    table[3, "b"] = table[3, "b"] + 1e-9
    return with_rows(trial, features=table)


def lost_value(trial):
    table = trial.rows.features.clone()
    table[3, "b"] = None
    return with_rows(trial, features=table)


def renamed_column(trial):
    return with_rows(trial, features=trial.rows.features.rename({"a": "z"}))


def swapped_columns(trial):
    return with_rows(trial, features=trial.rows.features.select("b", "a", "c"))


def renamed_group(trial):
    return with_rows(trial, groups=np.where(trial.rows.groups == "g0", "other", trial.rows.groups))


def joined_videos(trial):
    videos = trial.rows.videos.copy()
    videos[2] = videos[0]
    return with_rows(trial, videos=videos)


def other_fold_numbers(trial):
    return replace(trial, splits={fold + 5: split for fold, split in trial.splits.items()})


def swapped_parts(trial):
    return replace(trial, splits={1: trial.splits[2], 2: trial.splits[1]})


def smaller_training_part(trial):
    train, test = trial.splits[1]
    return replace(trial, splits=trial.splits | {1: (train[:-1], test)})


def row_moved_to_the_test_part(trial):
    train, test = trial.splits[1]
    return replace(trial, splits=trial.splits | {1: (train[:-1], np.append(train[-1], test))})


def detecting(**changes):
    return lambda trial: replace(trial, detector=clone(DETECTOR).set_params(**changes))


CHANGES = {
    "label": changed_label,
    "value": changed_value,
    "lost value": lost_value,
    "column name": renamed_column,
    "column order": swapped_columns,
    "group": renamed_group,
    "video": joined_videos,
    "fold numbers": other_fold_numbers,
    "order of splits": swapped_parts,
    "training part": smaller_training_part,
    "test part": row_moved_to_the_test_part,
    "seed": detecting(seed=1),
    "C": detecting(candidates=svm_candidates(["linear"], [0.2], [1.0], 0)),
    "seed of the classifier": detecting(candidates=svm_candidates(["linear"], [0.1], [1.0], 1)),
    "kernel": detecting(candidates=svm_candidates(["rbf"], [0.1], [0.1], 0)),
    "approximation": detecting(candidates=svm_candidates(["rbf"], [0.1], [0.1], 0, n_components=5)),
    "more points": detecting(candidates=svm_candidates(["linear"], [0.1, 1.0], [1.0], 0)),
    "preference": detecting(candidates=svm_candidates(["linear"], [1.0, 0.1], [1.0], 0)),
    "machine": detecting(candidates=boosting_candidates(0)),
    "columns of an expert": detecting(experts={"one": ["a"], "two": ["c"]}),
    "name of an expert": detecting(experts={"other": ["a", "b"], "two": ["c"]}),
    "shrinkage": detecting(shrinkage=0.5),
    "no whitening": detecting(shrinkage=None),
    "inner folds": detecting(n_inner_folds=2),
    "search fraction": detecting(search_fraction=1.0),
    "fewest videos to search": detecting(search_min_videos=8),
    "prevalence": detecting(prevalence=0.1),
    "search mode": lambda trial: replace(trial, detector=clone(trial.detector).set_params(search_once=True)),
    "models": lambda trial: replace(trial, keeps_models=True),
}


def key(trial, code="code"):
    return trials._key(trial, code, trials._Hashes())


def test_whatever_a_result_depends_on_changes_its_key():
    keys = {name: key(change(make_trial())) for name, change in CHANGES.items()}
    assert key(make_trial()) == key(make_trial())
    assert len({key(make_trial()), key(make_trial(), "other code"), *keys.values()}) == len(CHANGES) + 2


def test_what_a_trial_is_about_does_not_change_its_key():
    assert key(named("a")) == key(named("b"))


def test_tables_of_a_batch_are_told_apart():
    hashes = trials._Hashes()
    first, second = make_trial(), changed_value(make_trial())
    assert trials._key(first, "", hashes) != trials._key(second, "", hashes)
    assert trials._key(first, "", hashes) == trials._key(make_trial(), "", trials._Hashes())


def test_the_key_depends_on_the_learning_code_and_its_libraries(tmp_path, monkeypatch):
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "search.py").write_text("x = 1\n")
    monkeypatch.setattr(trials.learning, "__file__", str(tmp_path / "__init__.py"))
    first = trials._code()
    assert first == trials._code()
    (tmp_path / "search.py").write_text("x = 2\n")
    second = trials._code()
    monkeypatch.setattr(trials, "version", lambda name: "0.0.1")
    assert len({first, second, trials._code()}) == 3


def too_few(name):
    """Training parts in which only one group has fakes, so that nothing can be calibrated in them."""
    rows = make_rows(n_groups=4, pure=True)
    return Trial({"name": name}, rows, dict(enumerate(grouped_folds(rows.y, rows.groups, 2, 0), start=1)), DETECTOR)


def test_too_few_groups_are_a_failure_with_its_reason_and_tried_again(tmp_path, done):
    some = [named("a"), too_few("few"), too_few("same"), named("b", 1)]
    for _ in range(2):
        found = saved(tmp_path, some)
        assert names(found) == ["a", "b"]
        assert [about["name"] for about, _ in found.failures] == ["few", "same"]
        assert all("1 groups with real and 1 with fake" in reason for _, reason in found.failures)
    assert len(done) == 3 + 1


def leaking():
    trial = make_trial()
    train, test = trial.splits[1]
    return replace(trial, splits=trial.splits | {1: (np.append(train, test[0]), test)})


@pytest.mark.parametrize("execution", [SERIAL, TWO], ids=["serial", "local"])
@pytest.mark.parametrize(
    ("broken", "cause", "message"),
    [
        (leaking(), LeakageError, r"groups on both sides of a split: \['g\d'\]"),
        (make_trial(detector=calling(stumble)), ZeroDivisionError, "an unforeseen one"),
    ],
    ids=["leak", "unforeseen"],
)
def test_any_other_error_stops_the_run_with_its_message(tmp_path, execution, broken, cause, message):
    dataset = TrialsDataset(path=str(tmp_path), batch="batch")
    with pytest.raises(DatasetError, match=message) as error:
        dataset.save(batch([make_trial(), broken, make_trial(1)], execution))
    assert isinstance(error.value.__cause__, cause)
    assert not dataset.exists()


def test_an_empty_batch_is_loaded_as_such(tmp_path):
    found = saved(tmp_path, [])
    assert (found.predictions.shape, found.models, found.failures) == ((0, 0), [], [])


@pytest.mark.parametrize("damage", [lambda whole: whole[:-50], lambda _: b"", lambda _: b"no pickle"])
def test_a_damaged_file_is_made_anew(tmp_path, done, damage):
    some = [make_trial(keeps_models=True)]
    first = saved(tmp_path, some)
    (file,) = tmp_path.rglob("*.joblib")
    file.write_bytes(damage(file.read_bytes()))
    again = saved(tmp_path, some)
    assert len(done) == 2
    assert again.predictions.equals(first.predictions)
    saved(tmp_path, some)
    assert len(done) == 2


def test_other_corpora_are_trained_anew(tmp_path):
    """They decide weights and whitening, and stand in the predictions."""
    rows = make_rows()
    halves = np.where(np.arange(len(rows)) < len(rows) // 2, "a", "b")
    for corpora in (np.full(len(rows), "one"), halves, halves[::-1]):
        trial = replace(make_trial(), rows=replace(rows, corpora=corpora))
        found = saved(tmp_path, [trial]).predictions
        expected = dict(zip(rows.videos, corpora, strict=True))
        assert dict(found.select("video_id", "corpus").rows()) == expected
