"""What figures share: their subject, their look, and how a drawing becomes the same SVG text every time."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import polars as pl
from matplotlib import figure as mpl_figure
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.layout_engine import ConstrainedLayoutEngine, PlaceHolderLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmark.results.ranking import Table
from reports.drawing.palette import REFERENCE, Style

INK = "#1F2933"
MUTED = "#52606D"
GRID = "#E4E7EB"
WIDE = 11.2
"""Inches, of a figure that takes the whole page, which has room for 11.9."""
SMALL = (3.9, 3.1)
"""Inches, at most: three such figures stand side by side on the page, where a point is 1/72 inch."""

_LOOK: dict[Any, Any] = {  # matplotlib types the keys as one long Literal
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": "#9AA5B1",
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "svg.fonttype": "path",  # the labels were placed by this font's widths: a viewer's own font would collide
    "svg.hashsalt": "heptathlon",
    "svg.id": None,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a figure draws: a ranked table, its rows of `reports.tables.frames.summary`, and every method's style."""

    table: Table
    frame: pl.DataFrame
    styles: Mapping[str, Style]

    @property
    def seeds(self) -> str:
        """How many runs the methods with a result have: `3 seeds`, `2 to 3 seeds`, or `5 rounds` of a time."""
        counts = [len(row.seeds) for row in self.table.rows if row.seeds]
        low, high = min(counts, default=0), max(counts, default=0)
        word = self.table.repeats
        return f"{high} {word}{'' if high == 1 else 's'}" if low == high else f"{low} to {high} {word}s"

    def names(self, what: str) -> list[str]:
        """What positions of the table's records stand for, as the records say: `what` is a column, or a `per`.

        Empty, and so no figure, where they say nothing, or not all the same.
        """
        said = [record.names[what] for row in self.table.rows for record in row.records if what in record.names]
        return said[0] if said and all(names == said[0] for names in said) else []

    def mark(self, method: str, *, reference: bool, size: float = 5.5) -> dict[str, Any]:
        """Say to matplotlib's `errorbar` how a method's mark looks: hollow and grey where it is a reference."""
        style = self.styles[method]
        colour = REFERENCE if reference else style.colour
        return {
            "color": colour,
            "marker": style.marker,
            "markersize": size,
            "markerfacecolor": "white" if reference else colour,
            "markeredgecolor": colour if reference else "white",
            "markeredgewidth": 1.0 if reference else 0.6,
            "elinewidth": 1.1,
            "zorder": 3,
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn figure. path: below the report's folder;  width: natural width in CSS pixels."""

    path: str
    svg: str
    width: int
    height: int
    caption: str
    alt: str


Draw = Callable[[Subject], Figure | None]


@contextmanager
def look() -> Iterator[None]:
    """Set the report's look, whatever the user's own settings are; every figure is drawn and saved inside."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_LOOK)
        yield


def new(width: float, height: float) -> mpl_figure.Figure:
    """Return an empty figure, width and height in inches. It belongs to no pyplot state and needs no closing."""
    return mpl_figure.Figure(figsize=(width, height), layout="constrained")


def finish(drawing: mpl_figure.Figure, subject: Subject, name: str, *, caption: str, alt: str) -> Figure:
    """Save a drawing as SVG text that depends on nothing but what was drawn."""
    text = svg(drawing)
    width, height = drawing.get_size_inches()
    table = subject.table
    folder = "/".join(_file_name(part) for part in (table.device, table.track, table.tier))
    return Figure(f"figures/{folder}/{name}.svg", text, round(width * 96), round(height * 96), caption, alt)


def svg(drawing: mpl_figure.Figure) -> str:
    """SVG text of a drawing, the same for the same drawing."""
    _lay_out(drawing)
    text = io.StringIO()
    drawing.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def _lay_out(drawing: mpl_figure.Figure) -> None:
    """Lay a drawing out for good, as SVG will show it; `savefig` would draw it once more in full to do so."""
    engine = drawing.get_layout_engine()
    if engine is not None and not isinstance(engine, PlaceHolderLayoutEngine):  # else `labels` did
        dpi = drawing.dpi
        FigureCanvasSVG(drawing)
        drawing.set_dpi(72)
        engine.execute(drawing)
        drawing.set_dpi(dpi)
    drawing.set_layout_engine(None)


def undated(path: Path) -> dict[str, Any]:
    """What to save a file of that name with so that the same drawing gives the same file."""
    return {".svg": {"Date": None, "Creator": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})


def space(drawing: mpl_figure.Figure, *, wide: float = 0.02, high: float = 0.02) -> None:
    """Set the room between a figure's panels, as a share of their mean width and height."""
    engine = drawing.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(wspace=wide, hspace=high)


def titled(axes: Axes, text: str) -> None:
    """Write a panel's title above its left edge."""
    axes.set_title(text, fontsize=9.5, fontweight="bold", color=INK, loc="left")


def bare(axes: Axes, *sides: str) -> None:
    """Hide spines of the axes."""
    for side in sides:
        axes.spines[side].set_visible(False)


def log_scale(axes: Axes, number: str) -> None:
    """Make the x axis logarithmic, with numbers at 1, 2 and 5 of every decade. number: a format string, as "{:g}"."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number.format(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _file_name(text: str) -> str:
    """Keep a record's words inside the folder: no separators, nothing hidden, no way up."""
    return re.sub(r"[^A-Za-z0-9._@-]", "-", text).lstrip(".") or "-"
