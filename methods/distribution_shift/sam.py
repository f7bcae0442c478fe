"""SAM. Foret, Kleiner, Mobahi, Neyshabur: Sharpness-Aware Minimization for Efficiently Improving Generalization,
ICLR 2021, arXiv:2010.01412; and ASAM. Kwon, Kim, Park, Choi, ICML 2021, arXiv:2102.11600.

Seek weights whose whole neighbourhood has a low loss: step uphill to w + e, e = rho g / |g|, and descend from w along
the gradient found there (algorithm 1). Two gradients per step. ASAM measures the neighbourhood in units of each weight.
Claim: far above SGD, even with twice its epochs, where labels are wrong; a little above it where they are right. At the
epoch that is best for each, which nobody is told, little of the first gain is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from benchmark.tasks.distribution_shift import adversarial, label_noise, spurious
from benchmark.tasks.distribution_shift.learner import ShiftLearner
from benchmark.tasks.distribution_shift.rules import ShiftSetup


@label_noise.track.method("sam", paper="arXiv:2010.01412")
class SAM(ShiftLearner):
    """rho: radius of the neighbourhood, of the paper's grid (.01 to .5) the best over the quick and the standard tier:
    .3 is better by 2 points in the quick one but breaks down at 60 % of noise on MNIST, .5 breaks down at 40 % already;
    sharpness_examples: m, so many examples share one e (section 4.1), 0 for the minibatch.
    """

    def __init__(self, setup: ShiftSetup, *, rho: float = 0.2, sharpness_examples: int = 0) -> None:
        super().__init__(setup)
        self._rho = rho
        self._m = sharpness_examples or setup.batch_size

    def begin(self, images: Tensor, labels: Tensor) -> None:
        """See `Learner.begin`."""
        super().begin(images, labels)
        self.parameters: list[Tensor] = list(self.model.parameters())
        self._kept = [parameter.detach().clone() for parameter in self.parameters]

    def update(self, images: Tensor, labels: Tensor, places: Tensor) -> None:
        """One step of the base optimiser along the mean of the sharpness-aware gradients of all parts."""
        total: tuple[Tensor, ...] = ()
        for part in zip(images.split(self._m), labels.split(self._m), places.split(self._m), strict=True):
            gradients = self.sharp_gradients(*part)
            if len(part[0]) < len(images):
                gradients = tuple(torch._foreach_mul(gradients, len(part[0]) / len(images)))
            total = tuple(torch._foreach_add(total, gradients)) if total else gradients
        for parameter, gradient in zip(self.parameters, total, strict=True):
            parameter.grad = gradient
        self.optimizer.step()

    def sharp_gradients(self, images: Tensor, labels: Tensor, places: Tensor) -> tuple[Tensor, ...]:
        """The loss's gradients at w + e, or at w if rho is 0; leaves w as it was, bit for bit."""
        gradients = torch.autograd.grad(self.loss(images, labels, places), self.parameters)
        if not self._rho:
            return gradients
        with torch.no_grad():
            torch._foreach_copy_(self._kept, self.parameters)
            torch._foreach_add_(self.parameters, list(self.perturbation(gradients)))
        with without_statistics(self.model):
            gradients = torch.autograd.grad(self.loss(images, labels, places), self.parameters)
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, self._kept)  # subtracting e would leave rounding behind
        return gradients

    def perturbation(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """e = rho g / |g| with one norm over all parameters (equation 2), in the memory of g: none is needed again."""
        torch._foreach_mul_(gradients, self._rho / (norm(gradients) + 1e-12))
        return gradients


@spurious.track.method("sam", role="baseline", paper="arXiv:2010.01412", tiers=("smoke", "standard", "paper"))
@adversarial.track.method("sam", role="baseline", paper="arXiv:2010.01412", tiers=("smoke", "standard", "paper"))
class SmallSAM(SAM):
    """SAM at the radius that the paper uses most (.05): the other tracks have no wrong labels to resist."""

    def __init__(self, setup: ShiftSetup, *, rho: float = 0.05, sharpness_examples: int = 0) -> None:
        super().__init__(setup, rho=rho, sharpness_examples=sharpness_examples)


@label_noise.track.method("asam", role="baseline", paper="arXiv:2102.11600")
class ASAM(SAM):
    """rho: radius in units of the weights, tuned (the paper: .5 to 1);  eta: added to their size (.01)."""

    def __init__(self, setup: ShiftSetup, *, rho: float = 2.0, eta: float = 0.01, sharpness_examples: int = 0) -> None:
        super().__init__(setup, rho=rho, sharpness_examples=sharpness_examples)
        self._eta = eta

    def perturbation(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """e = rho T^2 g / |T g|, T = |w| + eta for weights and 1 for biases, as in the released code."""
        sizes = [weight.abs() + self._eta if weight.ndim > 1 else torch.ones_like(weight) for weight in self.parameters]
        scaled = torch._foreach_mul(gradients, sizes)
        return tuple(torch._foreach_mul(torch._foreach_mul(scaled, sizes), self._rho / (norm(scaled) + 1e-12)))


def norm(tensors: tuple[Tensor, ...]) -> Tensor:
    """The l2 norm of all tensors together."""
    length: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))
    return length


@contextmanager
def without_statistics(model: nn.Module) -> Iterator[None]:
    """Normalise by the minibatch, but leave batch-norm's running statistics and their count alone."""
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
