"""Drawings: forty characters of nobody's alphabet, each of three cubic strokes, thin and dark on bright smooth paper.

A class is three Bezier curves whose control points were drawn once. An image moves every control point a little, as a
hand would, turns, scales, shears and shifts the whole, and draws it with a pen of some width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from benchmark.data.catalogue import catalogue
from benchmark.data.drawing import strokes
from benchmark.data.drawing.textures import ground, ground_numbers, inked
from benchmark.data.drawing.worlds import Range, World

if TYPE_CHECKING:
    from torch import Generator, Tensor

STROKES = 3
REACH = 0.95
"""Control points lie at most so far from the middle, in half widths."""
JITTER = 0.10
"""Standard deviation of a control point's own movement in one image, in half widths."""


@dataclass(frozen=True)
class Look:
    """Ranges of the uniform random numbers behind one image; brightness is in [0, 1]."""

    turn: Range = (-0.45, 0.45)  # radians
    scale: Range = (0.65, 1.05)
    aspect: Range = (0.75, 1.33)  # width against height
    shear: Range = (-0.30, 0.30)
    shift_x: Range = (-0.20, 0.20)  # in half widths of the image
    shift_y: Range = (-0.20, 0.20)
    pen: Range = (0.045, 0.075)  # half the width of a stroke, in half widths of the image
    depth: Range = (0.45, 0.80)  # share of the brightness that ink takes away
    paper: Range = (0.65, 0.80)  # brightness of the paper at its darkest
    relief: Range = (0.05, 0.20)  # how much brighter it is at its brightest
    noise: Range = (0.02, 0.06)  # standard deviation of the pixels' Gaussian noise


@catalogue.add(
    "drawings",
    title="Drawings: invented characters of three thin strokes",
    licence="drawn by this project (Apache-2.0)",
    source="control points from a fixed seed, in datasets/drawings.py",
)
class Drawings(World):
    """Forty characters, "drawing00" to "drawing39"."""

    name = "drawings"
    classes = tuple(f"drawing{number:02}" for number in range(40))
    drawing = 1
    look = Look()

    def chosen(self, index: int, count: int, size: int, rng: Generator) -> dict[str, Tensor]:
        """points: (count, STROKES, 4, 2) x and y in half widths;  ground: its numbers;  noise: per pixel."""
        import torch

        points = _control_points()[index]
        return {
            "points": points + JITTER * torch.randn(count, *points.shape, generator=rng),
            "ground": ground_numbers(count, rng),
            "noise": torch.randn(count, size, size, generator=rng),
        }

    def drawn(self, size: int, look: Mapping[str, Tensor], chosen: Mapping[str, Tensor]) -> Tensor:
        """Make pixels: strokes of ink on lit paper."""
        at = {name: number.float() for name, number in look.items()}
        ink = strokes.ink(strokes.posed(chosen["points"], look), at["pen"], size)
        paper = at["paper"] + at["relief"] * ground(chosen["ground"], size)
        return inked(paper, ink, at["depth"]) + at["noise"] * chosen["noise"]

    def decisive(self) -> Any:
        """How control points are drawn and moved, and what strokes are made of."""
        return [STROKES, REACH, JITTER, strokes.DECISIVE]


@cache
def _control_points() -> Tensor:
    """Of all classes: (classes, STROKES, POINTS, 2) float32, uniform within REACH."""
    return strokes.control_points("drawings", len(Drawings.classes), STROKES).mul(REACH).float()
