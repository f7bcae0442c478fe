"""Numbers as a table in colours: what figures of several tracks share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize

from reports.drawing.canvas import INK, bare

HEAT = LinearSegmentedColormap.from_list("heat", ["#F1F6FB", "#C6DBEF", "#6BAED6", "#2171B5", "#08306B"])
TWO_SIDED = LinearSegmentedColormap.from_list("two-sided", ["#B35806", "#F6E3CF", "#FFFFFF", "#C6DBEF", "#08519C"])
_DARK = 0.6  # a cell's colour, mean of its channels, below which numbers are white


def cells(axes: Axes, values: npt.NDArray[np.float64], norm: Normalize, number: str, colours: Colormap = HEAT) -> None:
    """Colour a cell for each of values (rows, columns), NaN for none, and write it in, if `number` formats it."""
    axes.grid(visible=False)
    bare(axes, "left", "bottom")
    rows, columns = values.shape
    edges = np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5
    axes.pcolormesh(*edges, np.ma.masked_invalid(values), cmap=colours, norm=norm, edgecolor="white", linewidth=1.5)
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    for (row, column), value in np.ndenumerate(values):
        if number and np.isfinite(value):
            colour = "white" if np.mean(colours(norm(value))[:3]) < _DARK else INK
            written = number.format(value).replace("-0.00", "0.00")
            text = axes.text(column, row, written, ha="center", va="center", fontsize=6.5, color=colour)
            text.set_in_layout(False)  # it lies inside its cell, and measuring hundreds of them is slow
