"""The manifest of a corpus: one CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview


class ManifestDataset(AbstractDataset[pl.DataFrame, pl.DataFrame]):
    """A CSV whose columns are all read as text, so that a group ``007`` stays ``007``.

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
        DatasetError
            If the file is missing or no CSV; the text says what to do.
        """
        try:
            return pl.read_csv(self._filepath, infer_schema=False)
        except FileNotFoundError as error:
            raise DatasetError(f"there is no manifest at {self._filepath}: give one as corpus_manifest") from error
        except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
            raise DatasetError(
                f"the manifest {self._filepath} cannot be read as a CSV in UTF-8 with the header "
                f"video_path,label,group: {error}"
            ) from error

    def save(self, data: pl.DataFrame) -> None:
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        data.write_csv(self._filepath)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro viz."""
        return TablePreview(self.load().head(nrows).to_pandas().to_dict(orient="split"))

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
