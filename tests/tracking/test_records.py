"""What the catalog marks, and this run saved, goes to MLflow."""

import mlflow
import pytest
from kedro.io import DataCatalog
from matplotlib.figure import Figure
from mlflow.tracking import MlflowClient

from fvc_kedro.tracking.records import log_marked


@pytest.fixture
def catalog(tmp_path):
    entries = {
        "summary": {
            "type": "json.JSONDataset",
            "filepath": f"{tmp_path}/summary.json",
            "metadata": {"kedro-viz": {"layer": "reporting"}, "mlflow": "metrics"},
        },
        "{name}_plot": {
            "type": "fvc_kedro.datasets.PlotDataset",
            "filepath": f"{tmp_path}/{{name}}.png",
            "metadata": {"mlflow": "artifact"},
        },
        "page": {
            "type": "text.TextDataset",
            "filepath": f"{tmp_path}/page.html",
            "metadata": {"mlflow": "artifact"},
        },
        "unmarked": {"type": "text.TextDataset", "filepath": f"{tmp_path}/unmarked.txt"},
        "other": {"type": "text.TextDataset", "filepath": f"{tmp_path}/other.txt", "metadata": {"kedro-viz": {}}},
    }
    catalog = DataCatalog.from_config(entries)
    for name in ("roc_plot", "grid_plot"):
        catalog.save(name, Figure())
    for name in ("page", "unmarked", "other"):
        catalog.save(name, name)
    catalog.save("summary", {"roc_auc": 0.75, "n_videos": 12, "unknown": None, "about": "text"})
    return catalog


@pytest.fixture
def logged(tmp_path):
    """Log datasets as those that the run saved; return the metrics and files in the record."""
    before = mlflow.get_tracking_uri()
    address = f"sqlite:///{tmp_path}/mlflow.db"
    mlflow.set_tracking_uri(address)
    mlflow.create_experiment("test", artifact_location=(tmp_path / "artifacts").as_uri())
    mlflow.set_experiment("test")

    def log(catalog, saved):
        with mlflow.start_run() as run:
            log_marked(catalog, saved)
        client = MlflowClient(address)
        folders = [file.path for file in client.list_artifacts(run.info.run_id)]
        files = {file.path for folder in folders for file in client.list_artifacts(run.info.run_id, folder)}
        return client.get_run(run.info.run_id).data.metrics, files

    yield log
    mlflow.set_tracking_uri(before)


def test_marks_are_read_from_the_datasets_those_of_a_factory_too(catalog, logged):
    metrics, files = logged(catalog, {"summary", "roc_plot", "grid_plot", "page", "unmarked", "other"})
    assert metrics == {"roc_auc": 0.75, "n_videos": 12}
    assert files == {"plots/roc.png", "plots/grid.png", "reports/page.html"}


def test_what_another_run_saved_is_left_alone(catalog, logged):
    assert logged(catalog, {"grid_plot", "unmarked"}) == ({}, {"plots/grid.png"})
