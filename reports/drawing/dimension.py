"""Estimates of intrinsic dimension as one picture: against the number of neighbours, and against that of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from reports.drawing.canvas import INK, WIDE, look, new, undated
from reports.drawing.palette import HUES, MARKERS


@dataclass(frozen=True, slots=True)
class Curve:
    """What a method finds.

    estimates, halves: by number of neighbours, the latter half the width of their 95 % intervals;
    by_points: numbers of points, rising, with the estimate at the most neighbours
    """

    method: str
    estimates: Sequence[float]
    halves: Sequence[float]
    by_points: Sequence[tuple[int, float]]


def save(path: Path, title: str, neighbours: Sequence[int], curves: Sequence[Curve]) -> None:
    """Draw to a file, whose ending says the format."""
    with look():
        drawing = new(0.8 * WIDE, 3.9)
        drawing.suptitle(title, fontsize=11, fontweight="bold", color=INK, x=0.01, ha="left")
        left, right = drawing.subplots(1, 2, sharey=True)
        for position, curve in enumerate(curves):
            aside = 1.04 ** (position - (len(curves) - 1) / 2)  # intervals side by side rather than upon each other
            mark = {"color": HUES[position % len(HUES)], "marker": MARKERS[position % len(MARKERS)], "linewidth": 1.4}
            places = [aside * k for k in neighbours]
            left.errorbar(
                places, curve.estimates, yerr=curve.halves, label=curve.method, markersize=5, elinewidth=1.1, **mark
            )
            counts, values = zip(*curve.by_points, strict=True)
            right.plot(counts, values, label=curve.method, markersize=5, **mark)
        _ticks(left, neighbours)
        left.set_xlabel("neighbours k (95 % intervals)")
        left.set_ylabel("estimated dimension")
        left.set_ylim(bottom=0)
        _ticks(right, [count for count, _ in curves[0].by_points])
        right.set_xlabel(f"points (at k = {neighbours[-1]})")
        handles, labels = left.get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=min(4, len(curves)), frameon=False)
        drawing.savefig(path, dpi=150, metadata=undated(path))


def _ticks(axes: Axes, places: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(places, [f"{place:,}" for place in places])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(places[0] / 1.25, places[-1] * 1.25)
