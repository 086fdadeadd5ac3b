"""Results of different runs in one folder: refused or marked, never mixed without a word."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import polars as pl
import pytest
from click.testing import CliRunner
from filelock import FileLock
from kedro.framework import project as registry
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from conftest import TINY
from fvc_kedro.cli import cli
from fvc_kedro.datasets import LineageDataset
from fvc_kedro.lineage import flatten
from fvc_kedro.lineage_hook import BusyError, StaleInputError
from fvc_kedro.results import Results

KEDRO = str(Path(sys.executable).with_name("kedro"))


@pytest.fixture
def copied(tiny_run, tmp_path):
    """Parameters of the tiny run, with its results in a folder of their own."""
    shutil.copytree(tiny_run["data_root"], tmp_path / "out", ignore=shutil.ignore_patterns("mlartifacts"))
    return tiny_run | {"data_root": str(tmp_path / "out"), "tracking": {"enabled": False}}


def fold_parameters(parameters, n_folds):
    return parameters | {"svm": TINY["svm"] | {"n_folds": n_folds}}


@pytest.fixture
def command(project, monkeypatch):
    monkeypatch.chdir(project)

    def call(*arguments):
        return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    return call


def report_of(parameters):
    return (Path(parameters["data_root"]) / "08_reporting/report.html").read_text()


def lineage_of(parameters):
    return LineageDataset(path=str(Path(parameters["data_root"]) / "lineage")).load()


def test_a_whole_run_records_what_every_dataset_was_made_from(tiny_run):
    lineage = lineage_of(tiny_run)
    assert lineage.findings(*lineage.records) == []
    assert set(lineage.runs) >= {record.run for record in lineage.records.values()}
    run = lineage.run_of("checked_manifest")
    assert run.command.startswith("kedro run ")
    assert f" --params 'corpus_manifest={tiny_run['corpus_manifest']},data_root=" in run.command
    assert run.changed_parameters["svm.n_folds"] == 3
    assert "data_root" not in run.changed_parameters
    report = lineage.records["evaluation_report"]
    assert "evaluation_summary" in report.inputs
    assert lineage.ancestry("evaluation_report")[0] == "checked_manifest"
    assert lineage.records["checked_manifest"].inputs["corpus_manifest"].files[0][0] == tiny_run["corpus_manifest"]
    assert not [key for record in lineage.records.values() for key in record.parameters if key.startswith("execution")]


def test_the_same_run_again_leaves_the_same_fingerprints(copied, run_pipeline):
    before = lineage_of(copied).records
    run_pipeline("svm_training", "evaluation", **copied)
    after = lineage_of(copied).records
    assert {name: record.fingerprint for name, record in after.items()} == {
        name: record.fingerprint for name, record in before.items()
    }
    assert after["svm_detector"].content.digest == before["svm_detector"].content.digest
    assert after["folds"].run != before["folds"].run


def test_figures_of_earlier_models_are_marked_everywhere(copied, run_pipeline, command, caplog):
    assert 'id="out-of-date"' not in report_of(copied)
    run_pipeline("svm_training", **fold_parameters(copied, 2))
    renewed = "kedro run --pipelines evaluation,reporting --params "
    assert "Out of date now: " in caplog.text
    root = copied["data_root"]
    shown = command("results", "--data-root", root)
    first_line = shown.output.strip().splitlines()[0]
    assert first_line.startswith("! out of date: ")
    assert renewed in first_line
    assert "svm.n_folds=2" in first_line.partition(renewed)[2]
    assert f"data_root={root}" in first_line
    # What the figures were made with, not what the models were.
    assert "svm.n_folds=3" in next(line for line in shown.output.splitlines() if line.startswith("parameters"))
    asked = command("sql", "SELECT 1 AS one", "--format", "csv", "--data-root", root)
    assert "warning: out of date: " in asked.stderr
    assert asked.stdout.split() == ["one", "1"]
    assert 'id="out-of-date"' in report_of(copied)
    assert "svm.n_folds=2" in report_of(copied)


def test_two_experiments_are_not_mixed(copied, run_pipeline):
    run_pipeline("svm_training", **fold_parameters(copied, 2))
    for pipelines in (["evaluation"], ["evaluation", "reporting"]):
        with pytest.raises(StaleInputError, match=r"made with svm\.n_folds=2; this run has svm\.n_folds=3") as caught:
            run_pipeline(*pipelines, **copied)
        assert f"kedro run --pipelines svm_training,{','.join(pipelines)} --params" in str(caught.value)
    with pytest.raises(StaleInputError, match="was made from another folds"):
        run_pipeline("reporting", **fold_parameters(copied, 2))
    run_pipeline("evaluation", "reporting", **fold_parameters(copied, 2))
    assert lineage_of(copied).findings("evaluation_report") == []
    assert 'id="out-of-date"' not in report_of(copied)
    assert "svm.n_folds=2" in report_of(copied)


def test_training_after_other_features_is_refused_until_all_fit(copied, run_pipeline):
    other = copied | {"features": TINY["features"] | {"num_frames": 6}}
    with pytest.raises(StaleInputError, match=r"features\.num_frames=1000; this run has features\.num_frames=6"):
        run_pipeline("cross_corpus", **other | {"evaluate_on": copied["corpus_manifest"]})
    run_pipeline("feature_engineering", **other)
    with pytest.raises(StaleInputError, match="another segment_features than the present") as caught:
        run_pipeline("evaluation", **copied)
    assert "kedro run --pipelines svm_training" in str(caught.value)
    run_pipeline("svm_training", **copied)  # which does not take the parameters of features
    assert lineage_of(copied).records["svm_detector"].changed_parameters["features.num_frames"] == 6


def test_a_deleted_table_is_said_to_be_missing(copied, command):
    root = Path(copied["data_root"])
    (root / "04_feature/features_metadata.parquet").unlink()
    (root / "06_models/svm/fold_2/model.joblib").unlink()
    shown = command("results", "--data-root", root).output
    assert (
        "! missing: fold_models, features_metadata. To renew: kedro run --pipelines feature_engineering,svm_training"
        in shown
    )
    assert "features    missing" in shown
    assert "fold models missing" in shown
    assert "report      missing" not in shown


def test_a_table_changed_by_hand_is_marked(copied, command, run_pipeline, caplog):
    path = Path(copied["data_root"]) / "04_feature/segment_features.parquet"
    pl.read_parquet(path).with_columns(pl.col("noise_level_mean") + 1).write_parquet(path)
    assert (
        "! changed since a run made it: segment_features"
        in command("results", "--data-root", copied["data_root"]).output
    )
    run_pipeline("svm_training", **copied)
    assert "changed since a run made it: segment_features" in caplog.text


def test_results_of_an_earlier_version_are_said_to_be_unrecorded(copied, command):
    shutil.rmtree(Path(copied["data_root"]) / "lineage")
    assert (
        "! no run has recorded what these results were made from"
        in command("results", "--data-root", copied["data_root"]).output
    )


@pytest.fixture
def found(copied, project):
    def read(**places):
        root = Path(copied["data_root"])
        known = {
            "lineage": root / "lineage",
            "evaluation_summary": root / "08_reporting/summary.json",
            "corpus_manifest": Path(copied["corpus_manifest"]),
        }
        return Results(known | places, None)

    return read


def test_results_are_current_only_with_the_same_parameters_and_corpus(copied, found, load_dataset, tmp_path):
    parameters = flatten({name: load_dataset(f"params:{name}", **copied) for name in ("svm", "features", "evaluation")})
    assert found().why_not_current(parameters) == []
    (reason, *_) = found().why_not_current(parameters | {"svm.n_folds": 5})
    assert "svm.n_folds=3 (now 5)" in reason
    (reason,) = found(corpus_manifest=tmp_path / "other.csv").why_not_current(parameters)
    assert copied["corpus_manifest"] in reason
    (Path(copied["data_root"]) / "08_reporting/roc.png").unlink()
    assert found().why_not_current(parameters) == ["roc_plot is missing"]
    (Path(copied["data_root"]) / "08_reporting/summary.json").unlink()
    assert found().why_not_current(parameters) == ["there are no results yet"]


GONE = {
    "feature_measurements": "04_feature/measurements/??/*.json",
    "video_inspections": "02_intermediate/video_inspections/??/*.json",
    "scaled_videos": "03_primary/scaled_videos/*.mp4",
    "fold_models": "06_models/svm/fold_1/*.sha256",
    "svm_detector": "06_models/svm/final/*.sha256",
    "comparison_trials": "07_model_output/trials/??/*.joblib",
}


def test_a_file_that_is_gone_behind_a_dataset_is_found_and_made_again(copied, found, project, run_pipeline, tiny_run):
    bootstrap_project(project)

    def reasons():
        with KedroSession.create(project_path=project, runtime_params=copied) as session:
            return found().why_not_whole(
                session.load_context().catalog, registry.pipelines["__default__"].all_outputs()
            )

    root, gone = Path(copied["data_root"]), []
    assert reasons() == []
    for name, pattern in GONE.items():
        files = sorted(root.glob(pattern))[: None if name == "comparison_trials" else 1]
        for file in files:
            file.unlink()
        gone += files
        assert any(reason.startswith(f"{name} lacks {root}") for reason in reasons())
    (root / "lineage/evaluation_report.json").unlink()
    assert reasons()[0] == "no run has recorded evaluation_report"
    run_pipeline(**(copied | {"svm": tiny_run["svm"]}))
    assert reasons() == []
    assert [file for file in gone if not file.exists()] == []


def test_current_ends_with_1_where_results_are_not(copied, command):
    ended = command("results", "--current", "--data-root", copied["data_root"])
    assert ended.exit_code == 1
    assert ended.output.startswith("not up to date: the results are of the corpus ")


class Malicious:
    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch '{self.trace}'",)


@pytest.mark.parametrize("place", ["final", "fold_1"])
@pytest.mark.parametrize("pipeline", ["evaluation", "reporting", "cross_corpus"])
def test_a_planted_model_runs_nothing(copied, run_pipeline, tmp_path, place, pipeline):
    trace = tmp_path / "trace"
    joblib.dump(Malicious(trace), Path(copied["data_root"]) / f"06_models/svm/{place}/model.joblib")
    reads = {"final": ("evaluation", "reporting", "cross_corpus"), "fold_1": ("evaluation",)}
    evaluate_on = {"evaluate_on": copied["corpus_manifest"]}
    if pipeline in reads[place]:
        with pytest.raises(Exception, match=r"model\.joblib is not read"):
            run_pipeline(pipeline, **copied | evaluate_on)
    assert not trace.exists()


def test_a_planted_training_result_runs_nothing_and_is_made_anew(copied, run_pipeline, tmp_path):
    trace = tmp_path / "trace"
    planted = list((Path(copied["data_root"]) / "07_model_output/trials").glob("??/*.joblib"))
    assert planted
    before = (Path(copied["data_root"]) / "07_model_output/oof_predictions.parquet").read_bytes()
    for path in planted:
        joblib.dump(Malicious(trace), path)
    run_pipeline("svm_training", **copied)
    assert not trace.exists()
    assert (Path(copied["data_root"]) / "07_model_output/oof_predictions.parquet").read_bytes() == before


def test_one_run_at_a_time_writes_into_a_folder(copied, run_pipeline):
    folder = Path(copied["data_root"]) / "lineage"
    with FileLock(folder / "lock"):
        (folder / "lock.txt").write_text("process 1 on here since yesterday: kedro run")
        with pytest.raises(
            BusyError, match=r"is being written to by process 1 on here since yesterday: kedro run\. Wait"
        ):
            run_pipeline("reporting", **copied)
    run_pipeline("reporting", **copied)
    assert not (folder / "lock.txt").exists()


def test_half_files_of_a_killed_run_are_removed_and_no_others(copied, run_pipeline):
    root = Path(copied["data_root"])
    names = (".table.parquet.7.partial", "measurements/aa/.key.json.7.partial", "measurements/video.7.partial.mp4")
    half = [root / "04_feature" / name for name in names]
    others = [root / "04_feature/mine.partial", root / "elsewhere/.table.parquet.7.partial"]
    for path in (*half, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    run_pipeline("feature_engineering", **copied)
    assert all(path.exists() for path in half), "the run before ended by itself"
    (root / "lineage/lock.txt").write_text("process 1, killed")
    run_pipeline("feature_engineering", **copied)
    assert not any(path.exists() for path in half)
    assert all(path.exists() for path in others)


def test_a_refused_run_and_a_failed_run_leave_no_lock(copied, run_pipeline, tmp_path):
    with pytest.raises(StaleInputError):
        run_pipeline("evaluation", **fold_parameters(copied, 2))
    model = Path(copied["data_root"]) / "06_models/svm/final/model.joblib"
    model.write_bytes(b"")
    with pytest.raises(Exception, match="is not read"):
        run_pipeline("reporting", **copied)
    with FileLock(Path(copied["data_root"]) / "lineage/lock", timeout=0):
        pass


def test_a_killed_run_holds_no_lock(project, tiny_corpus, tmp_path):
    out = tmp_path / "out"
    parameters = f"corpus_manifest={tiny_corpus},data_root={out},tracking.enabled=false,execution.workers=2"
    killed = subprocess.Popen(
        [KEDRO, "run", "--params", parameters], cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (out / "lineage/lock.txt").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    busy = subprocess.run(
        [KEDRO, "run", "--params", parameters], cwd=project, capture_output=True, text=True, check=False
    )
    assert busy.returncode == 1
    assert f"is being written to by process {killed.pid} on " in busy.stderr
    assert "Traceback" not in busy.stderr
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    with FileLock(out / "lineage/lock", timeout=60):
        pass


def test_clean_removes_what_runs_have_made_and_nothing_else(copied, command, tmp_path):
    root = Path(copied["data_root"])
    mine = [
        root / "01_raw/corpus/video.mp4",
        root / "03_primary/scaled_videos/mine.mp4",
        root / "04_feature/notes.txt",
        root / "08_reporting/slices.parquet",  # as it is edited below
    ]
    mine += [root / "03_primary/scaled_videos/mine.json", root / "06_models/svm/fold_mine/model.joblib"]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"key": "mine"}')
    outside = tmp_path / "outside"
    shutil.move(root / "04_feature/measurements", outside)
    (root / "04_feature/measurements").symlink_to(outside)
    n_outside = len(list(outside.rglob("*.json")))
    asked = command("clean", "--data-root", root)
    assert asked.exit_code == 1, "nobody has answered"
    assert f"kept     slices ({root / '08_reporting/slices.parquet'}): changed since a run made it" in asked.output
    assert "remove   fold_models: 6 files" in asked.output
    assert (root / "06_models/svm/fold_1/model.joblib").exists()
    assert command("clean", "--yes", "--data-root", root).exit_code == 0
    left = {path for path in root.rglob("*") if path.is_file() and path.name not in ("mlflow.db", "lock")}
    assert len(list(outside.rglob("*.json"))) == n_outside
    assert "files of feature_measurements: a link leads out of" in asked.output
    assert left == set(mine)
    assert f"no run has left anything in {root}" in command("clean", "--yes", "--data-root", root).output


def test_clean_waits_for_no_run(copied, command):
    with FileLock(Path(copied["data_root"]) / "lineage/lock"):
        refused = command("clean", "--yes", "--data-root", copied["data_root"])
    assert refused.exit_code == 1
    assert "Error: a run is writing to" in refused.output
    assert (Path(copied["data_root"]) / "06_models/svm/final/model.joblib").exists()


@pytest.mark.parametrize("text", ['{"n_videos":', "{}"])
def test_a_damaged_summary_is_told_in_a_sentence(copied, command, text):
    (Path(copied["data_root"]) / "08_reporting/summary.json").write_text(text)
    shown = command("results", "--data-root", copied["data_root"])
    assert shown.exit_code == 1
    assert "summary.json is" in shown.output
    assert "kedro run --pipelines evaluation" in shown.output


def test_two_folders_are_compared(tiny_run, copied, run_pipeline, command):
    run_pipeline("svm_training", **fold_parameters(copied, 2))
    same = command("compare", tiny_run["data_root"], tiny_run["data_root"]).output
    assert "Parameters that differ\n  none\n" in same
    assert "0 videos changed sides" in same
    shown = command("compare", tiny_run["data_root"], copied["data_root"]).output
    assert "  svm.n_folds: 3 -> 2\n" in shown
    assert "12 videos are in both; only in the first 0, only in the second 0" in shown
    assert "roc_auc" in shown
    assert "base_rate" not in shown


def test_runs_of_mlflow_are_compared(tiny_run, copied, run_pipeline, command):
    tracked = fold_parameters(copied, 2) | {"tracking": {"on_failure": "error"}}
    run_pipeline("svm_training", **tracked)
    shown = command("compare", "--data-root", copied["data_root"])
    assert shown.exit_code == 0, shown.output
    assert "  svm.n_folds: 3 -> 2\n" in shown.output
    none = command("compare", "--data-root", copied["data_root"], "no-run", copied["data_root"])
    assert none.exit_code == 1
    assert "'no-run' is no folder, and no runs in MLflow" in none.output


def test_what_cannot_be_compared_is_said(tiny_run, command, tmp_path):
    ended = command("compare", tmp_path, tiny_run["data_root"])
    assert ended.exit_code == 1
    assert "holds no oof_predictions" in ended.output
    assert command("compare", "a", "b", "c").exit_code == 2


def test_records_name_no_file_by_where_the_folder_lies(copied):
    for file in (Path(copied["data_root"]) / "lineage").glob("*.json"):
        for path, _, _ in json.loads(file.read_text())["content"]["files"]:
            assert not Path(path).is_absolute()
