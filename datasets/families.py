"""Families: characters of an invented script that come in families, six to learn from and two that are new in each.

A family is one prototype of three cubic strokes; its members differ by small changes of the prototype's control points,
as a with an accent differs from a. In an image the hand shakes much more than members differ. So a single example of a
new character says little, while its family, known from other members, says a lot: what distribution calibration
(arXiv:2101.06395) takes from base classes is there to be taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from benchmark.data.catalogue import catalogue
from benchmark.data.drawing import strokes
from benchmark.data.drawing.worlds import Range, World

if TYPE_CHECKING:
    from torch import Generator, Tensor

FAMILIES = 16
BASE, NOVEL = 6, 2
"""Members of each family on either side."""
STROKES = 3
REACH = 0.8
"""Control points of a prototype lie at most so far from the middle, in half widths."""
KINSHIP = 0.07
"""A member's control points lie at most so far from the prototype's."""
JITTER = 0.25
"""Standard deviation of a control point's own movement in one image, in half widths."""


@dataclass(frozen=True)
class Look:
    """Ranges of the uniform random numbers behind one image; brightness is in [0, 1]."""

    turn: Range = (-0.25, 0.25)  # radians
    scale: Range = (0.75, 1.15)
    aspect: Range = (0.80, 1.25)  # width against height
    shear: Range = (-0.25, 0.25)
    shift_x: Range = (-0.15, 0.15)  # in half widths of the image
    shift_y: Range = (-0.15, 0.15)
    pen: Range = (0.07, 0.13)  # half the width of a stroke, in half widths of the image
    ink: Range = (0.55, 1.0)  # brightness of the stroke
    noise: Range = (0.08, 0.20)  # standard deviation of the pixels' Gaussian noise


@catalogue.add(
    "families",
    title="Families: characters of an invented script, in families of eight",
    licence="drawn by this project (Apache-2.0)",
    source="control points from a fixed seed, in datasets/families.py",
)
class Families(World):
    """96 characters "base/00-0" to "base/15-5" and 32 characters "novel/00-6" to "novel/15-7"."""

    name = "families"
    classes = (
        *(f"base/{family:02}-{member}" for family in range(FAMILIES) for member in range(BASE)),
        *(f"novel/{family:02}-{member}" for family in range(FAMILIES) for member in range(BASE, BASE + NOVEL)),
    )
    drawing = 1
    look = Look()

    def chosen(self, index: int, count: int, size: int, rng: Generator) -> dict[str, Tensor]:
        """points: (count, STROKES, 4, 2) x and y in half widths;  noise: per pixel."""
        import torch

        points = _control_points()[index]
        return {
            "points": points + JITTER * torch.randn(count, *points.shape, generator=rng),
            "noise": torch.randn(count, size, size, generator=rng),
        }

    def drawn(self, size: int, look: Mapping[str, Tensor], chosen: Mapping[str, Tensor]) -> Tensor:
        """Make pixels: bright strokes on a dark ground."""
        at = {name: number.float() for name, number in look.items()}
        ink = strokes.ink(strokes.posed(chosen["points"], look), at["pen"], size)
        return at["ink"] * ink + at["noise"] * chosen["noise"]

    def decisive(self) -> Any:
        """How control points are drawn and moved, and what strokes are made of."""
        return [FAMILIES, BASE, NOVEL, STROKES, REACH, KINSHIP, JITTER, strokes.DECISIVE]


@cache
def _control_points() -> Tensor:
    """Of all classes, in the order of their names: (classes, STROKES, 4, 2) float32."""
    import torch

    prototypes = strokes.control_points("families", FAMILIES, 1, STROKES).mul(REACH)
    members = prototypes + strokes.control_points("members", FAMILIES, BASE + NOVEL, STROKES).mul(KINSHIP)
    return torch.cat([members[:, :BASE].flatten(0, 1), members[:, BASE:].flatten(0, 1)]).float()
