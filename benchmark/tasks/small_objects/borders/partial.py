"""The partial convolution (Liu et al. 2018, arXiv:1811.11718): zeros outside, and the response made up for them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmark.tasks.small_objects.borders import fast
from benchmark.tasks.small_objects.borders.geometry import Geometry, Pair, valid_taps

Factors = tuple[float, ...]


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """Convolve with zeros outside and multiply each cell by the kernel's taps over those on the map, before the bias.

    A cell none of whose taps lies on the map is zero. As a map is a rectangle, the factor is one of the cell's row
    times one of its column, and differs from 1 in the outermost lines alone: only these are multiplied.
    """
    size = (x.shape[2], x.shape[3])
    rows, columns = factors(geometry, size)
    if fast.can(x):
        response = _unfilled(x, weight, geometry)
        if torch.is_grad_enabled() and response.requires_grad:
            response = _Scaled.apply(response, rows, columns)
        else:
            _scale(response, rows, columns)
    else:
        made = (torch.tensor(each, dtype=torch.float64).to(x.device, x.dtype) for each in (rows, columns))
        response = _unfilled(x, weight, geometry) * torch.outer(*made)
    return response if bias is None else response + bias[:, None, None].to(response.dtype)


@lru_cache(maxsize=256)
def factors(geometry: Geometry, size: Pair) -> tuple[Factors, Factors]:
    """Factor of each row, and of each column, of the response: kernel / valid taps, 0 where there is none."""
    return tuple(
        tuple(kernel / taps if taps else 0.0 for taps in valid_taps(cells, kernel, *rest))
        for cells, (kernel, *rest) in zip(size, geometry.axes, strict=True)
    )  # type: ignore[return-value]


def _unfilled(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    left, right, top, bottom = geometry.sides
    if (left, top) != (right, bottom):
        x, left, top = F.pad(x, geometry.sides), 0, 0
    return F.conv2d(x, weight, None, geometry.stride, (top, left), geometry.dilation, geometry.groups)


def _scale(x: Tensor, rows: Factors, columns: Factors) -> None:
    for axis, line_factors in ((2, rows), (3, columns)):
        for line, factor in enumerate(line_factors):
            if factor != 1:
                x.select(axis, line).mul_(factor)


class _Scaled(torch.autograd.Function):
    """Multiplies lines in place: a convolution needs its response no more, and autograd would copy it per line."""

    @staticmethod
    def forward(ctx: Any, response: Tensor, rows: Factors, columns: Factors) -> Tensor:
        ctx.mark_dirty(response)
        ctx.factors = rows, columns
        _scale(response, rows, columns)
        return response

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradient = gradient.clone()
        _scale(gradient, *ctx.factors)
        return gradient, None, None
