"""Records what every dataset is made from, and stops a run that would mix the results of two experiments."""

from __future__ import annotations

import logging
import os
import re
import shlex
import socket
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import settings
from kedro.io import CatalogProtocol
from kedro.pipeline import Node, Pipeline

from fvc_kedro.commands import kedro_command
from fvc_kedro.datasets.lineage import LineageDataset
from fvc_kedro.digests import code_digest
from fvc_kedro.hooks import location
from fvc_kedro.lineage import (
    OUTDATED,
    Content,
    DatasetRecord,
    Kind,
    Lineage,
    RunRecord,
    differences,
    few,
    flatten,
)

logger = logging.getLogger(__name__)

LINEAGE = "lineage"
_REPORT = "evaluation_report"
_HOLDER = "lock.txt"
_PARTIAL = re.compile(r"\.\d+\.partial(\.mp4)?$")  # of a file that a process was writing
# How many workers there are changes no result.
_WITHOUT_EFFECT = frozenset({"execution", "tracking"})
# There svm only tells whether the corpus can be folded, and whether copies are measured.
_WITHOUT_EFFECT_OF_SVM = frozenset({"ingestion", "scaling"})
_WARNED_OF: tuple[Kind, ...] = ("other_code", "altered")
# Another corpus may be read otherwise than the one that was trained on.
_MAY_DIFFER = "ingestion."


class StaleInputError(RuntimeError):
    """An input of the run does not belong to the others, or was made with other parameters."""


class BusyError(RuntimeError):
    """Another run writes into the same folder."""


class LineageHook:
    """Keeps the records of :mod:`fvc_kedro.lineage`, and lets one run at a time write into a folder.

    A run that would read results that do not belong together is stopped before its first node. What was made by other
    code, or has been changed by hand, is warned of.
    """

    def __init__(self) -> None:
        self._lock: FileLock | None = None
        self._made_from: dict[str, tuple[dict[str, Any], dict[str, Content], dict[str, DatasetRecord], str]] = {}
        self._has_marked = False

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember the context, whose settings are recorded."""
        self._context = context

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Take the lock, check the inputs and record the run."""
        self._release()
        self._made_from, self._has_marked = {}, False
        dataset = _lineage_dataset(catalog)
        if dataset is None:
            return
        run = RunRecord(
            run_params["run_id"],
            datetime.now().astimezone().isoformat(timespec="seconds"),
            command_of(run_params),
            _commit(Path(run_params["project_path"])),
            changed_parameters(self._context),
        )
        try:
            if self._take_lock(dataset.root, run):
                _remove_partial_files(pipeline, catalog, dataset.root.resolve())
            _check_inputs(dataset.load(), run_params, pipeline, self._context.params)
            dataset.save_run(run)
        except BaseException:
            self._release()
            raise

    @hook_impl
    def before_node_run(self, node: Node, catalog: CatalogProtocol, inputs: dict[str, Any], run_id: str) -> None:
        """Note what the node reads."""
        self._catalog = catalog
        dataset = _lineage_dataset(catalog)
        if dataset is None:
            return
        contents = {
            name: content
            for name in node.inputs
            if not name.startswith("param") and (content := _content(dataset, catalog, name)) is not None
        }
        records = {name: record for name in contents if (record := dataset.record(name)) is not None}
        self._made_from[node.name] = (parameters_of(node, inputs), contents, records, run_id)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Record the dataset."""
        dataset = _lineage_dataset(self._catalog)
        if dataset is None:
            return
        content = _content(dataset, self._catalog, dataset_name)
        if content is None:
            return
        parameters, inputs, records, run_id = self._made_from[node.name]
        before, module = dataset.record(dataset_name), node.func.__module__
        record = DatasetRecord(
            node.name, pipeline_of(node), module, run_id, code_digest(module), parameters, inputs, content
        )
        dataset.save_record(dataset_name, record.made_from(records, dataset.run(run_id).changed_parameters))
        if before is not None and before.content.digest != content.digest and not self._has_marked:
            self._has_marked = _mark_report(dataset, self._catalog, dataset_name, run_id)

    @hook_impl(wrapper=True)
    def after_pipeline_run(self, catalog: CatalogProtocol) -> Generator[None]:
        """Release the lock when all other hooks have read the results, and tell which are out of date now."""
        try:
            yield
        finally:
            self._release()
        dataset = _lineage_dataset(catalog)
        if dataset is not None:
            lineage = dataset.load()
            outdated = lineage.outdated(*lineage.records)
            if outdated:
                logger.warning(
                    "Out of date now: %s. To renew them: %s",
                    few(outdated),
                    lineage.renewing_command(outdated, _paths_given(self._context.config_loader.runtime_params)),
                )

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Release the lock."""
        self._release()

    def _take_lock(self, root: Path, run: RunRecord) -> bool:
        """Take the lock; return whether the run that had it before was killed."""
        folder = root / LINEAGE
        folder.mkdir(parents=True, exist_ok=True)
        holder = folder / _HOLDER
        self._lock = FileLock(folder / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            self._lock = None
            said = holder.read_text(encoding="utf-8") if holder.exists() else "another run"
            raise BusyError(
                f"{root} is being written to by {said}. Wait until it has ended, or give another data_root"
            ) from None
        except (NotImplementedError, OSError) as error:
            self._lock = None
            logger.warning("%s cannot be locked (%s): see that no other run writes into it", root, error)
            return False
        was_killed = holder.exists()
        holder.write_text(
            f"process {os.getpid()} on {socket.gethostname()} since {run.started}: {run.command}", encoding="utf-8"
        )
        return was_killed

    def _release(self) -> None:
        """Release the lock; Kedro tells no hook of a run that Ctrl-C has ended."""
        if self._lock is not None:
            Path(self._lock.lock_file).with_name(_HOLDER).unlink(missing_ok=True)
            self._lock.release()
            self._lock = None


def command_of(run_params: Mapping[str, Any]) -> str:
    """Write the command that does what a run does."""
    given = {
        "--tags": run_params.get("tags"),
        "--from-nodes": run_params.get("from_nodes"),
        "--to-nodes": run_params.get("to_nodes"),
        "--nodes": run_params.get("node_names"),
        "--from-inputs": run_params.get("from_inputs"),
        "--to-outputs": run_params.get("to_outputs"),
        "--namespaces": run_params.get("namespaces"),
    }
    words = [
        kedro_command(run_params.get("pipeline_names") or (), run_params.get("runtime_params") or {}, _env(run_params))
    ]
    for option, value in given.items():
        if value:
            words += [option, shlex.quote(value if isinstance(value, str) else ",".join(sorted(value)))]
    return " ".join(words)


def _env(run_params: Mapping[str, Any]) -> str | None:
    env: str | None = run_params.get("env")
    return None if env == settings.CONFIG_LOADER_ARGS["default_run_env"] else env


def changed_parameters(context: KedroContext) -> dict[str, Any]:
    """List every parameter that differs from conf/base, by dotted name."""
    from fvc_kedro.parameters import CATALOG_PARAMETERS  # noqa: PLC0415 - only a session needs pydantic

    loader: Any = context.config_loader
    base = settings.CONFIG_LOADER_CLASS(
        conf_source=loader.conf_source, env=loader.base_env, **settings.CONFIG_LOADER_ARGS
    )["parameters"]
    defaults = flatten(base)
    return {
        name: value
        for name, value in flatten(context.params).items()
        if name not in CATALOG_PARAMETERS and (name not in defaults or defaults[name] != value)
    }


def parameters_of(node: Node, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Name the parameters of a node that have an effect on what it makes."""
    without_effect = _WITHOUT_EFFECT | ({"svm"} if pipeline_of(node) in _WITHOUT_EFFECT_OF_SVM else set())
    values: dict[str, Any] = {}
    for name in node.inputs:
        group = name.removeprefix("params:")
        if group != name and group.split(".")[0] not in without_effect:
            values |= flatten({group: inputs[name]})
    return values


def pipeline_of(node: Node) -> str:
    """Name the pipeline that a node belongs to, which is its namespace."""
    name = (node.namespace or "").split(".")[0]
    return {"other_corpus": "cross_corpus"}.get(name, name)


def _paths_given(runtime_params: Mapping[str, Any] | None) -> dict[str, Any]:
    from fvc_kedro.parameters import CATALOG_PARAMETERS  # noqa: PLC0415 - only a session needs pydantic

    return {name: value for name, value in (runtime_params or {}).items() if name in CATALOG_PARAMETERS}


def _check_inputs(
    lineage: Lineage, run_params: Mapping[str, Any], pipeline: Pipeline, parameters: Mapping[str, Any]
) -> None:
    inputs = [name for name in sorted(pipeline.inputs()) if name in lineage.records]
    runtime_params = run_params.get("runtime_params") or {}
    outdated = lineage.outdated(*inputs)
    if outdated:
        texts = [finding.text for finding in lineage.findings(*outdated) if finding.kind in OUTDATED]
        command = lineage.renewing_command(outdated, _paths_given(runtime_params))
        raise StaleInputError(f"{'; '.join(texts)}. Make it anew first: {command}")
    used: dict[str, Any] = {}
    for node in pipeline.nodes:
        used |= parameters_of(node, {f"params:{name}": value for name, value in _groups(parameters, node).items()})
    for name in lineage.ancestry(*inputs):
        differing = {
            key: values
            for key, values in differences(lineage.records[name].parameters, used).items()
            if not key.startswith(_MAY_DIFFER)
        }
        if differing:
            raise StaleInputError(_disagreement(name, differing, lineage, run_params))
    for mark in lineage.marks(*inputs, kinds=_WARNED_OF, given=_paths_given(runtime_params)):
        logger.warning("%s", mark)


def _groups(parameters: Mapping[str, Any], node: Node) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for name in node.inputs:
        if name.startswith("params:"):
            value: Any = parameters
            for part in name.removeprefix("params:").split("."):
                value = value[part]
            groups[name.removeprefix("params:")] = value
    return groups


def _disagreement(
    name: str, differing: Mapping[str, tuple[Any, Any]], lineage: Lineage, run_params: Mapping[str, Any]
) -> str:
    pipelines = run_params.get("pipeline_names") or ()
    given = flatten(run_params.get("runtime_params") or {})
    as_made = kedro_command(pipelines, given | {key: then for key, (then, _) in differing.items()})
    anew = kedro_command(list(dict.fromkeys((lineage.records[name].pipeline, *pipelines))), given)
    return (
        f"{name} was made with {', '.join(f'{key}={then}' for key, (then, _) in differing.items())}; this run has "
        f"{', '.join(f'{key}={now}' for key, (_, now) in differing.items())}. Run with what it was made with: "
        f"{as_made}; or make it anew: {anew}"
    )


def _mark_report(dataset: LineageDataset, catalog: CatalogProtocol, changed: str, run_id: str) -> bool:
    """Mark the report if the dataset had a part in it."""
    lineage = dataset.load()
    if changed not in lineage.ancestry(_REPORT)[:-1] or not catalog.exists(_REPORT):
        return False
    report: Any = catalog.get(_REPORT)
    run = lineage.runs[run_id]
    report.mark(
        f"A run begun on {run.started} ({run.command}) has made another {changed} than the one that this page is "
        "about. kedro results names the command that renews the page."
    )
    record = lineage.records[_REPORT]
    marked = _content(dataset, catalog, _REPORT)
    if marked is not None:
        dataset.save_record(_REPORT, replace(record, content=marked))
    return True


def _remove_partial_files(pipeline: Pipeline, catalog: CatalogProtocol, root: Path) -> None:
    """Remove what a killed run has left half written where this run writes, but not beyond a link out of the root."""
    places = {place for name in pipeline.all_outputs() if (place := location(catalog, name)) is not None}
    folders = {place.parent for place in places}
    files = [file for folder in folders for file in folder.glob("*.partial*")]
    files += [file for place in places if place.is_dir() for file in place.rglob("*.partial*")]
    for file in files:
        if _PARTIAL.search(file.name) and file.parent.resolve().is_relative_to(root):
            file.unlink(missing_ok=True)


def _lineage_dataset(catalog: CatalogProtocol) -> LineageDataset | None:
    dataset = catalog.get(LINEAGE) if LINEAGE in catalog else None
    return dataset if isinstance(dataset, LineageDataset) else None


def _content(dataset: LineageDataset, catalog: CatalogProtocol, name: str) -> Content | None:
    described: Any = catalog.get(name)
    files = getattr(described, "content_files", None)
    if files is None:
        place = location(catalog, name)
        files = [place] if place is not None and place.is_file() else []
    return dataset.content_of(name, files)


def _commit(project: Path) -> str:
    from fvc_kedro.tracking.provenance import git_tags  # noqa: PLC0415 - MLflow, which other commands do without

    tags = git_tags(project)
    return tags.get("git_commit", "") + ("+changes" if tags.get("git_dirty") == "true" else "")
