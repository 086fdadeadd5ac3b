"""What stops a run before it starts, what is told of its parts, and what a full disk ends it with."""

import errno
import logging
import shutil
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import polars as pl
import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Node, Pipeline

from conftest import TINY
from fvc_kedro.datasets import TrialsDataset
from fvc_kedro.datasets.trials import Trial, TrialBatch
from fvc_kedro.execution import Execution
from fvc_kedro.hooks import DiskHook, InputsHook, OutputFolderError, PartsHook
from fvc_kedro.pipelines import cross_corpus, ingestion
from fvc_kedro.pipelines.ingestion.nodes import ManifestError

WRONG = pl.DataFrame({"video_path": ["a.mp4"], "label": ["real"]})
FULL = Path("/dev/full")
needs_a_full_disk = pytest.mark.skipif(not FULL.exists(), reason="only Linux has a file that is always full")


def catalog_of(pipeline, **data):
    """Let all inputs of a pipeline be there, those that are not given without any content."""
    return DataCatalog({name: MemoryDataset(data.get(name.rpartition(".")[2], name)) for name in pipeline.inputs()})


@pytest.mark.parametrize("make", [ingestion.create_pipeline, cross_corpus.create_pipeline])
def test_a_wrong_manifest_is_refused_before_a_run(make):
    pipeline = make()
    parameters = {"every_video_stands_alone": False, "limits": {"max_pixels": 1, "max_frames": 1, "max_seconds": 1.0}}
    catalog = catalog_of(pipeline, corpus_manifest=WRONG, **{"params:ingestion": parameters})
    with pytest.raises(ManifestError, match="no column 'group'"):
        InputsHook().before_pipeline_run(run_params={"project_path": "/"}, pipeline=pipeline, catalog=catalog)


def test_nothing_is_written_for_a_wrong_manifest(tmp_path, run_pipeline, caplog):
    WRONG.write_csv(tmp_path / "manifest.csv")
    with pytest.raises(ManifestError, match="no column 'group'"):
        run_pipeline(corpus_manifest=str(tmp_path / "manifest.csv"), data_root=str(tmp_path / "out"), **TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.csv"]
    assert not caplog.records


def test_a_manifest_that_is_checked_twice_is_warned_of_once(tmp_path, tiny_corpus, run_pipeline, caplog):
    shutil.copytree(tiny_corpus.parent / "videos", tmp_path / "videos")
    text = tiny_corpus.read_text() + "videos/0_real.mp4,fak,group 0\n"
    (tmp_path / "manifest.csv").write_text(text)
    untracked = TINY | {"tracking": {"enabled": False}}
    run_pipeline(
        "ingestion", corpus_manifest=str(tmp_path / "manifest.csv"), data_root=str(tmp_path / "o"), **untracked
    )
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [
        "1 of 13 rows is rejected: row 13 ('videos/0_real.mp4'), label 'fak' is not used: only real and fake are (see "
        "rejected_videos)"
    ]


def test_a_place_that_nothing_can_be_written_to_is_told_before_a_run(tmp_path, tiny_corpus, run_pipeline):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputFolderError) as refused:
        run_pipeline("ingestion", corpus_manifest=str(tiny_corpus), data_root=str(tmp_path / "file"), **TINY)
    assert str(refused.value) == (
        f"nothing can be written to {tmp_path}/file (Not a directory): see that it is a folder that you may write to, "
        "or give another as data_root"
    )
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("name", ["corpus_manifest", "data_root"])
def test_a_tilde_that_nobody_expands_is_refused(tiny_corpus, run_pipeline, project, monkeypatch, name):
    monkeypatch.setenv("HOME", "/home/me")
    with pytest.raises(OutputFolderError, match=r"is not expanded: write /home/me/mine"):
        run_pipeline("ingestion", **{"corpus_manifest": str(tiny_corpus), name: "~/mine/m.csv", **TINY})
    assert not (project / "~").exists()


def test_each_part_of_the_trainings_is_numbered_in_the_order_of_the_run(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    names = ["first", "second", "third"]  # each made from the one before, listed backwards
    made_from = dict(zip(names, ["table", *names], strict=False))
    pipeline = Pipeline(
        [Node(func=lambda made: made, inputs=made_from[name], outputs=name, name=name) for name in reversed(names)]
    )
    catalog = DataCatalog({name: TrialsDataset(path=str(tmp_path), batch=name) for name in names})
    nothing = np.empty(0, np.int64)
    trial = Trial({}, None, {1: (nothing, nothing), 2: (nothing, nothing)}, None)
    hook = PartsHook()
    hook.before_pipeline_run(pipeline=pipeline, catalog=catalog)
    for name, trials in {"first": [trial], "second": [], "third": [trial] * 3, "a table": None}.items():
        data = trials if trials is None else TrialBatch(trials, Execution(), f"the {name}")
        hook.before_dataset_saved(dataset_name=name, data=data)
    assert caplog.messages == [
        "Part 1 of 3 of the trainings: the first, 2 detectors",
        "Part 3 of 3 of the trainings: the third, 6 detectors",
    ]


@pytest.mark.parametrize(
    "full",
    [
        OSError(errno.ENOSPC, "No space left on device", "/out/made/a.partial.mp4"),
        OSError(errno.ENOSPC, "No space left on device", "/tmp/made.duckdb", None, "/out/made/.results.partial"),
        OSError(errno.EDQUOT, "Disk quota exceeded", "/out/made/a.json"),
    ],
)
def test_the_folder_is_that_of_the_file_that_did_not_fit(full):
    error = DatasetError("Failed while saving")
    error.__cause__ = full
    full.__cause__ = RuntimeError(f"of a worker:\n{full}")  # as one sends its traceback
    with pytest.raises(OutputFolderError, match=r"^the disk of /out/made is full"):
        DiskHook().on_pipeline_error(error=error, pipeline=ingestion.create_pipeline(), catalog=DataCatalog())


def test_other_errors_are_left_as_they_are():
    error = OSError(errno.EACCES, "Permission denied", "/out/a")
    DiskHook().on_pipeline_error(error=error, pipeline=ingestion.create_pipeline(), catalog=DataCatalog())


@needs_a_full_disk
def test_a_full_disk_is_told_with_its_folder(tmp_path, tiny_corpus, run_pipeline):
    table = tmp_path / "out/02_intermediate/checked_manifest.parquet"
    table.parent.mkdir(parents=True)
    table.symlink_to(FULL)
    with pytest.raises(OutputFolderError) as ended:
        run_pipeline("ingestion", corpus_manifest=str(tiny_corpus), data_root=str(tmp_path / "out"), **TINY)
    assert str(ended.value) == (
        f"the disk of {table.parent} (or of {gettempdir()}, for temporary files) is full: free some space, or give "
        "another folder as data_root. What is done is kept, and the same command takes up where this one was"
    )
