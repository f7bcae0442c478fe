"""Running a network's convolutional part to look at it: cheap copies, and an end where its dense head begins."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.errors import HeptathlonError, UsageError
from benchmark.tasks.small_objects.borders.geometry import Pair

Make = Callable[[Tensor], Tensor]


class _HeadError(Exception):
    """Not an error: a dense layer is reached that takes no map, and with it the end of the convolutional part."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


def body(model: nn.Module) -> nn.Module:
    """The part of a model that takes a batch of images of any size: a detector's backbone, any other model itself.

    Detectors of torchvision resize their images first, so that their backbone never sees the size that came in.
    """
    backbone = getattr(model, "backbone", None)
    return backbone if hasattr(model, "transform") and isinstance(backbone, nn.Module) else model


def channels(model: nn.Module) -> int:
    """How many channels the model's images have, by its first convolution. Raises UsageError if it has none."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            return int(layer.in_channels)
    raise UsageError(f"{type(model).__name__} has no nn.Conv2d, and so no padding to look at")


def copied(model: nn.Module, parameter: Make, buffer: Make) -> nn.Module:
    """A copy in eval mode that shares no tensor with the model, as each is made anew, from the old one.

    Hooks are left behind: they are the model's own business, and may write elsewhere.
    """
    memo: dict[int, Any] = {}
    for each in model.parameters():
        memo[id(each)] = nn.Parameter(parameter(each.detach()), requires_grad=False)
    for tensor in model.buffers():
        memo[id(tensor)] = buffer(tensor.detach())
    made = copy.deepcopy(model, memo).eval()
    for layer in made.modules():
        layer._forward_hooks.clear()
        layer._forward_pre_hooks.clear()
    return made


def run(model: nn.Module, images: Tensor) -> Tensor | Mapping[str, Any] | Sequence[Any]:
    """What the model makes of images, or what its head would have been given, where its size does not fit.

    Raises UsageError if the images are too small for a layer, or the model fails otherwise.
    """
    try:
        return model(images)  # type: ignore[no-any-return]
    except _HeadError as end:
        return end.features
    except HeptathlonError:
        raise
    except Exception as error:  # any model of anyone: whatever it raises, the message is what can be told
        height, width = images.shape[2:]
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(
            f"{type(model).__name__} cannot take images of {height}x{width} ({lines[0]}); try a larger size"
        ) from error


@contextmanager
def without_head(model: nn.Module, *, always: bool = False) -> Iterator[None]:
    """End the model's run at a dense layer that is given something of another length than it takes.

    always: at the first dense layer that takes vectors after the last convolution, whatever its length
    """
    last = _last_convolution(model) if always else None
    passed = [False]

    def passing(layer: nn.Module, _: Any) -> None:
        passed[0] = passed[0] or layer is last

    def ending(layer: nn.Module, given: tuple[Any, ...]) -> None:
        (x,) = given[:1] or (None,)
        if not (isinstance(layer, nn.Linear) and isinstance(x, Tensor)):
            return
        if x.shape[-1] != layer.in_features or (passed[0] and x.dim() == 2):
            raise _HeadError(x)

    hooks = [each.register_forward_pre_hook(ending) for each in model.modules() if isinstance(each, nn.Linear)]
    hooks += [last.register_forward_pre_hook(passing)] if last is not None else []
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _last_convolution(model: nn.Module) -> nn.Module | None:
    """By the order of definition: a head comes after the features in all networks that have one."""
    found = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    return found[-1] if found else None


def tensors(found: Any) -> Iterator[Tensor]:
    """All tensors of what a model gives."""
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, Mapping):
        for each in found.values():
            yield from tensors(each)
    elif isinstance(found, list | tuple):
        for each in found:
            yield from tensors(each)


def both(size: int | Pair) -> Pair:
    """Height and width of a size that may be one number. Raises UsageError if there is nothing."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise UsageError(f"images of {height}x{width} have no pixel; give a size of at least 1, as in 224 or 224x320")
    return height, width


@contextmanager
def watching(model: nn.Module, kinds: tuple[type[nn.Module], ...], see: Callable[..., None]) -> Iterator[None]:
    """Call see(name, layer, input, output) after each layer of those kinds; without gradients."""

    def hook(name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda layer, given, out: see(name, layer, given[0], out)

    hooks = [each.register_forward_hook(hook(name)) for name, each in model.named_modules() if isinstance(each, kinds)]
    try:
        with torch.no_grad():
            yield
    finally:
        for each in hooks:
            each.remove()
