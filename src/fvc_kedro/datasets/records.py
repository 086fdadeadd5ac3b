"""Measurements of videos, done when saved and kept by content: nothing is measured twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from fvc_kedro.datasets.json_file import read_json, write_json
from fvc_kedro.execution import Batch, Outcomes, Task, run_tasks

Record = dict[str, Any]


class RecordsDataset(AbstractDataset[Batch, Outcomes[Record]]):
    """Runs a batch of tasks that each give a dictionary, and keeps each as a JSON file.

    A record is stored under its task's key as soon as it is there, so an interrupted run takes up
    where it was and a changed parameter or video is measured anew. Failures are not stored: the next
    run tries again.

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

    def save(self, data: Batch) -> None:
        failures: dict[str, str] = {}
        missing: dict[str, Task] = {
            name: task for name, task in data.tasks.items() if not self._file(task.key).exists()
        }
        for name, outcome in run_tasks(missing, data.execution, data.description):
            if outcome.failure is None:
                write_json(self._file(missing[name].key), outcome.value)
            else:
                failures[name] = outcome.failure
        keys = {name: task.key for name, task in data.tasks.items() if name not in failures}
        write_json(self._contents, {"keys": keys, "failures": failures})

    def load(self) -> Outcomes[Record]:
        contents = read_json(self._contents)
        values = {name: read_json(self._file(key)) for name, key in contents["keys"].items()}
        return Outcomes(values, contents["failures"])

    @property
    def _contents(self) -> Path:
        return self._path / "contents.json"

    def _file(self, key: str) -> Path:
        return self._path / key[:2] / f"{key}.json"

    def _exists(self) -> bool:
        return self._contents.exists()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}
