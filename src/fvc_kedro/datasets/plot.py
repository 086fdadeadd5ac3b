"""Plots that are drawn in one node and shown again in another."""

from __future__ import annotations

from typing import Any

from kedro_datasets._typing import ImagePreview
from kedro_datasets.matplotlib import MatplotlibDataset
from matplotlib.figure import Figure
from matplotlib.text import Text


class PlotDataset(MatplotlibDataset):
    """Saves a Matplotlib figure as a picture, and loads the file's bytes, such as for a report.

    A name with two dollar signs is written as it stands, not read as a formula.
    """

    def save(self, data: Figure) -> None:
        """Draw the figure into the file."""
        for text in data.findobj(Text):
            text.set_parse_math(False)
        super().save(data)

    def load(self) -> Any:
        """Read the picture's file."""
        with self._fs.open(self._get_load_path(), mode="rb") as file:
            return file.read()

    def preview(self) -> ImagePreview:
        """Return the picture for kedro viz, or nothing where there is no file yet."""
        return super().preview() if self.exists() else None
