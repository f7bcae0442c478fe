"""What a network's borders do to it, as one picture: foveation, its profiles, and answers to a constant image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from reports.drawing.canvas import INK, MUTED, WIDE, bare, look, new, undated

Map = npt.NDArray[np.floating[Any]]
_SHOWN = 8
"""Answers at most, spread evenly over the layers."""
_FINE = 28
"""Pixels of a side that are told apart, about."""
_ROUNDING = 1e-3
"""In parts of an answer: less than that shows as none, as the mean over channels rounds."""
_LEAST = 3
"""Cells of a side, below which a map shows nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A layer's mean answer to a constant image, (height, width), and how far cells are from the centre's."""

    name: str
    map: Map
    artefact: float


def save(path: Path, title: str, paths: Map | None, answers: Sequence[Answer]) -> None:
    """Draw to a file, whose ending says the format.

    paths: from each pixel to the output, in parts of the middle's, (height, width), or None;  answers: in order
    """
    large = [each for each in answers if min(each.map.shape) >= _LEAST]
    chosen = [large[index] for index in _spread(len(large), _SHOWN)]
    with look():
        drawing = new(WIDE, 5.2)
        drawing.suptitle(title, fontsize=11, fontweight="bold", color=INK, x=0.01, ha="left")
        left, right = drawing.subfigures(1, 2, width_ratios=(1, 1.35), squeeze=False)[0]
        if paths is None:
            _nothing(left.subplots(), "paths cannot be counted here")
        else:
            _foveation(left, paths)
        if chosen:
            _answers(right, chosen)
        else:
            _nothing(right.subplots(), "no map large enough to show a border")
        drawing.savefig(path, dpi=150, metadata=undated(path))


def _spread(there: int, wanted: int) -> list[int]:
    """Indices of at most `wanted` of `there`, the first and the last among them."""
    return sorted({round(float(place)) for place in np.linspace(0, there - 1, min(there, wanted))}) if there else []


def _foveation(panel: SubFigure, paths: Map) -> None:
    """The map, and below it what it is along its two middle lines, smoothed: a stride counts every other pixel more."""
    cells = [max(1, n // _FINE) for n in paths.shape]
    smooth = _smoothed(_smoothed(paths, cells[0], 0), cells[1], 1)
    above, below = panel.subplots(2, 1, height_ratios=(2.6, 1))
    shown = above.imshow(smooth, cmap="viridis", vmin=0, vmax=max(1.0, float(np.quantile(smooth, 0.99))))
    above.set_title(
        f"Paths from each pixel to the output: middle = 1,\nmean of {cells[0]}×{cells[1]} pixels",
        fontsize=9.5,
        color=INK,
        loc="left",
    )
    _frameless(above)
    bar = panel.colorbar(
        shown, ax=above, fraction=0.046, pad=0.02, extend="max" if smooth.max() > shown.norm.vmax else "neither"
    )
    bar.outline.set_visible(False)
    for axis, name, colour, dashes in (
        (1, "across the middle", "#0072B2", "-"),
        (0, "down the middle", "#D55E00", "--"),
    ):
        other = paths.shape[1 - axis]
        half = max(1, other // 16)
        middle = np.take(paths, range(other // 2 - half, min(other, other // 2 + half)), axis=1 - axis)
        line = _smoothed(middle.mean(axis=1 - axis), cells[axis], 0)
        below.plot(np.linspace(0, 1, len(line)), line, color=colour, linewidth=1.4, linestyle=dashes, label=name)
    below.axhline(1, color=MUTED, linewidth=0.8, linestyle=":")
    below.set_xlim(0, 1)
    below.set_ylim(bottom=0)
    below.set_xticks([0, 1], ["left or top", "right or bottom"])
    for label, side in zip(below.get_xticklabels(), ("left", "right"), strict=True):
        label.set_horizontalalignment(side)
    below.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _smoothed(values: Map, cells: int, axis: int) -> Map:
    """Mean over a window of so many cells, of those of them that there are at the ends."""
    kernel = np.ones(cells)
    there = np.convolve(np.ones(values.shape[axis]), kernel, mode="same")
    return np.apply_along_axis(lambda line: np.convolve(line, kernel, mode="same") / there, axis, values)


def _answers(panel: SubFigure, answers: Sequence[Answer]) -> None:
    columns = min(4, len(answers))
    grid = panel.subplots(-(-len(answers) // columns), columns, squeeze=False)
    panel.suptitle(
        "Answers to a constant image: mean over channels, less the centre cell",
        fontsize=9.5,
        color=INK,
        x=0.01,
        ha="left",
    )
    for axes in grid.flat[len(answers) :]:
        axes.set_axis_off()
    for axes, answer in zip(grid.flat, answers, strict=False):
        height, width = answer.map.shape
        off = answer.map - answer.map[height // 2, width // 2]
        most = max(float(np.abs(off).max()), _ROUNDING * float(np.abs(answer.map).max())) or 1.0
        axes.imshow(off, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
        name = answer.name if len(answer.name) <= 24 else f"…{answer.name[-23:]}"
        axes.set_title(f"{name}\n{height}×{width}, artefact {answer.artefact:.2g}", fontsize=8, color=INK)
        _frameless(axes)


def _frameless(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    bare(axes, "left", "bottom")


def _nothing(axes: Axes, why: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", color=MUTED)
