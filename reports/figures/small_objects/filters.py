"""How lopsided the filters of a detector are, layer by layer: what uneven padding teaches them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes

from benchmark.results.stats import Summary
from reports.drawing.canvas import MUTED, WIDE, Figure, Subject, finish, new, space, titled
from reports.drawing.labels import Label
from reports.drawing.lines import Line, draw_lines, hue, means, name_ends, named
from reports.tables import formatting, frames

CONTRASTED = ("zero", "zero-even")
"""Methods drawn with intervals, which differ in the evenness of the size alone; without both, all are."""

_AXES = {"column": "right against left column", "row": "bottom against top row"}


def filter_asymmetry(subject: Subject) -> Figure | None:
    """Draw (right - left) / (right + left) of the mean |w| of 3x3 filters in % by layer, and bottom against top."""
    runs = frames.curve(subject.table, "kernels", ("layer", "row", "column", "value"))
    panels = {title: lines for axis, title in _AXES.items() if (lines := _asymmetry(subject, runs, axis))}
    if not panels:
        return None
    most = max(map(len, panels.values()))
    drawing = new(WIDE, max(3.4, 1.0 + 0.18 * most))
    grid = drawing.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    ends = []
    for axes, (title, lines) in zip(grid, panels.items(), strict=True):
        axes.axhline(0, color=MUTED, linewidth=0.8)
        labels = _draw(axes, lines, subject)
        titled(axes, title)
        axes.set_xlabel("3x3 convolution, from the input")
        ends.append((axes, labels, lines))
    grid[0].set_ylabel("difference of |w| (% of the sum)")
    reach = _reach([value for lines in panels.values() for line in lines for value in line.values.values()])
    grid[0].set_ylim(-reach, reach)
    space(drawing, wide=0.02)
    name_ends(subject, ends)
    both = {line.row.method for lines in panels.values() for line in lines} >= set(CONTRASTED)
    return finish(
        drawing,
        subject,
        "filter-asymmetry",
        caption=f"Weight of one outer column, or row, of the 3x3 filters against the other, mean over {subject.seeds}: "
        "(right - left) / (right + left) of the mean |w|, in %; zero is even. Bars are 95 % intervals over seeds, long "
        "ones cut off" + (f", drawn for {' and '.join(CONTRASTED)} alone; other methods are thin." if both else "."),
        alt=f"Line charts of the filters' asymmetry by layer on {formatting.track(subject.table.track)}. "
        + ". ".join(
            f"{formatting.opening(title)}: "
            + "; ".join(
                f"{line.row.method} " + ", ".join(f"{value.mean:+.1f} %" for value in line.values.values())
                for line in lines
            )
            for title, lines in panels.items()
        ),
    )


def _asymmetry(subject: Subject, runs: pl.DataFrame, axis: str) -> list[Line]:
    weight = pl.col("value").filter(pl.col(axis) == 2).sum(), pl.col("value").filter(pl.col(axis) == 0).sum()
    sums = (
        runs.filter(pl.col("row").is_in([0.0, 1.0, 2.0]), pl.col("column").is_in([0.0, 1.0, 2.0]))
        .group_by("method", "seed", "layer")
        .agg(after=weight[0], before=weight[1])
        .filter(pl.col("after") + pl.col("before") > 0)
        .select(
            "method",
            "seed",
            pl.col("layer") + 1,
            (100 * (pl.col("after") - pl.col("before")) / (pl.col("after") + pl.col("before"))).alias("asymmetry"),
        )
    )
    return means(subject, sums, "layer", "asymmetry")


def _reach(values: Sequence[Summary]) -> float:
    """Where the axis ends: at the widest interval, or at a few times the largest mean if that is nearer."""
    largest = max(abs(value.mean) for value in values)
    return 1.05 * min(max(abs(value.mean) + (value.half_width or 0.0) for value in values), 2.5 * largest) or 1.0


def _draw(axes: Axes, lines: list[Line], subject: Subject) -> list[Label]:
    """Draw the contrasted lines in full and the others thin; return where each ends, in the order given."""
    full = [line for line in lines if line.row.method in CONTRASTED]
    if len(full) < len(CONTRASTED):
        full = lines
    places = sorted({place for line in lines for place in line.values})
    ends = {line.row.method: label for line, label in zip(full, draw_lines(axes, full, subject, places), strict=True)}
    for line in lines:
        if line not in full:
            x, y = list(line.values), [value.mean for value in line.values.values()]
            axes.plot(x, y, color=hue(line.row, subject), linewidth=0.9, alpha=0.6, zorder=1)
            ends[line.row.method] = Label(named(line.row), x[-1], y[-1])
    return [ends[line.row.method] for line in lines]
