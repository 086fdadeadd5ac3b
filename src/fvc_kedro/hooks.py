"""What is checked before a run, and what holds for all its processes."""

from __future__ import annotations

from multiprocessing.util import register_after_fork
from pathlib import Path

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from fvc_kedro.execution import end_with_parent, leave_script_of_parent
from fvc_kedro.parameters import check_parameters


class MissingInputError(FileNotFoundError):
    """An input of the run that is not there yet."""


class ProcessesHook:
    """Ends the processes of Kedro's ParallelRunner with the run, be it killed, and a run that a worker would begin."""

    def __init__(self) -> None:
        # Forked processes: the runner's manager and a worker that gets no node reach no hook.
        register_after_fork(self, ProcessesHook.before_node_run)

    @hook_impl(tryfirst=True)  # before the run is tracked
    def before_pipeline_run(self) -> None:
        """End a worker that runs a script without the guard again."""
        leave_script_of_parent()

    @hook_impl(tryfirst=True)
    def before_node_run(self) -> None:
        """Watch the process that has started this one, if any."""
        end_with_parent()


class ParametersHook:
    """Stops a run with wrong parameters before it starts."""

    @hook_impl(tryfirst=True)  # before another hook uses them
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
