"""What of a run's results is written to MLflow: read back from the catalog, so that it is what lies on disk."""

from __future__ import annotations

from collections.abc import Mapping, Set
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import mlflow.sklearn
import polars as pl
from kedro.io import CatalogProtocol
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, Schema

from fvc_kedro import __version__
from fvc_kedro.digests import digest_of_file
from fvc_kedro.hooks import location
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.pipelines.evaluation.summary import summarise_folds
from fvc_kedro.pipelines.reporting.plots import plot_confusion_matrix, plot_roc_of_part

PICTURES = frozenset({".png", ".jpg", ".svg", ".pdf"})
_N_EXAMPLE_ROWS = 5
_DETECTOR = "detector_sha256"
# What reading a model takes beside fvc_kedro itself, which no package index carries.
_REQUIREMENTS = ("cloudpickle", "numpy", "pandas", "polars", "pyarrow", "scikit-learn", "scipy")


def log_marked(catalog: CatalogProtocol, saved: Set[str]) -> None:
    """Log the datasets that this run saved and the catalog marks with ``metadata: mlflow``.

    ``metrics`` marks a dictionary of numbers, ``artifact`` a file; pictures go to ``plots``, others to ``reports``.

    Parameters
    ----------
    catalog : CatalogProtocol
    saved : set of str
        Names of the datasets that this run saved.
    """
    for name in sorted(saved):
        kind = (getattr(catalog.get(name), "metadata", None) or {}).get("mlflow")
        if kind == "metrics":
            mlflow.log_metrics(_numbers(catalog.load(name)))
        elif kind == "artifact":
            path = location(catalog, name)
            mlflow.log_artifact(str(path), "plots" if Path(str(path)).suffix in PICTURES else "reports")


def log_fold_summary(catalog: CatalogProtocol) -> None:
    """Log means and standard deviations over the folds, under their names in ``evaluation_summary``.

    For a run that trained and did not evaluate: it can be sorted beside one that did both by the same column.

    Parameters
    ----------
    catalog : CatalogProtocol
        With ``cv_metrics`` saved.
    """
    mlflow.log_metrics(_numbers(summarise_folds(catalog.load("cv_metrics"))))


def log_folds(catalog: CatalogProtocol, common_tags: Mapping[str, str]) -> None:
    """Log every fold as a child of the run that is open: C, kernel, metrics, model and plots of its test videos.

    Parameters
    ----------
    catalog : CatalogProtocol
        With ``fold_metrics``, ``fold_models`` and ``oof_predictions`` saved.
    common_tags : mapping of str to str
        Tags that every child gets.
    """
    models = catalog.load("fold_models")
    predictions: pl.DataFrame = catalog.load("oof_predictions")
    folds = {name: load() for name, load in catalog.load("fold_metrics").items()}
    for name, figures in sorted(folds.items(), key=lambda item: item[1]["fold"]):
        fold = figures["fold"]
        with mlflow.start_run(run_name=name, nested=True, tags={**common_tags, "fold": str(fold)}):
            mlflow.log_params({"C": figures["C"], "kernel": figures["kernel"]})
            model = _log_model(models[name](), "model")
            mlflow.log_metrics(
                _numbers({key: value for key, value in figures.items() if key not in ("repeat", "fold", "C")}),
                model_id=model.model_id,
            )
            tested = predictions.filter(pl.col("fold") == fold)
            mlflow.log_figure(plot_roc_of_part(tested, name), "plots/roc.png")
            mlflow.log_figure(plot_confusion_matrix(tested), "plots/confusion_matrix.png")


def log_detector(catalog: CatalogProtocol, registered_model: str, tags: Mapping[str, str]) -> str:
    """Log the final detector with signature and input example, and register it unless a version is of the same file.

    Parameters
    ----------
    catalog : CatalogProtocol
        With ``svm_detector`` and ``training_table`` saved.
    registered_model : str
        Name in the registry.
    tags : mapping of str to str
        Tags of the registered version, beside the SHA-256 of the detector's file.

    Returns
    -------
    str
        Address of the registered version, ``models:/<name>/<version>``.
    """
    detector: VideoDetector = catalog.load("svm_detector")
    rows: pl.DataFrame = catalog.load("training_table").head(_N_EXAMPLE_ROWS)
    example = rows.select(detector.feature_names_in_.tolist()).to_pandas()
    logged = _log_model(detector, "detector", input_example=example)
    client = MlflowClient()
    digest = digest_of_file(Path(str(location(catalog, "svm_detector"))))
    tags = {**tags, _DETECTOR: digest}
    same = client.search_model_versions(f"name = '{registered_model}' AND tags.{_DETECTOR} = '{digest}'")
    if same:
        for name, value in tags.items():
            client.set_model_version_tag(registered_model, same[0].version, name, value)
        return f"models:/{registered_model}/{same[0].version}"
    if not client.search_registered_models(f"name = '{registered_model}'"):
        client.create_registered_model(registered_model)
    registered = client.create_model_version(
        registered_model, logged.model_uri, logged.run_id, tags=tags, model_id=logged.model_id
    )
    return f"models:/{registered_model}/{registered.version}"


def _log_model(model: VideoDetector, name: str, **more: Any) -> ModelInfo:
    logged: ModelInfo = mlflow.sklearn.log_model(
        model,
        name=name,
        signature=_signature(model),
        serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[f"{package}=={version(package)}" for package in _REQUIREMENTS],
        metadata={"fvc_kedro": __version__},
        **more,
    )
    return logged


def _signature(model: VideoDetector) -> ModelSignature:
    # Not inferred from an example: no value may be missing there that may be missing elsewhere, and no column may be.
    features = Schema([ColSpec("double", str(name)) for name in model.feature_names_in_])
    return ModelSignature(features, Schema([ColSpec("double", "real"), ColSpec("double", "fake")]))


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
