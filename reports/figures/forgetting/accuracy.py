"""Figures of the forgetting task: accuracy on every task over time, and final accuracy against forgetting."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from reports.drawing.canvas import INK, MUTED, SMALL, Figure, Subject, finish, new
from reports.drawing.heat import cells
from reports.drawing.scatter import Point, scatter
from reports.tables import formatting, frames

_WIDTH = 10.3  # inches that the page has for panels
_DECIMALS_UP_TO = 6  # tasks; more cells than that have no room for a decimal


def accuracy_over_time(subject: Subject) -> Figure | None:
    """Draw a heat map per method: row after task t, column on task i, accuracy in % averaged over seeds."""
    runs = frames.curve(subject.table, "accuracy", ("after_task", "task", "accuracy"))
    matrices = {
        str(method): _matrix(runs.filter(pl.col("method") == method))
        for method in runs["method"].unique(maintain_order=True)
    }
    if not matrices:
        return None
    tasks = max(matrix.shape[0] for matrix in matrices.values())
    side = max(1.3, 0.26 * tasks)
    lines = math.ceil(len(matrices) * (side + 0.15) / _WIDTH)
    columns = math.ceil(len(matrices) / lines)
    drawing = new(0.5 + columns * (side + 0.15), 0.4 + lines * (side + 0.4))
    panels = drawing.subplots(lines, columns, squeeze=False)
    finite = np.concatenate([matrix[np.isfinite(matrix)] for matrix in matrices.values()])
    norm = Normalize(math.floor(finite.min() / 10) * 10, max(math.ceil(finite.max() / 10) * 10, 1))
    for panel, (method, matrix) in zip(panels.flat, matrices.items(), strict=False):
        _heat_map(panel, matrix, norm)
        panel.set_title(method, fontsize=9.5, fontweight="bold", color=INK, pad=5)
    for panel in panels.flat[len(matrices) :]:
        panel.set_axis_off()
    drawing.supxlabel("accuracy on task", fontsize=9, color=INK)
    drawing.supylabel("after learning task", fontsize=9, color=INK)
    return finish(
        drawing,
        subject,
        "accuracy-over-time",
        caption=f"Accuracy (%) on each task (column) after learning each task (row), averaged over {subject.seeds}; "
        "the darker, the higher. The diagonal is fresh learning; fading down a column is forgetting.",
        alt=f"Heat maps of accuracy over time on {formatting.track(subject.table.track)}, one for each of "
        f"{', '.join(matrices)}. Mean of the last row: "
        + "; ".join(f"{method} {np.nanmean(matrix[-1]):.1f} %" for method, matrix in matrices.items()),
    )


def accuracy_against_forgetting(subject: Subject) -> Figure | None:
    """Draw final accuracy (ACC, %) against backward transfer (BWT, percentage points), with intervals."""
    rows = subject.frame.filter(pl.col("metric").is_in(["ACC", "BWT"])).to_dicts()
    found = {(row["method"], row["metric"]): row for row in rows}
    points = [
        Point(
            row["method"],
            row["role"],
            other["mean"],
            row["mean"],
            other["half_width_95"],
            row["half_width_95"],
            emphasis=row["rank"] == 1,
        )
        for row in rows
        if row["metric"] == "ACC" and (other := found.get((row["method"], "BWT"))) is not None
    ]
    if not points:
        return None
    drawing = new(*SMALL)
    axes = drawing.add_subplot()
    axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.set_xlabel("BWT (percentage points), higher is better")
    axes.set_ylabel("ACC (%), higher is better")
    scatter(axes, points, subject, lines=[(0.0, 0.0), (0.0, 100.0)])
    return finish(
        drawing,
        subject,
        "accuracy-against-forgetting",
        caption=f"Final accuracy over all tasks (ACC) against backward transfer (BWT), {subject.seeds}; bars are 95 % "
        "intervals. The farther left of the dashed line, the more was forgotten. Hollow grey marks are references.",
        alt=f"Scatter plot of ACC against BWT on {formatting.track(subject.table.track)}: "
        + "; ".join(f"{point.method} ACC {point.y:.1f}, BWT {point.x:.1f}" for point in points),
    )


def _matrix(runs: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Average runs over seeds, shape (after task, task); NaN where nothing was measured."""
    cells = runs.group_by("after_task", "task").agg(pl.col("accuracy").mean()).to_numpy()
    size = int(cells[:, :2].max()) + 1
    matrix = np.full((size, size), np.nan)
    matrix[cells[:, 0].astype(int), cells[:, 1].astype(int)] = cells[:, 2]
    return matrix


def _heat_map(axes: Axes, matrix: npt.NDArray[np.float64], norm: Normalize) -> None:
    size = matrix.shape[0]
    cells(axes, matrix, norm, "{:.1f}" if size <= _DECIMALS_UP_TO else "{:.0f}")
    axes.set_aspect("equal")
    axes.set_xticks(range(size), [str(task + 1) for task in range(size)], fontsize=8)
    axes.set_yticks(range(size), [str(task + 1) for task in range(size)], fontsize=8)
