"""Models on disk, each with a digest beside it: a joblib file can run any command when it is read."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import joblib
from kedro.io import AbstractDataset

from fvc_kedro.datasets.errors import FileError


def write_model(path: Path, model: Any) -> None:
    """Write a model, and its SHA-256 beside it, in the format of ``sha256sum``.

    A process that is killed in between leaves a digest that does not fit, and so a model that is not read.

    Parameters
    ----------
    path : Path
        The file; the digest's name is that of the file with ``.sha256`` added.
    model : object
        Anything that can be pickled.
    """
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    content = buffer.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = f"{hashlib.sha256(content).hexdigest()}  {path.name}\n"
    for file, data in ((digest_file(path), digest.encode()), (path, content)):
        partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
        partial.write_bytes(data)
        partial.replace(file)


def read_model(path: Path) -> Any:
    """Read a model, if its bytes are those that were written with :func:`write_model`.

    Raises
    ------
    FileError
        If they are not, or the digest is missing. Nothing of the file has been unpickled then.
    """
    content = path.read_bytes()
    digest = digest_file(path)
    noted = digest.read_text(encoding="utf-8", errors="replace").partition(" ")[0] if digest.exists() else None
    if noted != hashlib.sha256(content).hexdigest():
        raise FileError(
            f"{path} is not read: {'it has no digest beside it' if noted is None else 'its digest is another'}, so no "
            "run of this project has written it as it is, and a joblib file can run any command when it is read. "
            "The run that makes it replaces it: kedro run --pipelines svm_training"
        )
    return joblib.load(io.BytesIO(content))


def digest_file(path: Path) -> Path:
    """Return where the digest of a model's file lies."""
    return path.with_name(f"{path.name}.sha256")


class ModelDataset(AbstractDataset[Any, Any]):
    """A model in a joblib file, which is read only if a run of this project has written it.

    Parameters
    ----------
    filepath : str
        The file.
    metadata : dict, optional
        For plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Any:
        """Read the model; see :func:`read_model`."""
        return read_model(self._filepath)

    def save(self, data: Any) -> None:
        write_model(self._filepath, data)

    @property
    def needed_files(self) -> list[Path]:
        """The files that loading takes."""
        return [self._filepath, digest_file(self._filepath)]

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
