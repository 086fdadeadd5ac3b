"""Trials are done in parallel, each once, and an interrupted batch is taken up where it was."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from kedro.io import DatasetError

from fvc_kedro.datasets import trials
from fvc_kedro.datasets.trials import TRIAL_SCHEMA, Trial, TrialBatch, TrialsDataset, run_trial
from fvc_kedro.execution import Execution
from fvc_kedro.learning.cross_validation import Procedure
from fvc_kedro.learning.folds import LeakageError, grouped_folds
from fvc_kedro.learning.rows import Rows
from fvc_kedro.learning.search import Search

SERIAL, TWO = Execution("serial"), Execution("local", workers=2)
PROCEDURE = Procedure(Search([1.0], ["linear"], 1.0, 1, 2), 2)


def make_rows(separation=1.0, seed=0, n_groups=8, pure=False):
    generator = np.random.default_rng(seed)
    y = np.repeat(np.arange(n_groups) % 2, 4) if pure else np.tile([0, 1], 2 * n_groups)
    values = generator.normal(size=(len(y), 3)) + separation * (2 * y - 1)[:, None]
    groups = np.repeat([f"g{number}" for number in range(n_groups)], 4)
    videos = np.array([f"v{number:02d}" for number in range(len(y))])
    return Rows(pl.DataFrame(values, schema=["a", "b", "c"]), y, groups, videos)


def make_trial(seed=0, **changes):
    rows = make_rows()
    return replace(Trial(rows, grouped_folds(rows.y, rows.groups, 2, seed), PROCEDURE), **changes)


def batch(some, execution=SERIAL):
    return TrialBatch(some, execution, "test")


def saved(path, some, execution=SERIAL, name="batch"):
    dataset = TrialsDataset(path=str(path), batch=name)
    dataset.save(batch(some, execution))
    return dataset.load()


def files(path):
    return {file.relative_to(path): file.read_bytes() for file in path.rglob("*.parquet")}


def times(path):
    return {file: file.stat().st_mtime_ns for file in path.rglob("*.parquet")}


@pytest.fixture
def done(monkeypatch):
    """Trials as they are done."""
    found = []

    def spy(trial):
        found.append(trial)
        return run_trial(trial)

    monkeypatch.setattr(trials, "run_trial", spy)
    return found


def test_a_trial_is_a_table_of_out_of_fold_probabilities(tmp_path):
    table = saved(tmp_path, {"one": make_trial()}).values["one"]
    assert dict(table.schema) == TRIAL_SCHEMA
    assert table["video_id"].to_list() == sorted(make_rows().videos)
    assert set(table["fold"]) == {1, 2}


def test_one_process_and_two_give_the_same_bytes(tmp_path):
    some = {str(seed): make_trial(seed) for seed in range(4)}
    first, second = saved(tmp_path / "one", some), saved(tmp_path / "two", some, TWO)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert len(files(tmp_path / "one")) == 4
    assert list(first.values) == list(second.values)
    assert not list(tmp_path.rglob("*partial*"))


def test_nothing_is_done_twice(tmp_path, done):
    some = {"a": make_trial(0), "b": make_trial(1)}
    saved(tmp_path, some)
    before = times(tmp_path)
    again = saved(tmp_path, some | {"c": make_trial(2)})
    assert len(done) == 3
    assert list(again.values) == ["a", "b", "c"]
    assert times(tmp_path).items() >= before.items()


def test_batches_of_a_folder_share_what_is_done(tmp_path, done):
    saved(tmp_path, {"a": make_trial()}, name="first")
    assert list(saved(tmp_path, {"z": make_trial(), "y": make_trial(1)}, name="second").values) == ["z", "y"]
    assert len(done) == 2
    assert list(TrialsDataset(path=str(tmp_path), batch="first").load().values) == ["a"]


def test_equal_trials_are_done_once_and_have_both_names(tmp_path, done):
    found = saved(tmp_path, {"a": make_trial(), "b": make_trial(1), "again": make_trial()})
    assert len(done) == 2
    assert list(found.values) == ["a", "b", "again"]
    assert found.values["a"].equals(found.values["again"])


def test_trials_come_back_in_their_order(tmp_path):
    names = ["10", "9", "b/2", "a/1", "1"]
    assert list(saved(tmp_path, {name: make_trial(n) for n, name in enumerate(names)}).values) == names


def test_an_interrupted_batch_is_taken_up_where_it_was(tmp_path, monkeypatch):
    some = {str(seed): make_trial(seed) for seed in range(5)}
    calls = []

    def break_at_the_third(trial):
        calls.append(trial)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run_trial(trial)

    monkeypatch.setattr(trials, "run_trial", break_at_the_third)
    dataset = TrialsDataset(path=str(tmp_path), batch="batch")
    with pytest.raises(KeyboardInterrupt):
        dataset.save(batch(some))
    assert not dataset.exists()
    kept = times(tmp_path)
    assert len(kept) == 2
    dataset.save(batch(some))
    assert len(calls) == 3 + 3
    assert times(tmp_path).items() >= kept.items()
    monkeypatch.undo()
    saved(tmp_path / "whole", some)
    assert {path.name: content for path, content in files(tmp_path / "whole").items()} == {
        path.name: content for path, content in files(tmp_path).items() if "whole" not in path.parts
    }


def changed_label(trial):
    y = trial.rows.y.copy()
    y[:2] = y[1::-1]
    return replace(trial, rows=replace(trial.rows, y=y))


def changed_value(trial):
    table = trial.rows.features.clone()
    table[3, "b"] = table[3, "b"] + 1e-9
    return replace(trial, rows=replace(trial.rows, features=table))


def lost_value(trial):
    table = trial.rows.features.clone()
    table[3, "b"] = None
    return replace(trial, rows=replace(trial.rows, features=table))


def renamed_column(trial):
    return replace(trial, rows=replace(trial.rows, features=trial.rows.features.rename({"a": "z"})))


def swapped_columns(trial):
    return replace(trial, rows=replace(trial.rows, features=trial.rows.features.select("b", "a", "c")))


def renamed_group(trial):
    groups = np.where(trial.rows.groups == "g0", "other", trial.rows.groups)
    return replace(trial, rows=replace(trial.rows, groups=groups))


def joined_videos(trial):
    videos = trial.rows.videos.copy()
    videos[2] = videos[0]
    return replace(trial, rows=replace(trial.rows, videos=videos))


def other_split(trial):
    return replace(trial, splits=trial.splits[::-1])


def smaller_training_part(trial):
    (train, test), *others = trial.splits
    return replace(trial, splits=[(train[:-1], test), *others])


def searching(**changes):
    def change(trial):
        return replace(trial, procedure=replace(PROCEDURE, search=replace(PROCEDURE.search, **changes)))

    return change


def proceeding(**changes):
    return lambda trial: replace(trial, procedure=replace(PROCEDURE, **changes))


CHANGES = {
    "label": changed_label,
    "value": changed_value,
    "lost value": lost_value,
    "column name": renamed_column,
    "column order": swapped_columns,
    "group": renamed_group,
    "video": joined_videos,
    "order of splits": other_split,
    "training part": smaller_training_part,
    "seed": searching(seed=1),
    "C": searching(C=[2.0]),
    "kernel": searching(kernels=["rbf"]),
    "n_features": searching(n_features=2),
    "segment score": searching(segment_score="max"),
    "machine": proceeding(machine="boosting"),
    "calibration": proceeding(n_calibration_folds=3),
    "search mode": proceeding(searched_once=True),
}


def key(trial, code="code"):
    return trials._key(trial, code, trials._Hashes())


def test_whatever_a_result_depends_on_changes_its_key():
    keys = {name: key(change(make_trial())) for name, change in CHANGES.items()}
    assert key(make_trial()) == key(make_trial())
    assert len({key(make_trial()), key(make_trial(), "other code"), *keys.values()}) == len(CHANGES) + 2


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


def too_few():
    """Training parts in which only one group has fakes, so that nothing can be calibrated in them."""
    rows = make_rows(n_groups=4, pure=True)
    return Trial(rows, grouped_folds(rows.y, rows.groups, 2, 0), PROCEDURE)


def test_too_few_groups_are_a_failure_with_its_reason_and_tried_again(tmp_path, done):
    some = {"a": make_trial(), "few": too_few(), "same": too_few(), "b": make_trial(1)}
    for _ in range(2):
        found = saved(tmp_path, some)
        assert list(found.values) == ["a", "b"]
        assert set(found.failures) == {"few", "same"}
        assert "1 groups with real and 1 with fake" in found.failures["few"]
    assert len(done) == 3 + 1


def leaking():
    trial = make_trial()
    (train, test), *others = trial.splits
    return replace(trial, splits=[(np.append(train, test[0]), test), *others])


@pytest.mark.parametrize("execution", [SERIAL, TWO])
def test_any_other_error_stops_the_run_with_its_message(tmp_path, execution):
    dataset = TrialsDataset(path=str(tmp_path), batch="batch")
    with pytest.raises(DatasetError, match=r"groups on both sides of a split: \['g\d'\]") as error:
        dataset.save(batch({"a": make_trial(), "leaking": leaking(), "b": make_trial(1)}, execution))
    assert isinstance(error.value.__cause__, LeakageError)
    assert not dataset.exists()


def test_an_empty_batch_is_loaded_as_such(tmp_path):
    found = saved(tmp_path, {})
    assert (found.values, found.failures) == ({}, {})


def test_a_damaged_file_is_made_anew(tmp_path):
    one = batch({"a": make_trial()})
    dataset = TrialsDataset(path=str(tmp_path), batch="test")
    dataset.save(one)
    (file,) = tmp_path.rglob("*.parquet")
    whole = file.read_bytes()
    for damaged in (whole[:-50], b"", b"no parquet"):
        file.write_bytes(damaged)
        dataset.save(one)
        assert file.read_bytes() == whole
