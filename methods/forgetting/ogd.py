"""Orthogonal gradient descent. Farajtabar, Azizan, Mott, Li, AISTATS 2020, arXiv:1910.07104.

After each task keep the gradients of the network's true-class scores on a sample of its images (the paper's OGD-GTL);
later steps go along the part of the gradient that is orthogonal to all of them.

The gradient of one example is, layer by layer, the outer product of its output gradient d and its input x (for a
convolution a sum of them over places). So the kept gradients are kept as factors, n (outputs + inputs) numbers instead
of n outputs inputs, and the projection needs only products with the factors and the n x n Gram matrix
K_ij = sum over layers (d_i.d_j)(x_i.x_j). It is the projection that a basis of the full gradients would give.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmark.tasks.forgetting import permuted, split
from benchmark.tasks.forgetting.learner import SequentialForgettingLearner, gradient_of, patches
from benchmark.tasks.forgetting.rules import ContinualSetup


@dataclass(frozen=True, slots=True)
class Factors:
    """Per-example gradients of a linear layer's weight. outputs: (n, out);  inputs: (n, in)."""

    outputs: Tensor
    inputs: Tensor

    def inner(self, gradient: Tensor) -> Tensor:
        """Inner products (n,) of each example's gradient with `gradient` (out, in)."""
        return ((self.inputs @ gradient.T) * self.outputs).sum(1)

    def combine(self, weights: Tensor) -> Tensor:
        """The sum (out, in) of the examples' gradients, weighted by `weights` (n,)."""
        return (self.outputs * weights[:, None]).T @ self.inputs

    def gram(self) -> Tensor:
        """Inner products (n, n) of the examples' gradients, float64."""
        outputs, inputs = self.outputs.double(), self.inputs.double()
        return (outputs @ outputs.T) * (inputs @ inputs.T)

    def joined(self, other: "Factors") -> "Factors":
        """The gradients of both."""
        return Factors(torch.cat([self.outputs, other.outputs]), torch.cat([self.inputs, other.inputs]))

    def floats(self) -> int:
        """Numbers kept."""
        return self.outputs.numel() + self.inputs.numel()


@dataclass(frozen=True, slots=True)
class Dense:
    """Per-example gradients of a convolution's weight: few weights, many places. gradients: (n, weights)."""

    gradients: Tensor

    def inner(self, gradient: Tensor) -> Tensor:
        """See `Factors.inner`."""
        return self.gradients @ gradient.flatten()

    def combine(self, weights: Tensor) -> Tensor:
        """See `Factors.combine`; flat."""
        return weights @ self.gradients

    def gram(self) -> Tensor:
        """See `Factors.gram`."""
        return self.gradients.double() @ self.gradients.double().T

    def joined(self, other: "Dense") -> "Dense":
        """The gradients of both."""
        return Dense(torch.cat([self.gradients, other.gradients]))

    def floats(self) -> int:
        """Numbers kept."""
        return self.gradients.numel()


@permuted.track.method("ogd", role="baseline", paper="arXiv:1910.07104")
@split.track.method("ogd", role="baseline", paper="arXiv:1910.07104")
class OGD(SequentialForgettingLearner):
    """The memory's gradients are dealt evenly to the tasks that have a later one (section 5: 200 per task)."""

    def __init__(self, setup: ContinualSetup) -> None:
        super().__init__(setup)
        self._count = setup.memory // max(setup.tasks - 1, 1)
        self.layers = self.shared_layers()
        self.kept: list[Factors | Dense] = []
        self._inverse = torch.empty(0)

    @torch.no_grad()
    def before_step(self) -> None:
        """Subtract the gradient's projection onto the span of the kept ones."""
        moving = [(gradient_of(layer), kept) for layer, kept in zip(self.layers, self.kept, strict=True)]
        weights = self._inverse @ torch.stack([kept.inner(gradient.flatten(1)) for gradient, kept in moving]).sum(0)
        for gradient, kept in moving:
            gradient.sub_(kept.combine(weights).view_as(gradient))

    def consolidate(self, index: int, images: Tensor, labels: Tensor) -> None:
        """Keep the score gradients of a sample of the task, and invert the Gram matrix of all kept."""
        chosen = self.choose(self._count, len(images))
        new = self._score_gradients(index, images[chosen], labels[chosen])
        self.kept = [old.joined(more) for old, more in zip(self.kept, new, strict=True)] if self.kept else new  # type: ignore[arg-type]
        gram = torch.stack([kept.gram() for kept in self.kept]).sum(0)
        self._inverse = torch.linalg.pinv(gram, hermitian=True, rtol=1e-10).to(images.dtype)

    def memory(self) -> int:
        """The kept factors."""
        return sum(kept.floats() for kept in self.kept)

    def _score_gradients(self, index: int, images: Tensor, labels: Tensor) -> list[Factors | Dense]:
        """Per-example gradients of the true class's score with respect to each layer's weight."""
        inputs: dict[nn.Module, Tensor] = {}
        outputs: dict[nn.Module, Tensor] = {}

        def keep(layer: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
            inputs[layer] = arguments[0].detach()
            output.retain_grad()
            outputs[layer] = output

        handles = [layer.register_forward_hook(keep) for layer in self.layers]
        try:
            self.model.eval()
            scores = self.model(images, index)
            # Examples do not touch one another, so one backward pass of the sum gives every example's own gradients.
            scores.gather(1, labels[:, None]).sum().backward()
        finally:
            for handle in handles:
                handle.remove()
        return [_per_example(layer, inputs[layer], outputs[layer]) for layer in self.layers]


def _per_example(layer: nn.Linear | nn.Conv2d, inputs: Tensor, outputs: Tensor) -> Factors | Dense:
    """Each example's gradient of the layer's weight, from the layer's inputs and the gradient of its outputs."""
    assert outputs.grad is not None
    if isinstance(layer, nn.Linear):
        return Factors(outputs.grad, inputs)
    return Dense(torch.einsum("nop,nip->noi", outputs.grad.flatten(2), patches(layer, inputs)).flatten(1))
