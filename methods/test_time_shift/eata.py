"""EATA. Niu et al.: Efficient Test-Time Model Adaptation without Forgetting, ICML 2022, arXiv:2204.02610.

Tent on answers that are sure (low entropy) and new (unlike the mean answer so far), the surer the heavier; a penalty
in the Fisher metric holds what matters for the source. Fewer images are learned from, less is forgotten.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.adaptation import CorruptionAffineAdapter, entropy
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup

_BATCH = 50


@corruption.track.method("eata", role="baseline", paper="arXiv:2204.02610", tiers=("smoke", "standard", "paper"))
class EATA(CorruptionAffineAdapter):
    """margin: E0 as a share of ln(classes) (section 3.2: 0.4);  similarity: epsilon, the largest cosine to the mean
    answer (released code, CIFAR-10: 0.4);  memory: share of the old mean answer (0.9);  penalty: beta (CIFAR-10: 1);
    learning_rate: of Adam, as Tent's."""

    def __init__(
        self,
        setup: AdaptationSetup,
        *,
        margin: float = 0.4,
        similarity: float = 0.4,
        memory: float = 0.9,
        penalty: float = 1.0,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__(setup, learning_rate=learning_rate)
        self._margin = margin * math.log(setup.classes)
        self._similarity = similarity
        self._memory = memory
        self._penalty = penalty
        self._mean: Tensor | None = None

    def use(self, model: nn.Module, weights: dict[str, Tensor], images: Tensor) -> None:
        """See `CorruptionModel.use`: the diagonal of the Fisher information on source images with the answers given."""
        super().use(model, weights, images)
        totals = [torch.zeros_like(parameter) for parameter in self.parameters]
        batches = [batch for batch in images.split(_BATCH) if len(batch) > 1]
        for batch in batches:
            scores = self.scores(batch)
            loss = F.cross_entropy(scores, scores.detach().argmax(1))
            for total, slope in zip(totals, torch.autograd.grad(loss, self.parameters), strict=True):
                total += slope.square() / len(batches)
        self._fisher = totals

    def reset(self) -> None:
        """See `TestTimeAdapter.reset`."""
        super().reset()
        self._mean = None

    def loss(self, scores: Tensor) -> Tensor | None:
        """Equation 8: weighted entropy of the chosen, and the penalty."""
        entropies, answers = entropy(scores), scores.detach().softmax(1)
        chosen = entropies.detach() < self._margin
        if self._mean is not None:
            cosine = F.cosine_similarity(answers, self._mean[None], dim=1)
            chosen &= cosine.abs() < self._similarity
        if not bool(chosen.any()):
            return None
        self._remember(answers[chosen].mean(0))
        weights = (self._margin - entropies.detach()[chosen]).exp()
        return (weights * entropies[chosen]).mean() + self._penalty * self._distance()

    def _remember(self, mean: Tensor) -> None:
        self._mean = mean if self._mean is None else self._memory * self._mean + (1 - self._memory) * mean

    def _distance(self) -> Tensor:
        """Sum over parameters of Fisher information times squared distance from the source (equation 7)."""
        parts = [
            (fisher * (parameter - before).square()).sum()
            for fisher, parameter, before in zip(self._fisher, self.parameters, self.source, strict=True)
        ]
        return torch.stack(parts).sum()
