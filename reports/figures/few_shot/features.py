"""Pictures of few-shot features in the plane of the classes' means: one panel per method, of one seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib import figure as mpl_figure
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from reports.drawing.canvas import INK, MUTED, Figure, Subject, finish, new, space
from reports.tables import formatting, frames

# Of our hues and Tol's, the five farthest apart in CIELAB under the worst of no, protan, deutan and tritan blindness.
CLASSES = ("#332288", "#CCBB44", "#EE6677", "#56B4E9", "#882255")
_FAINT = "#C3CCD5"
_ACROSS, _LINES = 4, 3  # panels beside each other, and at most below each other
_SIDE = 2.6  # inches
_BASE, _SUPPORT, _QUERY = 0, 1, 2

Cells = Mapping[str, npt.NDArray[np.float64]]


def features(subject: Subject) -> Figure | None:
    """Draw the curve "features": an episode with its answers where these are recorded, else features by class."""
    return _episodes(subject) or _classes(subject)


def _episodes(subject: Subject) -> Figure | None:
    seed, found = _runs(subject, ("x", "y", "kind", "class", "answer"))
    if not found:
        return None
    right = {name: _right(cells) for name, cells in found.items()}
    everything = np.concatenate([np.stack([cells["x"], cells["y"]]) for cells in found.values()], axis=1)
    limits = _square(everything)

    def panel(axes: Axes, name: str) -> str:
        _episode(axes, found[name])
        _frame(axes, limits)
        return f"{right[name][0]} of {right[name][1]} right"

    drawing = _panels(subject, list(found), panel)
    _add_legend(drawing, {1: 1, 2: 2, 3: 2}.get(_grid(len(found))[1], 4))
    return finish(
        drawing,
        subject,
        "features",
        caption=f"One 1-shot episode of seed {seed} in the plane of its classes' means: the axes are the first two "
        "principal directions of the means of the queries' features, in equal scale and the same in all panels. A "
        "colour is a class; a cross over a query has the colour of the class that it was taken for. One episode shows "
        f"how a method decides, not how well.{_unseen(subject, found)}",
        alt=f"Features of one 1-shot episode on {formatting.track(subject.table.track)}, a panel per method. Queries "
        "right: " + "; ".join(f"{name} {good} of {count}" for name, (good, count) in right.items()),
    )


def _classes(subject: Subject) -> Figure | None:
    seed, found = _runs(subject, ("x", "y", "class"))
    if not found:
        return None
    scores = {
        row.method: f"{record.metrics['accuracy_1_shot'].value:.1f} %"
        for row in subject.table.rows
        for record in row.records
        if record.seed == seed and "accuracy_1_shot" in record.metrics
    }

    def panel(axes: Axes, name: str) -> str:
        cells = found[name]
        axes.scatter(cells["x"], cells["y"], s=13, c=_colours(cells["class"]), linewidths=0.3, edgecolors="white")
        _frame(axes, _square(np.stack([cells["x"], cells["y"]])))
        return f"{scores[name]} at 1 shot" if name in scores else ""

    count = max(len(np.unique(cells["class"])) for cells in found.values())
    return finish(
        _panels(subject, list(found), panel),
        subject,
        "features",
        caption=f"Images of {formatting.count(count, 'target class').replace('classs', 'classes')} as every method "
        f"embeds them, seed {seed}, a colour each: the axes are the first two principal directions of the classes' "
        "means, each method's own, in equal scale within a panel. The farther the colours are apart, the more the "
        f"features know of the classes. Above: accuracy at 1 shot of this seed.{_unseen(subject, found)}",
        alt=f"Features of target classes on {formatting.track(subject.table.track)}, a panel per method. Accuracy at "
        "1 shot: " + "; ".join(f"{name} {scores[name]}" for name in found if name in scores),
    )


def _runs(subject: Subject, columns: Sequence[str]) -> tuple[int, dict[str, Cells]]:
    """The lowest seed with such a curve, and the curve of every method that has it, in the order of the table."""
    runs = frames.curve(subject.table, "features", columns)
    if runs.is_empty():
        return 0, {}
    seed = int(runs["seed"].to_numpy().min())
    runs = runs.filter(pl.col("seed") == seed)
    found: dict[str, Cells] = {}
    for name in runs["method"].unique(maintain_order=True).to_list()[: _ACROSS * _LINES]:
        own = runs.filter(pl.col("method") == name)
        found[name] = {column: own[column].to_numpy() for column in columns}
    return seed, found


def _unseen(subject: Subject, found: Mapping[str, Cells]) -> str:
    """A sentence on methods with a result but no panel, for want of room or of the seed; empty if there is none."""
    missing = [row.method for row in subject.table.rows if row.records and row.method not in found]
    return f" Not shown: {', '.join(missing)}." if missing else ""


def _panels(subject: Subject, names: Sequence[str], draw: Callable[[Axes, str], str]) -> mpl_figure.Figure:
    """Lay out one panel per name. draw: fills a panel and returns what its title says beside the name."""
    references = {row.method for row in subject.table.rows if row.role == "reference"}
    lines, columns = _grid(len(names))
    drawing = new(max(columns * _SIDE, 3.9), lines * (_SIDE + 0.2) + 0.1)
    grid = drawing.subplots(lines, columns, squeeze=False)
    for axes, name in zip(grid.flat, names, strict=False):
        beside = draw(axes, name)
        title = f"{name} (ref.)" if name in references else name
        axes.set_title(title, loc="left", fontsize=9, fontweight="bold", color=INK, pad=4)
        axes.set_title(beside, loc="right", fontsize=8.5, color=MUTED, pad=4)
    space(drawing, wide=0.07, high=0.04)
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    return drawing


def _grid(count: int) -> tuple[int, int]:
    """Lines and columns of so many panels."""
    lines = math.ceil(count / _ACROSS)
    return lines, math.ceil(count / lines)


def _episode(axes: Axes, cells: Cells) -> None:
    """Draw base class means, queries, crosses over those with a wrong answer, and the support on top."""
    x, y, kind = cells["x"], cells["y"], cells["kind"]
    base, support, query = (kind == value for value in (_BASE, _SUPPORT, _QUERY))
    wrong = query & (cells["class"] != cells["answer"])
    axes.scatter(x[base], y[base], s=7, c=_FAINT, linewidths=0, zorder=1)
    axes.scatter(x[wrong], y[wrong], s=58, c="white", marker="x", linewidths=2.6, zorder=2)
    axes.scatter(
        x[query], y[query], s=28, c=_colours(cells["class"][query]), linewidths=0.4, edgecolors="white", zorder=2
    )
    axes.scatter(x[wrong], y[wrong], s=56, c=_colours(cells["answer"][wrong]), marker="x", linewidths=1.3, zorder=3)
    axes.scatter(
        x[support], y[support], s=130, c=_colours(cells["class"][support]), marker="*", linewidths=1.0, edgecolors=INK,
        zorder=4,
    )  # fmt: skip


def _right(cells: Cells) -> tuple[int, int]:
    """How many queries were answered rightly, and of how many."""
    query = cells["kind"] == _QUERY
    return int((query & (cells["class"] == cells["answer"])).sum()), int(query.sum())


def _colours(labels: npt.NDArray[np.float64]) -> list[str]:
    return [CLASSES[int(label) % len(CLASSES)] for label in labels]


def _square(points: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Centre and half side of a square around points, shape (2, n), with a margin."""
    low, high = points.min(1), points.max(1)
    x, y = (low + high) / 2
    return float(x), float(y), 0.54 * float((high - low).max()) or 1.0


def _frame(axes: Axes, limits: tuple[float, float, float]) -> None:
    """Give axes a square in equal scale, without ticks."""
    x, y, half = limits
    axes.set(xlim=(x - half, x + half), ylim=(y - half, y + half), xticks=[], yticks=[], aspect="equal")
    for spine in axes.spines.values():
        spine.set(visible=True, color=_FAINT)


def _add_legend(drawing: mpl_figure.Figure, columns: int) -> None:
    """Say below the panels what the marks of an episode are."""

    def mark(marker: str, size: float, face: str, edge: str, width: float) -> Line2D:
        return Line2D(
            [], [], linestyle="none", marker=marker, markersize=size, markerfacecolor=face, markeredgecolor=edge,
            markeredgewidth=width,
        )  # fmt: skip

    query = mark("o", 5.3, CLASSES[0], "white", 0.4)
    marks: dict[str, Any] = {  # matplotlib draws a tuple of handles on one another, and types none
        "labelled image (support)": mark("*", 10, "white", INK, 1.0),
        "image to classify (query)": query,
        "query taken for the class of the cross": (query, mark("x", 7.5, CLASSES[2], CLASSES[2], 1.3)),
        "mean of a base class": mark("o", 3.5, _FAINT, _FAINT, 0.0),
    }
    drawing.set_figheight(drawing.get_figheight() + 0.2 * len(marks) / columns)
    drawing.legend(
        list(marks.values()), list(marks), loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5
    )
