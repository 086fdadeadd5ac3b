"""What is checked before a run."""

from __future__ import annotations

from pathlib import Path

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline


class MissingInputError(FileNotFoundError):
    """An input of the run that is not there yet."""


class ParametersHook:
    """Stops a run with wrong parameters before it starts."""

    @hook_impl(tryfirst=True)  # before another hook uses them
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters."""
        from fvc_kedro.parameters import check_parameters  # noqa: PLC0415 - only a session needs pydantic

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
            by_place = {location(catalog, name) or name: name for name in reversed(missing)}  # a manifest is two inputs
            raise MissingInputError("\n".join(_explain(name, catalog) for name in sorted(by_place.values())))


def _explain(name: str, catalog: CatalogProtocol) -> str:
    place = location(catalog, name)
    makers = [
        registered
        for registered, candidate in pipelines.items()
        if registered != "__default__" and any(place == location(catalog, made) for made in candidate.outputs())
    ]
    if not makers:
        makers = [
            registered
            for registered, candidate in pipelines.items()
            if registered != "__default__" and name in candidate.all_outputs()
        ]
    if name.endswith("corpus_manifest"):
        return (
            f"{name} is not there: nothing lies at {place}. Give your own corpus: --params "
            "corpus_manifest=/path/manifest.csv,data_root=/path/out (evaluate_on=/path/manifest.csv for cross_corpus). "
            "In the project's folder, kedro run --pipelines sample_corpus makes one of its clips"
        )
    if makers:
        return f"{name} is not there yet ({place}): kedro run --pipelines {makers[0]} makes it"
    return f"{name} is not there: nothing lies at {place}; see conf/base/globals.yml and the README on your own corpus"


def location(catalog: CatalogProtocol, name: str) -> Path | None:
    """Return where a dataset lies, or nothing if it lies nowhere or is not in the catalog."""
    dataset = catalog.get(name)
    place = getattr(dataset, "_filepath", None) or getattr(dataset, "_path", None)
    return None if place is None else Path(str(place))
