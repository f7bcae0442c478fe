"""Where padding is applied unevenly (arXiv:2010.02178, section 3): lines of a padded map that no kernel ever reads.

A layer with kernel k, which with dilation d spans d (k - 1) + 1 cells, stride s and padding p on each side of n cells
reads (n + 2p - span) // s + 1 windows. What is left over, (n + 2p - span) mod s lines, lies at bottom and right.
Then the padding there counts less than at the top and the left, and filters learn to be lopsided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from benchmark.errors import HeptathlonError, UsageError
from benchmark.tasks.small_objects.borders.filling import Sides
from benchmark.tasks.small_objects.borders.geometry import Geometry, Pair, geometry_of, pair
from benchmark.tasks.small_objects.borders.tracing import both, channels, copied, run, watching, without_head

POOLS = (nn.MaxPool2d, nn.AvgPool2d)
EXPLICIT = (nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.ConstantPad2d, nn.CircularPad2d)

_SHAPELESS = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.SiLU, nn.GELU, nn.Sigmoid)
"""Shapes go through these unchanged."""


@dataclass(frozen=True, slots=True)
class LayerPadding:
    """A layer that pads its map, or leaves lines of it unread.

    kind: "convolution", "max pooling", "average pooling" or "padding", a layer that does nothing else;
    size: of the map that comes in, (height, width);  unread: rows at the bottom and columns at the right of the padded
    map that no window reads, less than 0 where pooling with `ceil_mode` reads beyond it
    """

    name: str
    kind: str
    kernel: Pair
    stride: Pair
    dilation: Pair
    sides: Sides
    size: Pair
    unread: Pair

    @property
    def uneven(self) -> tuple[bool, bool]:
        """Whether padding counts less on one side than on the other, of rows and of columns."""
        left, right, top, bottom = self.sides
        down, across = (
            before != after or (rest > 0 and before + after > 0) or rest < 0
            for before, after, rest in ((top, bottom, self.unread[0]), (left, right, self.unread[1]))
        )
        return down, across

    @property
    def cuts(self) -> bool:
        """Whether lines of the map itself are unread though there is no padding, as in pooling by 2 of odd sizes."""
        return max(self.unread) > 0 and not any(self.uneven)


class _UnevenError(HeptathlonError):
    """Ends a run of which all is known."""


class Spans:
    """Runs a copy of a network at any size, and sees its layers."""

    def __init__(self, model: nn.Module, device: str) -> None:
        self.device, self.channels = device, channels(model)
        self.model = copied(model, self._moved, self._moved)
        if device == "meta":
            for layer in self.model.modules():
                _shorten(layer)
        self._seen: list[LayerPadding] = []
        self._hasty = False

    def _moved(self, x: Tensor) -> Tensor:
        return x.to(self.device, copy=True)

    @contextmanager
    def open(self) -> Iterator[Spans]:
        """Watch the copy."""
        seen = watching(self.model, (nn.Conv2d, *POOLS, *EXPLICIT), self._see)
        with seen, without_head(self.model), _checked(self.model):
            yield self

    def at(self, size: int | Pair) -> list[LayerPadding]:
        """Return the layers that pad or leave lines unread, in the order in which they run."""
        self._seen = []
        run(self.model, torch.zeros(1, self.channels, *both(size), device=self.device))
        return list(dict.fromkeys(each for each in self._seen if any(each.sides) or any(each.unread)))

    def even(self, size: int) -> tuple[bool, bool]:
        """Whether all padding is even, of rows and of columns, on square images; where they are too small it is not."""
        self._hasty = True
        try:
            layers = self.at(size)
        except _UnevenError:  # in both: most sizes fail at the first stride, and there the run ends
            return False, False
        except UsageError:
            return False, False
        finally:
            self._hasty = False
        down, across = (not any(each.uneven[axis] for each in layers) for axis in (0, 1))
        return down, across

    def _see(self, name: str, layer: nn.Module, given: Tensor, out: Tensor) -> None:
        size, result = (given.shape[-2], given.shape[-1]), (out.shape[-2], out.shape[-1])
        if isinstance(layer, EXPLICIT):
            self._add(LayerPadding(name, "padding", (1, 1), (1, 1), (1, 1), layer.padding, size, (0, 0)))
            return
        geometry = _shape_of(layer)
        read = ((n - 1) * s + span for n, s, span in zip(result, geometry.stride, geometry.span, strict=True))
        down, across = (whole - part for whole, part in zip(geometry.padded(size), read, strict=True))
        kind = "convolution" if isinstance(layer, nn.Conv2d) else _pool_kind(layer)
        shape = geometry.kernel, geometry.stride, geometry.dilation, geometry.sides
        self._add(LayerPadding(name, kind, *shape, size, (down, across)))

    def _add(self, layer: LayerPadding) -> None:
        self._seen.append(layer)
        if self._hasty and all(any(each.uneven[axis] for each in self._seen) for axis in (0, 1)):
            raise _UnevenError


def spans(model: nn.Module, size: int | Pair) -> list[LayerPadding]:
    """List the convolutions, pooling and padding layers that pad their map or leave lines of it unread.

    size: of the images, one number or (height, width)
    The model is not run itself, but a copy, if possible one without numbers. Layers that are no modules, as where a
    `forward` calls `F.max_pool2d`, are not seen. A dense layer for which the size does not fit ends the run. Raises
    UsageError for a model without nn.Conv2d and for images that are too small.
    """
    with _opened(model, size) as network:
        return network.at(size)


def even_sizes(
    model: nn.Module, *, near: int | Pair, count: int = 3, reach: int | None = None
) -> tuple[list[int], list[int]]:
    """Return the heights and the widths nearest to `near` at which no layer applies its padding unevenly.

    count: of each, at most;  reach: how far to look, as far as `near` itself if not given, at least 16 pixels, but not
    below half of `near`: where maps have but one cell, nothing is uneven.
    Nearest first, of two equally near the larger. Found by trying, a run of shapes each; the lists are shorter, or
    empty, where there are no more within reach. For n layers of stride 2 with padding, they are a 2^n + 1.
    """
    known: dict[int, tuple[bool, bool]] = {}
    with _opened(model, near) as network:

        def even(size: int, axis: int) -> bool:
            if size not in known:
                known[size] = network.even(size)
            return known[size][axis]

        def nearest(middle: int, axis: int) -> list[int]:
            limit = max(16, middle) if reach is None else reach
            tried = dict.fromkeys(size for d in range(limit + 1) for size in (middle + d, middle - d))
            return list(islice((size for size in tried if size > middle // 2 and even(size, axis)), count))

        height, width = both(near)
        return nearest(height, 0), nearest(width, 1)


def _shorten(layer: nn.Module) -> None:
    """Give a layer without numbers its shape at once: torch works it out in Python, at great length."""
    if type(layer) in _SHAPELESS:
        layer.forward = lambda x: x
    elif isinstance(layer, nn.Conv2d) and type(layer).forward is nn.Conv2d.forward:
        layer.forward = _Shaped(layer, layer.forward)  # type: ignore[method-assign, assignment]


class _Shaped:
    """The shape of a convolution's response."""

    def __init__(self, layer: nn.Conv2d, plain: Callable[[Tensor], Tensor]) -> None:
        self.channels, self.out, self.geometry, self.plain = (
            layer.in_channels,
            layer.out_channels,
            _shape_of(layer),
            plain,
        )

    def __call__(self, x: Tensor) -> Tensor:
        if x.dim() != 4 or x.shape[1] != self.channels:
            return self.plain(x)  # which says what is wrong
        return x.new_empty((len(x), self.out, *self.geometry.response((x.shape[2], x.shape[3]))))


@contextmanager
def _opened(model: nn.Module, size: int | Pair) -> Iterator[Spans]:
    """Without numbers, where a run costs the shapes alone; with, if the model cannot do without."""
    with Spans(model, "meta").open() as network:
        try:
            network.at(size)
        except UsageError:
            fails = True
        else:
            yield network
            return
    if fails:
        with Spans(model, "cpu").open() as network:
            yield network


def _shape_of(layer: nn.Module) -> Geometry:
    if isinstance(layer, nn.Conv2d):
        return geometry_of(layer)
    assert isinstance(layer, POOLS)
    (down, across), dilation = pair(layer.padding), pair(getattr(layer, "dilation", 1))
    return Geometry(pair(layer.kernel_size), pair(layer.stride), dilation, 1, (across, across, down, down))


def _pool_kind(layer: nn.Module) -> str:
    return "max pooling" if isinstance(layer, nn.MaxPool2d) else "average pooling"


@contextmanager
def _checked(model: nn.Module) -> Iterator[None]:
    """Say which layer a map is too small for, before torch fails in its own words."""

    def check(name: str) -> object:
        def hook(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
            geometry, size = _shape_of(layer), (given[0].shape[-2], given[0].shape[-1])
            if any(n < span for n, span in zip(geometry.padded(size), geometry.span, strict=True)):
                (height, width), (down, across) = size, geometry.span
                raise UsageError(
                    f"the images are too small: {name or type(layer).__name__} spans {down}x{across} cells and is "
                    f"given a map of {height}x{width}; try a larger size"
                )

        return hook

    hooks = [
        each.register_forward_pre_hook(check(name))  # type: ignore[arg-type]
        for name, each in model.named_modules()
        if isinstance(each, (nn.Conv2d, *POOLS))
    ]
    try:
        yield
    finally:
        for each in hooks:
            each.remove()
