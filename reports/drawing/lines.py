"""Methods as lines with intervals and names at the right: what figures of several tasks share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmark.results.ranking import Row
from benchmark.results.stats import Summary, summarise
from reports.drawing.canvas import Subject
from reports.drawing.labels import Label, list_right
from reports.drawing.palette import REFERENCE

LOSS_FLOOR = 1e-5
"""To which losses are recorded: on a log scale 0 is drawn there."""

_NAME_APART = 0.12  # of the axis, from one named tick to the next
_LOG_FROM = 20  # times that the largest loss is the smallest


@dataclass(frozen=True, slots=True)
class Line:
    """A method's means over seeds with their intervals, by x in the units of the axis."""

    row: Row
    values: Mapping[float, Summary]


def means(subject: Subject, runs: pl.DataFrame, x: str, y: str) -> list[Line]:
    """Average column y over seeds by column x; one line per method that has any, in the order of the table."""
    found: dict[str, dict[float, Summary]] = {}
    cells = runs.sort(x, "seed").group_by("method", x, maintain_order=True).agg(y)
    for method, place, values in cells.select("method", x, y).iter_rows():
        found.setdefault(method, {})[float(str(place))] = summarise(values)
    return [Line(row, found[row.method]) for row in subject.table.rows if row.method in found]


def draw_lines(
    axes: Axes,
    lines: Sequence[Line],
    subject: Subject,
    places: Sequence[float],
    *,
    dashed: bool = False,
    name: Callable[[float], str] = "{:.3g}".format,
    apart: float = _NAME_APART,
) -> list[Label]:
    """Draw lines with intervals, each moved aside a little, and return where they end; references are grey and hollow.

    places: every x of the figure, rising, which become its ticks;  name: of a tick;  apart: from one named tick to the
    next, in shares of the axis. Sets the limits and the grid of x.
    """
    span = places[-1] - places[0] or 1.0
    near = min((after - before for before, after in itertools.pairwise(places)), default=span)
    dodge = min(0.05 * span, 0.5 * near)
    ends = []
    for position, line in enumerate(lines):
        aside = dodge * (position / (len(lines) - 1) - 0.5) if len(lines) > 1 else 0.0
        x = [place + aside for place in line.values]
        y = [value.mean for value in line.values.values()]
        if axes.get_yscale() == "log":
            y = [max(value, LOSS_FLOOR) for value in y]
        axes.plot(
            x,
            y,
            color=hue(line.row, subject),
            linewidth=1.0 if dashed else 1.4,
            linestyle=(0, (4, 2)) if dashed else "-",
        )
        halves = [value.half_width or 0.0 for value in line.values.values()]
        mark = subject.mark(line.row.method, reference=line.row.role == "reference", size=5)
        axes.errorbar(x, y, yerr=halves, linestyle="none", **mark)
        ends.append(Label(named(line.row), x[-1], y[-1], bold=line.row.rank == 1))
    margin = (0.05 if len(places) > 1 else 0.25) * span
    axes.set_xlim(places[0] - margin, places[-1] + margin)
    written: list[float] = []
    for place in reversed(places):  # where ticks crowd, the outer one is named
        if not written or written[-1] - place > apart * span:
            written.append(place)
    axes.set_xticks(places, [name(place) if place in written else "" for place in places])
    axes.grid(visible=False, axis="x")
    return ends


def name_ends(subject: Subject, panels: Sequence[tuple[Axes, Sequence[Label], Sequence[Line]]]) -> None:
    """Write the names right of each panel, level with their lines' ends.

    Call it last, for it lays the figure out for good. The limits of the panels must be final.
    """
    right = [1.08 * high - 0.08 * low for low, high in (axes.get_xlim() for axes, _, _ in panels)]
    # The layout is settled with the first panel's names; until then each other panel holds room with its longest name.
    held = [
        axes.text(x, labels[0].y, max((label.text for label in labels), key=len), fontsize=8.5, fontweight="bold")
        for (axes, labels, _), x in zip(panels[1:], right[1:], strict=True)
    ]
    for (axes, labels, lines), x in zip(panels, right, strict=True):
        list_right(axes, labels, x, [hue(line.row, subject) for line in lines])
        while held:
            held.pop().remove()


def bound_percent(axes: Axes, lines: Sequence[Line]) -> None:
    """Let the y axis hold every interval, as far as it lies between 0 and 100 %."""
    values = [value for line in lines for value in line.values.values()]
    low = max(0.0, min(value.mean - (value.half_width or 0.0) for value in values))
    high = min(100.0, max(value.mean + (value.half_width or 0.0) for value in values))
    margin = 0.04 * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)


def scale_losses(axes: Axes, lines: Sequence[Line]) -> None:
    """Give the y axis a log scale if the losses are far apart."""
    losses = [max(value.mean, LOSS_FLOOR) for line in lines for value in line.values.values()]
    if max(losses) < _LOG_FROM * min(losses):
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(losses) < 1000 * min(losses) else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    tops = [value.mean + (value.half_width or 0.0) for line in lines for value in line.values.values()]
    axes.set_ylim(min(losses) / 1.5, 1.2 * min(max(tops), 3 * max(losses)))


def hue(row: Row, subject: Subject) -> str:
    """The colour of a method's lines."""
    return REFERENCE if row.role == "reference" else subject.styles[row.method].colour


def named(row: Row) -> str:
    """The method's name, marked if it is a reference."""
    return f"{row.method} (ref.)" if row.role == "reference" else row.method
