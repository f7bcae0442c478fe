"""What a trained network shows of its borders: answers to an image without content, and lopsided kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmark.tasks.small_objects.borders.geometry import Pair
from benchmark.tasks.small_objects.borders.tracing import both, channels, run, watching, without_head


@dataclass(frozen=True, slots=True, eq=False)
class ConstantResponse:
    """How a convolution answers to a constant image (arXiv:2010.02178, section 2).

    map: mean over channels, (height, width), float64;  artefact: the largest distance of a cell's response, a vector of
    channels, from the centre cell's, in parts of the length of that; 0 if all cells are equal
    """

    name: str
    map: Tensor
    artefact: float


@dataclass(frozen=True, slots=True, eq=False)
class KernelAsymmetry:
    """How lopsided the kernels of a convolution are (arXiv:2010.02178, section 3).

    map: mean |w| over channels in and out, (down, across);  left_right: the left columns' sum minus the right ones', in
    parts of both, from -1 to 1, the middle column left out;  top_bottom: the same of rows
    """

    name: str
    map: Tensor
    left_right: float
    top_bottom: float


def constant_response(model: nn.Module, size: int | Pair, value: float) -> list[ConstantResponse]:
    """List what each nn.Conv2d answers to an image that is `value` everywhere, in the order in which they run.

    size: of the image, one number or (height, width)
    The model is run itself, in eval mode and without gradients; its modes are restored. Whatever differs between cells
    comes from the border. Where each cell's field of view holds the whole map, the centre is no better than others.
    A dense layer for which the size does not fit ends the run. Raises UsageError for a model without nn.Conv2d and for
    images that are too small.
    """
    found: list[ConstantResponse] = []

    def see(name: str, layer: nn.Module, given: Tensor, out: Tensor) -> None:
        found.append(ConstantResponse(name, out[0].double().mean(0).cpu(), artefact(out[0])))

    weight = next(each for each in model.parameters() if each.is_floating_point())
    shape = (1, channels(model), *both(size))
    images = torch.full(shape, float(value), dtype=weight.dtype, device=weight.device)
    with _evaluating(model), watching(model, (nn.Conv2d,), see), without_head(model):
        run(model, images)
    return found


def artefact(response: Tensor) -> float:
    """The largest distance of a cell from the centre cell, in parts of the centre's length.

    response: (channels, height, width) -> 0 if all cells are equal, inf if only the centre is zero
    """
    centre = response[:, response.shape[1] // 2, response.shape[2] // 2].double()
    largest = float(torch.linalg.vector_norm(response.double() - centre[:, None, None], dim=0).max())
    if largest == 0:
        return 0.0
    length = float(torch.linalg.vector_norm(centre))
    return largest / length if length else float("inf")


def kernel_asymmetry(model: nn.Module) -> list[KernelAsymmetry]:
    """List the convolutions of the model whose kernels have more than one cell, and how lopsided these are."""
    found = []
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d) and max(layer.kernel_size) > 1:
            mean = layer.weight.detach().abs().double().mean((0, 1))
            found.append(KernelAsymmetry(name, mean, _lopsided(mean.sum(0)), _lopsided(mean.sum(1))))
    return found


def _lopsided(lines: Tensor) -> float:
    half = len(lines) // 2
    first, last = (float(each.sum()) for each in (lines[:half], lines[len(lines) - half :]))
    return (first - last) / (first + last) if first + last else 0.0


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    modes = [(each, each.training) for each in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for each, training in modes:
            each.training = training
