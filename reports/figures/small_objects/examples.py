"""What some methods find in the same test images."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from benchmark.results.ranking import Row
from benchmark.results.record import Record
from reports.drawing.canvas import INK, WIDE, Figure, Subject, bare, finish, new
from reports.drawing.lines import named
from reports.tables import formatting

BASELINE = "zero"
CHOSEN = (BASELINE, "mind-the-pad")
"""Methods that are shown if they are there, beside the best."""
CLASSES = ("#FFD60A", "#22D3EE", "#FF5DA2", "#8CFF66", "#FF9F1C", "#B794F6")
"""Colours of detected classes, which stand out from pictures; no method has them."""

SURE = 0.4
"""Score from which a detection is drawn thick and its score is written."""

_COLUMNS = ("image", "x1", "y1", "x2", "y2", "class", "score")
_IMAGES = 5
_CLASSES = 24
"""How many are drawn, and named in the key, at most."""


def examples(subject: Subject) -> Figure | None:
    """Draw the first test images with what is there and what some methods found: a row per method."""
    chosen = [row for row in subject.table.rows if row.method in CHOSEN or row.rank == 1]
    seeds = sorted(record.seed for row in chosen for record in row.records if _boxes(record) is not None)
    if not seeds:
        return None
    shown = [
        (row, record, boxes)
        for row in chosen
        for record in row.records
        if record.seed == seeds[0] and (boxes := _boxes(record)) is not None
    ]
    images = min(_IMAGES, max(record.pictures["scenes"].shape[1] for _, record, _ in shown))
    side = min(2.1, (WIDE - 0.4) / images)
    drawing = new(images * side + 0.4, len(shown) * side + 0.4)
    drawing.set_layout_engine("compressed", wspace=0.01, hspace=0.01, w_pad=0.03, h_pad=0.03)
    grid = drawing.subplots(len(shown), images, squeeze=False)
    for panels, (row, record, boxes) in zip(grid, shown, strict=True):
        for place, axes in enumerate(panels):
            _scene(axes, record, place, boxes.filter(pl.col("image") == place))
        panels[0].set_ylabel(
            named(row), fontsize=9, color=INK, fontweight="bold" if row.rank == 1 else "normal", visible=True
        )
    classes = subject.names("class")[:_CLASSES]
    drawing.legend(
        [Patch(facecolor=_colour(place), edgecolor=INK, linewidth=0.5) for place in range(len(classes))]
        + [Patch(facecolor="none", edgecolor=INK, linewidth=0.8)],
        [*classes, "objects"],
        loc="outside lower center",
        ncols=min(8, len(classes) + 1),
        frameon=False,
        fontsize=8.5,
        handlelength=1.0,
    )
    return finish(
        drawing,
        subject,
        "examples",
        caption="The first test images of the primary setting with their objects (thin, white) and what a method "
        f"found there, by class: thick and with its score from {SURE:g} on, thin below, down to the faintest that a "
        f"record keeps. Rows: {_listed([row for row, _, _ in shown])}. Seed {seeds[0]}.",
        alt=f"Test images with boxes on {formatting.track(subject.table.track)}: "
        + "; ".join(
            f"{row.method} {formatting.count(boxes.filter(pl.col('score') >= 0).height, 'detection')} for "
            f"{formatting.count(boxes.filter(pl.col('score') < 0).height, 'object')}"
            for row, _, boxes in shown
        ),
    )


def _boxes(record: Record) -> pl.DataFrame | None:
    """The boxes that a record keeps; None without them or without the pictures they belong to."""
    found = record.curves.get("examples", {})
    columns = {name: found.get(name, []) for name in _COLUMNS}
    if "scenes" not in record.pictures or {len(column) for column in columns.values()} in ({0}, set()):
        return None
    if len({len(column) for column in columns.values()}) > 1:
        return None
    return pl.DataFrame(columns, schema=dict.fromkeys(_COLUMNS, pl.Float64))


def _scene(axes: Axes, record: Record, place: int, boxes: pl.DataFrame) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    bare(axes, "left", "bottom")
    tiles = record.pictures["scenes"].tiles()[0]
    if place >= len(tiles):
        axes.set_visible(False)
        return
    height, width = tiles.shape[1:3]
    tile = tiles[place] if tiles.shape[3] == 3 else tiles[place, :, :, 0]
    axes.imshow(tile, cmap="gray", vmin=0, vmax=255, interpolation="none", extent=(0, width, height, 0))
    for _, x1, y1, x2, y2, kind, score in boxes.sort("score").iter_rows():
        corner, size = (x1 * width, y1 * height), ((x2 - x1) * width, (y2 - y1) * height)
        found = score >= 0
        sure = score >= SURE
        colour, wide = (_colour(int(kind)), 1.6 if sure else 0.7) if found else ("white", 0.9)
        box = Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=wide, clip_on=True)
        box.set_path_effects([patheffects.Stroke(linewidth=wide + 1.0, foreground="black"), patheffects.Normal()])
        axes.add_patch(box)
        if sure:
            _score(axes, score, (x1 * width, y1 * height), (width, height), colour)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)


def _score(axes: Axes, score: float, corner: tuple[float, float], size: tuple[int, int], colour: str) -> None:
    """Write a score above the box's corner, or inside where there is no room."""
    x, y = min(max(corner[0], 0.0), 0.9 * size[0]), corner[1]
    high = y < 0.06 * size[1]
    number = f".{min(99, round(100 * score)):02d}"
    text = axes.text(x, max(y, 0.0), number, fontsize=6.5, color=colour, va="top" if high else "bottom", clip_on=True)
    text.set_path_effects([patheffects.Stroke(linewidth=1.6, foreground="black"), patheffects.Normal()])


def _colour(kind: int) -> str:
    return CLASSES[kind % len(CLASSES)]


def _listed(rows: Sequence[Row]) -> str:
    return ", ".join(f"{row.method}{' (best)' * (row.rank == 1)}" for row in rows)
