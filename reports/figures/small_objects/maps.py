"""What a detector's inside says of the image's places: mean feature maps, and paths from each pixel (foveation)."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.colors import Normalize

from reports.drawing.canvas import MUTED, WIDE, Figure, Subject, finish, new, space, titled
from reports.drawing.labels import Label
from reports.drawing.lines import Line, hue, name_ends, named
from reports.figures.small_objects.gallery import Cells, Maps, average, by_seed, gallery, limit, relative
from reports.tables import formatting, frames

_DEEPEST = "\n(deepest)"
_LEVELS = 5
"""Levels drawn of deeper networks, the first and the last among them."""


def feature_maps(subject: Subject) -> Figure | None:
    """Draw each method's mean feature maps, a row per level, as deviation from the map's centre in %."""
    runs = frames.curve(subject.table, "features", ("level", "row", "column", "value"))
    levels = sorted(runs["level"].unique().to_list())
    levels = [levels[place] for place in sorted({round(p) for p in np.linspace(0, len(levels) - 1, _LEVELS)}) if levels]
    shown = {}
    for level in levels:
        maps = _relative(runs.filter(pl.col("level") == level))
        if maps:
            shown[f"map {level + 1:.0f}"] = maps
    if not shown:
        return None
    names = list(shown)
    if len(names) > 1:
        shown[f"{names[-1]}{_DEEPEST}"] = shown.pop(names[-1])
    norms = [Normalize(-end, end) for end in (limit(list(maps.values())) for maps in shown.values())]
    last = list(shown)[-1]
    return finish(
        gallery(subject, shown, norms, mpl.colormaps["PuOr_r"], "%"),
        subject,
        "feature-maps",
        caption=f"Feature maps from the input (top) to the deepest, mean over test images, channels and "
        f"{subject.seeds}: how much each cell deviates from the map's centre, in % of it. Violet: less than there, "
        "orange: more. One scale per row, which holds 98 % of its cells. Frames along the border "
        "tell of padding, or of its lack.",
        alt=f"Mean feature maps on {formatting.track(subject.table.track)} relative to their centre, {len(shown)} "
        f"levels. {formatting.opening(names[-1])}, the deepest, mean along the top, bottom, left and right edge: "
        + "; ".join(f"{method} {_sides(cells)}" for method, cells in shown[last].items()),
    )


def foveation(subject: Subject) -> Figure | None:
    """Draw how many paths lead from each pixel to the deepest layer, relative to the centre: a map per method."""
    maps = _foveation(subject)
    if not maps:
        return None
    end = limit(list(maps.values()))
    shown = {"paths": maps}
    return finish(
        gallery(subject, shown, [Normalize(-end, end)], mpl.colormaps["PuOr_r"], "against centre (%)"),
        subject,
        "foveation",
        caption="How many paths lead from each place of the image to the deepest layer, against its centre, in % of "
        f"it, by each method's own word, mean over {subject.seeds}: from a violet place fewer lead than from the "
        "centre, from an orange one more; the scale holds 98 % of all cells. It depends on padding and "
        "size, on no weight.",
        alt=f"Maps of paths per pixel on {formatting.track(subject.table.track)}, in % of the centre. Mean along the "
        "top, bottom, left and right edge: " + "; ".join(f"{method} {_sides(cells)}" for method, cells in maps.items()),
    )


def foveation_profile(subject: Subject) -> Figure | None:
    """Draw the same along the middle row and the middle column, a line per method."""
    maps = {method: cells for method, cells in _foveation(subject).items() if np.isfinite(cells).all()}
    if not any(np.ptp(cells) for cells in maps.values()):
        return None  # flat lines would lie on each other
    rows = [row for row in subject.table.rows if row.method in maps]
    lines = [Line(row, {}) for row in rows]
    drawing = new(0.8 * WIDE, max(2.7, 0.9 + 0.17 * len(rows)))
    panels = drawing.subplots(1, 2, sharey=True)
    ends = []
    for axis, (axes, title) in enumerate(zip(panels, ("from left to right", "from top to bottom"), strict=True)):
        labels = []
        for row in rows:
            cells = np.moveaxis(maps[row.method], 1 - axis, 0)  # along the profile first
            size = cells.shape[1]
            y = cells[:, (size - 1) // 2 : size // 2 + 1].mean(axis=1)
            x = (np.arange(len(y)) + 0.5) / len(y)
            best = row.rank == 1
            axes.plot(x, y, color=hue(row, subject), linewidth=2.0 if best else 1.2, zorder=3 if best else 2)
            labels.append(Label(named(row), float(x[-1]), float(y[-1]), bold=best))
        axes.axhline(0, color=MUTED, linewidth=0.8)
        titled(axes, title)
        axes.set_xlabel("place in shares of the side")
        axes.set_xlim(0, 1)
        ends.append((axes, labels, lines))
    panels[0].set_ylabel("paths, % more than at the centre")
    panels[0].set_ylim(*panels[0].get_ylim())
    space(drawing, wide=0.02)
    name_ends(subject, ends)
    return finish(
        drawing,
        subject,
        "foveation-profile",
        caption="The same through the middle of the image: how many more paths lead from there than from its centre. "
        "A line that falls at one end alone tells of padding that convolutions read on one side alone.",
        alt=f"Line charts of paths per pixel through the middle on {formatting.track(subject.table.track)}, first and "
        "last from left to right: "
        + "; ".join(
            f"{method} {_middle(cells)[0]:+.0f} % and {_middle(cells)[-1]:+.0f} %" for method, cells in maps.items()
        ),
    )


def _foveation(subject: Subject) -> Mapping[str, Cells]:
    runs = frames.curve(subject.table, "foveation", ("map", "row", "column", "value"))
    return _relative(runs.filter(pl.col("map") == pl.col("map").min()))


def _relative(runs: pl.DataFrame) -> Maps:
    """Maps by method, each seed's relative to its own centre, mean over seeds."""
    found = {
        method: [one for cells in maps if (one := relative(cells)) is not None]
        for method, maps in by_seed(runs, "value").items()
    }
    return {method: average(maps) for method, maps in found.items() if maps}


def _sides(cells: Cells) -> str:
    """Mean along the top, bottom, left and right edge."""
    edges = (cells[0], cells[-1], cells[:, 0], cells[:, -1])
    return ", ".join(f"{np.nanmean(edge):+.0f} %" if np.isfinite(edge).any() else "none" for edge in edges)


def _middle(cells: Cells) -> Cells:
    rows = cells.shape[0]
    return np.asarray(cells[(rows - 1) // 2 : rows // 2 + 1].mean(axis=0))
