"""Direct labels: names beside their points, placed so that they do not cover each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from reports.drawing.canvas import INK, MUTED


@dataclass(frozen=True, slots=True)
class Label:
    """A name and its point in data coordinates; spread: half widths of its error bars, in data units."""

    text: str
    x: float
    y: float
    spread: tuple[float, float] = (0.0, 0.0)
    bold: bool = False


_FONT_SIZE = 8.5
_NEAR = 10  # points; farther away a thin line ties the label to its point
# Offsets in points and alignment, the most readable first: beside, then above and below, then farther away.
_PLACES = [
    (sign_x * reach, sign_y * rise, "left" if sign_x > 0 else "right" if sign_x < 0 else "center")
    for reach, rise in ((8, 0), (7, 7), (0, 10), (10, 14), (0, 20), (14, 24), (0, 32))
    for sign_y in ((1, -1) if rise else (1,))
    for sign_x in ((1, -1) if reach else (0,))
]


def place(axes: Axes, labels: Sequence[Label], lines: Sequence[tuple[float, float]] = ()) -> None:
    """Write the labels, each where it overlaps least with markers, error bars, other labels and the axes' border.

    lines: corners, in data coordinates, of a line of horizontal and vertical parts that labels should not cross.
    Greedy, in the order given, and deterministic. The axes' limits must be final, for they decide where points lie.
    """
    figure = _settled(axes)
    frame = axes.get_window_extent()
    taken = [box for label in labels for box in _obstacles(axes, label)]
    corners = [axes.transData.transform(corner) for corner in lines]
    taken += [_around(start, end) for start, end in itertools.pairwise(corners)]
    for label in labels:
        boxes = _boxes(axes, label, figure.dpi / 72)
        outside = _areas(boxes) - _overlaps(boxes, [frame])
        costs = _overlaps(boxes, taken) + 4 * outside + 2 * np.arange(len(boxes))
        chosen = int(costs.argmin())
        _annotate(axes, label, _PLACES[chosen])
        taken.append(boxes[chosen])


def list_right(axes: Axes, labels: Sequence[Label], x: float, colours: Sequence[str]) -> None:
    """Write the labels one below the other at x, in data units, each tied to its point by a line of its colour.

    x: right of the axes, where nothing else is. The limits of the axes must be final.
    """
    written = [
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(x, label.y),
            va="center",
            fontsize=_FONT_SIZE,
            fontweight=_weight(label),
            color=INK,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 4, "relpos": (0, 0.5)
            },
        )
        for label, colour in zip(labels, colours, strict=True)
    ]  # fmt: skip
    figure = _settled(axes)
    _, pixels = axes.transData.transform([(x, label.y) for label in labels]).T
    frame = axes.get_window_extent()
    gap = 1.35 * _FONT_SIZE * figure.dpi / 72
    heights = spread(pixels.tolist(), gap, frame.y0, frame.y1 - gap / 2)
    for text, height in zip(written, heights, strict=True):
        text.set_position((x, float(axes.transData.inverted().transform((0, height))[1])))


def spread(values: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move values to be `gap` apart and inside [low, high], in the order they have; equal ones keep the order given.

    Neighbours that are too close form a block around the mean of where they would be (pool adjacent violators). Where
    there is no room for all, they leave at the top.
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    blocks: list[tuple[float, int]] = []  # the place of the first of each block if it were alone, and how many
    for rank, index in enumerate(order):
        start, size = values[index] - rank * gap, 1
        while blocks and blocks[-1][0] >= start:
            before, count = blocks.pop()
            start, size = (before * count + start * size) / (count + size), count + size
        blocks.append((start, size))
    starts = [start for start, size in blocks for _ in range(size)]
    last = len(values) - 1
    places = [min(start + rank * gap, high - (last - rank) * gap) for rank, start in enumerate(starts)]
    moved = {index: max(place, low + rank * gap) for rank, (index, place) in enumerate(zip(order, places, strict=True))}
    return [moved[index] for index in range(len(values))]


def _settled(axes: Axes) -> Figure:
    """Lay out the axes' figure for good: a second layout would move the points away from their labels."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure, so nothing can be measured")
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
    return figure


def _boxes(axes: Axes, label: Label, pixels: float) -> list[Bbox]:
    """Boxes that the label would cover at each place; pixels: how many a point has."""
    text = axes.text(0, 0, label.text, fontsize=_FONT_SIZE, fontweight=_weight(label))
    size = text.get_window_extent()
    text.remove()
    x, y = axes.transData.transform((label.x, label.y))
    boxes = []
    for right, up, side in _PLACES:
        left = x + right * pixels - {"left": 0.0, "center": 0.5, "right": 1.0}[side] * size.width
        bottom = y + up * pixels - size.height / 2
        boxes.append(Bbox.from_bounds(left, bottom, size.width, size.height).padded(1))
    return boxes


def _annotate(axes: Axes, label: Label, spot: tuple[float, float, str]) -> None:
    right, up, side = spot
    axes.annotate(
        label.text,
        (label.x, label.y),
        xytext=(right, up),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=_FONT_SIZE,
        fontweight=_weight(label),
        color=INK,
        arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 4}
        if abs(up) > _NEAR
        else None,
    )


def _obstacles(axes: Axes, label: Label) -> list[Bbox]:
    """Boxes in pixels of a point's marker and error bars, which no label should cover."""
    transform = axes.transData
    centre = transform.transform((label.x, label.y))
    across, up = label.spread
    left, right = transform.transform([(label.x - across, label.y), (label.x + across, label.y)])
    low, high = transform.transform([(label.x, label.y - up), (label.x, label.y + up)])
    return [Bbox([centre - 6, centre + 6]), _around(left, right), _around(low, high)]


def _around(start: npt.NDArray[np.float64], end: npt.NDArray[np.float64]) -> Bbox:
    """Box in pixels around a horizontal or vertical stroke."""
    return Bbox([np.minimum(start, end) - 1.5, np.maximum(start, end) + 1.5])


def _weight(label: Label) -> str:
    return "bold" if label.bold else "normal"


def _areas(boxes: Sequence[Bbox]) -> npt.NDArray[np.float64]:
    return np.array([box.width * box.height for box in boxes])


def _overlaps(boxes: Sequence[Bbox], others: Sequence[Bbox]) -> npt.NDArray[np.float64]:
    """Area of each box that the others cover, added up over them."""
    one, other = (np.array([box.extents for box in each]) for each in (boxes, others))
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    areas: npt.NDArray[np.float64] = (high - low).clip(0).prod(axis=2).sum(axis=1)
    return areas
