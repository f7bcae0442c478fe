"""A-GEM. Chaudhry, Ranzato, Rohrbach, Elhoseiny: Efficient Lifelong Learning with A-GEM, ICLR 2019, arXiv:1812.00420.

Take the gradient g of the minibatch and the gradient r of examples kept from earlier tasks; where they conflict
(g.r < 0), step along g - (g.r / r.r) r instead, so that the loss on the kept examples does not rise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.forgetting import permuted, split
from benchmark.tasks.forgetting.learner import ReplayForgettingLearner
from benchmark.tasks.forgetting.rules import ContinualSetup


@permuted.track.method("a-gem", role="baseline", paper="arXiv:1812.00420")
@split.track.method("a-gem", role="baseline", paper="arXiv:1812.00420")
class AGEM(ReplayForgettingLearner):
    """reference_batch: examples drawn per reference gradient (docs/tuning/forgetting.md)."""

    def __init__(self, setup: ContinualSetup, *, reference_batch: int = 64) -> None:
        super().__init__(setup)
        self._reference_batch = reference_batch

    def before_step(self) -> None:
        """Project the gradient where it conflicts with the reference (eq. 11), over all weights, as released.

        The minibatch has no gradient for the heads of earlier tasks: it counts as 0, and the correction moves them.
        """
        images, labels, tasks = self.reservoir.draw(self._reference_batch)
        parameters = list(self.model.parameters())
        loss = F.cross_entropy(self.model.mixed(images, tasks), labels)
        reference = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        gradients = []
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        dot = _dot(gradients, reference)
        scale = -dot / _dot(reference, reference).clamp_min(1e-12)
        torch._foreach_add_(gradients, torch._foreach_mul(reference, scale.clamp_min(0)))


def _dot(left: list[Tensor] | tuple[Tensor, ...], right: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(left, right, strict=True)]).sum()
