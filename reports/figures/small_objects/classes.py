"""Average precision class by class."""

from __future__ import annotations

from benchmark.results.ranking import Row
from benchmark.results.stats import Summary, summarise
from reports.drawing.canvas import INK, WIDE, Figure, Subject, finish, new, space
from reports.drawing.dots import banded, mark
from reports.drawing.lines import hue
from reports.tables import formatting

METRIC = "AP"


def precision_by_class(subject: Subject) -> Figure | None:
    """Draw average precision (%) with its interval, a panel a class and a row a method, in the order of the table."""
    classes = subject.names("class")
    rows = [row for row in subject.table.rows if _values(row, len(classes))]
    if not rows or len(classes) < 2:
        return None
    found = {row.method: _values(row, len(classes)) for row in rows}
    drawing = new(min(WIDE, 1.9 + 1.9 * len(classes)), 1.1 + 0.27 * len(rows))
    panels = drawing.subplots(1, len(classes), sharey=True, squeeze=False)[0]
    banded(panels, rows)
    for index, (axes, name) in enumerate(zip(panels, classes, strict=True)):
        for y, row in enumerate(rows):
            mark(axes, found[row.method][index], y, "o", hue(row, subject))
        axes.set_title(name, fontsize=9.5, fontweight="bold", color=INK)
        axes.set_xlabel("AP (%), higher is better" if index == 0 else "AP (%)")
    space(drawing, wide=0.03)
    return finish(
        drawing,
        subject,
        "precision-by-class",
        caption=f"Average precision of each class, {subject.seeds}; each panel has its own scale. Whiskers are 95 % "
        "intervals over seeds.",
        alt=f"Dot chart of average precision by class on {formatting.track(subject.table.track)}. "
        + "; ".join(
            f"{row.method} "
            + ", ".join(f"{name} {value.mean:.1f} %" for name, value in zip(classes, found[row.method], strict=True))
            for row in rows
        ),
    )


def _values(row: Row, count: int) -> list[Summary]:
    """By class; empty where no record has as many values as there are classes."""
    raw = [record.metrics[METRIC].raw for record in row.records if METRIC in record.metrics]
    whole = [values for values in raw if len(values) == count]
    return [summarise(values) for values in zip(*whole, strict=True)]
