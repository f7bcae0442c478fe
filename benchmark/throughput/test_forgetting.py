"""The hot path of the projection methods, at the shapes of permuted MNIST (arXiv:2103.09762, table 1).

784 inputs, 100 outputs, minibatches of 10; a basis of rank 400, as after some five tasks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmark.seeding import generator
from benchmark.throughput import plugged

INPUTS, OUTPUTS, BATCH, RANK = 784, 100, 10, 400


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


@pytest.mark.benchmark(group="gpm: project the first layer's gradient, per step")
@pytest.mark.parametrize("form", ["dense MM^T, as released", "low rank (GM)M^T", "projected inputs, per task"])
def test_projection(benchmark: BenchmarkFixture, gpm: ModuleType, form: str) -> None:
    """Gradient of one minibatch, projected: from the outer product of deltas and inputs on."""
    space = gpm.Subspace(INPUTS, torch.device("cpu"))
    space.basis = torch.linalg.qr(_draw(INPUTS, RANK)).Q
    images, deltas = _draw(BATCH, INPUTS), _draw(BATCH, OUTPUTS)
    dense = space.basis @ space.basis.T
    projected = space.remove_from(images)
    forms: dict[str, Callable[[], Tensor]] = {
        "dense MM^T, as released": lambda: (gradient := deltas.T @ images) - gradient @ dense,
        "low rank (GM)M^T": lambda: space.remove_from(deltas.T @ images),
        "projected inputs, per task": lambda: deltas.T @ projected,
    }
    result = benchmark(forms[form])
    expected = (deltas.T @ images).double() @ (torch.eye(INPUTS) - dense).double()
    assert (result - expected).abs().max() < 1e-3


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
