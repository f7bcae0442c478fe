"""The hot path of the projection methods, at the shapes of the paper's networks (arXiv:2103.09762, appendix)."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmark.seeding import generator
from benchmark.throughput import plugged

INPUTS, OUTPUTS, BATCH, EPOCHS, WIDE = 784, 100, 10, 5, 64

MLP = ((784, 100, 544), (100, 100, 99), (100, 10, 78))
"""(inputs, outputs, rank) of each layer; ranks as measured before the tenth task of permuted MNIST."""
CONVOLUTIONS = ((48, 64, 24), (576, 128, 288), (512, 256, 256))
LINEAR = ((1024, 2048, 512), (2048, 2048, 1024))
"""The same for AlexNet, at half of every space, where projection is dearest: the paper fills some 55 % of it."""


@pytest.fixture
def gpm() -> ModuleType:
    """The plug-in's module, which is not importable by name."""
    return _module("gpm")


@pytest.fixture
def ogd() -> ModuleType:
    """See `gpm`."""
    return _module("ogd")


def _module(name: str) -> ModuleType:
    return sys.modules[plugged.method("forgetting.permuted", name).__module__]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Contestants have one thread each."""
    torch.set_num_threads(1)


def _draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator(0, "throughput", *shape))


def _subspace(gpm: ModuleType, inputs: int, rank: int) -> Any:
    """A protected subspace of that rank."""
    space = gpm.Subspace(inputs, torch.device("cpu"))
    space.span(torch.linalg.qr(_draw(inputs, rank)).Q)
    return space


@pytest.mark.benchmark(group="gpm: projected gradients of a step, permuted MNIST")
@pytest.mark.parametrize("form", ["dense MM^T, as released", "projected inputs"])
def test_step_of_the_mlp(benchmark: BenchmarkFixture, gpm: ModuleType, form: str) -> None:
    """From inputs x and deltas of the paper's three layers to weight gradients off the bases, before the tenth task.

    Released: delta^T x, less its product with the precomputed MM^T, in each layer. Here: delta^T times the projected
    inputs, for which the first layer's images are projected once per task, so that an epoch's step pays a fifth of it.
    """
    layers = [(_draw(BATCH, i), _draw(BATCH, o), _subspace(gpm, i, r)) for i, o, r in MLP]
    dense = [space.basis @ space.basis.T for *_, space in layers]
    share = layers[0][0][: BATCH // EPOCHS]
    ready = layers[0][2].remove_from(layers[0][0])

    def released() -> list[Tensor]:
        full = [deltas.T @ inputs for inputs, deltas, _ in layers]
        return [gradient - gradient @ product for gradient, product in zip(full, dense, strict=True)]

    def projected() -> list[Tensor]:
        layers[0][2].remove_from(share)
        inner = [deltas.T @ space.remove_from(inputs) for inputs, deltas, space in layers[1:]]
        return [layers[0][1].T @ ready, *inner]

    results = benchmark(released if form.startswith("dense") else projected)
    _check(results, layers)


@pytest.mark.benchmark(group="gpm: projected gradients of a step, split CIFAR-100")
@pytest.mark.parametrize("form", ["dense MM^T, as released", "projected inputs and gradients"])
def test_step_of_the_alexnet(benchmark: BenchmarkFixture, gpm: ModuleType, form: str) -> None:
    """The same for the paper's AlexNet with minibatches of 64: convolutions have their gradients projected, linear
    layers their inputs. Convolutions' gradients are given in both forms, which do not differ in making them.
    """
    kernels = [(_draw(o, i), _subspace(gpm, i, r)) for i, o, r in CONVOLUTIONS]
    layers = [(_draw(WIDE, i), _draw(WIDE, o), _subspace(gpm, i, r)) for i, o, r in LINEAR]
    spaces = [space for _, space in kernels] + [space for *_, space in layers]
    dense = [space.basis @ space.basis.T for space in spaces]

    def released() -> list[Tensor]:
        full = [gradient for gradient, _ in kernels] + [deltas.T @ inputs for inputs, deltas, _ in layers]
        return [gradient - gradient @ product for gradient, product in zip(full, dense, strict=True)]

    def projected() -> list[Tensor]:
        outer = [space.remove_from(gradient) for gradient, space in kernels]
        return outer + [deltas.T @ space.remove_from(inputs) for inputs, deltas, space in layers]

    results = benchmark(released if form.startswith("dense") else projected)
    _check(results[len(kernels) :], layers)


def _check(results: list[Tensor], layers: list[tuple[Tensor, Tensor, Any]]) -> None:
    for result, (inputs, deltas, space) in zip(results, layers, strict=True):
        full, basis = (deltas.T @ inputs).double(), space.basis.double()
        assert (result - (full - full @ basis @ basis.T)).abs().max() < 1e-5 * full.norm()


@pytest.mark.benchmark(group="gpm: directions of a convolution's patches")
@pytest.mark.parametrize("form", ["svd, as released", "eigenvectors of the Gram matrix"])
def test_basis(benchmark: BenchmarkFixture, gpm: ModuleType, form: str) -> None:
    """144 inputs and 14,400 patches in float64, as the paper's second convolution gives from 100 images."""
    matrix = _draw(144, 14_400).double() * torch.logspace(0, -3, 144).double()[:, None]
    if form == "svd, as released":
        vectors, values, _ = benchmark(lambda: torch.linalg.svd(matrix, full_matrices=False))
        energies = values.square()
    else:
        vectors, energies = benchmark(lambda: gpm._principal(matrix))
    captured = (vectors[:, :20].T @ matrix).square().sum()
    assert float(captured) == pytest.approx(float(energies[:20].sum()), rel=1e-9)


@pytest.mark.benchmark(group="ogd: project one step's gradients")
@pytest.mark.parametrize("form", ["basis of full gradients", "factors"])
def test_orthogonal_gradients(benchmark: BenchmarkFixture, ogd: ModuleType, form: str) -> None:
    """800 kept gradients of the first layer, 78,400 weights each."""
    kept = ogd.Factors(_draw(800, OUTPUTS), _draw(800, INPUTS))
    gradient = _draw(OUTPUTS, INPUTS)
    full = torch.einsum("no,ni->noi", kept.outputs, kept.inputs).flatten(1)
    basis = torch.linalg.qr(full.T).Q
    inverse = torch.linalg.inv(kept.gram()).float()
    if form == "factors":
        result = benchmark(lambda: gradient - kept.combine(inverse @ kept.inner(gradient)))
    else:
        result = benchmark(lambda: (flat := gradient.flatten()) - basis @ (basis.T @ flat)).view_as(gradient)
    assert (full @ result.flatten()).abs().max() < 1e-2 * full.norm(dim=1).max()
