"""The records of what the results under a folder were made from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from kedro.io import AbstractDataset

from fvc_kedro.datasets.json_file import read_json, write_json
from fvc_kedro.digests import code_digest
from fvc_kedro.lineage import Content, DatasetRecord, Lineage, RunRecord

logger = logging.getLogger(__name__)


class LineageDataset(AbstractDataset[None, Lineage]):
    """Loads the :class:`~fvc_kedro.lineage.Lineage` of the results; a run writes it record by record.

    Each dataset and each run has a JSON file of its own. Files under the folder above are named relative to it, so that
    the results can be moved or sent as a whole.

    Parameters
    ----------
    path : str
        Folder of the records, in the folder that the results are written under.
    metadata : dict, optional
        For plugins.
    """

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path)
        self.metadata = metadata

    @property
    def root(self) -> Path:
        """The folder that the results are written under."""
        return self._path.parent

    def load(self) -> Lineage:
        """Read all records, and look at the files that they name."""
        records = self._records()
        run_files = sorted(self._runs.glob("*.json"))
        runs = {
            file.stem: run for file in run_files if (run := _read(file, lambda read: RunRecord(**read))) is not None
        }
        contents = {name: _now(record.content) for name, record in records.items()}
        sources = {
            (name, given): _now(content)
            for name, record in records.items()
            for given, content in record.inputs.items()
            if content.files
        }
        code = {module: code_digest(module) for module in {record.module for record in records.values()}}
        return Lineage(records, runs, contents, sources, code)

    def save(self, data: None) -> None:
        raise NotImplementedError("records are written one by one, as a run saves its datasets")

    def save_record(self, dataset: str, record: DatasetRecord) -> None:
        """Write the record of a dataset."""
        inputs = {name: self._to_json(content) for name, content in record.inputs.items()}
        write_json(
            self._path / f"{dataset}.json",
            asdict(record) | {"inputs": inputs, "content": self._to_json(record.content)},
        )

    def save_run(self, record: RunRecord) -> None:
        """Write the record of a run, and remove those of runs of which no result is left."""
        used = {made.run for made in self._records().values()} | {record.run}
        for file in self._runs.glob("*.json"):
            if file.stem not in used:
                file.unlink()
        write_json(self._runs / f"{record.run}.json", asdict(record))

    def _records(self) -> dict[str, DatasetRecord]:
        files = sorted(self._path.glob("*.json"))
        return {file.stem: record for file in files if (record := self.record(file.stem)) is not None}

    def record(self, dataset: str) -> DatasetRecord | None:
        """Read the record of a dataset, if there is one that can be read."""
        return _read(self._path / f"{dataset}.json", self._read_dataset)

    def run(self, run: str) -> RunRecord:
        """Read the record of a run."""
        return RunRecord(**read_json(self._runs / f"{run}.json"))

    def content_of(self, dataset: str, files: list[Path]) -> Content | None:
        """Read the content of a dataset's files, or take it from its record where they have not changed."""
        record = self.record(dataset)
        return Content.of(files, None if record is None else record.content)

    @property
    def made_files(self) -> list[Path]:
        """All files that runs have written here."""
        lineage = self.load()
        return [
            *(self._path / f"{name}.json" for name in lineage.records),
            *(self._runs / f"{name}.json" for name in lineage.runs),
        ]

    @property
    def _runs(self) -> Path:
        return self._path / "runs"

    def _read_dataset(self, stored: dict[str, Any]) -> DatasetRecord:
        inputs = {name: self._from_json(content) for name, content in stored["inputs"].items()}
        return DatasetRecord(**stored | {"inputs": inputs, "content": self._from_json(stored["content"])})

    def _to_json(self, content: Content) -> dict[str, Any]:
        files = [(self._relative(Path(path)), size, time) for path, size, time in content.files]
        return {"digest": content.digest, "files": files}

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def _from_json(self, stored: Mapping[str, Any]) -> Content:
        files = tuple((str(self.root / path), size, time) for path, size, time in stored["files"])
        return Content(stored["digest"], files)

    def _exists(self) -> bool:
        return True  # a run may be the first

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}


T = TypeVar("T")


def _read(file: Path, understand: Callable[[dict[str, Any]], T]) -> T | None:
    """Read a record; None where there is none, or a full disk, a hand or another version has made it unreadable."""
    try:
        return understand(read_json(file))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        logger.warning("%s is no record of this version (%s) and is passed over", file, error)
        return None


def _now(content: Content) -> Content | None:
    return Content.of([Path(path) for path, _, _ in content.files], content)
