"""Where objects are found: recall over the image, and at each of its edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from benchmark.results.ranking import Row
from benchmark.results.record import Record
from benchmark.results.stats import Summary, summarise
from reports.drawing.canvas import INK, MUTED, WIDE, Figure, Subject, finish, new, space
from reports.drawing.dots import banded, mark, paler
from reports.figures.small_objects.gallery import Cells, average, by_seed, gallery
from reports.tables import formatting, frames

BORDERS = ("recall_border", "recall_border_uniform")
"""Recall along the borders, by the place of the setting."""
SETTINGS = {
    "middle": "trained in\nthe middle",
    "uniform": "trained\neverywhere",
    "photographs": "photographs",
}
"""What a setting is called; another has its own name."""
EDGES = {"top": ("^", "#1D4E89"), "left": ("<", "#56A0D3"), "bottom": ("v", "#A61C28"), "right": (">", "#E8833A")}
"""Marker and colour of an edge: blue where a convolution of stride 2 reads the padding at every size, red where not."""

Edges = dict[str, Summary]
"""By edge, or by method."""


def recall_by_position(subject: Subject) -> Figure | None:
    """Draw a map of recall (%) per method and setting, with its blind-spot index and the recall along the borders."""
    runs = frames.curve(subject.table, "positions", ("setting", "row", "column", "recall"))
    shown: dict[str, dict[str, Cells]] = {}
    notes, said = {}, []
    for place, setting in enumerate(subject.names("setting")):
        found = by_seed(runs.filter(pl.col("setting") == place), "recall")
        title = SETTINGS.get(setting, setting)
        if found:
            shown[title] = {method: average(maps) for method, maps in found.items()}
        words = []
        for row in subject.table.rows:
            if row.method in found:
                blind = summarise([_blind_spot(cells) for cells in found[row.method]])
                border = row.metrics.get(BORDERS[place]) if place < len(BORDERS) else None
                notes[title, row.method] = f"{_number(blind)}\n{_number(border) if border else ''}"
                words.append(
                    f"{row.method} blind-spot index {blind.mean:.0f}"
                    + (f", along the borders {border.mean:.1f} %" if border else "")
                )
        if words:
            said.append(f"{formatting.opening(_flat(title))}: {'; '.join(words)}")
    if not shown:
        return None
    colours = mpl.colormaps["magma"]
    label, key = "recall (%)", "blind spot\nborders"
    drawing = gallery(subject, shown, [Normalize(0, 100)], colours, label, notes=notes, key=key)
    return finish(
        drawing,
        subject,
        "recall-by-position",
        caption=f"Recall by the position of the object in the image, mean over {subject.seeds}; black is blind, grey "
        "held no object. Below: the blind-spot index (recall of a seed's worst cell in % of the mean over its cells) "
        "and recall along the four borders in %, each mean ± 95 % interval over seeds. Few objects lie in a cell: a "
        "single seed's worst is often 0 by chance. Methods in the order of the table.",
        alt=f"Heat maps of recall by position on {formatting.track(subject.table.track)}. {'. '.join(said)}.",
    )


def recall_by_edge(subject: Subject) -> Figure | None:
    """Draw recall (%) along each edge with its interval per method, a panel per setting, and bottom right against top
    left."""
    edges, settings = subject.names("edge"), subject.names("setting")
    found = {
        _flat(SETTINGS.get(setting, setting)): values
        for setting, metric in zip(settings, BORDERS, strict=False)
        if (values := {row.method: _edges(row, metric, edges) for row in subject.table.rows}) and any(values.values())
    }
    if not found or not set(edges) <= set(EDGES):
        return None
    rows = [row for row in subject.table.rows if any(values[row.method] for values in found.values())]
    lost = _lost(rows, edges)
    widths = [2.2] * len(found) + [1.5] * bool(lost)
    drawing = new(min(WIDE, 1.7 + 1.7 * sum(widths)), 1.3 + 0.4 * len(rows))
    panels = drawing.subplots(1, len(widths), sharey=True, squeeze=False, width_ratios=widths)[0]
    banded(panels, rows)
    tops = [
        each.mean + (each.half_width or 0.0)
        for one in found.values()
        for edge in one.values()
        for each in edge.values()
    ]
    for place, (axes, (title, values)) in enumerate(zip(panels, found.items(), strict=False)):
        _draw_edges(axes, rows, values, pale=bool(place))
        axes.set_xlim(0, min(100.0, 1.03 * max(tops) + 1))
        axes.set_xlabel("recall (%), higher is better")
        axes.set_title(title, fontsize=9.5, fontweight="bold", color=INK)
    if lost:
        _draw_lost(panels[-1], rows, lost)
    handles = [Line2D([], [], color=colour, marker=marker, linewidth=0.9) for marker, colour in EDGES.values()]
    drawing.legend(handles, list(EDGES), loc="outside upper left", ncols=len(EDGES), frameon=False, fontsize=8.5)
    space(drawing, wide=0.03)
    return finish(
        drawing,
        subject,
        "recall-by-edge",
        caption=f"Recall of objects along each edge, an eighth of the side wide, {subject.seeds}; whiskers are 95 % "
        "intervals over seeds. Where the size is uneven, convolutions of stride 2 leave the padding at the bottom and "
        "the right unread: what that blinds shows as red marks left of blue ones"
        + (" and, paired by seed, as marks below zero in the last panel." if lost else ".")
        + (" Pale: the control, which saw objects everywhere." if len(found) > 1 else ""),
        alt=f"Dot chart of recall by edge on {formatting.track(subject.table.track)}. "
        + ". ".join(
            f"{formatting.opening(title)}: "
            + "; ".join(
                f"{row.method} " + ", ".join(f"{edge} {value.mean:.1f} %" for edge, value in values[row.method].items())
                for row in rows
                if values[row.method]
            )
            for title, values in found.items()
        ),
    )


def _flat(title: str) -> str:
    return title.replace("\n", " ")


def _blind_spot(cells: Cells) -> float:
    """Recall of the worst cell in % of the mean over cells that held objects; 0 if nothing is found."""
    mean = float(np.nanmean(cells))
    return 100 * float(np.nanmin(cells)) / mean if mean > 0 else 0.0


def _values(record: Record, metric: str, edges: Sequence[str]) -> dict[str, float]:
    """A record's recall by edge; empty where it does not name as many as it has."""
    raw = record.metrics[metric].raw if metric in record.metrics else []
    return dict(zip(edges, raw, strict=True)) if len(raw) == len(edges) else {}


def _edges(row: Row, metric: str, edges: Sequence[str]) -> Edges:
    found = [values for record in row.records if (values := _values(record, metric, edges))]
    return {edge: summarise([values[edge] for values in found]) for edge in EDGES if edge in edges and found}


def _lost(rows: Sequence[Row], edges: Sequence[str]) -> dict[str, Edges]:
    """Recall at the bottom and the right less that at the top and the left, by metric and method."""
    lost = {}
    for metric in BORDERS if set(edges) == set(EDGES) else ():
        by_method = {row.method: [_values(record, metric, edges) for record in row.records] for row in rows}
        lost[metric] = {
            method: summarise([(v["bottom"] + v["right"] - v["top"] - v["left"]) / 2 for v in found])
            for method, runs in by_method.items()
            if (found := [values for values in runs if values])
        }
    return {metric: values for metric, values in lost.items() if values}


def _draw_edges(axes: Axes, rows: Sequence[Row], values: Mapping[str, Edges], *, pale: bool) -> None:
    for y, row in enumerate(rows):
        for step, (edge, (marker, colour)) in enumerate(EDGES.items()):
            if edge in values[row.method]:
                aside = y + 0.17 * (step - (len(EDGES) - 1) / 2)
                mark(axes, values[row.method][edge], aside, marker, paler(colour, 0.5 * pale))


def _draw_lost(axes: Axes, rows: Sequence[Row], lost: Mapping[str, Edges]) -> None:
    axes.axvline(0, color=MUTED, linewidth=1.0)
    for place, metric in enumerate(lost):
        aside = 0.13 * (2 * place - 1) if len(lost) > 1 else 0.0
        for y, row in enumerate(rows):
            if row.method in lost[metric]:
                mark(axes, lost[metric][row.method], y + aside, "o", paler(INK, 0.6 * (metric != BORDERS[0])))
    axes.set_title("lost at one end", fontsize=9.5, fontweight="bold", color=INK)
    axes.set_xlabel("bottom and right minus\ntop and left (points)")


def _number(value: Summary) -> str:
    return f"{value.mean:.0f}" if value.half_width is None else f"{value.mean:.0f} ± {value.half_width:.0f}"
