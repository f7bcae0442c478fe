"""Convolutions with a fill, and the switch that gives one to every convolution of a model."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from torch import Tensor, nn

from benchmark.errors import UsageError
from benchmark.tasks.small_objects.borders import fast, partial
from benchmark.tasks.small_objects.borders.filling import check_fill, check_reach
from benchmark.tasks.small_objects.borders.geometry import Geometry, Pair, geometry_of, sides_of


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, fill: str) -> Tensor:
    """Convolve a map whose border is filled.

    x: (batch, channels, height, width);  weight: (out, channels / groups, *geometry.kernel);  bias: (out,) or None
    Differentiable, also twice. Raises UnknownNameError for a fill that does not exist, UsageError if the map is too
    small for the fill or the kernel.
    """
    _check(geometry, (x.shape[2], x.shape[3]), fill)
    if fill == "none":
        return fast.valid(x, weight, bias, geometry)
    if fill == "zero":
        return fast.plain(x, weight, bias, geometry, fill)
    if fill == "partial":
        return partial.convolve(x, weight, bias, geometry)
    return (fast.convolve if fast.can(x) else fast.plain)(x, weight, bias, geometry, fill)


@lru_cache(maxsize=256)
def _check(geometry: Geometry, size: Pair, fill: str) -> None:
    """Once for a size."""
    check_fill(fill)
    (replace(geometry, sides=(0, 0, 0, 0)) if fill == "none" else geometry).check(size, fill)
    for cells, (_, _, _, before, after) in zip(size, geometry.axes, strict=True):
        check_reach(fill, cells, before, after)


class RepaddingWarning(UserWarning):
    """Layers that a model's new fill does not reach."""


class _Filled:
    """Takes the place of a layer's `_conv_forward`.

    The layer stays the object that it was, with its class, parameters, hooks and keys: only this attribute of the
    instance is new. Another class for it would have to be made for each subclass, would break pickles, and would fight
    parametrisations, which change the class themselves. `forward` still comes first, so that a subclass that treats
    its weight before (quantisation-aware training, parametrised weights) goes on doing so.
    """

    def __init__(self, layer: nn.Conv2d, fill: str) -> None:
        self.layer, self.fill = layer, fill

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if x.dim() == 3:  # one image without a batch, as torch allows
            return self(x[None], weight, bias)[0]
        # read anew each time: its stride may have been changed since, and replicas have weights of their own
        return conv2d(x, weight, bias, geometry_of(self.layer), self.fill)


def repad(model: nn.Module, fill: str) -> nn.Module:
    """Give every nn.Conv2d of the model, its subclasses included, another fill, in place; return the model.

    Weights, keys of the state dict, hooks and modes stay, and parameters stay the same objects: a checkpoint loads
    before or after, an optimiser made before goes on. Idempotent, and "zero" restores the usual padding. "none" lets
    maps shrink, which a model that adds a map to its convolution cannot bear. Padding of max pooling is no fill (its
    cells never win) and stays, like the zeros of average pooling. Raises UnknownNameError for a fill that does not
    exist, UsageError for a model that has no nn.Conv2d, or one whose class brings another `_conv_forward` or never
    calls it. Warns with RepaddingWarning of padded layers that it leaves alone.
    """
    check_fill(fill)
    layers = [(name, each) for name, each in model.named_modules() if isinstance(each, nn.Conv2d)]
    alone = left_alone(model)
    if not layers:
        others = f"; it has {', '.join(f'{name} ({why})' for name, why in alone.items())}" if alone else ""
        raise UsageError(f"{type(model).__name__} has no nn.Conv2d whose padding could be filled{others}")
    for name, layer in layers:
        _check_forward(name, layer)
    for _, layer in layers:
        layer.__dict__.pop("_conv_forward", None)
        layer.padding_mode = "zeros"
        if fill != "zero" and any(sides_of(layer)):
            layer.padding_mode = fill  # type: ignore[assignment]
            layer.__dict__["_conv_forward"] = _Filled(layer, fill)
    if alone:
        listed = ", ".join(f"{name} ({why})" for name, why in alone.items())
        warnings.warn(f"{fill} padding leaves alone: {listed}", RepaddingWarning, stacklevel=2)
    return model


def left_alone(model: nn.Module) -> dict[str, str]:
    """Padded layers that `repad` does not reach, by name, and why."""
    return dict(_left_alone(model))


def _left_alone(model: nn.Module) -> Iterator[tuple[str, str]]:
    for name, layer in model.named_modules():
        kind = type(layer).__name__
        if isinstance(layer, nn.Conv2d) or not _is_padded(layer):
            continue
        if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
            yield name, f"{kind}: padding of a transposed convolution crops its response"
        elif "quantized" in type(layer).__module__ and "Conv" in kind:
            yield name, f"{kind}: a quantised convolution keeps its weights packed; repad it before it is converted"
        elif isinstance(layer, nn.Conv1d | nn.Conv3d):
            yield name, f"{kind}: only maps of two dimensions are filled"


def _is_padded(layer: nn.Module) -> bool:
    padding = getattr(layer, "padding", 0)
    return padding == "same" or (padding != "valid" and padding not in (0, (0,), (0, 0), (0, 0, 0)))


def _check_forward(name: str, layer: nn.Conv2d) -> None:
    """Refuse a subclass of which it cannot be told that the fill would reach its response."""
    kind = type(layer)
    names = getattr(getattr(kind.forward, "__code__", None), "co_names", ())
    calls = kind.forward is nn.Conv2d.forward or "_conv_forward" in names or {"super", "forward"} <= set(names)
    if kind._conv_forward is not nn.Conv2d._conv_forward or not calls:
        raise UsageError(
            f"{name or kind.__name__} is a {kind.__name__} that convolves in its own way, so that no fill reaches it; "
            f"let its forward call super().forward(x), or use nn.Conv2d"
        )
