"""Cross-validations done when saved, in parallel, and kept by what they depend on: none is done twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import polars as pl
from kedro.io import AbstractDataset
from threadpoolctl import threadpool_limits

from fvc_kedro import learning
from fvc_kedro.datasets.json_file import read_json, write_json
from fvc_kedro.datasets.model_file import read_model, write_model
from fvc_kedro.execution import Execution, Task, run_all
from fvc_kedro.learning.cross_validation import cross_validate
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.folds import Split, TooFewGroupsError
from fvc_kedro.learning.rows import Rows
from fvc_kedro.learning.search import GridPoint

About = Mapping[str, Any]
# Predictions; searches and, where they are kept, models by fold.
Result = tuple[pl.DataFrame, dict[int, list[GridPoint]], dict[int, VideoDetector]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A cross-validation to be done.

    Parameters
    ----------
    about : mapping of str to str, int or float
        What the trial is, for the reader of its results: every entry becomes a column of the predictions.
    rows : Rows
        Shared by the trials of a batch where they look at the same columns.
    splits : mapping of int to (train, test)
        Row numbers, by the number of the fold.
    detector : VideoDetector
        Not fitted.
    keeps_models : bool
        Whether the fitted detectors are kept beside the predictions.
    """

    about: About
    rows: Rows
    splits: Mapping[int, Split]
    detector: VideoDetector
    keeps_models: bool = False


@dataclass(frozen=True, slots=True)
class TrialBatch:
    """Trials, not done yet: the dataset does them when it saves the batch."""

    trials: Sequence[Trial]
    execution: Execution
    description: str


@dataclass(frozen=True, slots=True)
class TrialResults:
    """What became of a batch.

    Attributes
    ----------
    predictions : DataFrame
        Those of all trials one below the other, as of :func:`~fvc_kedro.learning.cross_validation.cross_validate`, with
        a column for each entry of what the trials are about. Columns that a trial lacks are null there.
    searches : list of (about, {fold: list of GridPoint})
        How every point of the grid did.
    models : list of (about, {fold: VideoDetector})
        Those of the trials that keep theirs.
    failures : list of (about, reason)
        Trials whose groups are too few.
    """

    predictions: pl.DataFrame
    searches: list[tuple[About, dict[int, list[GridPoint]]]] = field(default_factory=list)
    models: list[tuple[About, dict[int, VideoDetector]]] = field(default_factory=list)
    failures: list[tuple[About, str]] = field(default_factory=list)


class TrialsDataset(AbstractDataset[TrialBatch, TrialResults]):
    """Does the trials of a batch on the engine of ``execution``, and keeps the results of each.

    Each is stored as soon as it is there, under the hash of its rows, splits and detector, of this
    project's learning code and of the versions of the libraries that it stands on. So an interrupted run takes
    up where it was, and nothing is computed twice. A trial whose groups are too few is a failure with
    that reason; any other error stops the run.

    Parameters
    ----------
    path : str
        Folder of the results; several batches may share it.
    batch : str
        Name of the batch in that folder.
    metadata : dict, optional
        For plugins.
    """

    def __init__(self, *, path: str, batch: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path)
        self._batch = batch
        self.metadata = metadata

    def save(self, data: TrialBatch) -> None:
        code, hashes = _code(), _Hashes()
        keys = [_key(trial, code, hashes) for trial in data.trials]
        tasks = {
            key: Task(run_trial, (trial,), cost=float(len(trial.splits) * len(trial.rows)))
            for key, trial in zip(keys, data.trials, strict=True)
            if self._read(key) is None
        }
        failures: dict[str, str] = {}
        for key, result in run_all(tasks, data.execution, data.description):
            if isinstance(result, str):
                failures[key] = result
            else:
                self._write(key, result)
        contents = [
            {"about": dict(trial.about), "key": key, "failure": failures.get(key)}
            for key, trial in zip(keys, data.trials, strict=True)
        ]
        write_json(self._contents, {"trials": contents})

    def load(self) -> TrialResults:
        parts, searches, models, failures = [], [], [], []
        for entry in read_json(self._contents)["trials"]:
            about = entry["about"]
            if entry["failure"] is not None:
                failures.append((about, entry["failure"]))
                continue
            result = self._read(entry["key"])
            if result is None:
                raise OSError(
                    f"the training {about} cannot be read from {self._file(entry['key'])}: run the pipeline that "
                    f"made {self._contents.name} again"
                )
            predictions, points, found = result
            searches.append((about, points))
            parts.append(predictions.with_columns(pl.lit(value).alias(name) for name, value in about.items()))
            if found:
                models.append((about, found))
        predictions = pl.concat(parts, how="diagonal") if parts else pl.DataFrame()
        return TrialResults(predictions, searches, models, failures)

    def _read(self, key: str) -> Result | None:
        """Read the results of a trial; None where they are not there or a full disk or power cut has damaged them."""
        try:
            stored_key, result = read_model(self._file(key))
        except Exception:  # not there, not written by a run, or whatever a damaged pickle raises
            return None
        return result if stored_key == key else None

    def _write(self, key: str, result: Result) -> None:
        write_model(self._file(key), (key, result))

    @property
    def made_files(self) -> list[Path]:
        """All files that have been made in the folder, by this batch and those that share it."""
        return [*self.content_files, *self._path.glob(f"??/{'?' * 64}.joblib*")] if self._exists() else []

    @property
    def content_files(self) -> list[Path]:
        """The files that tell the content."""
        return [self._contents]

    @property
    def needed_files(self) -> list[Path]:
        """The files that loading takes."""
        trials = read_json(self._contents)["trials"]
        return [self._contents, *(self._file(trial["key"]) for trial in trials if trial["failure"] is None)]

    @property
    def _contents(self) -> Path:
        return self._path / f"{self._batch}.json"

    def _file(self, key: str) -> Path:
        return self._path / key[:2] / f"{key}.joblib"

    def _exists(self) -> bool:
        return self._contents.exists()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "batch": self._batch}


def run_trial(trial: Trial) -> Result | str:
    """Do one trial on one thread, so that sums come out the same on any machine; a reason where groups are too few."""
    with threadpool_limits(1):
        try:
            predictions, models = cross_validate(trial.rows, trial.splits, trial.detector)
        except TooFewGroupsError as error:
            return str(error)
    searches = {fold: model.grid_points_ for fold, model in models.items()}
    return predictions, searches, models if trial.keeps_models else {}


class _Hashes:
    """Hashes of feature tables, each computed once."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def __call__(self, table: pl.DataFrame) -> str:
        if id(table) not in self._known:
            digest = hashlib.sha256(repr(table.columns).encode())
            for column in table.iter_columns():
                digest.update(column.to_numpy().tobytes())
            self._known[id(table)] = digest.hexdigest()
        return self._known[id(table)]


def _key(trial: Trial, code: str, hashes: _Hashes) -> str:
    how = joblib.hash((trial.detector.get_params(), trial.keeps_models))
    digest = hashlib.sha256(f"{code}\n{how}\n{hashes(trial.rows.features)}\n".encode())
    corpora = np.empty(0) if trial.rows.corpora is None else trial.rows.corpora
    for names in (trial.rows.groups, trial.rows.videos, corpora):
        digest.update(repr(names.tolist()).encode())
    digest.update(trial.rows.y.tobytes())
    for fold, split in trial.splits.items():
        digest.update(f"fold {fold}".encode())
        for rows in split:
            digest.update(np.asarray(len(rows)).tobytes() + np.asarray(rows, np.int64).tobytes())
    return digest.hexdigest()


def _code() -> str:
    """Hash of the learning code and the versions of what it stands on."""
    digest = hashlib.sha256()
    for file in sorted(Path(str(learning.__file__)).parent.glob("*.py")):
        digest.update(file.read_bytes())
    versions = [f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn")]
    return digest.hexdigest() + repr(versions)
