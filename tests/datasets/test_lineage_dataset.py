import json
import shutil

import pytest

from fvc_kedro.datasets import LineageDataset
from fvc_kedro.lineage import Content, DatasetRecord, RunRecord


@pytest.fixture
def dataset(tmp_path):
    return LineageDataset(path=str(tmp_path / "out" / "lineage"))


def record(dataset, run="1", source=None):
    dataset.root.mkdir(exist_ok=True)
    table = dataset.root / "table.parquet"
    table.write_bytes(b"table")
    inputs = {"manifest": Content.of([source])} if source else {}
    return DatasetRecord("node", "pipeline", "fvc_kedro.lineage", run, "code", {"a": [1]}, inputs, Content.of([table]))


def test_without_a_run_there_are_no_records(dataset):
    assert dataset.exists()
    assert dataset.load().records == {}


def test_records_come_back_and_look_at_the_files(dataset, tmp_path):
    source = tmp_path / "manifest.csv"
    source.write_text("a")
    made = record(dataset, source=source)
    dataset.save_record("table", made)
    dataset.save_run(RunRecord("1", "today", "kedro run", "", {"a": [1]}))
    lineage = dataset.load()
    assert lineage.records == {"table": made}
    assert lineage.runs["1"].command == "kedro run"
    assert lineage.contents["table"] == made.content
    source.write_text("b")
    (dataset.root / "table.parquet").unlink()
    lineage = dataset.load()
    assert lineage.contents["table"] is None
    assert lineage.sources["table", "manifest"] != made.inputs["manifest"]


def test_results_may_be_moved_as_a_whole(dataset, tmp_path):
    dataset.save_record("table", record(dataset))
    shutil.move(dataset.root, tmp_path / "elsewhere")
    moved = LineageDataset(path=str(tmp_path / "elsewhere" / "lineage")).load()
    assert moved.contents["table"].digest == moved.records["table"].content.digest


def test_runs_of_which_nothing_is_left_are_forgotten(dataset):
    for run in "12":
        dataset.save_run(RunRecord(run, "today", "kedro run", ""))
        dataset.save_record("table", record(dataset, run=run))
    dataset.save_run(RunRecord("3", "today", "kedro run", ""))
    assert set(dataset.load().runs) == {"2", "3"}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"inputs": []}', '"text"', "null"])
def test_a_damaged_record_is_passed_over(dataset, text, caplog):
    dataset.save_record("table", record(dataset))
    dataset.save_run(RunRecord("1", "today", "kedro run", ""))
    for file in (dataset.root / "lineage").rglob("*.json"):
        file.write_text(text)
    lineage = dataset.load()
    assert (lineage.records, lineage.runs) == ({}, {})
    assert "table.json is no record of this version" in caplog.text
    dataset.save_run(RunRecord("2", "today", "kedro run", ""))


def test_a_record_of_a_later_version_is_passed_over(dataset):
    dataset.save_record("table", record(dataset))
    file = dataset.root / "lineage/table.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"signature": "new"}))
    assert dataset.load().records == {}
