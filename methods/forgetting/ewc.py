"""Elastic weight consolidation. Kirkpatrick et al., PNAS 2017, arXiv:1612.00796.

After each task t keep its weights w_t and the diagonal F_t of the Fisher information; later, add the penalty
strength/2 * sum_t F_t (w - w_t)^2. The penalties of all tasks sum to one quadratic, so two numbers per weight hold
them exactly: sum F_t and sum F_t w_t.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad, vmap

from benchmark.tasks.forgetting import permuted, split
from benchmark.tasks.forgetting.learner import SequentialForgettingLearner
from benchmark.tasks.forgetting.rules import ContinualSetup


@permuted.track.method("ewc", role="baseline", paper="arXiv:1612.00796")
class EWC(SequentialForgettingLearner):
    """strength: the paper's lambda (docs/tuning/forgetting.md);  samples: images per Fisher."""

    def __init__(self, setup: ContinualSetup, *, strength: float = 10.0, samples: int = 300) -> None:
        super().__init__(setup)
        self._strength = strength
        self._samples = samples
        self._fisher: dict[str, Tensor] = {}
        self._anchor: dict[str, Tensor] = {}

    @torch.no_grad()
    def before_step(self) -> None:
        """Add the penalty's gradient, strength * (sum F_t w - sum F_t w_t), and step implicitly along it.

        Dividing by 1 + rate * strength * sum F_t makes the step the proximal one: the same minimum, and no divergence
        where the Fisher information is large.
        """
        rate = self.rate
        for name, parameter in self.model.named_parameters():
            if parameter.grad is not None and name in self._fisher:
                fisher = self._fisher[name]
                parameter.grad.addcmul_(fisher, parameter, value=self._strength)
                parameter.grad.add_(self._anchor[name], alpha=-self._strength)
                parameter.grad.div_(1 + rate * self._strength * fisher)

    def consolidate(self, index: int, images: Tensor, labels: Tensor) -> None:
        """Estimate the Fisher diagonal with labels drawn from the model itself, as its definition asks."""
        weights = {name: parameter.detach() for name, parameter in self.model.named_parameters()}
        chosen = images[self.choose(self._samples, len(images))]
        with torch.no_grad():
            probabilities = self.model(chosen, index).softmax(1).cpu()
        drawn = torch.multinomial(probabilities, 1, generator=self.generator).squeeze(1).to(images.device)

        def loss(weights: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
            return F.cross_entropy(functional_call(self.model, weights, (image[None], index)), label[None])

        for part, answers in zip(chosen.split(50), drawn.split(50), strict=True):  # bounded memory
            for name, gradient in vmap(grad(loss), (None, 0, 0))(weights, part, answers).items():
                fisher = gradient.square().sum(0) / len(chosen)
                self._fisher[name] = self._fisher.get(name, 0) + fisher
                self._anchor[name] = self._anchor.get(name, 0) + fisher * weights[name]

    def memory(self) -> int:
        """Two numbers per weight, once a task was learned."""
        return sum(2 * part.numel() for part in self._fisher.values())


@split.track.method("ewc", role="baseline", paper="arXiv:1612.00796")
class SplitEWC(EWC):
    """See `EWC`; several heads want a greater strength than one."""

    def __init__(self, setup: ContinualSetup, *, strength: float = 100.0, samples: int = 300) -> None:
        super().__init__(setup, strength=strength, samples=samples)
