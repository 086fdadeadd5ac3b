"""The headline metrics of a run as text: what they were made from, and whether they still belong to what is there."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fvc_kedro.commands import kedro_command
from fvc_kedro.datasets.errors import FileError
from fvc_kedro.datasets.lineage import LineageDataset
from fvc_kedro.datasets.manifest_paths import manifest_paths
from fvc_kedro.lineage import Kind, Lineage

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol

SUMMARY = "evaluation_summary"
OTHER_METRICS = "other_metrics"
_OTHER_CORPUS = "cross_corpus"
_MARKED: tuple[Kind, ...] = ("other_inputs", "missing", "altered", "other_code")
_SHOWN = {
    "evaluation_report": "report",
    "features_metadata": "features",
    "fold_models": "fold models",
    "svm_detector": "detector",
    "results_database": "database",
}


class Results:
    """What lies under a folder of results.

    Parameters
    ----------
    places : mapping of str to Path
        Where each dataset of the catalog lies.
    data_root : str, optional
        The folder, where it was given; commands that are advised repeat it.
    """

    def __init__(self, places: Mapping[str, Path], data_root: str | None) -> None:
        self._places = places
        self._given = {} if data_root is None else {"data_root": data_root}
        self.lineage: Lineage = LineageDataset(path=str(places["lineage"])).load()
        # Another corpus has results of its own.
        self._own = [name for name, record in self.lineage.records.items() if record.pipeline != _OTHER_CORPUS]

    @property
    def has_summary(self) -> bool:
        """Whether an evaluation has been made."""
        return self._places[SUMMARY].exists()

    def summary(self) -> dict[str, Any]:
        """Read the headline metrics."""
        try:
            read: dict[str, Any] = json.loads(self._places[SUMMARY].read_text(encoding="utf-8"))
        except ValueError as error:
            raise FileError(
                f"{self._places[SUMMARY]} is damaged ({error}): kedro run --pipelines evaluation"
            ) from error
        return read

    def why_not_current(self, parameters: Mapping[str, Any]) -> list[str]:
        """Say why a run with the present code and configuration could give other results; nothing where it could not.

        Parameters
        ----------
        parameters : mapping
            Those of the configuration, by dotted name.
        """
        if not self.has_summary or SUMMARY not in self.lineage.records:
            return ["there are no results yet"]
        manifest = self.lineage.manifest("checked_manifest")
        reasons = [finding.text for finding in self.lineage.findings(*self._own, parameters=parameters)]
        if manifest != ",".join(map(str, manifest_paths(self._places["corpus_manifest"]))):
            reasons.insert(0, f"the results are of the corpus {manifest}")
        return reasons

    def why_not_whole(self, catalog: CatalogProtocol, outputs: Collection[str]) -> list[str]:
        """Say which of the files behind datasets are missing, and which datasets no run has recorded.

        Parameters
        ----------
        catalog : CatalogProtocol
        outputs : collection of str
            Datasets that a run makes.
        """
        reasons = [f"no run has recorded {name}" for name in sorted(outputs) if name not in self.lineage.records]
        for name in self._own:
            files: list[Path] = getattr(catalog.get(name), "needed_files", [])
            reasons += [f"{name} lacks {file}" for file in files if not file.exists()]
        return reasons

    def marks(self) -> list[str]:
        """Say what is out of date, missing or made by other code, each with the command that renews it."""
        lineage = self.lineage
        if self.has_summary and SUMMARY not in lineage.records:
            return [f"no run has recorded what these results were made from: {kedro_command((), self._given)}"]
        return lineage.marks(*self._own, kinds=_MARKED, given=self._given)

    def text(self) -> str:
        """Lay out the headline metrics, where they come from, and where everything lies."""
        marks = self.marks()
        try:
            metrics = _metrics(self.summary())
        except KeyError as error:
            raise FileError(
                f"{self._places[SUMMARY]} is of another version, it lacks {error}: kedro run --pipelines evaluation"
            ) from error
        lines = ["", *(f"! {mark}" for mark in marks), *([""] if marks else []), *metrics]
        run = self.lineage.run_of(SUMMARY)
        if run is not None:
            commit = f", commit {run.commit[:10]}{' with changes' if run.commit.endswith('+changes') else ''}"
            made = (
                f"{run.started}{commit if run.commit else ''}, fingerprint {self.lineage.records[SUMMARY].fingerprint}"
            )
            changed = self.lineage.records[SUMMARY].changed_parameters
            lines += [
                "",
                f"made        {made}",
                f"command     {run.command}",
                f"parameters  {', '.join(f'{name}={value}' for name, value in changed.items()) or 'as in conf/base'}",
            ]
        return "\n".join([*lines, "", *self._files()])

    def _files(self) -> list[str]:
        lines = []
        for name, title in _SHOWN.items():
            place, record = self._places[name], self.lineage.records.get(name)
            if name == "fold_models":
                place = place / "fold_N" / "model.joblib"
            is_there = self.lineage.contents[name] is not None if record else place.exists()
            lines.append(f"{title:11} {place if is_there else 'missing'}")
        return [*lines, f"{'plots':11} {self._places['evaluation_report'].parent}"]

    def text_of_last_run(self) -> str:
        """Lay out what the last run has made, and the headline metrics, if there are any."""
        last = max(self.lineage.runs, default=None)
        made = [name for name in self.lineage.ancestry(*self.lineage.records) if self.lineage.records[name].run == last]
        if SUMMARY in made:
            return self.text()
        lines = ["", *(f"{name:24} {self._places[name]}" for name in made if name in self._places)]
        if OTHER_METRICS in made:
            return "\n".join([*lines, "", *_other_metrics(self._places[OTHER_METRICS])])
        return "\n".join([*lines, *([self.text()] if self.has_summary else [])])


def _other_metrics(path: Path) -> list[str]:
    import polars as pl  # noqa: PLC0415 - only after a test on another corpus

    table = pl.read_parquet(path).select("metric", "alignment", "value", "low", "high")
    values = {(name, alignment): figures for name, alignment, *figures in table.iter_rows()}
    n_videos, n_groups, n_left_out = (values[name, "none"][0] for name in ("n_videos", "n_groups", "n_left_out"))
    lines = [
        f"another corpus: {n_videos:.0f} videos of {n_groups:.0f} groups that had no part in training "
        f"({n_left_out:.0f} had, and are left out)"
    ]
    for alignment, title in (("none", "AUC"), ("coral", "aligned")):
        if ("roc_auc", alignment) in values:
            auc, low, high = values["roc_auc", alignment]
            lines.append(f"  {title:9} {_number(auc)}   ({_interval(low, high)})")
    return lines


def _metrics(summary: Mapping[str, Any]) -> list[str]:
    test = f"share of {summary['n_permutations']:.0f} permutations that do as well as the first repeat"
    warnings = []
    if summary["few_groups"]:
        warnings.append("! few groups: go by the permutation test rather than the interval")
    if summary["metadata_tell"] and not summary["metadata_separate"]:
        warnings.append("! metadata alone carry part of the answer")
    if summary["metadata_separate"]:
        warnings.append("! this corpus can be solved without looking at a pixel: metadata alone separate the classes")
    if summary["searched_on_test_videos"]:
        warnings.append("! optimistic: C and kernel were searched on the test videos too (svm.search.mode is global)")
    return [
        f"{summary['n_videos']:.0f} videos of {summary['n_groups']:.0f} groups, {summary['n_folds']:.0f} folds "
        f"drawn {_times(summary['n_repeats'])} ({summary['n_rejected']:.0f} rejected, "
        f"{summary['n_failed']:.0f} failed)",
        f"  AUC       {_number(summary['roc_auc'])}   ({_interval(summary['roc_auc_low'], summary['roc_auc_high'])})",
        f"  in groups {_number(summary['mean_group_auc'])}   (mean AUC within the groups that hold both classes)",
        f"  p-value   {_number(summary['roc_auc_p_value'])}   ({test})",
        f"  metadata  {_number(summary['metadata_roc_auc'])}   (best AUC without looking at a pixel)",
        *_left_out(summary),
        f"  F1        {_number(summary['f1_score'])}   (always fake: {_number(summary['f1_always_fake'])})",
        f"  accuracy  {_number(summary['accuracy'])}",
        *warnings,
    ]


def _left_out(summary: Mapping[str, Any]) -> list[str]:
    if summary["left_out_corpora_roc_auc"] is None:
        return []
    corpora = f"{summary['n_corpora_left_out']:.0f} of {summary['n_corpora']:.0f} corpora, left out in turn"
    return [f"  left out  {_number(summary['left_out_corpora_roc_auc'])}   (mean AUC on {corpora})"]


def _times(number: float) -> str:
    return "once" if number == 1 else f"{number:.0f} times"


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "no interval: too few groups"
    return f"95 % interval {low:.3f} to {high:.3f}, over groups"


def _number(value: float | None) -> str:
    return "  -  " if value is None else f"{value:.3f}"
