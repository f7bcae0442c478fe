"""GPM. Saha, Garg, Roy: Gradient Projection Memory for Continual Learning, ICLR 2021, arXiv:2103.09762.

Per layer, keep an orthonormal basis M of the inputs that earlier tasks send through it. A gradient step that is
orthogonal to M changes no output on those inputs, so each gradient G (outputs x inputs) becomes G - G M M^T.
Claim: it forgets less than fine-tuning and EWC and ends with a higher accuracy.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from benchmark.tasks.forgetting import permuted, split
from benchmark.tasks.forgetting.learner import SequentialForgettingLearner, gradient_of, patches
from benchmark.tasks.forgetting.rules import ContinualSetup


class Subspace:
    """The input space of one layer that earlier tasks use. basis: (inputs, rank), orthonormal columns."""

    def __init__(self, inputs: int, device: torch.device) -> None:
        self.basis = torch.zeros(inputs, 0, device=device)
        self._complement: Tensor | None = None

    def grow(self, representation: Tensor, threshold: float) -> None:
        """Add directions until the basis holds the share `threshold` of the representation's energy (eq. 5, 8, 9).

        representation: (inputs, n), the layer's inputs as columns
        """
        basis = self.basis.double()
        matrix = representation.double()
        total = float(matrix.square().sum())
        residual = matrix - basis @ (basis.T @ matrix)
        left = float(residual.square().sum())
        held = 1 - left / total if total > 0 else 1.0
        if held >= threshold or left <= 1e-12 * total:  # of a residual that is rounding, the directions are arbitrary
            return
        directions, energies = _principal(residual)
        shares = held + energies.cumsum(0) / total
        count = int((shares < threshold).sum()) + 1  # the first at which the share reaches the threshold
        room = basis.shape[0] - basis.shape[1]
        new = directions[:, : min(count, room)]
        new = new - basis @ (basis.T @ new)  # orthogonal to the basis only up to rounding
        self.basis = torch.cat([basis, torch.linalg.qr(new).Q], dim=1).to(self.basis)
        self._complement = None
        inputs, rank = self.basis.shape
        if 2 * rank > inputs:
            # I - M M^T = N N^T for a basis N of the orthogonal complement, the cheaper product when N is narrower.
            self._complement = torch.linalg.qr(self.basis.double(), mode="complete").Q[:, rank:].to(self.basis)

    def remove_from(self, rows: Tensor) -> Tensor:
        """Project rows (n, inputs) onto the orthogonal complement, by products with narrow matrices only."""
        if self._complement is not None:
            return (rows @ self._complement) @ self._complement.T
        return rows - (rows @ self.basis) @ self.basis.T


@permuted.track.method("gpm", paper="arXiv:2103.09762")
class GPM(SequentialForgettingLearner):
    """first_threshold, threshold: share of energy kept of the first and of other layers' inputs (appendix, table of
    hyperparameters: .95 and .99);  growth: added to both per task;  samples: images per task that span the inputs.
    """

    def __init__(
        self,
        setup: ContinualSetup,
        *,
        first_threshold: float = 0.95,
        threshold: float = 0.99,
        growth: float = 0.0,
        samples: int = 300,
    ) -> None:
        super().__init__(setup)
        self._thresholds = (first_threshold, threshold)
        self._growth = growth
        self._samples = samples
        self.layers = self.shared_layers()
        self.subspaces = [Subspace(layer.weight[0].numel(), setup.device) for layer in self.layers]

    def learn(self, index: int, images: Tensor, labels: Tensor) -> None:
        """Train with projected gradients, then take in the directions of this task."""
        first = self.layers[0]
        if index == 0 or not isinstance(first, nn.Linear):
            super().learn(index, images, labels)
            return
        # The first layer's gradient is sum delta x^T, so projecting its inputs x projects the gradient; the inputs are
        # the images and stay the same, so once per task replaces the dearest product of every step.
        projected = self.subspaces[0].remove_from(images.flatten(1))
        minibatch = projected[:0]

        def loss(images: Tensor, projected: Tensor, labels: Tensor) -> Tensor:
            nonlocal minibatch
            minibatch = projected
            return F.cross_entropy(self.model(images, index), labels)

        handle = first.register_forward_hook(
            lambda layer, _, output: _GradientFrom.apply(output.detach(), minibatch, layer.weight)
        )
        try:
            self.train(index, images, projected, labels, loss=loss, before_step=self.before_step)
        finally:
            handle.remove()
        if index + 1 < self.setup.tasks:
            self.consolidate(index, images, labels)

    @torch.no_grad()
    def before_step(self) -> None:
        """Project the gradient of every protected layer whose inputs are not projected already."""
        start = 1 if isinstance(self.layers[0], nn.Linear) else 0
        for layer, subspace in zip(self.layers[start:], self.subspaces[start:], strict=True):
            gradient = gradient_of(layer)
            gradient.copy_(subspace.remove_from(gradient.flatten(1)).view_as(gradient))

    @torch.no_grad()
    def consolidate(self, index: int, images: Tensor, labels: Tensor) -> None:
        """Grow each layer's basis by what this task sends through it; drop the images."""
        if index == 0:
            for module in self.model.modules():  # batch-norm is learned on the first task and shared from then on
                if isinstance(module, _BatchNorm):
                    module.requires_grad_(False)
        chosen = images[self.choose(self._samples, len(images))]
        first, rest = (threshold + self._growth * index for threshold in self._thresholds)
        for position, representation in enumerate(self._representations(index, chosen)):
            self.subspaces[position].grow(representation, first if position == 0 else rest)

    def memory(self) -> int:
        """The bases."""
        return sum(subspace.basis.numel() for subspace in self.subspaces)

    def _representations(self, index: int, images: Tensor) -> list[Tensor]:
        """Inputs of each protected layer as columns, (fan-in, n); for a convolution, of all its patches."""
        inputs: dict[nn.Module, Tensor] = {}

        def keep(layer: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            inputs[layer] = arguments[0]

        handles = [layer.register_forward_pre_hook(keep) for layer in self.layers]
        try:
            self.model.eval()
            self.model(images, index)
        finally:
            for handle in handles:
                handle.remove()
        return [_columns(layer, inputs[layer]) for layer in self.layers]


@split.track.method("gpm", paper="arXiv:2103.09762")
class SplitGPM(GPM):
    """threshold, growth, samples: the paper's for split CIFAR-100, where batch-norm centres what layers receive.

    bare_threshold, bare_growth: in their place for a network without batch-norm. There all inputs share a mean that
    holds most of the energy, and at .97 what is left out is enough to forget by: on CIFAR-10, seed 100 and 3 epochs,
    .97, .99 and .995 gave BWT -5.8, -3.7 and -0.5.
    """

    def __init__(
        self,
        setup: ContinualSetup,
        *,
        threshold: float = 0.97,
        growth: float = 0.003,
        bare_threshold: float = 0.995,
        bare_growth: float = 0.0005,
        samples: int = 125,
    ) -> None:
        super().__init__(setup, first_threshold=threshold, threshold=threshold, growth=growth, samples=samples)
        if not any(isinstance(module, _BatchNorm) for module in self.model.modules()):
            self._thresholds, self._growth = (bare_threshold, bare_threshold), bare_growth


class _GradientFrom(torch.autograd.Function):
    """A linear layer's output, whose gradient reaches the weight as if the inputs had been the projected ones."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, projected: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(projected)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, Tensor]:
        (projected,) = ctx.saved_tensors
        return None, None, gradient.T @ projected


def _columns(layer: nn.Linear | nn.Conv2d, inputs: Tensor) -> Tensor:
    """Inputs of a layer as columns (fan-in, n); patches are flattened as (channel, row, column), as its weight is."""
    if isinstance(layer, nn.Linear):
        return inputs.T
    return patches(layer, inputs).transpose(0, 1).flatten(1)


def _principal(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Left singular vectors (inputs, k) and squared singular values (k,), largest first.

    A wide matrix goes by the eigenvectors of its Gram matrix: only energies matter, and float64 has digits enough.
    """
    rows, columns = matrix.shape
    if columns > rows:
        energies, vectors = torch.linalg.eigh(matrix @ matrix.T)
        return vectors.flip(1), energies.flip(0).clamp_min(0)
    vectors, values, _ = torch.linalg.svd(matrix, full_matrices=False)
    return vectors, values.square()
