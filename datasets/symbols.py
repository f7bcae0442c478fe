"""Symbols: two dozen filled shapes, dark or bright, on smooth random ground.

A shape is a set of points in the plane, given by its outline in polar coordinates, by straight edges, or by cutting one
such shape out of another. Each is rendered once; an image turns, scales, shears and shifts it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.data.cache import digest
from benchmark.data.catalogue import catalogue
from benchmark.data.drawing.textures import centres, covered, ground, ground_numbers
from benchmark.data.drawing.worlds import Range, World

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

    Plane = NDArray[np.float64]
    Region = NDArray[np.bool_]
    Shape = Callable[[Plane, Plane], Region]

CELL = 64
"""Side of a rendered cell in pixels; shapes fill the unit disc, which touches its edges."""
FINER = 4
"""Points per pixel and direction that decide how much of a pixel is covered."""


@dataclass(frozen=True)
class Look:
    """Ranges of the uniform random numbers behind one image; brightness is in [0, 1]."""

    turn: Range = (-0.40, 0.40)  # radians
    scale: Range = (0.62, 0.88)  # of the unit disc, in half widths of the image
    aspect: Range = (0.85, 1.18)  # width against height
    shear: Range = (-0.15, 0.15)
    shift_x: Range = (-0.14, 0.14)  # in half widths of the image
    shift_y: Range = (-0.14, 0.14)
    bright: Range = (0.0, 1.0)  # above a half the figure is bright, else dark
    middle: Range = (0.42, 0.58)  # mean of the ground's darkest and brightest
    relief: Range = (0.25, 0.55)  # between the ground's darkest and brightest
    contrast: Range = (0.22, 0.42)  # between the figure and the middle of the ground
    noise: Range = (0.01, 0.05)  # standard deviation of the pixels' Gaussian noise


def outline(lobes: int, inner: float, *, phase: float = 0.0) -> Shape:
    """Points within a radius that waves between `inner` and 1, `lobes` times around, first outermost at the top."""
    return lambda x, y: np.hypot(x, y) < (1 + inner + (1 - inner) * np.cos(lobes * (np.arctan2(x, -y) + phase))) / 2


def polygon(*corners: tuple[float, float]) -> Shape:
    """Points inside a closed polygon: those from which a ray crosses its edges an odd number of times."""

    def inside(x: Plane, y: Plane) -> Region:
        odd = np.zeros(x.shape, dtype=bool)
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
            if y0 != y1:
                odd ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        return odd

    return inside


def star(points: int, inner: float) -> Shape:
    """A star, its points on the unit circle and the corners between them at `inner`; the first point is at the top."""
    angles = np.arange(2 * points) * np.pi / points
    radii = np.where(np.arange(2 * points) % 2, inner, 1.0)
    return polygon(*zip((radii * np.sin(angles)).tolist(), (-radii * np.cos(angles)).tolist(), strict=True))


def box(width: float, height: float, *, x: float = 0.0, y: float = 0.0) -> Shape:
    """An upright rectangle of half `width` and half `height` around (x, y)."""
    return polygon((x - width, y - height), (x + width, y - height), (x + width, y + height), (x - width, y + height))


def disc(radius: float, *, x: float = 0.0, y: float = 0.0) -> Shape:
    """A disc around (x, y)."""
    return lambda across, down: np.hypot(across - x, down - y) < radius


def joined(*shapes: Shape) -> Shape:
    """Points in any of the shapes."""
    return lambda x, y: np.logical_or.reduce([shape(x, y) for shape in shapes])


def shared(*shapes: Shape) -> Shape:
    """Points in all of the shapes."""
    return lambda x, y: np.logical_and.reduce([shape(x, y) for shape in shapes])


def cut(shape: Shape, hole: Shape) -> Shape:
    """Points in the first shape and not in the second."""
    return lambda x, y: shape(x, y) & ~hole(x, y)


SHAPES: dict[str, Shape] = {
    "disc": disc(0.85),
    "ellipse": lambda x, y: np.hypot(x, y / 0.45) < 1,
    "triangle": star(3, 0.5),
    "square": box(0.72, 0.72),
    "star4": star(4, 0.35),
    "star5": star(5, 0.38),
    "trefoil": outline(3, 0.25),
    "cinquefoil": outline(5, 0.40),
    "gear": outline(8, 0.66),
    "cross": joined(box(0.95, 0.27), box(0.27, 0.95)),
    "ring": cut(disc(0.95), disc(0.55)),
    "frame": cut(box(0.78, 0.78), box(0.42, 0.42)),
    "crescent": cut(disc(0.95), disc(0.85, x=0.50)),
    "half": shared(disc(1.0, y=0.40), box(1.0, 0.5, y=-0.10)),
    "lens": shared(disc(1.25, x=0.85), disc(1.25, x=-0.85)),
    "drop": joined(disc(0.55, y=0.40), polygon((0.0, -1.0), (0.49, 0.15), (-0.49, 0.15))),
    "heart": joined(disc(0.47, x=-0.42, y=-0.3), disc(0.47, x=0.42, y=-0.3), polygon((-0.8, 0), (0.8, 0), (0, 1))),
    "arrow": joined(polygon((0.0, -1.0), (0.75, -0.10), (-0.75, -0.10)), box(0.25, 0.5, y=0.40)),
    "hourglass": polygon((-0.75, -0.9), (0.75, -0.9), (0.12, 0.0), (0.75, 0.9), (-0.75, 0.9), (-0.12, 0.0)),
    "chevron": polygon((-0.9, 0.1), (0.0, -0.8), (0.9, 0.1), (0.9, 0.75), (0.0, -0.15), (-0.9, 0.75)),
    "ell": joined(box(0.26, 0.9, x=-0.45), box(0.7, 0.26, y=0.64)),
    "tee": joined(box(0.85, 0.26, y=-0.60), box(0.26, 0.8, y=0.05)),
    "cee": cut(disc(0.95), joined(disc(0.50), box(0.5, 0.30, x=0.70))),
    "bars": joined(box(0.85, 0.27, y=-0.50), box(0.85, 0.27, y=0.50)),
}


@catalogue.add(
    "symbols",
    title="Symbols: filled shapes on smooth random ground",
    licence="drawn by this project (Apache-2.0)",
    source="outlines in datasets/symbols.py",
)
class Symbols(World):
    """Twenty-four shapes, named as in SHAPES."""

    name = "symbols"
    classes = tuple(SHAPES)
    drawing = 1
    look = Look()

    def chosen(self, index: int, count: int, size: int, rng: Generator) -> dict[str, Tensor]:
        """cells: (count, CELL, CELL) uint8, of which all are one;  ground: its numbers;  noise: per pixel."""
        import torch

        return {
            "cells": _cells()[index].expand(count, -1, -1),
            "ground": ground_numbers(count, rng),
            "noise": torch.randn(count, size, size, generator=rng),
        }

    def drawn(self, size: int, look: Mapping[str, Tensor], chosen: Mapping[str, Tensor]) -> Tensor:
        """Make pixels: sampled twice as fine as the image and averaged, against aliasing."""
        from torch.nn import functional as F

        cells = F.avg_pool2d(chosen["cells"].unsqueeze(1).float() / 255, _coarser(size))
        fine = F.grid_sample(cells, _grid(size, look), padding_mode="zeros", align_corners=False)
        figure = F.avg_pool2d(fine, 2).squeeze(1)
        at = {name: number.float() for name, number in look.items()}
        paper = at["middle"] + at["relief"] * (ground(chosen["ground"], size) - 0.5)
        side = (at["bright"] > 0.5).float() * 2 - 1
        return covered(paper, figure, at["middle"] + side * at["contrast"]) + at["noise"] * chosen["noise"]

    def decisive(self) -> Any:
        """Hash of the rendered cells."""
        return digest(_cells().numpy().data)


@cache
def _cells() -> Tensor:
    """Share of each pixel that each shape covers, (classes, CELL, CELL), 255 for all of it."""
    import torch

    middles = centres(CELL * FINER).numpy()
    x, y = np.meshgrid(middles, middles)
    covers = np.stack([shape(x, y) for shape in SHAPES.values()]).reshape(-1, CELL, FINER, CELL, FINER)
    return torch.from_numpy((covers.mean((2, 4)) * 255).round().astype(np.uint8))


def _coarser(size: int) -> int:
    """How many pixels of a cell to average along a side, so that it is about as fine as what is sampled from it."""
    return next((step for step in (4, 2) if CELL // step >= size), 1)


def _grid(size: int, look: Mapping[str, Tensor]) -> Tensor:
    """Where each point of an image, twice as fine, lies in the cell: (n, 2 size, 2 size, 2) float32."""
    import torch

    # Undo the shift, the turn, the shear, then the scale along each side.
    cosine, sine, stretch = look["turn"].cos(), look["turn"].sin(), look["aspect"].sqrt()
    wide, high = 1 / (look["scale"] * stretch), stretch / look["scale"]
    xx, xy = wide * (cosine + look["shear"] * sine), wide * (look["shear"] * cosine - sine)
    yx, yy = high * sine, high * cosine
    steps = centres(2 * size)
    x, y = (steps - look["shift_x"]).float(), (steps.unsqueeze(1) - look["shift_y"]).float()
    return torch.stack([xx.float() * x + xy.float() * y, yx.float() * x + yy.float() * y], dim=3)
