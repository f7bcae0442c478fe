"""SAR. Niu et al.: Towards Stable Test-Time Adaptation in Dynamic Wild World, ICLR 2023, arXiv:2302.12400.

Tent on sure answers, with a sharpness-aware step: climb to the worst point nearby, look there which answers are still
sure, and step by the gradient found there. When the loss has become too small to be true, start anew.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.adaptation import CorruptionAffineAdapter, Norm, entropy
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup


@corruption.track.method("sar", role="baseline", paper="arXiv:2302.12400")
class SAR(CorruptionAffineAdapter):
    """margin: E0 as a share of ln(classes) (section 4: 0.4);  radius: rho of the climb (0.05);  floor: of the moving
    mean of the loss, as a share of ln(classes) (the paper's 0.2 of ln 1000);  learning_rate: of SGD with momentum 0.9,
    chosen on held-out corruptions with longer streams of larger images (the paper, for ImageNet: 0.00025). The last
    block is not adapted, as in the paper.
    """

    def __init__(
        self,
        setup: AdaptationSetup,
        *,
        margin: float = 0.4,
        radius: float = 0.05,
        floor: float = 0.029,
        learning_rate: float = 0.03,
    ) -> None:
        super().__init__(setup, learning_rate=learning_rate)
        most = math.log(setup.classes)
        self._margin, self._floor = margin * most, floor * most
        self._radius = radius
        self._moving: float | None = None

    def adapted(self) -> list[Norm]:
        """See `CorruptionAffineAdapter.adapted`: none of the last block's, if there are others."""
        layers = getattr(self.model, "layers", None)
        top = set(layers[-1].modules()) if layers is not None else set()
        return [layer for layer in self.norms if layer not in top] or self.norms

    def reset(self) -> None:
        """See `TestTimeAdapter.reset`."""
        super().reset()
        self._moving = None

    def fresh_optimizer(self) -> torch.optim.Optimizer:
        """See `CorruptionAffineAdapter.fresh_optimizer`."""
        return torch.optim.SGD(self.parameters, lr=self.learning_rate, momentum=0.9, fused=True)

    def loss(self, scores: Tensor) -> Tensor | None:
        """Mean entropy of sure answers."""
        entropies = entropy(scores)
        sure = entropies.detach() < self._margin
        return entropies[sure].mean() if bool(sure.any()) else None

    def update(self, images: Tensor, scores: Tensor) -> None:
        """See `CorruptionAffineAdapter.update`: algorithm 1."""
        sure = entropy(scores.detach()) < self._margin
        first = self.loss(scores)
        if first is None:
            return
        slopes = torch.autograd.grad(first, self.parameters)
        length = torch.stack([slope.norm() for slope in slopes]).norm().clamp_min(1e-12)
        climb = [self._radius / length * slope for slope in slopes]
        before = [parameter.detach().clone() for parameter in self.parameters]
        self._move([parameter.detach() + step for parameter, step in zip(self.parameters, climb, strict=True)])
        second = self.loss(self.scores(images)[sure])
        if second is not None:
            for parameter, slope in zip(self.parameters, torch.autograd.grad(second, self.parameters), strict=True):
                parameter.grad = slope
        self._move(before)
        if second is None:
            return
        self.optimizer.step()
        value = float(second.detach())
        self._moving = value if self._moving is None else 0.9 * self._moving + 0.1 * value
        if self._moving < self._floor:
            self.reset()

    @torch.no_grad()
    def _move(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.copy_(value)
