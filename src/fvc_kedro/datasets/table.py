"""Tables of the catalog, and the JSON file of the headline figures, as kedro viz shows them."""

from __future__ import annotations

from kedro_datasets._typing import JSONPreview, TablePreview
from kedro_datasets.json import JSONDataset
from kedro_datasets.polars import EagerPolarsDataset


class TableDataset(EagerPolarsDataset):
    """A table that kedro viz shows as soon as it is there; until then, there is no preview and nothing to warn of."""

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro viz, or nothing where there is no file yet."""
        return super().preview(nrows) if self.exists() else None


class FiguresDataset(JSONDataset):
    """Figures by name, in JSON, that kedro viz shows as soon as they are there."""

    def preview(self) -> JSONPreview:
        """Return the figures for kedro viz, or nothing where there is no file yet."""
        return super().preview() if self.exists() else None
