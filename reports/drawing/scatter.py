"""Methods as labelled points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from reports.drawing.canvas import Subject
from reports.drawing.labels import Label, place


@dataclass(frozen=True, slots=True)
class Point:
    """A method at (x, y) in data units, with the half widths of its intervals (None without one)."""

    method: str
    role: str
    x: float
    y: float
    x_half: float | None = None
    y_half: float | None = None
    emphasis: bool = False


def scatter(
    axes: Axes, points: Sequence[Point], subject: Subject, *, lines: Sequence[tuple[float, float]] = ()
) -> None:
    """Draw the points with their intervals and labels, references hollow and grey; call it last on the axes.

    lines: corners of a line already drawn, in data units, which the labels keep clear of.
    """
    low, high = min(point.x for point in points), max(point.x for point in points)
    if axes.get_xscale() == "log" and high < low * 1.01:  # matplotlib's own limits would be equal up to rounding
        axes.set_autoscalex_on(False)
        axes.set_xlim(low / 2, high * 2)
    for point in points:
        mark = subject.mark(point.method, reference=point.role == "reference", size=7.5)
        axes.errorbar(point.x, point.y, xerr=point.x_half, yerr=point.y_half, **mark)
    axes.margins(0.15)
    axes.autoscale_view()
    labels = [
        Label(point.method, point.x, point.y, (point.x_half or 0.0, point.y_half or 0.0), bold=point.emphasis)
        for point in points
    ]
    place(axes, labels, lines)
