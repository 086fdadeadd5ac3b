"""The manifest of a corpus, one CSV, or those of several corpora."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from fvc_kedro.datasets.errors import FileError
from fvc_kedro.datasets.manifest_paths import common_folder, is_relative, manifest_paths
from fvc_kedro.datasets.text_table import read_text_table

_COLUMNS = ("video_path", "label", "group")


class ManifestDataset(AbstractDataset[pl.DataFrame, pl.DataFrame]):
    """A CSV whose columns are all read as text, so that a group ``007`` stays ``007``.

    Separators and encodings are those of :func:`read_text_table`; it is written with commas, in UTF-8. Several
    manifests are read as one table: their paths are made relative to the folder that all manifests lie in. Where the
    column ``corpus`` is missing or empty, the corpus is named after its manifest: the file's name without suffix, or
    that of its folder where the file is named manifest.

    Parameters
    ----------
    filepath : str
        The CSV file, or those of several corpora with commas between.
    metadata : dict, optional
        For plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> pl.DataFrame:
        """Read the manifest, or all of them.

        Raises
        ------
        FileError
            If a file is missing or no CSV, or two manifests would give their corpora the same name; the text says what
            to do.
        """
        paths = self.content_files
        tables = [_read(path) for path in paths]
        if len(tables) == 1:
            return tables[0]
        _check_names(tables, paths)
        _check_columns(tables, paths)
        root = common_folder(paths)
        moved = [_moved(table, path.parent, root) for table, path in zip(tables, paths, strict=True)]
        return pl.concat(moved, how="diagonal").fill_null("")

    def save(self, data: pl.DataFrame) -> None:
        """Write the manifest under a temporary name, then rename: half of it would read as a smaller corpus.

        Of a symbolic link, the target is written.

        Raises
        ------
        FileError
            If there is something else than an ordinary file, such as a device.
        """
        if self._filepath.exists() and not self._filepath.is_file():
            raise FileError(f"{self._filepath} is no ordinary file: give another path")
        target = self._filepath.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        with partial.open("wb") as file:  # polars opens no path that is not UTF-8
            data.write_csv(file)
        partial.replace(target)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro viz, or nothing where there is no file yet."""
        if not self._exists():
            return None
        return TablePreview(self.load().head(nrows).to_pandas().to_dict(orient="split"))

    @property
    def content_files(self) -> list[Path]:
        """The manifests, sorted: their order makes no difference."""
        return manifest_paths(self._filepath)

    def _exists(self) -> bool:
        return all(path.exists() for path in self.content_files)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def _read(path: Path) -> pl.DataFrame:
    if not path.exists():
        raise FileError(f"there is no manifest at {path}: give one as corpus_manifest, or several with commas between")
    table = read_text_table(path, _COLUMNS)
    named = pl.col("corpus").str.strip_chars() if "corpus" in table.columns else pl.lit("")
    return table.with_columns(corpus=pl.when(named == "").then(pl.lit(_corpus_name(path))).otherwise(named))


def _corpus_name(path: Path) -> str:
    return path.absolute().parent.name if path.stem.lower() == "manifest" else path.stem


def _check_names(tables: Sequence[pl.DataFrame], paths: Sequence[Path]) -> None:
    named: dict[str, Path] = {}
    for table, path in zip(tables, paths, strict=True):
        for name in table["corpus"].unique().sort():
            other = named.setdefault(name, path)
            if other is not path:
                raise FileError(
                    f"the manifests {other} and {path} would both be the corpus {name!r}: give one another name in its "
                    "column corpus (kedro manifest --corpus writes one), or put both into one manifest"
                )


def _check_columns(tables: Sequence[pl.DataFrame], paths: Sequence[Path]) -> None:
    """Refuse a manifest that lacks a column that others have: its rows would be rejected one by one."""
    for name in _COLUMNS:
        lacking = [path for table, path in zip(tables, paths, strict=True) if name not in table.columns]
        if 0 < len(lacking) < len(paths):
            raise FileError(f"the manifest {lacking[0]} has no column {name!r}, which the others have")


def _moved(table: pl.DataFrame, own: Path, root: Path) -> pl.DataFrame:
    """Make the paths of a manifest in one folder relative to another folder above it."""
    folder = own.relative_to(root).as_posix()
    if "video_path" not in table.columns or folder == ".":
        return table
    path = pl.col("video_path").str.strip_chars()
    relative = path.map_elements(partial(is_relative, own), return_dtype=pl.Boolean)
    # White space in front of a path is passed over, and ~ would be the user's folder.
    before = f"./{folder}/" if folder != folder.strip() or folder.startswith("~") else f"{folder}/"
    return table.with_columns(video_path=pl.when(relative).then(pl.lit(before) + path).otherwise(path))
