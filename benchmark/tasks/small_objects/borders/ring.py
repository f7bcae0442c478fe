"""The ring of a padded map written in place, and its gradient folded back: what costs least on a CPU.

torch pads with one cell at a time where the fill is no constant, forward and backward; here a padded map is one copy of
the map and a few copies of lines. All of it works outside of autograd, for `fast`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmark.tasks.small_objects.borders.filling import Sides
from benchmark.tasks.small_objects.borders.geometry import Geometry, Pair

Line = tuple[int, int]
"""A line of the ring, and the line of the padded map that it copies."""
Mix = tuple[int, int, float]
"""A line between two of the map: the first, the second, and the share of the second."""


@lru_cache(maxsize=256)
def copied_lines(fill: str, size: int, before: int, after: int) -> tuple[Line, ...]:
    """Lines of the ring along one axis, for a fill that copies: all come from the map itself."""
    sources = {
        "replicate": lambda place: min(max(place, 0), size - 1),
        "reflect": lambda place: -place if place < 0 else 2 * (size - 1) - place,
        "symmetric": lambda place: -place - 1 if place < 0 else 2 * size - 1 - place,
        "circular": lambda place: place % size,
    }
    ring = (*range(-before, 0), *range(size, size + after))
    return tuple((place + before, sources[fill](place) + before) for place in ring)


@lru_cache(maxsize=256)
def mixed_line(place: int, size: int, padded: int) -> Mix:
    """Line `place` of a map of `size` lines stretched bilinearly to `padded` lines (ends not aligned)."""
    where = max((place + 0.5) * size / padded - 0.5, 0.0)
    first = min(int(where), size - 1)
    return first, min(first + 1, size - 1), where - int(where)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write around a map of one size.

    fill: one that copies, or "distribution";  sides: as far as kernels reach, and `whole` as far as the layer asks;
    size: of the map, and `padded` with those sides
    """

    fill: str
    sides: Sides
    whole: Sides
    size: Pair
    padded: Pair

    @property
    def rows(self) -> tuple[Line, ...]:
        """Lines of the ring above and below."""
        return copied_lines(self.fill, self.size[0], self.sides[2], self.sides[3])

    @property
    def columns(self) -> tuple[Line, ...]:
        """Lines of the ring at the left and the right."""
        return copied_lines(self.fill, self.size[1], self.sides[0], self.sides[1])


@lru_cache(maxsize=256)
def plan(geometry: Geometry, size: Pair, fill: str) -> Plan:
    """What a convolution needs around a map: lines at the bottom and the right that no kernel reaches are left out."""
    left, right, top, bottom = geometry.sides
    down, across = geometry.unread(size)
    bottom, right = bottom - min(down, bottom), right - min(across, right)
    padded = top + size[0] + bottom, left + size[1] + right
    return Plan(fill, (left, right, top, bottom), geometry.sides, size, padded)


def padded(x: Tensor, plan: Plan) -> Tensor:
    """Copy a map into one with its ring around.

    x: (batch, channels, *plan.size) -> (batch, channels, *plan.padded)
    """
    left, _, top, _ = plan.sides
    height, width = plan.size
    flat = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    whole = torch.empty(
        (x.shape[0], x.shape[1], *plan.padded),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last if flat else torch.contiguous_format,
    )
    middle = whole.narrow(2, top, height)
    middle.narrow(3, left, width).copy_(x)
    if plan.fill == "distribution":
        _stretch(whole, x, plan)
        return whole
    for line, source in plan.columns:
        middle.select(3, line).copy_(middle.select(3, source))
    for line, source in plan.rows:
        whole.select(2, line).copy_(whole.select(2, source))
    return whole


def folded(gradient: Tensor, plan: Plan) -> Tensor:
    """The transpose of `padded`: add the ring of a gradient to the cells it came from; overwrites the gradient.

    gradient: of the padded map -> of the map, (batch, channels, *plan.size)
    """
    left, _, top, _ = plan.sides
    middle = gradient.narrow(2, top, plan.size[0])
    inside = middle.narrow(3, left, plan.size[1])
    if plan.fill == "distribution":
        return _shrink(gradient, inside, plan)
    for line, source in plan.rows:
        gradient.select(2, source).add_(gradient.select(2, line))
    for line, source in plan.columns:
        middle.select(3, source).add_(middle.select(3, line))
    # channels last, the cells of a row lie together, and what comes next reads them as they are; else a copy is faster
    return inside if inside.stride(1) == 1 else inside.contiguous()


def _ring(axis: int, plan: Plan) -> list[tuple[int, Mix]]:
    """Lines of the ring of a stretched map, and what they mix."""
    before, after = (plan.whole[2], plan.whole[3]) if axis == 2 else (plan.whole[0], plan.whole[1])
    size = plan.size[axis - 2]
    ring = (*range(before), *range(before + size, plan.padded[axis - 2]))
    return [(place, mixed_line(place, size, before + size + after)) for place in ring]


def _stretch(whole: Tensor, x: Tensor, plan: Plan) -> None:
    """Bilinear stretching works along one axis after the other: mix lines across the ring, then stretch them along."""
    left, right, top, bottom = plan.whole
    height, width = plan.size
    rows, columns = _ring(2, plan), _ring(3, plan)
    if columns:
        mixed = torch.stack([torch.lerp(x.select(3, a), x.select(3, b), share) for _, (a, b, share) in columns], 3)
        along = F.interpolate(mixed, size=(top + height + bottom, len(columns)), mode="bilinear")
        for index, (place, _) in enumerate(columns):
            whole.select(3, place).narrow(2, top, height).copy_(along.select(3, index).narrow(2, top, height))
    if rows:
        mixed = torch.stack([torch.lerp(x.select(2, a), x.select(2, b), share) for _, (a, b, share) in rows], 2)
        along = F.interpolate(mixed, size=(len(rows), left + width + right), mode="bilinear")
        for index, (place, _) in enumerate(rows):
            whole.select(2, place).copy_(along.select(2, index).narrow(2, 0, whole.shape[3]))


def _shrink(gradient: Tensor, inside: Tensor, plan: Plan) -> Tensor:
    """The transpose of `_stretch`, and of the copy of the map."""
    left, right, top, bottom = plan.whole
    out = inside.clone()  # dense
    n, c, height, width = inside.shape
    backward = torch.ops.aten.upsample_bilinear2d_backward
    rows, columns = _ring(2, plan), _ring(3, plan)
    if columns:
        along = gradient.new_zeros(n, c, top + height + bottom, len(columns))
        for index, (place, _) in enumerate(columns):
            along.select(3, index).narrow(2, top, height).copy_(gradient.select(3, place).narrow(2, top, height))
        mixed = backward(along, along.shape[2:], (n, c, height, len(columns)), False)
        for index, (_, (a, b, share)) in enumerate(columns):
            out.select(3, a).add_(mixed.select(3, index), alpha=1 - share)
            out.select(3, b).add_(mixed.select(3, index), alpha=share)
    if rows:
        along = gradient.new_zeros(n, c, len(rows), left + width + right)
        for index, (place, _) in enumerate(rows):
            along.select(2, index).narrow(2, 0, gradient.shape[3]).copy_(gradient.select(2, place))
        mixed = backward(along, along.shape[2:], (n, c, len(rows), width), False)
        for index, (_, (a, b, share)) in enumerate(rows):
            out.select(2, a).add_(mixed.select(2, index), alpha=1 - share)
            out.select(2, b).add_(mixed.select(2, index), alpha=share)
    return out
