"""What a layer does with a map's size: its padding, the cells its kernel reads, and those it never reaches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import nn

from benchmark.errors import UsageError
from benchmark.tasks.small_objects.borders.filling import Sides

Pair = tuple[int, int]
"""Down and across: of rows, and of columns."""


def pair(value: Any) -> Pair:
    """Down and across of what torch allows as one number or two."""
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def sides_of(layer: nn.Conv2d) -> Sides:
    """The layer's padding in cells: left, right, top, bottom; `same` puts an odd cell at the right or the bottom."""
    return _sides(layer.padding, pair(layer.kernel_size), pair(layer.dilation))


def _sides(padding: Any, kernel: Pair, dilation: Pair) -> Sides:
    if padding == "valid":
        return (0, 0, 0, 0)
    if padding == "same":
        down, across = (d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
        return (across // 2, across - across // 2, down // 2, down - down // 2)
    down, across = pair(padding)
    return (across, across, down, down)


def fill_of(layer: nn.Conv2d) -> str:
    """The fill of a convolution, whether `repad` or its own `padding_mode` set it."""
    mode: str = layer.padding_mode  # torch lists its own; ours stand in the same place
    return "zero" if mode == "zeros" else mode


@dataclass(frozen=True, slots=True)
class Geometry:
    """What a convolution is but for its weights; pairs are (down, across)."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    groups: int
    sides: Sides

    @property
    def span(self) -> Pair:
        """Cells from the first tap to the last."""
        (k, j), (d, e) = self.kernel, self.dilation
        return d * (k - 1) + 1, e * (j - 1) + 1

    def padded(self, size: Pair) -> Pair:
        """Size of the padded map."""
        left, right, top, bottom = self.sides
        return size[0] + top + bottom, size[1] + left + right

    def unread(self, size: Pair) -> Pair:
        """Lines at the bottom and at the right of the padded map that no tap ever reads: (h + 2p - span) mod s."""
        down, across = (
            (n - span) % step for n, span, step in zip(self.padded(size), self.span, self.stride, strict=True)
        )
        return down, across

    def response(self, size: Pair) -> Pair:
        """Size of the response to a map; the padded map is no smaller than the span (`check`)."""
        down, across = (
            (n - span) // step + 1 for n, span, step in zip(self.padded(size), self.span, self.stride, strict=True)
        )
        return down, across

    @property
    def axes(self) -> tuple[tuple[int, int, int, int, int], ...]:
        """Of rows, then of columns: kernel, stride, dilation, padding before and after."""
        left, right, top, bottom = self.sides
        (k, j), (s, t), (d, e) = self.kernel, self.stride, self.dilation
        return (k, s, d, top, bottom), (j, t, e, left, right)

    def check(self, size: Pair, fill: str) -> None:
        """Raise UsageError if the padded map is smaller than the kernel's span."""
        (height, width), (down, across) = self.padded(size), self.span
        if down > height or across > width:
            raise UsageError(
                f"a kernel that spans {down}x{across} cells finds only {height}x{width} with {fill} padding; "
                f"use a larger input"
            )


def geometry_of(layer: nn.Conv2d) -> Geometry:
    """The geometry of a layer, with the padding that its fill fills: none for "none"."""
    return _geometry(
        layer.kernel_size, layer.stride, layer.dilation, layer.groups, layer.padding, fill_of(layer) == "none"
    )


@lru_cache(maxsize=256)
def _geometry(kernel: Any, stride: Any, dilation: Any, groups: int, padding: Any, none: bool) -> Geometry:
    sides = (0, 0, 0, 0) if none else _sides(padding, pair(kernel), pair(dilation))
    return Geometry(pair(kernel), pair(stride), pair(dilation), groups, sides)


@lru_cache(maxsize=256)
def valid_taps(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> tuple[int, ...]:
    """How many taps along one axis lie on the map, for each cell of the response; a kernel's taps are the product."""
    firsts = range(-before, size + after - dilation * (kernel - 1), stride)
    return tuple(sum(0 <= first + dilation * tap < size for tap in range(kernel)) for first in firsts)
