"""Cross-validations done when saved, in parallel, and kept by what they depend on: none is done twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import polars as pl
from kedro.io import AbstractDataset
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from fvc_kedro import learning
from fvc_kedro.datasets.json_file import read_json, write_json
from fvc_kedro.execution import Execution, Outcomes
from fvc_kedro.learning.cross_validation import Procedure, out_of_fold
from fvc_kedro.learning.folds import Split, TooFewGroupsError
from fvc_kedro.learning.rows import Rows

TRIAL_SCHEMA = {
    "video_id": pl.String,
    "group": pl.String,
    "y": pl.Int64,
    "fold": pl.Int64,
    "probability": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class Trial:
    """A cross-validation to be done.

    Parameters
    ----------
    rows : Rows
        Shared by the trials of a batch where they look at the same columns.
    splits : sequence of (train, test)
        Row numbers.
    procedure : Procedure
    """

    rows: Rows
    splits: Sequence[Split]
    procedure: Procedure


@dataclass(frozen=True, slots=True)
class TrialBatch:
    """Trials by name, not done yet: the dataset does them when it saves the batch."""

    trials: Mapping[str, Trial]
    execution: Execution
    description: str


class TrialsDataset(AbstractDataset[TrialBatch, Outcomes[pl.DataFrame]]):
    """Does the trials of a batch on several cores, and keeps the out-of-fold predictions of each.

    Each is stored as soon as it is there, under the hash of its rows, splits and procedure, of this
    project's learning code and of the versions of the libraries that it stands on. So an interrupted run takes
    up where it was, and nothing is computed twice. A trial whose groups are too few is a failure with
    that reason; any other error stops the run.

    Parameters
    ----------
    path : str
        Folder of the predictions; several batches may share it.
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
        keys = {name: _key(trial, code, hashes) for name, trial in data.trials.items()}
        missing = {keys[name]: trial for name, trial in data.trials.items() if not _is_whole(self._file(keys[name]))}
        failures: dict[str, str] = {}
        for key, result in _run(missing, data.execution, data.description):
            if isinstance(result, str):
                failures[key] = result
            else:
                self._write(key, result)
        done = [(name, key) for name, key in keys.items() if key not in failures]
        reasons = {name: failures[key] for name, key in keys.items() if key in failures}
        write_json(self._contents, {"trials": done, "failures": reasons})

    def load(self) -> Outcomes[pl.DataFrame]:
        contents = read_json(self._contents)
        values = {name: pl.read_parquet(self._file(key)) for name, key in contents["trials"]}
        return Outcomes(values, contents["failures"])

    def _write(self, key: str, table: pl.DataFrame) -> None:
        file = self._file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial_file = file.with_suffix(f".{os.getpid()}.partial")
        table.write_parquet(partial_file)
        partial_file.replace(file)

    @property
    def _contents(self) -> Path:
        return self._path / f"{self._batch}.json"

    def _file(self, key: str) -> Path:
        return self._path / key[:2] / f"{key}.parquet"

    def _exists(self) -> bool:
        return self._contents.exists()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "batch": self._batch}


def run_trial(trial: Trial) -> pl.DataFrame | str:
    """Do one trial on one thread, so that sums come out the same on any machine; a reason where groups are too few."""
    with threadpool_limits(1):
        try:
            found = out_of_fold(trial.rows, trial.splits, trial.procedure)
        except TooFewGroupsError as error:
            return str(error)
    columns = (found.videos, found.groups, found.y, found.folds, found.probability)
    return pl.DataFrame(dict(zip(TRIAL_SCHEMA, columns, strict=True)), schema=TRIAL_SCHEMA)


def _run(
    trials: Mapping[str, Trial], execution: Execution, description: str
) -> Iterator[tuple[str, pl.DataFrame | str]]:
    if not trials:
        return
    n_jobs = 1 if execution.engine == "serial" else min(execution.n_workers, len(trials))
    work = joblib.Parallel(n_jobs, return_as="generator_unordered")
    with tqdm(total=len(trials), desc=description, unit="trial", dynamic_ncols=True) as progress:
        for key, result in work(joblib.delayed(_named)(key, trial) for key, trial in trials.items()):
            progress.update()
            yield key, result


def _named(key: str, trial: Trial) -> tuple[str, pl.DataFrame | str]:
    return key, run_trial(trial)


def _is_whole(file: Path) -> bool:
    """Whether a trial's file is there and no full disk or power cut has damaged it."""
    try:
        return dict(pl.read_parquet_schema(file)) == TRIAL_SCHEMA
    except (OSError, pl.exceptions.PolarsError):
        return False


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
    digest = hashlib.sha256(f"{code}\n{trial.procedure!r}\n{hashes(trial.rows.features)}\n".encode())
    for names in (trial.rows.groups, trial.rows.videos):
        digest.update(repr(names.tolist()).encode())
    digest.update(trial.rows.y.tobytes())
    for rows in (rows for split in trial.splits for rows in split):
        digest.update(np.asarray(len(rows)).tobytes() + np.asarray(rows, np.int64).tobytes())
    return digest.hexdigest()


def _code() -> str:
    """Hash of the learning code and the versions of what it stands on."""
    digest = hashlib.sha256()
    for file in sorted(Path(str(learning.__file__)).parent.glob("*.py")):
        digest.update(file.read_bytes())
    versions = [f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn")]
    return digest.hexdigest() + repr(versions)
