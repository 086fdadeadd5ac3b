"""What is checked before a run, and what of its results goes to MLflow."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from fvc_kedro.parameters import check_parameters

logger = logging.getLogger(__name__)


class MissingInputError(FileNotFoundError):
    """An input of the run that is not there yet."""


class ParametersHook:
    """Stops a run with wrong parameters before it starts."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters."""
        check_parameters(context.params)


class InputsHook:
    """Stops a run whose inputs are not there before it starts, naming the pipelines that make them."""

    @hook_impl(tryfirst=True)  # before an MLflow run is opened
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Look for every dataset that the run reads and does not make."""
        missing = [
            name
            for name in sorted(pipeline.inputs())
            if not name.startswith("param") and name in catalog and not catalog.exists(name)
        ]
        if missing:
            raise MissingInputError("\n".join(_explain(name, catalog) for name in missing))


def _explain(name: str, catalog: CatalogProtocol) -> str:
    place = _location(catalog, name)
    makers = [
        registered
        for registered, candidate in pipelines.items()
        if registered != "__default__" and any(place == _location(catalog, made) for made in candidate.outputs())
    ]
    if not makers:
        makers = [
            registered
            for registered, candidate in pipelines.items()
            if registered != "__default__" and name in candidate.all_outputs()
        ]
    if makers:
        return f"{name} is not there yet ({place}): kedro run --pipelines {makers[0]} makes it"
    return f"{name} is not there: nothing lies at {place}; see conf/base/globals.yml and the README on your own corpus"


def _location(catalog: CatalogProtocol, name: str) -> Path | None:
    dataset = catalog.get(name)
    place = getattr(dataset, "_filepath", None) or getattr(dataset, "_path", None)
    return None if place is None else Path(str(place))


class TrackingHook:
    """Logs datasets that the catalog marks with ``metadata: mlflow`` to the run that is open.

    ``metrics``: a dictionary of numbers, logged as metrics. ``artifact``: the file, logged as it is.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}
        self._files: dict[str, Path | None] = {}

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol, conf_catalog: Mapping[str, Any]) -> None:
        """Note which datasets are marked."""
        self._kinds = {
            name: entry["metadata"]["mlflow"]
            for name, entry in conf_catalog.items()
            if isinstance(entry, dict) and "mlflow" in (entry.get("metadata") or {})
        }
        self._files = {name: _location(catalog, name) for name in self._kinds}

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log the dataset if it is marked and a run is open."""
        kind = self._kinds.get(dataset_name)
        if kind is None or mlflow.active_run() is None:
            return
        if kind == "metrics":
            mlflow.log_metrics({name: value for name, value in data.items() if value is not None})
        else:
            mlflow.log_artifact(str(self._files[dataset_name]), artifact_path="plots")
