"""Synthetic records of `small_objects.padding`."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmark.results.pictures import Picture
from benchmark.results.record import MetricValue, Record
from reports.figures.small_objects.gallery import Cells
from tests.reports.factory import record

EDGES = ("top", "bottom", "left", "right")
CELLS = 4

Curve = dict[str, list[float]]


def padded(
    method: str,
    seed: int = 0,
    *,
    border: float = 20,
    lost: float = 0,
    lopsided: float = 0,
    settings: Sequence[str] = ("middle", "uniform"),
    size: int = 5,
    scenes: bool = True,
    **fields: Any,
) -> Record:
    """A run that finds 80 % inside and `border` (%) along the edges, `lost` points less at the bottom and the right.

    The control finds 30 points more there. Values rise by a point per seed. Feature maps of `size` cells have twice
    their centre's value along the border, paths half of it; right columns of filters weigh (1 + lopsided) / (1 -
    lopsided) of the left, in %.
    """
    cells, raw = [], {}
    for place, setting in enumerate(settings):
        recall = np.full((CELLS, CELLS), 80.0 + seed)
        recall[0], recall[:, 0] = border + 30 * place + seed, border + 30 * place + seed
        recall[-1], recall[:, -1] = recall[0, 0] - lost, recall[0, 0] - lost
        cells += [(float(place), *cell, 7.0) for cell in long(recall)]
        raw[setting] = [float(recall[0, 0]) - (lost if edge in ("bottom", "right") else 0.0) for edge in EDGES]
    features = ring(size, 2.0)
    kernel = np.ones((3, 3))
    kernel[:, 2], kernel[:, 0] = 1 + lopsided / 100, 1 - lopsided / 100
    curves = {
        "positions": columns(("setting", "row", "column", "recall", "count"), cells),
        "features": columns(
            ("level", "row", "column", "value"),
            [(float(level), *cell) for level in range(2) for cell in long((1 + level) * features)],
        ),
        "foveation": columns(("map", "row", "column", "value"), [(0.0, *cell) for cell in long(900 * ring(size, 0.5))]),
        "kernels": columns(
            ("layer", "row", "column", "value"), [(float(layer), *cell) for layer in range(2) for cell in long(kernel)]
        ),
        "examples": columns(
            ("image", "x1", "y1", "x2", "y2", "class", "score"),
            [(0, 0.1, 0.1, 0.3, 0.3, 0, -1), (0, 0.1, 0.1, 0.35, 0.3, 1, 0.75), (1, 0.5, 0.0, 0.7, 0.2, 0, 0.25)],
        ),
    }
    base = record(
        method,
        seed,
        **{
            "track": "small_objects.padding",
            "curves": curves,
            "names": {"class": ["disc", "cross"], "setting": list(settings), "edge": list(EDGES)},
            "pictures": {"scenes": picture()} if scenes else {},
        }
        | fields,
    )
    values = {
        "AP_small": (border / 2 + seed, [], ""),
        "AP": (50.0 + seed, [40.0 + seed, 60.0 + seed], "class"),
        "recall_border": (float(np.mean(raw[settings[0]])), raw[settings[0]], "edge"),
        "blind_spot": (5.0, [], ""),
    }
    if len(settings) > 1:
        values["recall_border_uniform"] = (float(np.mean(raw[settings[1]])), raw[settings[1]], "edge")
    metrics = {
        name: MetricValue(value=value, unit="%", higher_is_better=True, raw=each, per=per)
        for name, (value, each, per) in values.items()
    }
    return base.model_copy(update={"primary": "AP_small", "metrics": metrics if base.status == "ok" else {}})


def ring(size: int, border: float) -> Cells:
    """Ones, and another value along the border."""
    cells = np.full((size, size), border)
    cells[1:-1, 1:-1] = 1
    return cells


def long(cells: Cells) -> list[tuple[float, float, float]]:
    return [(float(row), float(column), float(value)) for (row, column), value in np.ndenumerate(cells)]


def columns(names: Sequence[str], rows: Sequence[tuple[float, ...]]) -> Curve:
    return {name: [float(row[place]) for row in rows] for place, name in enumerate(names)}


def picture(tiles: int = 2, side: int = 6) -> Picture:
    pixels = (np.arange(tiles * side * side * 3) % 251).astype(np.uint8).tobytes()
    return Picture(
        rows=["test"],
        columns=[str(place) for place in range(tiles)],
        height=side,
        width=side,
        channels=3,
        pixels=base64.b64encode(zlib.compress(pixels)).decode(),
    )
