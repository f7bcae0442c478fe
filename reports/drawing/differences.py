"""Paired differences to a baseline: a panel per setting, in it a mark with its interval per method."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from matplotlib import figure as mpl_figure
from matplotlib.axes import Axes

from benchmark.results.pairing import apart
from benchmark.results.ranking import Row
from benchmark.results.stats import Summary
from reports.drawing.canvas import INK, MUTED, WIDE, Subject, bare, new, space
from reports.drawing.lines import hue, named

Values = Mapping[str, Summary | None]
"""By method; None where it shares no seed with the baseline."""

_FAR = 6.0
"""Marks this many times as far out as the nearer half of them become arrows, so that the others can be told apart."""

KEY = "Bold: the interval does not hold zero. Arrows: beyond the panel."
"""What the caption of a `forest` must say."""


def forest(
    subject: Subject,
    rows: Sequence[Row],
    panels: Mapping[str, Values],
    label: str,
    *,
    digits: int = 1,
    shared: bool = True,
) -> mpl_figure.Figure:
    """Draw a panel per title, with methods downwards; each difference also stands as a number, bold if `apart`.

    label: of the x axis;  digits: of the numbers;  shared: one scale for all panels
    """
    drawing = new(min(WIDE, 1.5 + 3.6 * len(panels)), 0.85 + 0.3 * len(rows))
    grid = drawing.subplots(1, len(panels), sharex=shared, sharey=True, squeeze=False)[0]
    for axes, (title, values) in zip(grid, panels.items(), strict=True):
        axes.axvline(0, color=MUTED, linewidth=1.0, zorder=1)
        axes.grid(visible=False, axis="y")
        bare(axes, "left", "bottom")
        axes.set_title(title, fontsize=9.5, fontweight="bold", color=INK)
        reach = _reach([value for value in values.values() if value is not None])
        for place, row in enumerate(rows):
            value = values[row.method]
            if value is not None:
                _mark(axes, place, row, value, subject, reach)
                axes.text(
                    1.02,
                    place,
                    _number(value, digits),
                    transform=axes.get_yaxis_transform(),
                    va="center",
                    fontsize=8.5,
                    color=INK if apart(value) else MUTED,
                    fontweight="bold" if apart(value) else "normal",
                )
    grid[0].set_yticks(range(len(rows)), [named(row) for row in rows], color=INK, fontsize=9)
    grid[0].set_ylim(len(rows) - 0.4, -0.6)
    space(drawing, wide=0.08 if len(panels) < 3 else 0.03)
    drawing.supxlabel(label, fontsize=9, color=INK)
    return drawing


def _mark(axes: Axes, place: int, row: Row, value: Summary, subject: Subject, reach: float) -> None:
    if abs(value.mean) <= reach:
        mark = subject.mark(row.method, reference=row.role == "reference", size=6.5)
        axes.errorbar(value.mean, place, xerr=value.half_width, **mark)
        return
    border = 1.0 if value.mean > 0 else 0.0
    axes.annotate(
        "",
        (border, place),
        (0.5 + 0.7 * (border - 0.5), place),
        xycoords=axes.get_yaxis_transform(),
        textcoords=axes.get_yaxis_transform(),
        arrowprops={"arrowstyle": "->", "color": hue(row, subject), "linewidth": 1.4},
    )


def _reach(values: Sequence[Summary]) -> float:
    """How far from zero marks are drawn to scale."""
    typical = statistics.median_low(abs(value.mean) + (value.half_width or 0.0) for value in values) if values else 0.0
    return _FAR * typical if typical else float("inf")


def _number(value: Summary, digits: int) -> str:
    half = "" if value.half_width is None else f" ± {value.half_width:.{digits}f}"
    return f"{round(value.mean, digits) + 0.0:+.{digits}f}{half}".replace("-", "−")
