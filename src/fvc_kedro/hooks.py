"""What is checked before a run, what is told of its parts, and what holds for all its processes."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.util import register_after_fork
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol, SharedMemoryDataCatalog
from kedro.pipeline import Pipeline

from fvc_kedro.pipelines import CHECKED_FIRST

logger = logging.getLogger(__name__)


class MissingInputError(FileNotFoundError):
    """An input of the run that is not there yet."""


class OutputFolderError(OSError):
    """A folder that nothing can be written to."""


class ProcessesHook:
    """Ends the processes of Kedro's ParallelRunner with the run, be it killed, and a run that a worker would begin."""

    def __init__(self) -> None:
        # Forked processes: the runner's manager and a worker that gets no node reach no hook.
        register_after_fork(self, ProcessesHook.before_node_run)

    @hook_impl(tryfirst=True)  # before the run is tracked
    def before_pipeline_run(self) -> None:
        """End a worker that runs a script without the guard again."""
        from fvc_kedro.execution import leave_script_of_parent  # noqa: PLC0415 - only a run needs engines

        leave_script_of_parent()

    @hook_impl(tryfirst=True)
    def before_node_run(self) -> None:
        """Watch the process that has started this one, if any."""
        from fvc_kedro.execution import end_with_parent  # noqa: PLC0415

        end_with_parent()


class ParametersHook:
    """Stops a run with wrong parameters before it starts."""

    @hook_impl(tryfirst=True)  # before another hook uses them
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters."""
        from fvc_kedro.parameters import check_parameters  # noqa: PLC0415 - only a session needs pydantic

        check_parameters(context.params)


class InputsHook:
    """Stops a run before it starts if its inputs are not there or are refused, or its results cannot be written."""

    @hook_impl(tryfirst=True)  # before an MLflow run is opened
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Look for every dataset that the run reads and does not make, check what is checked first, try the folders."""
        _refuse_tilde(Path(run_params["project_path"]) / "~", pipeline, catalog)
        _look_for_inputs(pipeline, catalog)
        # polars starts threads when it reads, and a process forked after that, as ParallelRunner's are, would hang.
        if not isinstance(catalog, SharedMemoryDataCatalog):
            _check_first(pipeline, catalog)
        _try_folders(pipeline, catalog)


class PartsHook:
    """Says which part of all trainings of the run comes next, and of how many detectors, before its progress bar."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """List the datasets that train when they are saved, in the order of the run."""
        from fvc_kedro.datasets import TrialsDataset  # noqa: PLC0415 - only a run needs the learners

        outputs = [name for node in pipeline.nodes for name in node.outputs if name in catalog]
        self._parts = [name for name in outputs if isinstance(catalog.get(name), TrialsDataset)]

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log the number of the part."""
        if dataset_name in self._parts and data.trials:
            logger.info(
                "Part %d of %d of the trainings: %s, %d detectors",
                self._parts.index(dataset_name) + 1,
                len(self._parts),
                data.description,
                sum(len(trial.splits) for trial in data.trials),
            )


class DiskHook:
    """Says which folder's disk is full where that ended a run."""

    @hook_impl(trylast=True)  # after the MLflow run is closed
    def on_pipeline_error(self, error: Exception, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Raise an error that names the folder."""
        from fvc_kedro.execution import is_disk_full  # noqa: PLC0415 - only a run needs engines

        causes = [cause for cause in _with_causes(error) if is_disk_full(cause)]
        if not causes:
            return
        # Where a file was copied, its second name is that of the copy.
        names = (getattr(cause, name, None) for cause in causes for name in ("filename2", "filename"))
        file = next((name for name in names if name), None)
        folder = (
            Path(str(file)).parent
            if file
            else f"{_common_folder(pipeline, catalog)} (or of {tempfile.gettempdir()}, for temporary files)"
        )
        raise OutputFolderError(
            f"the disk of {folder} is full: free some space, or give another folder as data_root. What is done is "
            "kept, and the same command takes up where this one was"
        ) from error


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _common_folder(pipeline: Pipeline, catalog: CatalogProtocol) -> Path:
    return Path(os.path.commonpath([place.parent for place in _places(pipeline.all_outputs(), catalog)]))


def _places(names: Iterable[str], catalog: CatalogProtocol) -> list[Path]:
    places = (location(catalog, name) for name in names if name in catalog)
    return [place for place in places if place is not None]


def _refuse_tilde(tilde: Path, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse paths that would lie in a folder of that name in the project."""
    for place in _places(pipeline.inputs() | pipeline.all_outputs(), catalog):
        if tilde in place.parents:
            raise OutputFolderError(
                f"{place}: a path that begins with ~ in globals.yml or in Python is not expanded: write "
                f"{Path.home() / place.relative_to(tilde)}"
            )


def _try_folders(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Write an empty file beside every output, or where its folder will be made."""
    folders = {
        next(folder for folder in place.absolute().parents if os.path.lexists(folder))
        for place in _places(pipeline.all_outputs(), catalog)
    }
    for folder in sorted(folders):
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise OutputFolderError(
                f"nothing can be written to {folder} ({error.strerror}): see that it is a folder that you may write "
                "to, or give another as data_root"
            ) from error


@contextmanager
def _silent() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _check_first(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Do the nodes that may refuse the inputs of a run; they warn when the run itself does them."""
    for node in pipeline.nodes:
        if CHECKED_FIRST in node.tags and pipeline.inputs().issuperset(node.inputs):
            with _silent():
                node.run({name: catalog.load(name) for name in node.inputs})


def _look_for_inputs(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    made = set(_places(pipeline.all_outputs(), catalog))  # the demo makes the manifest whose folder it reads
    missing = [
        name
        for name in sorted(pipeline.inputs())
        if not name.startswith("param")
        and name in catalog
        and location(catalog, name) not in made
        and not catalog.exists(name)
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
            f"{name} is not there: nothing lies at {_missing(place)}. Give your own corpus: --params "
            "corpus_manifest=/path/manifest.csv,data_root=/path/out (evaluate_on=/path/manifest.csv for cross_corpus). "
            "In the project's folder, kedro run --pipelines sample_corpus makes one of its clips"
        )
    if makers:
        return f"{name} is not there yet ({place}): kedro run --pipelines {makers[0]} makes it"
    return f"{name} is not there: nothing lies at {place}; see conf/base/globals.yml and the README on your own corpus"


def _missing(place: Path | None) -> str:
    """Name those of several manifests that are not there."""
    from fvc_kedro.datasets.manifest_paths import manifest_paths  # noqa: PLC0415 - of a message alone

    paths = manifest_paths(place) if place else []
    missing = ", ".join(str(path) for path in paths if not path.exists())
    return f"{missing} (a comma parts manifests)" if len(paths) > 1 else missing


def location(catalog: CatalogProtocol, name: str) -> Path | None:
    """Return where a dataset lies, or nothing if it lies nowhere or is not in the catalog."""
    dataset = catalog.get(name)
    place = getattr(dataset, "_filepath", None) or getattr(dataset, "_path", None)
    return None if place is None else Path(str(place))
