"""One look for all plots. Figures are made without pyplot, so that nothing global is kept."""

from __future__ import annotations

from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure

REAL = "#2166ac"
FAKE = "#b2182b"
MUTED = "#7f7f7f"
_COLUMNS = 4


def new_axes(title: str, x_label: str, y_label: str, size: tuple[float, float] = (5.2, 4.4)) -> tuple[Figure, Axes]:
    """Make a figure of the given size in inches with one pair of axes."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(visible=True, alpha=0.25)
    return figure, axes


def axes_grid(n_pictures: int) -> tuple[Figure, list[Axes]]:
    """Make a figure with a bare pair of axes for each picture."""
    n_columns = min(_COLUMNS, n_pictures)
    n_rows = ceil(n_pictures / n_columns)
    figure = Figure(figsize=(2.4 * n_columns, 2.2 * n_rows + 0.4), layout="constrained")
    places = [figure.add_subplot(n_rows, n_columns, number + 1) for number in range(n_pictures)]
    for axes in places:
        axes.set_xticks([])
        axes.set_yticks([])
    return figure, places
