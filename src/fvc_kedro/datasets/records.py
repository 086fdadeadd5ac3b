"""Measurements of videos, done when saved and kept by content: nothing is measured twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from fvc_kedro.datasets.json_file import read_json, write_json
from fvc_kedro.execution import Execution, Outcomes, Task, run_tasks

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is to be measured on one video, in parts that are kept and made anew one by one.

    Parameters
    ----------
    function : callable
        Picklable; takes a tuple of the parts wanted and returns a record for each, by part.
    keys : mapping of str to str
        For each part, the hexadecimal digest of all that its record depends on.
    cost : float
        Expected effort, in any unit: dearer measurements start earlier.
    """

    function: Callable[[tuple[str, ...]], Mapping[str, Record]]
    keys: Mapping[str, str]
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class MeasurementBatch:
    """Measurements by video id, not taken yet: the dataset takes them when it saves the batch.

    ``failures`` are the reasons of videos that are known beforehand to have none: no worker is started for them.
    """

    measurements: Mapping[str, Measurement]
    execution: Execution
    description: str
    failures: Mapping[str, str] = field(default_factory=dict)


class RecordsDataset(AbstractDataset[MeasurementBatch, Outcomes[dict[str, Record]]]):
    """Takes the measurements of a batch, and keeps each part's record as a JSON file.

    A record is stored under its key as soon as it is there, so an interrupted run takes up where it was
    and only what a changed video, parameter or feature family touches is measured anew. Failures are
    not stored: the next run tries again.

    Parameters
    ----------
    path : str
        Folder of the records.
    metadata : dict, optional
        For plugins.
    """

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path)
        self.metadata = metadata

    def save(self, data: MeasurementBatch) -> None:
        wanted = {name: self._parts_to_measure(one) for name, one in data.measurements.items()}
        tasks = {
            name: Task(one.function, (wanted[name],), one.cost)
            for name, one in data.measurements.items()
            if wanted[name]
        }
        failures = dict(data.failures)
        for name, outcome in run_tasks(tasks, data.execution, data.description):
            if outcome.failure is None:
                for part in wanted[name]:
                    write_json(self._file(data.measurements[name].keys[part]), outcome.value[part])
            else:
                failures[name] = outcome.failure
        keys = {name: dict(one.keys) for name, one in data.measurements.items() if name not in failures}
        write_json(self._contents, {"keys": keys, "failures": failures})

    def load(self) -> Outcomes[dict[str, Record]]:
        contents = read_json(self._contents)
        values = {
            name: {part: read_json(self._file(key)) for part, key in keys.items()}
            for name, keys in contents["keys"].items()
        }
        return Outcomes(values, contents["failures"])

    def _parts_to_measure(self, measurement: Measurement) -> tuple[str, ...]:
        return tuple(part for part, key in measurement.keys.items() if not self._file(key).exists())

    @property
    def made_files(self) -> list[Path]:
        """All files that the dataset has made."""
        return [*self.content_files, *self._path.glob(f"??/{'?' * 64}.json")] if self._exists() else []

    @property
    def content_files(self) -> list[Path]:
        """The files that tell the content: records are named by all that they depend on."""
        return [self._contents]

    @property
    def needed_files(self) -> list[Path]:
        """The files that loading takes."""
        keys = read_json(self._contents)["keys"].values()
        return [self._contents, *(self._file(key) for parts in keys for key in parts.values())]

    @property
    def _contents(self) -> Path:
        return self._path / "contents.json"

    def _file(self, key: str) -> Path:
        return self._path / key[:2] / f"{key}.json"

    def _exists(self) -> bool:
        return self._contents.exists()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}
