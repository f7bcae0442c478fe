"""Dots with whiskers, a row a method."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb

from benchmark.results.ranking import Row
from benchmark.results.stats import Summary
from reports.drawing.canvas import INK, bare
from reports.drawing.lines import named


def banded(panels: Sequence[Axes], rows: Sequence[Row]) -> None:
    """Name the rows, the best in bold, and give every other a grey ground."""
    panels[0].set_yticks(range(len(rows)), [named(row) for row in rows], color=INK, fontsize=9)
    for text, row in zip(panels[0].get_yticklabels(), rows, strict=True):
        text.set_fontweight("bold" if row.rank == 1 else "normal")
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    for axes in panels:
        axes.grid(visible=False, axis="y")
        for y in range(1, len(rows), 2):
            axes.axhspan(y - 0.5, y + 0.5, color="#F3F5F7", zorder=0, linewidth=0)
        bare(axes, "left", "bottom")


def mark(axes: Axes, value: Summary, y: float, marker: str, colour: str) -> None:
    """Draw a mean and its interval."""
    axes.errorbar(value.mean, y, xerr=value.half_width or 0.0, color=colour, elinewidth=0.9)
    axes.plot(value.mean, y, marker, color=colour, markersize=5)


def paler(colour: str, share: float) -> str:
    """A colour mixed with white."""
    red, green, blue = (1 - (1 - part) * (1 - share) for part in to_rgb(colour))
    return to_hex((red, green, blue))
