"""GPM. Saha, Garg, Roy: Gradient Projection Memory for Continual Learning, ICLR 2021, arXiv:2103.09762.

Per layer, keep an orthonormal basis M of the inputs that earlier tasks send through it. A gradient step that is
orthogonal to M changes no output on those inputs, so each gradient G (outputs x inputs) becomes G - G M M^T.
Claim: it forgets less than fine-tuning and EWC and ends with a higher accuracy.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from benchmark.tasks.forgetting import permuted, split
from benchmark.tasks.forgetting.learner import SequentialForgettingLearner, gradient_of, patches
from benchmark.tasks.forgetting.rules import ContinualSetup

SMALL = 128
"""Inputs of a layer up to which one dense product takes less time than two narrow ones."""


class Subspace:
    """The input space of one layer that earlier tasks use. basis: (inputs, rank), orthonormal columns."""

    def __init__(self, inputs: int, device: torch.device) -> None:
        self.basis = torch.zeros(inputs, 0, device=device)
        self._onto_rest: tuple[Tensor, ...] = ()  # matrices whose product is I - M M^T, where they are the cheaper way

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
        self.span(torch.cat([basis, torch.linalg.qr(new).Q], dim=1).to(self.basis))

    def span(self, basis: Tensor) -> None:
        """Take `basis` (inputs, rank), orthonormal columns, for the subspace."""
        self.basis = basis
        inputs, rank = basis.shape
        exact = basis.double()
        if 2 * rank > inputs:  # I - M M^T = N N^T for a basis N of the orthogonal complement
            narrow = torch.linalg.qr(exact, mode="complete").Q[:, rank:]
            dense = narrow @ narrow.T
        else:
            narrow = exact
            dense = torch.eye(inputs, dtype=exact.dtype, device=exact.device) - exact @ exact.T
        if inputs <= SMALL or 2 * narrow.shape[1] >= inputs:
            self._onto_rest = (dense.to(basis),)
        else:
            self._onto_rest = (narrow.to(basis), narrow.T.to(basis)) if 2 * rank > inputs else ()

    def remove_from(self, rows: Tensor) -> Tensor:
        """Project rows (n, inputs) onto the orthogonal complement, by the cheapest products that do."""
        if not self._onto_rest:
            return torch.addmm(rows, rows @ self.basis, self.basis.T, alpha=-1)
        for matrix in self._onto_rest:
            rows = rows @ matrix
        return rows


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
        self._projected_images: tuple[Tensor, ...] = ()  # of the minibatch in training
        self.layers = self.shared_layers()
        self.subspaces = [Subspace(layer.weight[0].numel(), setup.device) for layer in self.layers]

    def train(
        self,
        index: int,
        *tensors: Tensor,
        loss: Callable[..., Tensor],
        before_step: Callable[[], None] | None = None,
    ) -> None:
        """Train with projected gradients: of linear layers by projecting their inputs, of convolutions themselves.

        A linear layer's gradient is sum delta x^T, so projecting its inputs x projects the gradient, at the cost of a
        row per example instead of one per output. The first one's inputs are the images and stay the same: they are
        projected once per task.
        """
        if index == 0:
            super().train(index, *tensors, loss=loss, before_step=before_step)
            return
        images, labels = tensors
        whole = (self.subspaces[0].remove_from(images.flatten(1)),) if isinstance(self.layers[0], nn.Linear) else ()

        def noting(images: Tensor, labels: Tensor, *projected: Tensor) -> Tensor:
            self._projected_images = projected
            return loss(images, labels)

        with self.inputs_projected():
            super().train(index, images, labels, *whole, loss=noting, before_step=before_step)

    @contextmanager
    def inputs_projected(self) -> Iterator[None]:
        """Inside, gradients reach the weights of linear layers as if their inputs had been the projected ones."""
        linear = [layer for layer in self.layers if isinstance(layer, nn.Linear)]
        handles = [layer.register_forward_hook(self._through_projected) for layer in linear]
        try:
            yield
        finally:
            self._projected_images = ()
            for handle in handles:
                handle.remove()

    @torch.no_grad()
    def before_step(self) -> None:
        """Project the gradient of every convolution."""
        for layer, subspace in zip(self.layers, self.subspaces, strict=True):
            if isinstance(layer, nn.Conv2d):
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

    def _through_projected(self, layer: nn.Linear, arguments: tuple[Tensor], output: Tensor) -> Tensor:
        position = self.layers.index(layer)
        (inputs,) = arguments
        if position == 0 and self._projected_images:
            (projected,) = self._projected_images
        else:
            projected = self.subspaces[position].remove_from(inputs.detach())
        through: Tensor = _ProjectedLinear.apply(output.detach(), inputs, projected, layer.weight)
        return through

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
    """threshold: share of energy kept of every layer's inputs, on any network; growth: added per task; samples: images
    per task that span the inputs. All three are the paper's for split CIFAR-100.

    The paper's network has batch-norm, that of the quick and standard tiers has not; on glyphs a higher threshold only
    loses accuracy there (docs/tuning/forgetting.md).
    """

    def __init__(
        self, setup: ContinualSetup, *, threshold: float = 0.97, growth: float = 0.003, samples: int = 125
    ) -> None:
        super().__init__(setup, first_threshold=threshold, threshold=threshold, growth=growth, samples=samples)


class _ProjectedLinear(torch.autograd.Function):
    """A linear layer's output, whose gradient reaches the weight as if the inputs had been the projected ones."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, inputs: Tensor, projected: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(projected, weight)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor | None, None, Tensor]:
        projected, weight = ctx.saved_tensors
        onward = gradient @ weight if ctx.needs_input_grad[1] else None
        return None, onward, None, gradient.T @ projected


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
