"""A rasteriser for hundreds of small frames at once: shapes with soft edges, laid over one another.

Places are in world units: an image spans [-1, 1] to the right and upwards. Pixels come from additions, multiplications,
square roots and comparisons alone, without sums of unknown order: they are equal bit for bit under any number of
threads. Every pass works in place on (n, height, width), for blocks of frames that stay in the cache.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

EDGE = 1.5
"""Width in pixels over which an edge goes from nothing to full."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Where each frame is seen from: world -> image, p -> zoom R(angle) p + pan.

    pan: (n, 2);  turn: (n, 2), cosine and sine of the angle;  zoom: (n,)
    """

    pan: Tensor
    turn: Tensor
    zoom: Tensor

    def place(self, points: Tensor) -> Tensor:
        """Points (n, 2) of the world in the image."""
        return self.direct(points) * self.zoom[:, None] + self.pan

    def direct(self, vectors: Tensor) -> Tensor:
        """Directions (n, 2) of the world in the image; their length stays."""
        (x, y), (cosine, sine) = vectors.unbind(1), self.turn.unbind(1)
        return torch.stack([cosine * x - sine * y, sine * x + cosine * y], dim=1)


@dataclass(frozen=True, slots=True)
class Shape(ABC):
    """One shape in each of n frames. part: the name of what it belongs to, which has a colour."""

    part: str

    @abstractmethod
    def seen(self, camera: Camera) -> Self:
        """The same in the image."""

    @abstractmethod
    def coverage(self, axis: Tensor, scale: float) -> Tensor:
        """How much of each pixel it covers: (n, size, size) in [0, 1].

        axis: (size,) the columns' places;  scale: one over the width of an edge
        """

    def some(self, rows: slice) -> Self:
        """The same in some of the frames."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)[1:]})


@dataclass(frozen=True, slots=True)
class Disc(Shape):
    """centre: (n, 2);  radius: (n,)"""

    centre: Tensor
    radius: Tensor

    def seen(self, camera: Camera) -> Disc:
        """See `Shape.seen`."""
        return replace(self, centre=camera.place(self.centre), radius=self.radius * camera.zoom)

    def coverage(self, axis: Tensor, scale: float) -> Tensor:
        """See `Shape.coverage`."""
        x = (axis - self.centre[:, :1]).square_()
        y = (-axis - self.centre[:, 1:]).square_()
        distance = (x[:, None, :] + y[:, :, None]).sqrt_()
        return _soften(distance.sub_(self.radius[:, None, None]), scale)


@dataclass(frozen=True, slots=True)
class Capsule(Shape):
    """A thick segment. start, end: (n, 2);  radius: (n,)"""

    start: Tensor
    end: Tensor
    radius: Tensor

    def seen(self, camera: Camera) -> Capsule:
        """See `Shape.seen`."""
        start, end = camera.place(self.start), camera.place(self.end)
        return replace(self, start=start, end=end, radius=self.radius * camera.zoom)

    def coverage(self, axis: Tensor, scale: float) -> Tensor:
        """See `Shape.coverage`."""
        along = self.end - self.start
        unit = along / along.square().sum(1, keepdim=True).clamp_min(1e-12)
        x, y = axis - self.start[:, :1], -axis - self.start[:, 1:]  # (n, size) from the start
        share = ((x * unit[:, :1])[:, None, :] + (y * unit[:, 1:])[:, :, None]).clamp_(0, 1)
        across = torch.addcmul(x[:, None, :], share, along[:, :1, None], value=-1).square_()
        upward = torch.addcmul(y[:, :, None], share, along[:, 1:, None], value=-1).square_()
        return _soften(across.add_(upward).sqrt_().sub_(self.radius[:, None, None]), scale)


@dataclass(frozen=True, slots=True)
class Box(Shape):
    """A rectangle. centre, half: (n, 2);  along: (n, 2), the unit vector of its first side."""

    centre: Tensor
    half: Tensor
    along: Tensor

    def seen(self, camera: Camera) -> Box:
        """See `Shape.seen`."""
        centre, half = camera.place(self.centre), self.half * camera.zoom[:, None]
        return replace(self, centre=centre, half=half, along=camera.direct(self.along))

    def coverage(self, axis: Tensor, scale: float) -> Tensor:
        """See `Shape.coverage`."""
        x, y = axis - self.centre[:, :1], -axis - self.centre[:, 1:]
        cosine, sine = self.along[:, :1], self.along[:, 1:]
        first = ((x * cosine)[:, None, :] + (y * sine)[:, :, None]).abs_().sub_(self.half[:, :1, None])
        second = ((x * -sine)[:, None, :] + (y * cosine)[:, :, None]).abs_().sub_(self.half[:, 1:, None])
        return _soften(torch.maximum(first, second, out=first), scale)


def axis(size: int) -> Tensor:
    """Places of the middles of `size` columns, (size,) float32."""
    return (2 * torch.arange(size, dtype=torch.float32) + 1 - size) / size


def paint(canvas: Tensor, shape: Shape, colour: Tensor) -> None:
    """Lay a shape, given in the image, over the canvas (n, 3, size, size), in place. colour: (n, 3)"""
    size = canvas.shape[-1]
    covered = shape.coverage(axis(size), 0.5 * size / EDGE)
    canvas.lerp_(colour[:, :, None, None], covered[:, None])


def _soften(distance: Tensor, scale: float) -> Tensor:
    """Signed distance to the edge, in place -> coverage. scale: 1 over the width of an edge in world units."""
    return distance.mul_(-scale).add_(0.5).clamp_(0, 1)
