"""One look for all plots, and names as plots and report write them.

Figures are made without pyplot, so that nothing global is kept.
"""

from __future__ import annotations

from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fvc_kedro.pipelines.evaluation.comparison import DETECTOR

REAL = "#2166ac"
FAKE = "#b2182b"
MUTED = "#7f7f7f"
_COLUMNS = 4
# The detector has a name of its own in each table.
_SHOWN = {DETECTOR: "detector (svm)", "default": "detector"}
# What two figures of the report are called wherever they stand.
POOLED, WITHIN = "AUC, pooled", "AUC within groups"


def shown(name: str) -> str:
    """Write the name of a method, expert, family or place for a reader."""
    return _SHOWN.get(name, name.replace("_", " "))


def shortened(text: str, length: int) -> str:
    """Leave out the middle of a text that has more than ``length`` characters."""
    if len(text) <= length:
        return text
    start = (length - 1) // 2
    return f"{text[:start]}…{text[start + 1 - length :]}"


def new_axes(title: str, x_label: str, y_label: str, size: tuple[float, float] = (5.2, 4.4)) -> tuple[Figure, Axes]:
    """Make a figure of the given size in inches with one pair of axes."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(visible=True, alpha=0.25)
    return figure, axes


def add_legend(figure: Figure, *axes: Axes) -> None:
    """Write one legend for all axes below them, where it covers no data."""
    entries = {label: handle for one in axes for handle, label in zip(*one.get_legend_handles_labels(), strict=True)}
    figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower center",
        ncols=min(3, len(entries)),
        frameon=False,
        fontsize=9,
    )


def space_numbers(axes: Axes) -> None:
    """Write so few numbers along the horizontal axis that they stand apart in half a figure."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axes.tick_params(axis="x", labelsize=9)


def axes_grid(n_pictures: int) -> tuple[Figure, list[Axes]]:
    """Make a figure with a bare pair of axes for each picture, always of the same width, so that its title fits."""
    n_rows = ceil(n_pictures / _COLUMNS)
    figure = Figure(figsize=(2.4 * _COLUMNS, 2.2 * n_rows + 0.4), layout="constrained")
    places = [figure.add_subplot(n_rows, _COLUMNS, number + 1) for number in range(n_pictures)]
    for axes in places:
        axes.set_xticks([])
        axes.set_yticks([])
    return figure, places
