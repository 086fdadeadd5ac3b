import pytest
from mlflow.tracking import MlflowClient


@pytest.fixture
def runs(tiny_run):
    client = MlflowClient(f"sqlite:///{tiny_run['data_root']}/mlflow.db")
    experiment = client.get_experiment_by_name("fvc_kedro")
    found = client.search_runs([experiment.experiment_id], filter_string="tags.mlflow.runName = '__default__'")
    return client, found


def test_one_run_a_kedro_run_with_flat_parameters_metrics_and_plots(runs):
    client, found = runs
    assert len(found) == 1
    run = found[0]
    assert run.info.status == "FINISHED"
    assert run.data.params["svm.grid.C"] == "[0.001, 0.1, 10]"
    assert run.data.params["svm.n_folds"] == "3"
    assert run.data.metrics["roc_auc"] > 0.95
    plots = {artifact.path for artifact in client.list_artifacts(run.info.run_id, "plots")}
    assert {"plots/roc.png", "plots/family_ablation.png"} <= plots
    assert len(plots) == 7


def test_each_session_of_one_process_has_a_run_of_its_own(tiny_run, tmp_path, run_pipeline):
    for _ in range(2):
        run_pipeline("ingestion", **(tiny_run | {"data_root": str(tmp_path)}))
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    found = client.search_runs([client.get_experiment_by_name("fvc_kedro").experiment_id])
    assert [run.info.status for run in found] == ["FINISHED"] * 2


def test_a_failed_run_is_closed_as_failed(tiny_run, tmp_path, run_pipeline):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("video_path,label\na.mp4,real\n")
    with pytest.raises(Exception, match="no column 'group'"):
        run_pipeline("ingestion", **(tiny_run | {"data_root": str(tmp_path), "corpus_manifest": str(manifest)}))
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    found = client.search_runs([client.get_experiment_by_name("fvc_kedro").experiment_id])
    assert [run.info.status for run in found] == ["FAILED"]
