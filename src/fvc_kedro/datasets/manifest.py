"""The manifest of a corpus: one CSV."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import polars as pl
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from fvc_kedro.datasets.errors import FileError
from fvc_kedro.datasets.text_table import read_text_table


class ManifestDataset(AbstractDataset[pl.DataFrame, pl.DataFrame]):
    """A CSV whose columns are all read as text, so that a group ``007`` stays ``007``.

    Separators and encodings are those of :func:`read_text_table`; it is written with commas, in UTF-8.

    Parameters
    ----------
    filepath : str
        The CSV file.
    metadata : dict, optional
        For plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> pl.DataFrame:
        """Read the manifest.

        Raises
        ------
        FileError
            If the file is missing or no CSV; the text says what to do.
        """
        if not self._exists():
            raise FileError(f"there is no manifest at {self._filepath}: give one as corpus_manifest")
        return read_text_table(self._filepath, ("video_path", "label", "group"))

    def save(self, data: pl.DataFrame) -> None:
        """Write the manifest under a temporary name, then rename: half of it would read as a smaller corpus."""
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        partial = self._filepath.with_name(f".{self._filepath.name}.{os.getpid()}.partial")
        data.write_csv(partial)
        partial.replace(self._filepath)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro viz, or nothing where there is no file yet."""
        if not self._exists():
            return None
        return TablePreview(self.load().head(nrows).to_pandas().to_dict(orient="split"))

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
