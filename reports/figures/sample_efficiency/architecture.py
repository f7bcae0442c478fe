"""Figures of `sample_efficiency.architecture`: samples until 90 % accuracy by dimension, and accuracy by samples."""

from __future__ import annotations

import polars as pl
from matplotlib.lines import Line2D

from benchmark.results.ranking import Row
from reports.drawing.canvas import INK, MUTED, WIDE, Figure, Subject, finish, new, titled
from reports.drawing.lines import bound_percent, draw_lines, means, named
from reports.drawing.sheet import sheet
from reports.figures.sample_efficiency.laws import exponents, samples_by_dimension
from reports.tables import formatting, frames


def accuracy_by_size(subject: Subject) -> Figure | None:
    """Draw test accuracy against the number of samples in the primary setting: a panel per dimension."""
    runs = frames.curve(subject.table, "accuracy", ("setting", "dimension", "size", "accuracy"))
    runs = runs.filter(pl.col("setting") == 0).with_columns(pl.col("size").log(2), pl.col("accuracy") * 100)
    runs = runs.group_by("method", "seed", "dimension", "size").agg(pl.col("accuracy").mean()).sort("size")
    dimensions = sorted(runs["dimension"].unique().to_list())
    if not dimensions:
        return None
    names = subject.names("setting")
    drawing = new(WIDE, 3.0)
    panels = drawing.subplots(1, len(dimensions), sharey=True, squeeze=False)[0]
    every = []
    for axes, dimension in zip(panels, dimensions, strict=True):
        lines = means(subject, runs.filter(pl.col("dimension") == dimension), "size", "accuracy")
        places = sorted({place for line in lines for place in line.values})
        draw_lines(axes, lines, subject, places)
        axes.axhline(90, color=MUTED, linewidth=1.0, linestyle=(0, (1, 2)))
        shown = [place for place in places if place == round(place)][::2]
        axes.set_xticks(shown, [f"{2**place:,.0f}" for place in shown], fontsize=8)
        titled(axes, f"d = {dimension:g}")
        every += lines
    bound_percent(panels[0], every)
    panels[0].set_ylabel("test accuracy (%)")
    drawing.supxlabel("training samples (log scale)", fontsize=9, color=INK)
    drawing.legend(
        handles=[_key(row, subject) for row in subject.table.rows if any(line.row is row for line in every)],
        loc="outside upper center",
        ncols=8,
        frameon=False,
        fontsize=8.5,
    )
    return finish(
        drawing,
        subject,
        "accuracy-by-size",
        caption=f"Test accuracy in the setting {names[0] if names else 'that ranks'} by training samples, where "
        f"the search looked; mean over repeats and {subject.seeds}, with 95 % intervals over seeds. Dotted: the "
        "90 % that are searched for.",
        alt=f"Line charts of accuracy by training samples on {formatting.track(subject.table.track)}, for dimensions "
        + ", ".join(f"{dimension:g}" for dimension in dimensions),
    )


def _key(row: Row, subject: Subject) -> Line2D:
    """A method's entry in a legend."""
    style = {name: value for name, value in subject.mark(row.method, reference=False).items() if name != "elinewidth"}
    return Line2D([], [], label=named(row), **style)


FIGURES = (
    samples_by_dimension,
    exponents,
    accuracy_by_size,
    sheet(
        "canvases", caption="Images on growing canvases: what a learner of the setting canvases tells apart.", tile=0.9
    ),
)
