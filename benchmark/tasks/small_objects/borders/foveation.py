"""Foveation (arXiv:2010.02178, section 4): how often the cells of an image are read, by where they lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from benchmark.errors import UsageError
from benchmark.tasks.small_objects.borders.convolution import conv2d
from benchmark.tasks.small_objects.borders.geometry import Pair, fill_of, geometry_of, pair
from benchmark.tasks.small_objects.borders.tracing import both, channels, copied, run, tensors, without_head

# fmt: off
IDENTITIES = frozenset((
    "batch_norm", "instance_norm", "group_norm", "layer_norm", "local_response_norm", "normalize", "relu", "relu_",
    "relu6", "threshold", "leaky_relu", "leaky_relu_", "prelu", "elu", "elu_", "selu", "selu_", "celu", "celu_", "gelu",
    "silu", "mish", "hardtanh", "hardtanh_", "hardswish", "hardsigmoid", "sigmoid", "tanh", "softplus", "softsign",
    "dropout", "dropout1d", "dropout2d", "alpha_dropout", "feature_dropout",
))
# fmt: on
"""What a count of paths goes through unchanged: normalisation, activation, dropout, as a layer or as a function."""
ATTENTION = ("multi_head_attention_forward", "scaled_dot_product_attention", "_native_multi_head_attention")
GATES = ("SqueezeExcitation", "SqueezeExcite", "SEModule", "SEBlock")
"""Layers that multiply a map by numbers made of its mean: no path of their own."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Mean count of the outermost lines of each side, in parts of the mean count in the middle."""

    top: float
    bottom: float
    left: float
    right: float


def foveation(model: nn.Module | Sequence[nn.Module], size: int | Pair, *, relative: bool = True) -> Tensor:
    """Count the paths from each cell of an image to the network's output: (height, width), float64.

    model: a network, or layers in their order;  size: of the image, one number or (height, width);
    relative: in parts of the mean count in the middle (`middle`), else the counts themselves
    It is the gradient of the output's sum where all weights of convolutions are one and biases zero. A cell of one map
    that reads another counts once, however many channels there are: weights are divided by the channels that come in,
    which without branches changes nothing but a factor. Fills are what `repad` made them. Normalisation, activations,
    dropout and squeeze-and-excitation count as nothing, max pooling as the mean over the valid cells of its window,
    average pooling as itself; sums of branches add paths, and where the model gives several maps, all are added. Dense
    layers at the end are left out; other parameters are one. Raises UsageError for a model without nn.Conv2d and for
    images that are too small.
    """
    network = model if isinstance(model, nn.Module) else nn.Sequential(*model)
    height, width = both(size)
    ones = copied(network, _ones, lambda x: x.double() if x.is_floating_point() else x.clone())
    for layer in ones.modules():
        _count(layer)
    images = torch.ones(1, channels(network), height, width, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad(), without_head(ones, always=True), _Paths():
        total = sum(x.sum() for x in tensors(run(ones, images)) if x.is_floating_point() and x.requires_grad)
    if not isinstance(total, Tensor):  # it would be the number 0
        raise UsageError(f"no path leads through {type(network).__name__}: its output does not depend on its images")
    (found,) = torch.autograd.grad(total, images)
    paths = found[0].mean(0)
    return paths / middle(paths) if relative else paths


def middle(paths: Tensor) -> Tensor:
    """Mean over the middle eighth of the rows and of the columns: counts go up and down with the network's stride."""
    rows, columns = (slice(n // 2 - max(1, n // 8) // 2, n // 2 + (max(1, n // 8) + 1) // 2) for n in paths.shape)
    return paths[rows, columns].mean()


def edges(paths: Tensor) -> Edges:
    """Mean count of the outermost sixteenth of the lines of each side, in parts of `middle`.

    paths: (height, width);  of 64 lines these are the outermost 4, over their whole length, and the middle 8x8 cells
    """
    (rows, columns), whole = (max(1, n // 16) for n in paths.shape), middle(paths)
    sides = paths[:rows], paths[-rows:], paths[:, :columns], paths[:, -columns:]
    return Edges(*(float(side.mean() / whole) for side in sides))


def _ones(x: Tensor) -> Tensor:
    """Takes no memory, as large dense layers would."""
    return torch.ones((), dtype=torch.float64).expand(x.shape)


def _count(layer: nn.Module) -> None:
    """Let a layer of the copy count paths; an attribute of the instance, which any subclass obeys."""
    if isinstance(layer, nn.Conv2d):
        shape = layer.out_channels, layer.in_channels // layer.groups, *pair(layer.kernel_size)
        weight = torch.full(shape, 1 / shape[1], dtype=torch.float64)
        geometry, fill = geometry_of(layer), fill_of(layer)
        layer.forward = lambda x: conv2d(x, weight, None, geometry, fill)  # type: ignore[assignment]
    elif isinstance(layer, nn.Linear):
        out = layer.out_features
        layer.forward = lambda x: x.mean(-1, keepdim=True).expand(*x.shape[:-1], out)  # type: ignore[assignment]
    elif type(layer).__name__ in GATES:
        layer.forward = lambda x: x


class _Paths(TorchFunctionMode):
    """Takes the place of functions that no path goes through, also where a `forward` calls them itself."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Do what a count of paths does there."""
        name, kwargs = getattr(func, "__name__", ""), dict(kwargs or {})
        if name in IDENTITIES and args and isinstance(args[0], Tensor):
            return args[0]
        if name in ("max_pool2d", "_max_pool2d"):
            return _mean_of_windows(*args, **kwargs)
        if name == "softmax" and _axis(*args, **kwargs) == 1:  # over channels, as a head may end
            return args[0]
        if name == "softmax" or name in ATTENTION:
            raise UsageError(
                "paths through attention are not counted, as it chooses what it reads; give convolutions alone"
            )
        if name in ("adaptive_max_pool2d", "_adaptive_max_pool2d"):
            return nn.functional.adaptive_avg_pool2d(args[0], args[1])
        return func(*args, **kwargs)


def _axis(_: Tensor, dim: int | None = None, *__: Any, **___: Any) -> int | None:
    return dim


def _mean_of_windows(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """Max pooling takes one of the valid cells, and all are as likely; its padding never wins."""
    if pair(dilation) != (1, 1) or return_indices:
        raise UsageError(
            "paths through max pooling with dilation, or with indices, are not counted; use another pooling"
        )
    stride = stride or kernel_size
    return nn.functional.avg_pool2d(input, kernel_size, stride, padding, ceil_mode, count_include_pad=False)
