"""What a user finds in MLflow after a run, and what a run does without MLflow."""

import json
import logging
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import joblib
import mlflow
import numpy as np
import polars as pl
import pytest
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from mlflow.tracking import MlflowClient

from conftest import copy_project
from fvc_kedro.pipelines.reporting.plots import PLOTS
from fvc_kedro.tracking import TrackingError
from fvc_kedro.tracking.provenance import corpus_fingerprint

FOLD_PLOTS = {"plots/roc.png", "plots/confusion_matrix.png"}


class Store:
    """The records under a data folder; ``new`` are those made since it was first looked at."""

    def __init__(self, data_root):
        self.address = f"sqlite:///{data_root}/mlflow.db"
        self.client = MlflowClient(self.address)
        self.before = {run.info.run_id for run in self.runs()}

    def runs(self):
        experiment = self.client.get_experiment_by_name("fvc_kedro")
        return self.client.search_runs([experiment.experiment_id]) if experiment else []

    def new(self):
        return [run for run in self.runs() if run.info.run_id not in self.before]

    def new_parents(self):
        return [run for run in self.new() if "mlflow.parentRunId" not in run.data.tags]

    def children_of(self, parent):
        children = [run for run in self.runs() if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
        return sorted(children, key=lambda run: int(run.data.tags["fold"]))

    def versions(self):
        return {
            int(version.version): version
            for version in self.client.search_model_versions("name = 'fvc-svm'", max_results=100)
        }

    def files(self, run, folder=None):
        return {file.path for file in self.client.list_artifacts(run.info.run_id, folder)}


@pytest.fixture(autouse=True)
def _restored_address():
    before = mlflow.get_tracking_uri()
    yield
    assert mlflow.active_run() is None
    mlflow.set_tracking_uri(before)


@pytest.fixture
def tracked(tiny_run):
    """The run of everything on the tiny corpus: its store, its record, its files."""
    store = Store(tiny_run["data_root"])
    mlflow.set_tracking_uri(store.address)
    parent = next(run for run in store.runs() if run.data.tags["mlflow.runName"] == "__default__")
    return store, parent


@pytest.fixture
def copied(tiny_run, tmp_path):
    """Results of a whole run in a folder of their own, to run parts of it again."""
    shutil.copytree(tiny_run["data_root"], tmp_path / "out", ignore=shutil.ignore_patterns("mlartifacts"))
    return tiny_run | {"data_root": str(tmp_path / "out"), "svm": {"n_folds": 2, "grid": {"C": [1]}}}


def in_data(tiny_run, path):
    return Path(tiny_run["data_root"]) / path


def table(run, path):
    return pl.read_parquet(in_data(run, path))


def test_a_run_has_one_record_with_flat_parameters_and_metrics(tiny_run, tracked):
    store, parent = tracked
    assert sum(run.data.tags["mlflow.runName"] == "__default__" for run in store.runs()) == 1
    assert parent.info.status == "FINISHED"
    assert parent.data.params["svm.grid.C"] == "[0.001, 0.1]"
    assert parent.data.params["svm.experts.face"] == "['region.face']"
    assert parent.data.params["svm.n_folds"] == "3"
    summary = json.loads(in_data(tiny_run, "08_reporting/summary.json").read_text())
    for name, value in summary.items():
        assert parent.data.metrics.get(name) == value


def test_every_marked_file_is_in_the_record(tracked):
    store, parent = tracked
    assert {"roc_plot", "family_ablation_plot"} <= set(PLOTS)
    assert store.files(parent, "plots") == {f"plots/{name.removesuffix('_plot')}.png" for name in PLOTS}
    assert store.files(parent, "reports") == {"reports/report.html", "reports/oof_predictions.parquet"}


def test_the_record_says_where_the_results_come_from(tiny_run, tracked, tmp_path):
    store, parent = tracked
    index = table(tiny_run, "02_intermediate/corpus_index.parquet")
    tags = parent.data.tags
    assert tags["corpus_fingerprint"] == corpus_fingerprint(index)
    recorded = Path(tiny_run["data_root"]) / "lineage/evaluation_summary.json"
    assert tags["fingerprint"] == json.loads(recorded.read_text())["fingerprint"]
    assert (tags["corpus_videos"], tags["corpus_groups"]) == ("12", "6")
    assert tags["version.numpy"] == np.__version__
    assert "git_commit" not in tags  # the project of the tests is a copy outside the repository
    packages = store.client.download_artifacts(parent.info.run_id, "packages.txt", str(tmp_path))
    assert f"numpy=={np.__version__}\n" in Path(packages).read_text()


def test_the_record_names_the_commit_of_the_project(tmp_path, run_with_store):
    settings = {"server": {"mlflow_tracking_uri": f"sqlite:///{tmp_path}/mlflow.db"}}
    run_with_store.project()
    commit = commit_all(tmp_path / "project")
    run_with_store(settings, "error")
    (run,) = Store(tmp_path).runs()
    assert run.data.tags["git_commit"] == commit
    assert run.data.tags["git_dirty"] == "true"  # conf/local/mlflow.yml is new


def commit_all(folder):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    answer = ""
    for words in (["init"], ["add", "."], ["commit", "-m", "first"], ["rev-parse", "HEAD"]):
        answer = subprocess.run([*git, *words], cwd=folder, check=True, capture_output=True, text=True).stdout
    return answer.strip()


def test_each_fold_is_a_child_with_what_lies_on_disk(tiny_run, tracked):
    store, parent = tracked
    children = store.children_of(parent)
    assert [child.data.tags["fold"] for child in children] == ["1", "2", "3"]
    rows = table(tiny_run, "05_model_input/training_table.parquet")
    for child in children:
        name = child.data.tags["mlflow.runName"]
        figures = json.loads(in_data(tiny_run, f"06_models/svm/{name}/metrics.json").read_text())
        assert child.info.status == "FINISHED"
        assert name == f"fold_{child.data.tags['fold']}"
        assert child.data.params == {"C": str(figures.pop("C")), "kernel": figures.pop("kernel")}
        assert figures.pop("fold") == int(child.data.tags["fold"])
        assert figures.pop("repeat") == 1
        assert child.data.metrics == {key: value for key, value in figures.items() if value is not None}
        assert child.data.tags["corpus_fingerprint"] == parent.data.tags["corpus_fingerprint"]
        assert store.files(child, "plots") == FOLD_PLOTS
        logged = mlflow.sklearn.load_model(f"runs:/{child.info.run_id}/model")
        on_disk = joblib.load(in_data(tiny_run, f"06_models/svm/{name}/model.joblib"))
        np.testing.assert_array_equal(logged.predict_proba(rows), on_disk.predict_proba(rows))


def test_the_detector_is_registered_with_signature_and_example(tiny_run, tracked):
    store, parent = tracked
    version = next(found for found in store.versions().values() if found.run_id == parent.info.run_id)
    assert version.tags["corpus_fingerprint"] == parent.data.tags["corpus_fingerprint"]
    assert float(version.tags["roc_auc"]) == parent.data.metrics["roc_auc"]
    address = f"models:/fvc-svm/{version.version}"
    on_disk = joblib.load(in_data(tiny_run, "06_models/svm/final/model.joblib"))
    rows = table(tiny_run, "05_model_input/training_table.parquet")
    videos = rows["video_id"].to_numpy()
    detector = mlflow.sklearn.load_model(address)
    assert detector.score_videos(rows, videos).equals(on_disk.score_videos(rows, videos))
    assert detector.verdicts_ == on_disk.verdicts_
    function = mlflow.pyfunc.load_model(address)
    signature = function.metadata.signature
    assert signature.inputs.input_names() == on_disk.feature_names_in_.tolist()
    assert signature.outputs.input_names() == ["real", "fake"]
    example = function.input_example
    assert 1 <= len(example) <= 10
    np.testing.assert_allclose(function.predict(example), on_disk.predict_proba(rows)[: len(example)])
    assert mlflow.sklearn.load_model("models:/fvc-svm/latest").classes_.tolist() == [0, 1]


def test_evaluation_and_reporting_alone_make_no_children_and_no_version(copied, tiny_run, run_pipeline):
    store = Store(copied["data_root"])
    versions = set(store.versions())
    run_pipeline("evaluation", "reporting", **(copied | {"svm": tiny_run["svm"]}))
    (parent,) = store.new()
    assert parent.info.status == "FINISHED"
    assert "roc_auc" in parent.data.metrics
    assert "corpus_fingerprint" in parent.data.tags
    assert set(store.versions()) == versions


def test_training_again_makes_whole_children_and_a_version(copied, run_pipeline):
    store = Store(copied["data_root"])
    versions = set(store.versions())
    run_pipeline("svm_training", **copied)
    (parent,) = store.new_parents()
    assert [child.data.tags["fold"] for child in store.children_of(parent)] == ["1", "2"]
    folds = table(copied, "07_model_output/cv_metrics.parquet")
    metrics = parent.data.metrics
    assert metrics["test_roc_auc_fold_mean"] == pytest.approx(folds["test_roc_auc"].mean())
    assert metrics["test_brier_fold_std"] == pytest.approx(folds["test_brier"].std())
    assert (metrics["n_folds"], metrics["n_repeats"]) == (2, folds["repeat"].n_unique())
    assert "roc_auc" not in metrics  # of all videos pooled, which only the evaluation gives
    assert set(metrics) <= set(json.loads(in_data(copied, "08_reporting/summary.json").read_text()))
    (new,) = set(store.versions()) - versions
    assert "roc_auc" not in store.versions()[new].tags  # reporting has not judged this one


def test_a_detector_has_one_version_however_often_it_is_trained(copied, run_pipeline):
    store = Store(copied["data_root"])
    versions = set(store.versions())
    for _ in range(2):
        run_pipeline("svm_training", **copied)
    (first,) = set(store.versions()) - versions
    run_pipeline("svm_training", **(copied | {"svm": copied["svm"] | {"seed": 5}}))
    (second,) = set(store.versions()) - versions - {first}
    assert len({store.versions()[one].tags["detector_sha256"] for one in (first, second)}) == 2
    run_pipeline("svm_training", "evaluation", **copied)  # the first detector, now with a figure
    assert set(store.versions()) == versions | {first, second}
    assert 0 <= float(store.versions()[first].tags["roc_auc"]) <= 1


def test_models_without_metrics_are_no_children(copied, run_pipeline, project, monkeypatch):
    store = Store(copied["data_root"])
    run_nodes(project, copied, monkeypatch, to_nodes=["svm_training.collect_fold_models"])
    (run,) = store.new()
    assert run.info.status == "FINISHED"


def test_runs_of_several_threads_are_tracked_alike(copied, project, monkeypatch):
    from kedro.runner import ThreadRunner

    store = Store(copied["data_root"])
    run_nodes(project, copied, monkeypatch, runner=ThreadRunner())
    assert_whole(store)


def test_runs_of_several_processes_are_tracked_alike(copied, project):
    parameters = f"data_root={copied['data_root']},svm.n_folds=2,svm.grid.C=[1]"
    command = [sys.executable, "-m", "kedro", "run", "--pipelines", "svm_training", "--runner", "ParallelRunner"]
    store = Store(copied["data_root"])
    subprocess.run([*command, "--params", parameters], cwd=project, check=True, timeout=300, capture_output=True)
    assert_whole(store)


def assert_whole(store):
    (parent,) = store.new_parents()
    assert parent.info.status == "FINISHED"
    assert "corpus_fingerprint" in parent.data.tags
    assert len(store.children_of(parent)) == 2


def run_nodes(project, parameters, monkeypatch, **what):
    monkeypatch.chdir(project)
    bootstrap_project(project)
    with KedroSession.create(project_path=project, runtime_params=parameters) as session:
        return session.run(**({"pipeline_names": ["svm_training"]} | what))


def test_each_session_of_one_process_has_a_run_of_its_own(copied, run_pipeline):
    store = Store(copied["data_root"])
    for _ in range(2):
        run_pipeline("ingestion", **copied)
    assert [run.info.status for run in store.new()] == ["FINISHED"] * 2


def test_a_failed_run_is_closed_as_failed_with_its_error_and_without_children(copied, run_pipeline, monkeypatch):
    store = Store(copied["data_root"])
    versions = set(store.versions())
    shutil.copy(in_data(copied, "05_model_input/folds.parquet"), in_data(copied, "04_feature/segment_features.parquet"))
    with pytest.raises(Exception, match="segment"):
        run_pipeline("svm_training", **copied)
    (run,) = store.new()
    assert run.info.status == "FAILED"
    assert "segment" in run.data.tags["error"]
    assert set(store.versions()) == versions


def test_a_run_that_is_open_already_is_used_and_left_open(copied, run_pipeline):
    store = Store(copied["data_root"])
    mlflow.set_tracking_uri(store.address)
    mlflow.set_experiment("fvc_kedro")
    with mlflow.start_run(run_name="orchestrator") as outer:
        run_pipeline("svm_training", **copied)
        assert mlflow.active_run().info.run_id == outer.info.run_id
    (parent,) = store.new_parents()
    assert parent.info.run_id == outer.info.run_id
    assert len(store.children_of(parent)) == 2


def test_an_interrupted_run_is_closed_as_killed(copied, run_pipeline, monkeypatch):
    from kedro.runner import SequentialRunner

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    store = Store(copied["data_root"])
    with monkeypatch.context() as patch:
        patch.setattr(SequentialRunner, "run", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_pipeline("ingestion", **copied)
    run_pipeline("ingestion", **copied)
    assert sorted(run.info.status for run in store.new()) == ["FINISHED", "KILLED"]


def test_the_record_of_a_killed_process_is_closed_by_the_next_run(copied, run_pipeline):
    store = Store(copied["data_root"])
    experiment = store.client.get_experiment_by_name("fvc_kedro").experiment_id
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    tags = {
        "dead": f"{socket.gethostname()}:{dead.pid}",
        "alive": f"{socket.gethostname()}:{os.getpid()}",
        "elsewhere": f"another-host:{dead.pid}",
    }
    runs = {
        name: store.client.create_run(experiment, tags={"process": process}).info.run_id
        for name, process in tags.items()
    }
    runs["unknown"] = store.client.create_run(experiment).info.run_id
    run_pipeline("ingestion", **copied)
    statuses = {name: store.client.get_run(run).info.status for name, run in runs.items()}
    assert statuses == {"dead": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING", "unknown": "RUNNING"}


# --- without MLflow --------------------------------------------------------------------------------------------


@pytest.fixture
def run_with_store(tmp_path, tiny_run):
    """Run ingestion of the tiny corpus in a project whose mlflow.yml is changed."""

    def project():
        folder = tmp_path / "project"
        return folder if folder.exists() else copy_project(folder)

    def run(settings, on_failure):
        project = run.project()
        (project / "conf/local").mkdir(exist_ok=True)
        (project / "conf/local/mlflow.yml").write_text(yaml.safe_dump(settings))
        parameters = {key: value for key, value in tiny_run.items() if key != "data_root"}
        parameters["tracking"] = {"on_failure": on_failure}
        bootstrap_project(project)
        with KedroSession.create(project_path=project, runtime_params=parameters) as session:
            session.run(pipeline_names=["ingestion"])

    run.project = project
    run.index = tmp_path / "project/data/02_intermediate/corpus_index.parquet"
    return run


@pytest.fixture
def unusable(tmp_path, monkeypatch):
    """Stores that fail for whoever runs the tests: the rights of files do not stop root."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no database, but long enough to be taken for a damaged one" * 20)
    sqlite3.connect(tmp_path / "read_only").execute("CREATE TABLE something (a)")
    with socket.socket() as silent, socket.socket() as closed:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        closed.bind(("127.0.0.1", 0))  # and does not listen
        addresses = {
            "folder": f"sqlite:///{tmp_path}/folder",
            "text": f"sqlite:///{tmp_path}/text",
            "under a file": f"sqlite:///{tmp_path}/text/mlflow.db",
            "read only": f"sqlite:///file:{tmp_path}/read_only?mode=ro&uri=true",
            "no server": f"http://127.0.0.1:{closed.getsockname()[1]}",
            "silent server": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        yield {kind: {"server": {"mlflow_tracking_uri": address}} for kind, address in addresses.items()}


def address_of(settings):
    return settings["server"]["mlflow_tracking_uri"]


KINDS = ["folder", "text", "under a file", "read only", "no server", "silent server"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unusable_store_is_one_warning_and_costs_no_results(unusable, run_with_store, caplog, kind):
    with caplog.at_level(logging.WARNING, "fvc_kedro.tracking"):
        run_with_store(unusable[kind], "warn")
    (warning,) = [record for record in caplog.records if record.name.startswith("fvc_kedro.tracking")]
    assert address_of(unusable[kind]) in warning.getMessage()
    assert "conf/base/mlflow.yml" in warning.getMessage()
    assert len(pl.read_parquet(run_with_store.index)) == 12


@pytest.mark.parametrize("kind", KINDS)
def test_an_unusable_store_is_an_error_before_any_work_if_so_wished(unusable, run_with_store, kind):
    with pytest.raises(TrackingError, match=r"tracking\.on_failure=warn") as raised:
        run_with_store(unusable[kind], "error")
    assert address_of(unusable[kind]) in str(raised.value)
    assert not run_with_store.index.parent.exists()


@pytest.mark.parametrize("on_failure", ["warn", "error"])
def test_files_that_cannot_be_stored_are_found_out_before_any_work(tmp_path, run_with_store, caplog, on_failure):
    (tmp_path / "file").write_text("")
    settings = {
        "server": {"mlflow_tracking_uri": f"sqlite:///{tmp_path}/mlflow.db"},
        "tracking": {
            "experiment": {
                "name": "fvc_kedro",
                "create_experiment_kwargs": {"artifact_location": str(tmp_path / "file" / "below")},
            }
        },
    }
    if on_failure == "error":
        with pytest.raises(TrackingError):
            run_with_store(settings, on_failure)
        assert not run_with_store.index.parent.exists()
    else:
        run_with_store(settings, on_failure)
        assert run_with_store.index.exists()
    (run,) = Store(tmp_path).runs()
    assert run.info.status == "FAILED"


@pytest.mark.parametrize("on_failure", ["warn", "error"])
def test_a_failure_in_a_fold_closes_its_records_as_failed_when_results_are_on_disk(
    copied, run_pipeline, monkeypatch, caplog, on_failure
):
    from fvc_kedro.tracking import records

    def fail(model, name, **more):
        raise OSError("No space left on device")

    store = Store(copied["data_root"])
    versions = set(store.versions())
    made = in_data(copied, "06_models/svm/final/model.joblib")
    made.unlink()
    monkeypatch.setattr(records, "_log_model", fail)
    parameters = copied | {"tracking": {"on_failure": on_failure}}
    if on_failure == "error":
        with pytest.raises(TrackingError, match=r"all results are on disk.*No space left"):
            run_pipeline("svm_training", **parameters)
    else:
        with caplog.at_level(logging.WARNING, "fvc_kedro.tracking"):
            run_pipeline("svm_training", **parameters)
        assert len([record for record in caplog.records if "No space left" in record.getMessage()]) == 1
    assert joblib.load(made).classes_.tolist() == [0, 1]
    (parent,) = store.new_parents()
    assert [run.info.status for run in store.new()] == ["FAILED"] * 2
    assert "No space left" in parent.data.tags["error"]
    assert set(store.versions()) == versions


def test_a_pipeline_s_own_error_is_seen_when_mlflow_fails_too(copied, run_pipeline, monkeypatch):
    set_tag = mlflow.set_tag

    def fail_at_the_end(key, value):
        if key == "error":
            raise OSError("the store has gone")
        set_tag(key, value)

    store = Store(copied["data_root"])
    shutil.copy(in_data(copied, "05_model_input/folds.parquet"), in_data(copied, "04_feature/segment_features.parquet"))
    monkeypatch.setattr(mlflow, "set_tag", fail_at_the_end)
    with pytest.raises(Exception, match="segment"):
        run_pipeline("svm_training", **copied)
    assert [run.info.status for run in store.new()] == ["FAILED"]


def test_switched_off_nothing_of_mlflow_is_touched(tiny_run, tmp_path, run_pipeline, monkeypatch):
    def fail(*arguments, **options):
        raise AssertionError("MLflow was touched")

    for name in ("start_run", "set_experiment", "set_tags", "set_tracking_uri", "log_metrics"):
        monkeypatch.setattr(mlflow, name, fail)
    run_pipeline("ingestion", **(tiny_run | {"data_root": str(tmp_path / "out"), "tracking": {"enabled": False}}))
    assert (tmp_path / "out/02_intermediate/corpus_index.parquet").exists()
    assert not list(tmp_path.rglob("mlflow.db"))


def test_looking_at_the_catalog_makes_no_store(tmp_path, monkeypatch):
    project = copy_project(tmp_path / "project")
    bootstrap_project(project)
    with KedroSession.create(project_path=project) as session:
        context = session.load_context()
        assert context.catalog.exists("sample_clips")
        assert context.mlflow.server.mlflow_tracking_uri == f"sqlite:///{project}/mlflow.db"
    assert not (project / "mlflow.db").exists()
