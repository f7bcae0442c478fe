"""Gradient Vaccine. Wang, Tsvetkov, Firat, Cao: Gradient Vaccine: Investigating and Improving Multi-task Optimization
in Massively Multilingual Models, ICLR 2021, arXiv:2010.05874.

Tasks that are related have gradients that are alike. So where PCGrad asks that two gradients not point apart, this asks
that they be as much alike as they usually are: where their cosine is below a moving average, as much of the other's
gradient is added as brings it there (algorithm 1). Claim: translation gains over the plain sum and over PCGrad.
The paper keeps averages for each pair of tasks and each layer ("all-layer"), with a weight of 0.01 for the new cosine.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.tasks.forgetting import multilingual
from benchmark.tasks.forgetting.translation.gram import corrected, orders
from benchmark.tasks.forgetting.translation.interface import MultilingualSetup
from benchmark.tasks.forgetting.translation.learner import PerTaskLearner, by_layer


class Vaccine(PerTaskLearner):
    """Targets (groups, m, m) of cosines; what comes of them is for subclasses."""

    def begin(self, sources: list[Tensor], targets: list[Tensor]) -> None:
        """See `MultilingualLearner.begin`."""
        super().begin(sources, targets)
        m = len(sources)
        self.targets = torch.zeros(len(self.sizes()), m, m, dtype=torch.float64)

    def sizes(self) -> tuple[int, ...]:
        """Of the groups of weights that are corrected by themselves."""
        return self.network.sizes

    def gram(self, gradients: Tensor) -> Tensor:
        """Inner products (groups, m, m) of gradients (m, shared)."""
        return by_layer(self.network, gradients)

    def combined(self, gradients: Tensor, losses: Tensor) -> Tensor:
        """See `PerTaskLearner.combined`: the mean over tasks."""
        made, met = corrected(self.gram(gradients), orders(len(gradients), self.picks), self.targets)
        self.learn(met)
        shares = made.mean(1).to(gradients)
        parts = gradients.split(self.sizes(), dim=1)
        return torch.cat([share @ part for share, part in zip(shares, parts, strict=True)])

    def learn(self, met: Tensor) -> None:
        """Take note of the cosines (groups, m, m) that were met before correction."""

    def held(self) -> int:
        """See `MultilingualLearner.held`."""
        return super().held() + self.targets.numel()


@multilingual.track.method("gradvac", paper="arXiv:2010.05874")
class GradVac(Vaccine):
    """beta: weight of a new cosine in the moving average (0.01, the paper's), which starts at 0 and moves whether or
    not a gradient was corrected."""

    def __init__(self, setup: MultilingualSetup, *, beta: float = 0.01) -> None:
        super().__init__(setup)
        self._beta = beta

    def learn(self, met: Tensor) -> None:
        """See `Vaccine.learn`."""
        self.targets.lerp_(met.cpu(), self._beta)


@multilingual.track.method("gradvac-model", paper="arXiv:2010.05874", tiers=("smoke", "standard"))
class WholeModelGradVac(GradVac):
    """One average for each pair of tasks, of the whole network."""

    def sizes(self) -> tuple[int, ...]:
        """See `Vaccine.sizes`."""
        return (self.network.shared,)

    def gram(self, gradients: Tensor) -> Tensor:
        """See `Vaccine.gram`."""
        return (gradients @ gradients.T).double().unsqueeze(0)


@multilingual.track.method("gradvac-fixed", paper="arXiv:2010.05874", tiers=("smoke", "standard"))
class FixedGradVac(Vaccine):
    """target: of all pairs and layers, for good (tuned)."""

    def __init__(self, setup: MultilingualSetup, *, target: float = 0.3) -> None:
        super().__init__(setup)
        self._target = target

    def begin(self, sources: list[Tensor], targets: list[Tensor]) -> None:
        """See `MultilingualLearner.begin`."""
        super().begin(sources, targets)
        self.targets.fill_(self._target)
