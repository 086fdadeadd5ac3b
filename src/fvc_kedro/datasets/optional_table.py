"""A table that a run may do without."""

from __future__ import annotations

import polars as pl

from fvc_kedro.datasets.table import TableDataset


class OptionalTableDataset(TableDataset):
    """A table that is empty, without columns, as long as nobody has written it."""

    def load(self) -> pl.DataFrame:
        """Read the table; an empty one where there is no file."""
        return super().load() if super()._exists() else pl.DataFrame()

    def _exists(self) -> bool:
        return True
