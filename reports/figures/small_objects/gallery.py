"""Maps of an image side by side: a column per method, in the order of the table, and a row per setting or layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib import figure as mpl_figure
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize

from benchmark.results.ranking import Row
from reports.drawing.canvas import GRID, INK, MUTED, WIDE, Subject, bare, new
from reports.drawing.lines import named

Cells = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
"""(rows, columns) from the top left; NaN where there is no value."""
Maps = Mapping[str, Cells]
"""By method."""

_MOST = 64
"""Cells along an axis, beyond which a record is damaged: its numbers would ask for any amount of memory."""
_ACROSS = 12
"""Columns, at most; further methods stand below."""
_LETTER = 0.078
"""Inches of a letter of a title, about: a name that is wider than its map is broken at a hyphen."""


def by_seed(runs: pl.DataFrame, value: str) -> dict[str, list[Cells]]:
    """Maps by method and seed from columns method, seed, row, column and `value`; none of another shape than the first.

    Damaged ones, with places that no map has, are left out.
    """
    found: dict[str, list[Cells]] = {}
    for (method, _), cells in runs.group_by("method", "seed", maintain_order=True):
        whole = _map(cells, value)
        maps = found.setdefault(str(method), [])
        if whole is not None and (not maps or maps[0].shape == whole.shape):
            maps.append(whole)
    return {method: maps for method, maps in found.items() if maps}


def average(maps: Sequence[Cells]) -> Cells:
    """Mean over maps of one shape, of those that have a value."""
    return np.asarray(np.ma.masked_invalid(np.stack(maps)).mean(axis=0).filled(np.nan), dtype=np.float64)


def relative(cells: Cells) -> Cells | None:
    """Deviation from the map's centre, the mean of the one to four cells there, in % of it; None where it is 0."""
    rows, columns = cells.shape
    centre = float(np.mean(cells[(rows - 1) // 2 : rows // 2 + 1, (columns - 1) // 2 : columns // 2 + 1]))
    if not math.isfinite(centre) or not abs(centre) > 1e-9 * float(np.nanmax(np.abs(cells), initial=0.0)):
        return None
    return np.asarray(100 * (cells / centre - 1) * np.sign(centre))


def limit(maps: Sequence[Cells], share: float = 98) -> float:
    """Where a colour scale ends that is symmetric about zero: it holds `share` % of all cells; 1 at least."""
    values = np.abs(np.concatenate([cells.ravel() for cells in maps]))
    return max(1.0, float(np.percentile(values[~np.isnan(values)], share)))


def gallery(
    subject: Subject,
    shown: Mapping[str, Maps],
    norms: list[Normalize],
    colours: Colormap,
    label: str,
    *,
    notes: Mapping[tuple[str, str], str] | None = None,
    key: str = "",
) -> mpl_figure.Figure:
    """Draw maps by the name of their row. All fill the same square, whatever their number of cells.

    norms: one for all rows, or one for each;  label: of the colour bars;  notes: what is written below a map, by row
    and method;  key: what notes mean, left of the first one of each row
    """
    notes = notes or {}
    rows = [row for row in subject.table.rows if any(row.method in maps for maps in shown.values())]
    blocks = -(-len(rows) // _ACROSS)
    across = -(-len(rows) // blocks)
    side = min(1.25, (WIDE - 1.9) / across)
    below = 0.38 if notes else 0.1
    heights = [max(cells.shape[0] / max(cells.shape) for cells in maps.values()) for maps in shown.values()]
    drawing = new(side * across + 1.9, blocks * (0.45 + side * sum(heights) + below * len(shown)))
    drawing.set_layout_engine("compressed", wspace=0.02, hspace=0.02, w_pad=0.03, h_pad=0.03)
    grid = drawing.subplots(blocks * len(shown), across, squeeze=False, height_ratios=heights * blocks)
    for axes in grid.ravel():
        axes.set_visible(False)
    for place, row in enumerate(rows):
        for level, (name, maps) in enumerate(shown.items()):
            axes = grid[place // across * len(shown) + level, place % across]
            axes.set_visible(True)
            _panel(axes, maps.get(row.method), norms[level % len(norms)], colours)
            if level == 0:
                _title(axes, row, int(side / _LETTER))
            if place % across == 0:
                axes.set_ylabel(name, fontsize=8, color=INK)
                if key:
                    _below(axes, -0.12, key, "right")
            _below(axes, 0.5, notes.get((name, row.method), ""), "center")
    # A scale of its own stands beside each row, a common one beside all.
    for panels, norm in zip(grid, norms * blocks, strict=True) if len(norms) > 1 else [(grid.ravel(), norms[0])]:
        beyond = any(_beyond(axes, norm) for axes in panels)
        bar = drawing.colorbar(
            ScalarMappable(norm, colours),
            ax=list(panels),
            pad=0.01,
            fraction=0.03,
            aspect=14,
            extend="both" if beyond else "neither",
        )
        bar.set_label(label, fontsize=7.5 if len(norms) > 1 else 8.5)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=7.5)
    return drawing


def _map(cells: pl.DataFrame, value: str) -> Cells | None:
    places = cells.select("row", "column").to_numpy()
    if not len(places) or places.min() < 0 or places.max() >= _MOST:
        return None
    across, down = places.astype(int).T[::-1]
    whole = np.full((int(down.max()) + 1, int(across.max()) + 1), np.nan)
    whole[down, across] = cells[value].to_numpy()
    return whole


def _beyond(axes: Axes, norm: Normalize) -> bool:
    """Whether a value of the panel's map lies outside the scale."""
    values = [np.asarray(image.get_array()) for image in axes.images]
    return norm.vmax is not None and any(bool((np.abs(cells) > norm.vmax).any()) for cells in values)


def _panel(axes: Axes, cells: Cells | None, norm: Normalize, colours: Colormap) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    bare(axes, "left", "bottom")
    if cells is None:
        axes.set_facecolor("none")
        axes.set_box_aspect(1)
        return
    rows, columns = (size / max(cells.shape) for size in cells.shape)
    axes.set_facecolor(GRID)
    axes.imshow(cells, cmap=colours, norm=norm, interpolation="none", extent=(0, columns, rows, 0))


def _title(axes: Axes, row: Row, letters: int) -> None:
    name = named(row)
    breaks = [place for place, letter in enumerate(name) if letter in "- "]
    if len(name) > letters and breaks:
        at = min(reversed(breaks), key=lambda place: abs(place - len(name) / 2))
        name = f"{name[: at + 1].rstrip()}\n{name[at + 1 :]}"
    axes.set_title(name, fontsize=8.5, fontweight="bold" if row.rank == 1 else "normal", color=INK, pad=3)


def _below(axes: Axes, x: float, text: str, side: str) -> None:
    if text:
        axes.text(
            x, -0.06, text, transform=axes.transAxes, ha=side, va="top", fontsize=7.5, color=MUTED, linespacing=1.3
        )
