"""What every dataset was made from: the content of its inputs, the parameters and the code.

A record is written beside the results whenever a run saves a dataset. Comparing the records with what is there now
tells which results no longer belong together.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal

from fvc_kedro.commands import kedro_command
from fvc_kedro.digests import digest_of, digest_of_file

_FINGERPRINT_DIGITS = 12
# Pipelines that read a manifest, the parameter that names it, and what they make of it.
_MANIFESTS = (
    ("ingestion", "corpus_manifest", "checked_manifest"),
    ("cross_corpus", "evaluate_on", "other_corpus.checked_manifest"),
)
_NAMED = 6  # datasets in a message

Kind = Literal["missing", "altered", "other_inputs", "other_parameters", "other_code"]
# Of these, the results that depend on the dataset are out of date too.
OUTDATED: frozenset[Kind] = frozenset({"other_inputs"})
_MARKS: dict[Kind, str] = {
    "other_inputs": "out of date",
    "missing": "missing",
    "altered": "changed since a run made it",
    "other_code": "made by other code or library versions",
}


@dataclass(frozen=True, slots=True)
class Content:
    """Content of some files.

    Parameters
    ----------
    digest : str
        SHA-256 of their bytes.
    files : tuple of (path, size, time)
        The files, each with its size in bytes and the time of its last change in nanoseconds. While these are the same,
        a file is not read again.
    """

    digest: str
    files: tuple[tuple[str, int, int], ...]

    @staticmethod
    def of(paths: Sequence[Path], known: Content | None = None) -> Content | None:
        """Read the content of files; None where one is missing or no ordinary file, or there is none.

        Parameters
        ----------
        paths : sequence of Path
        known : Content, optional
            What they held before.
        """
        try:
            states = [(path, path.stat()) for path in sorted(paths)]
        except OSError:
            return None
        if not states or not all(stat.S_ISREG(state.st_mode) for _, state in states):
            return None
        files = tuple((str(path), state.st_size, state.st_mtime_ns) for path, state in states)
        if known is not None and files == known.files:
            return known
        digests = [digest_of_file(path) for path, _ in states]
        return Content(digests[0] if len(digests) == 1 else digest_of(digests), files)


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """What a dataset was made from, and its content when it was saved.

    Parameters
    ----------
    node, pipeline, module : str
        The node that made it, a pipeline to run to make it again, and the Python module of the node's function.
    run : str
        Identifier of the run.
    code : str
        Digest of that module and of all that it imports of this package, as of :func:`fvc_kedro.digests.code_digest`.
    parameters : mapping
        Value of every parameter that the node was given, by dotted name.
    inputs : mapping of str to Content
        What the node read. The files of what a run has made stand in its own record.
    content : Content
        Content of its files when it was saved.
    fingerprint : str
        Digest of the content, the parameters and the code that it was made from, back to what no run has made.
    changed_parameters : mapping
        Parameters other than those of conf/base that had a part in it or in what it was made from, by dotted name.
    """

    node: str
    pipeline: str
    module: str
    run: str
    code: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, Content]
    content: Content
    fingerprint: str = ""
    changed_parameters: Mapping[str, Any] = field(default_factory=dict)

    def made_from(self, records: Mapping[str, DatasetRecord], changed_parameters: Mapping[str, Any]) -> DatasetRecord:
        """Add the fingerprint and the changed parameters.

        Parameters
        ----------
        records : mapping of str to DatasetRecord
            Those of its inputs that runs have made.
        changed_parameters : mapping
            Every parameter of the run that differs from conf/base.
        """
        given = {
            name: records[name].fingerprint
            if name in records and records[name].content.digest == content.digest
            else content.digest
            for name, content in self.inputs.items()
        }
        changed: dict[str, Any] = {}
        for record in records.values():
            changed |= record.changed_parameters
        changed |= {name: value for name, value in changed_parameters.items() if name in self.parameters}
        return replace(
            self,
            inputs={name: replace(read, files=()) if name in records else read for name, read in self.inputs.items()},
            fingerprint=digest_of([self.node, self.code, self.parameters, given])[:_FINGERPRINT_DIGITS],
            changed_parameters=dict(sorted(changed.items())),
        )


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run that has made datasets.

    Parameters
    ----------
    run : str
        Its identifier.
    started : str
        Date and time in ISO 8601, with the offset from UTC.
    command : str
        A command that does the same.
    commit : str
        Commit of the project, with "+changes" where its files differed from it; empty where it is not known.
    changed_parameters : mapping
        Every parameter that differed from conf/base, by dotted name.
    """

    run: str
    started: str
    command: str
    commit: str
    changed_parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a dataset is not what its record, its inputs or the settings say."""

    dataset: str
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """Records of datasets and runs, beside what is there now.

    Parameters
    ----------
    records : mapping of str to DatasetRecord
        By dataset.
    runs : mapping of str to RunRecord
        By identifier.
    contents : mapping of str to Content or None
        What the files of every recorded dataset hold now; None where one is missing.
    sources : mapping of (dataset, input) to Content or None
        The same for inputs that no run has made.
    code : mapping of str to str
        Digest of each module as it is now.
    """

    records: Mapping[str, DatasetRecord] = field(default_factory=dict)
    runs: Mapping[str, RunRecord] = field(default_factory=dict)
    contents: Mapping[str, Content | None] = field(default_factory=dict)
    sources: Mapping[tuple[str, str], Content | None] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)

    def ancestry(self, *datasets: str) -> list[str]:
        """List the recorded ones of some datasets and of all that they were made from, inputs first."""
        order: dict[str, None] = {}
        seen: set[str] = set()

        def visit(name: str) -> None:
            if name in self.records and name not in seen:
                seen.add(name)
                for made_from in self.records[name].inputs:
                    visit(made_from)
                order[name] = None

        for name in datasets:
            visit(name)
        return list(order)

    def findings(self, *datasets: str, parameters: Mapping[str, Any] | None = None) -> list[Finding]:
        """Compare the ancestry of some datasets with what is there now.

        Parameters
        ----------
        *datasets : str
        parameters : mapping, optional
            Parameters by dotted name. With them, datasets made with others are found too.
        """
        return [finding for name in self.ancestry(*datasets) for finding in self._compare(name, parameters)]

    def _compare(self, name: str, parameters: Mapping[str, Any] | None) -> Iterator[Finding]:
        record = self.records[name]
        now = self.contents[name]
        if now is None:
            yield Finding(name, "missing", f"{name} is missing")
        elif now.digest != record.content.digest:
            yield Finding(name, "altered", f"{name} has been changed since a run made it")
        others = [given for given, content in record.inputs.items() if self._differs(name, given, content)]
        if others:
            yield Finding(name, "other_inputs", f"{name} was made from another {', '.join(others)} than the present")
        if self.code[record.module] != record.code:
            yield Finding(name, "other_code", f"{name} was made by other code or library versions")
        differing = differences(record.parameters, parameters or {})
        if differing:
            yield Finding(name, "other_parameters", f"{name} was made with {_said(differing)}")

    def _differs(self, name: str, given: str, content: Content) -> bool:
        if given not in self.records:
            now = self.sources.get((name, given))
            return now is not None and now.digest != content.digest
        now = self.contents[given]
        # A file changed by hand has a finding of its own, and what was made from it before fits its record.
        fitting = {self.records[given].content.digest} | ({now.digest} if now else set())
        return content.digest not in fitting

    def outdated(self, *datasets: str, kinds: Collection[Kind] = OUTDATED) -> list[str]:
        """List what of an ancestry is out of date: what has such a finding, and all that was made from it."""
        found = {finding.dataset for finding in self.findings(*datasets) if finding.kind in kinds}
        outdated: dict[str, None] = {}
        for name in self.ancestry(*datasets):
            if name in found or not outdated.keys().isdisjoint(self.records[name].inputs):
                outdated[name] = None
        return list(outdated)

    def marks(self, *datasets: str, kinds: Collection[Kind], given: Mapping[str, Any]) -> list[str]:
        """Say what of an ancestry has findings, a sentence a kind, each with the command that renews it.

        Parameters
        ----------
        *datasets : str
        kinds : collection of str
            Of the findings to be told, in the order of the sentences.
        given : mapping
            Further parameters of the commands, as of :meth:`renewing_command`.
        """
        marks = []
        findings = self.findings(*datasets)
        for kind in kinds:
            found = [finding for finding in findings if finding.kind == kind]
            if found:
                made_anew = [finding.dataset for finding in found]
                # A file that is missing is made again as it was: what was made from it still fits.
                outdated = made_anew if kind == "missing" else self.outdated(*datasets, kinds={kind})
                told = f"{few(outdated)} ({found[0].text})" if kind in OUTDATED else few(made_anew)
                marks.append(f"{_MARKS[kind]}: {told}. To renew: {self.renewing_command(outdated, given)}")
        return marks

    def pipelines(self, datasets: Collection[str]) -> list[str]:
        """Pipelines that make some datasets, in the order in which they are run."""
        needed: dict[str, set[str]] = {}
        for record in self.records.values():
            from_others = {self.records[name].pipeline for name in record.inputs if name in self.records}
            needed.setdefault(record.pipeline, set()).update(from_others - {record.pipeline})
        wanted = {self.records[name].pipeline for name in datasets}
        try:
            return [name for name in TopologicalSorter(needed).static_order() if name in wanted]
        except CycleError:  # of records that no run has written
            return sorted(wanted)

    def renewing_command(self, datasets: Collection[str], given: Mapping[str, Any]) -> str:
        """Write the command that makes datasets anew: with the parameters of what they are made from, else their own.

        Parameters
        ----------
        datasets : collection of str
        given : mapping
            Further parameters, such as ``data_root``.
        """
        pipelines = self.pipelines(datasets)
        kept = [name for name in self.ancestry(*datasets) if name not in datasets]
        decided = {key for name in kept for key in self.records[name].parameters}
        before = self.changed_parameters(*self.ancestry(*datasets))
        parameters = {key: value for key, value in before.items() if key not in decided} | self.changed_parameters(
            *kept
        )
        manifests = {
            parameter: manifest
            for pipeline, parameter, checked in _MANIFESTS
            if pipeline in pipelines and (manifest := self.manifest(checked)) is not None
        }
        return kedro_command(pipelines, parameters | dict(given) | manifests)

    def manifest(self, checked: str) -> str | None:
        """Return the path of the manifest that a checked manifest was read from, several with commas between."""
        for name, content in self.records[checked].inputs.items() if checked in self.records else ():
            files = self.records[name].content.files if name in self.records else content.files
            return ",".join(path for path, _, _ in files) or None
        return None

    def changed_parameters(self, *datasets: str) -> dict[str, Any]:
        """Parameters other than those of conf/base that had a part in some datasets, by dotted name."""
        changed: dict[str, Any] = {}
        for name in datasets:
            changed |= self.records[name].changed_parameters
        return dict(sorted(changed.items()))

    def runs_behind(self, *datasets: str) -> list[tuple[RunRecord, list[str]]]:
        """List the runs that had a part in some datasets, the latest first, each with the pipelines that it ran."""
        made: dict[str, dict[str, None]] = {}
        for name in self.ancestry(*datasets):
            made.setdefault(self.records[name].run, {})[self.records[name].pipeline] = None
        runs = [(self.runs[run], list(pipelines)) for run, pipelines in made.items() if run in self.runs]
        return sorted(runs, key=lambda part: part[0].run, reverse=True)

    def run_of(self, dataset: str) -> RunRecord | None:
        """Return the run that made a dataset, if it is known."""
        return self.runs.get(self.records[dataset].run) if dataset in self.records else None


def few(names: Sequence[str]) -> str:
    """Write the first names of a list, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name the values of nested mappings by dotted names; lists stay whole."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Values that two mappings hold differently, of the names in both."""
    return {name: (first[name], second[name]) for name in first if name in second and first[name] != second[name]}


def _said(differing: Mapping[str, tuple[Any, Any]]) -> str:
    return ", ".join(f"{name}={then} (now {now})" for name, (then, now) in differing.items())
