"""What a record keeps of a run besides its metrics: recall by place, and of drawn scenes also example detections, and
maps of features, paths and kernels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.results.pictures import Picture, sheet
from benchmark.tasks.small_objects.assignment import images_of
from benchmark.tasks.small_objects.rules import Detections
from benchmark.tasks.small_objects.scoring import BANDS, Precision, Recall

EXAMPLES = 3
"""Test images of which a record keeps what was found."""
FAINTEST = 0.2
"""Score below which their detections are left out."""
SIDE = 20
"""Cells along an axis of a map, at most."""

Curve = dict[str, list[float]]
"""A table in long form: column -> values."""


def curves(judged: Sequence[tuple[Precision, Recall]]) -> dict[str, Curve]:
    """Recall by cell and band, per setting."""
    cells, bands = [], []
    for setting, (precision, recall) in enumerate(judged):
        rates, counts = recall.map()
        cells += [
            (setting, *place, rate, count)
            for place, rate, count in zip(
                _places(rates), rates.flatten().tolist(), counts.flatten().tolist(), strict=True
            )
            if count
        ]
        rows = zip(BANDS[:-1], BANDS[1:], precision.bands or [math.nan], recall.bands(), strict=False)
        bands += [(setting, *row) for row in rows if all(map(math.isfinite, row))]
    return {
        "positions": _long(cells, "setting", "row", "column", "recall", "count"),
        "distance": _long(bands, "setting", "from", "to", "AP_small", "recall"),
    }


def looks(inside: dict[str, Any]) -> dict[str, Curve]:
    """What the contestant says of its inside, as `padding` asks for it."""
    return {
        "features": _stacked(map(_coarse, inside["features"]), "level"),
        "foveation": _stacked([_coarse(inside["foveation"])], "map"),
        "kernels": _stacked(inside["kernels"], "layer"),
    }


def examples(found: Detections, test: BoxedImages) -> dict[str, Curve]:
    """Boxes in shares of the sides in the first test images: first the truth, with the score -1."""
    height, width = test.size
    truth = torch.full((len(test.labels),), -1.0)
    rows: list[tuple[float, ...]] = []
    for boxes, labels, scores, counts in (
        (test.boxes, test.labels, truth, test.counts),
        (found.boxes, found.labels, found.scores, found.counts),
    ):
        image = images_of(counts)
        shown = (image < EXAMPLES) & ((scores < 0) | (scores >= FAINTEST))
        shares = boxes / torch.tensor([width, height, width, height])
        table = torch.cat([image[:, None], shares, labels[:, None], scores[:, None]], 1)[shown]
        rows += [tuple(round(value, 4) for value in row) for row in table.tolist()]
    return {"examples": _long(rows, "image", "x1", "y1", "x2", "y2", "class", "score")}


def picture(test: BoxedImages) -> Picture:
    """The same images, without boxes."""
    tiles = test.images[:EXAMPLES].unsqueeze(0)
    return sheet(tiles, rows=["test"], columns=[str(index) for index in range(tiles.shape[1])])


def _coarse(grid: Tensor) -> Tensor:
    """A map averaged to SIDE cells or fewer along each axis, in windows that are the same from either end.

    Of a whole number of pixels where the size allows: others would beat with the strides of the network.
    """
    step = -(-max(grid.shape) // SIDE)
    height, width = (-(-size // step) for size in grid.shape)
    return F.adaptive_avg_pool2d(grid[None], (height, width))[0]


def _stacked(maps: Iterable[Tensor], which: str) -> Curve:
    """Maps in long form, to four digits: more than a picture shows."""
    rows = [
        (index, *place, float(f"{value:.4g}"))
        for index, grid in enumerate(maps)
        for place, value in zip(_places(grid), grid.flatten().tolist(), strict=True)
    ]
    return _long(rows, which, "row", "column", "value")


def _places(grid: Tensor) -> list[tuple[int, int]]:
    return [(row, column) for row in range(grid.shape[0]) for column in range(grid.shape[1])]


def _long(rows: Sequence[tuple[float, ...]], *columns: str) -> Curve:
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    return {name: [float(value) for value in column] for name, column in zip(columns, values, strict=True)}
