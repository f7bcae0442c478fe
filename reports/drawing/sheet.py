"""Pictures that records hold, as figures: sheets of tiles with their names."""

from __future__ import annotations

import numpy as np
from matplotlib import figure as mpl_figure
from matplotlib.axes import Axes

from reports.drawing.canvas import MUTED, Draw, Figure, Subject, bare, finish, new
from reports.tables import formatting

_TILE = 0.5  # inches: less shows nothing, and fifteen of them still fit on the page
_GAP = 0.04  # of a tile
_PAD = 0.1  # inches on each side: a browser may set the names wider
_LONG = 6  # letters, beyond which the names of columns are turned


def sheet(name: str, *, caption: str, tile: float = _TILE) -> Draw:
    """Return a function that draws the picture of that name, of the first record in the table that has it.

    caption: one sentence or more on what is seen; the seed is added;  tile: its side in inches
    """

    def draw(subject: Subject) -> Figure | None:
        records = (record for row in subject.table.rows for record in row.records if name in record.pictures)
        record = next(records, None)
        if record is None:
            return None
        picture = record.pictures[name]
        rows, columns, height, width, _ = picture.shape
        turned = max(map(len, picture.columns)) > _LONG
        beside = 0.1 * max(map(len, picture.rows)) + 0.1
        above = 0.09 * max(map(len, picture.columns)) + 0.1 if turned else 0.3
        drawing = new(columns * tile + beside, rows * tile * height / width + above)
        axes = drawing.subplots()
        axes.imshow(_joined(picture.tiles()), interpolation="none", cmap="gray", vmin=0, vmax=255)
        places = (1 + _GAP) * np.arange(max(rows, columns)) + 0.5
        axes.set_xticks(places[:columns] * width - 0.5, picture.columns, rotation=90 if turned else 0)
        axes.set_yticks(places[:rows] * height - 0.5, picture.rows)
        axes.xaxis.tick_top()
        axes.tick_params(labelsize=8, labelcolor=MUTED)
        axes.grid(visible=False)
        bare(axes, "left", "bottom")
        _trim(drawing, axes)
        return finish(
            drawing,
            subject,
            name,
            caption=f"{caption} Seed {record.seed}.",
            alt=f"Pictures on {formatting.track(subject.table.track)}: {', '.join(picture.rows)}; each for "
            f"{', '.join(picture.columns)}.",
        )

    draw.__name__ = name
    return draw


def _trim(drawing: mpl_figure.Figure, axes: Axes) -> None:
    """Cut off the room that was left for names and that shorter ones do not need."""
    drawing.set_layout_engine("constrained", w_pad=_PAD, h_pad=_PAD)
    drawing.draw_without_rendering()
    box = axes.get_tightbbox().transformed(drawing.dpi_scale_trans.inverted())  # type: ignore[union-attr]
    drawing.set_size_inches(box.width + 2 * _PAD, box.height + 2 * _PAD)


def _joined(tiles: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Tiles (rows, columns, h, w, c) on one transparent sheet, with gaps: (height, width, 4)."""
    rows, columns, height, width, _ = tiles.shape
    down, across = (round(side * _GAP) for side in (height, width))
    whole = np.zeros((rows, height + down, columns, width + across, 4), dtype=np.uint8)
    whole[:, :height, :, :width, :3] = tiles.transpose(0, 2, 1, 3, 4)
    whole[:, :height, :, :width, 3] = 255
    return whole.reshape(rows * (height + down), columns * (width + across), 4)[: -down or None, : -across or None]
