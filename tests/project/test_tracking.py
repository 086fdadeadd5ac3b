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
    assert run.data.params["svm.grid.C"] == "[0.1, 1, 10]"
    assert run.data.params["svm.n_folds"] == "3"
    assert run.data.metrics["roc_auc"] > 0.95
    plots = {artifact.path for artifact in client.list_artifacts(run.info.run_id, "plots")}
    assert "plots/roc.png" in plots
    assert len(plots) == 6
