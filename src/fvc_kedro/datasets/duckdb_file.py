"""Tables in one DuckDB file, to be asked in SQL."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, DatasetError

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

logger = logging.getLogger(__name__)

DATABASE = "fvc"  # what the file is called in SQL; no table may be called so, else `table.column` is ambiguous
_INCOMING = "_table_to_write"


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def open_read_only(filepath: Path) -> DuckDBPyConnection:
    """Open a DuckDB file for reading; nothing is fetched or installed for a query.

    Parameters
    ----------
    filepath : Path
        An existing DuckDB file.

    Raises
    ------
    DatasetError
        If the file is missing, damaged or no DuckDB file.
    """
    import duckdb  # noqa: PLC0415 - most commands ask no database

    # The file is attached to a database in memory: DuckDB would hand out an older connection to the same path,
    # and with it the tables of before the last run.
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    try:
        place = str(filepath).replace("'", "''")
        connection.execute(f"ATTACH '{place}' AS {DATABASE} (TYPE duckdb, READ_ONLY)")
        connection.execute(f"USE {DATABASE}")
    except duckdb.Error as error:
        connection.close()
        raise DatasetError(f"{filepath} cannot be opened as a DuckDB database: {error}") from error
    return connection


class DuckDbDataset(AbstractDataset["dict[str, pl.DataFrame]", "DuckDBPyConnection"]):
    """Tables by name, saved into one DuckDB file; loads a connection that can read them and nothing write.

    The file holds the rows themselves, so that it can be moved or sent. It is replaced as a whole: a table
    that is not in the data is gone, and an interrupted save leaves the former file. A connection that is
    open goes on reading the former tables.

    Parameters
    ----------
    filepath : str
        The DuckDB file.
    metadata : dict, optional
        For plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def save(self, data: dict[str, pl.DataFrame]) -> None:
        """Write every table with its rows in their order.

        A table without rows keeps its columns. One without columns is left out with a warning, as SQL knows
        no such table.

        Raises
        ------
        DatasetError
            If a table cannot be written, which the text names.
        """
        import duckdb  # noqa: PLC0415 - most commands ask no database

        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        partial = self._filepath.with_name(f".{self._filepath.name}.{os.getpid()}.partial")
        partial.unlink(missing_ok=True)
        try:
            with TemporaryDirectory() as folder:  # DuckDB cannot write below a folder with a question mark
                made = Path(folder) / "made.duckdb"
                with closing(duckdb.connect(str(made))) as connection:
                    for name, table in data.items():
                        self._write(connection, name, table)
                shutil.copyfile(made, partial)
            # What another program wrote into the former file and never finished would be done to the new one.
            self._filepath.with_name(f"{self._filepath.name}.wal").unlink(missing_ok=True)
            partial.replace(self._filepath)
        finally:
            partial.unlink(missing_ok=True)

    def _write(self, connection: DuckDBPyConnection, name: str, table: pl.DataFrame) -> None:
        if not table.width:
            logger.warning("The table %s has no columns and is not in %s", name, self._filepath)
            return
        try:
            connection.register(_INCOMING, table.to_arrow())
            connection.execute(f"CREATE TABLE main.{quoted(name)} AS SELECT * FROM {_INCOMING}")
            connection.unregister(_INCOMING)
        except Exception as error:  # polars, Arrow and DuckDB each have their own
            raise DatasetError(f"the table {name!r} cannot be written to {self._filepath}: {error}") from error

    def load(self) -> DuckDBPyConnection:
        """Open the file for reading: ``connection.sql("SELECT …").pl()`` gives a polars table.

        Raises
        ------
        DatasetError
            If the file is missing, damaged or no DuckDB file.
        """
        return open_read_only(self._filepath)

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
