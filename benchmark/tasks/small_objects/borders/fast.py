"""A filled convolution as one step of autograd, for CPUs: pads and folds in place, skips what is never read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmark.tasks.small_objects.borders import ring
from benchmark.tasks.small_objects.borders.filling import pad
from benchmark.tasks.small_objects.borders.geometry import Geometry


def can(x: Tensor) -> bool:
    """Whether it works here: other devices, autocast, compilers and function transforms want torch's own ops."""
    special = (
        torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
    )
    return type(x) is Tensor and x.device.type == "cpu" and x.numel() > 0 and not special


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, fill: str) -> Tensor:
    """Convolve a map whose border is filled by copies or by stretching: the same as padding first, in less time."""
    plan = ring.plan(geometry, (x.shape[2], x.shape[3]), fill)
    if x.requires_grad and torch.is_grad_enabled():
        out: Tensor = _Convolution.apply(x, weight, bias, geometry, plan)
        return out
    return valid(ring.padded(x, plan), weight, bias, geometry)


def plain(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, fill: str) -> Tensor:
    """The same with torch's own operations, which can be differentiated again and compiled."""
    return valid(pad(x, geometry.sides, fill), weight, bias, geometry)


def valid(padded: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """Convolve a map that is padded already."""
    return F.conv2d(padded, weight, bias, geometry.stride, 0, geometry.dilation, geometry.groups)


class _Convolution(torch.autograd.Function):
    """For autograd: keeps the padded map, and folds the gradient of it, which nobody else has, in place."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, plan: ring.Plan
    ) -> Tensor:
        padded = ring.padded(x, plan)
        ctx.save_for_backward(x, padded, weight, bias)
        ctx.geometry, ctx.plan = geometry, plan
        return valid(padded, weight, bias, geometry)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, padded, weight, bias = ctx.saved_tensors
        geometry, needed = ctx.geometry, ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():  # asked for a graph of the gradient: what was padded in place has none
            inputs = [each for each, wanted in zip((x, weight, bias), needed, strict=True) if wanted]
            out = plain(x, weight, bias, geometry, ctx.plan.fill)
            found = iter(torch.autograd.grad(out, inputs, gradient, create_graph=True))
            return *(next(found) if wanted else None for wanted in needed), None, None
        down, across, into = torch.ops.aten.convolution_backward.default(
            gradient, padded, weight, None if bias is None else bias.shape, geometry.stride, (0, 0),
            geometry.dilation, False, (0, 0), geometry.groups, needed,
        )  # fmt: skip
        return ring.folded(down, ctx.plan), across, into, None, None
