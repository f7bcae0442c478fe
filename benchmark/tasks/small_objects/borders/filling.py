"""Fills: what stands beyond the border of a map, by name.

zero          zeros
replicate     the nearest cell of the map
reflect       the map mirrored at the centre of its outermost cells, which are not repeated
symmetric     the map mirrored at its edge: the outermost cells come twice; replicate, where the padding is one cell
circular      the map again: its opposite side
partial       zeros, and the response is multiplied by the kernel's taps over those of them that lie on the map
              (Liu et al. 2018, arXiv:1811.11718); where none does, nothing but the bias is left
distribution  the map stretched bilinearly to the padded size; of that only the ring is used (Nguyen et al. 2019,
              Distribution Padding in Convolutional Neural Networks, ICIP)
none          nothing: the map shrinks
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmark.errors import UsageError, unknown

FILLS = ("zero", "replicate", "reflect", "symmetric", "circular", "partial", "distribution", "none")
COPIES = ("replicate", "reflect", "symmetric", "circular")
"""Fills that copy cells of the map."""

Sides = tuple[int, int, int, int]
"""Cells of padding: left, right, top, bottom, as `torch.nn.functional.pad` takes them."""


def check_fill(fill: str) -> str:
    """Return the fill's name. Raises UnknownNameError with a suggestion."""
    if fill not in FILLS:
        raise unknown("fill", fill, FILLS)
    return fill


def pad(x: Tensor, sides: Sides, fill: str) -> Tensor:
    """Return the map with its border filled.

    x: (batch, channels, height, width) -> (batch, channels, top + height + bottom, left + width + right)
    `partial` gives the zeros alone, as its factor belongs to the response (`convolution.conv2d`). Raises
    UnknownNameError for a fill that does not exist and UsageError if a map is too small for it.
    """
    check_fill(fill)
    left, right, top, bottom = sides
    height, width = x.shape[-2:]
    check_reach(fill, height, top, bottom)
    check_reach(fill, width, left, right)
    if fill == "none" or not any(sides):
        return x
    if fill in ("zero", "partial"):
        return F.pad(x, sides)
    if fill == "distribution":
        stretched = F.interpolate(
            x, size=(height + top + bottom, width + left + right), mode="bilinear", align_corners=False
        )
        return _ring(stretched, x, sides)
    if fill == "symmetric" and max(sides) > 1:
        return _symmetric(x, sides)
    return F.pad(x, sides, mode="replicate" if fill == "symmetric" else fill)


def check_reach(fill: str, size: int, *cells: int) -> None:
    """Raise UsageError if the padding reaches for more cells than a side of the map has."""
    most = {"reflect": size - 1, "symmetric": size, "circular": size}.get(fill)
    if most is not None and max(cells) > most:
        raise UsageError(
            f"{fill} padding of {max(cells)} cells needs a map of at least {max(cells) + size - most} cells, and this "
            f"one has {size}; use a larger input, or replicate"
        )
    if size < 1 and max(cells) > 0 and fill not in ("zero", "partial", "none"):
        raise UsageError(f"{fill} padding needs a map of at least 1 cell, and this one has {size}; use a larger input")


def _ring(padded: Tensor, x: Tensor, sides: Sides) -> Tensor:
    """The padded map with `x` inside."""
    left, _, top, _ = sides
    height, width = x.shape[-2:]
    middle = padded[..., top : top + height, :]
    whole = torch.cat([middle[..., :left], x, middle[..., left + width :]], 3)
    return torch.cat([padded[..., :top, :], whole, padded[..., top + height :, :]], 2)


def _symmetric(x: Tensor, sides: Sides) -> Tensor:
    left, right, top, bottom = sides
    height, width = x.shape[-2:]
    whole = torch.cat([x[..., :left].flip(3), x, x[..., width - right :].flip(3)], 3)
    return torch.cat([whole[..., :top, :].flip(2), whole, whole[..., height - bottom :, :].flip(2)], 2)
