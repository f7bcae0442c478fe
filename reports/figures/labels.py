"""Direct labels: names beside their points, placed so that they do not cover each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from reports.figures.canvas import INK, MUTED


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
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure, so nothing can be measured")
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")  # settled: a second layout would move the points away from their labels
    frame = axes.get_window_extent()
    taken = [box for label in labels for box in _obstacles(axes, label)]
    corners = [axes.transData.transform(corner) for corner in lines]
    taken += [_around(start, end) for start, end in itertools.pairwise(corners)]
    for label in labels:
        boxes = _boxes(axes, label, figure.dpi / 72)
        costs = [
            sum(_overlap(box, other) for other in taken) + 4 * (_area(box) - _overlap(box, frame)) + 2 * position
            for position, box in enumerate(boxes)
        ]
        chosen = costs.index(min(costs))
        _annotate(axes, label, _PLACES[chosen])
        taken.append(boxes[chosen])


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


def _area(box: Bbox) -> float:
    return float(box.width * box.height)


def _overlap(one: Bbox, other: Bbox) -> float:
    shared = Bbox.intersection(one, other)
    return _area(shared) if shared is not None else 0.0
