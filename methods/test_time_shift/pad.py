"""PAD. Hansen, Jangir, Sun, Alenya, Abbeel, Efros, Pinto, Wang: Self-Supervised Policy Adaptation during Deployment,
ICLR 2021, arXiv:2007.04309.

A policy shares its convolutions with a self-supervised task: which action led from one observation to the next, or by
how many quarters an observation was turned. That task needs no reward, so it goes on at deployment: one gradient step
after every step of the environment, on random crops of the last transition. Every episode starts anew.
Claim: above the frozen policy under visual shift, and no worse without.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.tasks.test_time_shift import control
from benchmark.tasks.test_time_shift.deployment import DeploymentSetup
from benchmark.tasks.test_time_shift.pixel_policy import ROTATIONS, PixelPolicy
from benchmark.tasks.test_time_shift.policies import AdaptingControlPolicy


@control.track.method("pad", paper="arXiv:2007.04309")
class PAD(AdaptingControlPolicy):
    """As released, by inverse dynamics: Adam on the shared convolutions and the self-supervised branch.

    learning_rate: 1e-3;  copies: 32 random crops of the one transition
    """

    def __init__(self, setup: DeploymentSetup, *, learning_rate: float = 1e-3, copies: int = 32) -> None:
        super().__init__(setup)
        self._learning_rate, self._copies = learning_rate, copies

    def optimiser(self, model: PixelPolicy) -> torch.optim.Optimizer:
        """See `AdaptingControlPolicy.optimiser`. The policy's own branch never changes."""
        weights = [*model.shared.parameters(), *model.self_supervised.parameters()]
        return torch.optim.Adam(weights, lr=self._learning_rate, fused=True)

    def losses(self, before: Tensor, actions: Tensor, after: Tensor) -> Tensor:
        """See `AdaptingControlPolicy.losses`: squared error of the action, over independent crops of both."""
        model = self.model
        places = model.draw_places(1, self._copies, self.generator, 2).to(before.device)
        first, second = model.maps(before[:, None]), model.maps(after[:, None])
        return model.inverse_losses(first, second, actions[:, None], places)


@control.track.method("pad-tuned", paper="arXiv:2007.04309")
class TunedPAD(PAD):
    """The same, of which only the biases of the shared convolutions learn, by plain SGD, and only in need.

    Every step of Adam is as long as the last, needed or not, so that a network this small wanders off within an
    episode, and the self-supervised branch learns the one transition by heart. Steps along the gradient itself end when
    the actions are explained, and a bias per filter is enough for another colour or brightness. Where nothing has
    shifted there is nothing to learn: an episode learns while the mean loss of its transitions so far is above
    `threshold` times the loss that training ended with, counted as if it had begun with `prior` transitions of that.

    The rate is swept in docs/tuning/control.md, on kinds of shift that are never judged. The biases against all
    weights, SGD against Adam, the threshold and its prior were chosen before, on other seeds than the reported ones.
    """

    def __init__(
        self,
        setup: DeploymentSetup,
        *,
        learning_rate: float = 1e-3,
        copies: int = 32,
        threshold: float = 1.25,
        prior: int = 5,
    ) -> None:
        super().__init__(setup, learning_rate=learning_rate, copies=copies)
        self._threshold, self._prior = threshold, prior

    def reset(self, episodes: int) -> None:
        """See `AdaptingControlPolicy.reset`."""
        super().reset(episodes)
        self._count, self._total = self._prior, self._prior * self.model.usual_loss

    def optimiser(self, model: PixelPolicy) -> torch.optim.Optimizer:
        """See `AdaptingControlPolicy.optimiser`."""
        biases = [weight for name, weight in model.shared.named_parameters() if name.endswith("bias")]
        return torch.optim.SGD(biases, lr=self._learning_rate, fused=True)

    def learns(self, losses: Tensor) -> Tensor:
        """See `AdaptingControlPolicy.learns`."""
        self._count, self._total = self._count + 1, self._total + losses
        return (self._total / self._count > self._threshold * self.model.usual_loss).to(losses.dtype)


@control.track.method("pad-rotation", paper="arXiv:2007.04309", tiers=("smoke", "standard", "paper"))
class RotationPAD(PAD):
    """As released, by rotations; each quarter gets a quarter of the copies."""

    variant = "rotation"

    def losses(self, before: Tensor, actions: Tensor, after: Tensor) -> Tensor:
        """See `AdaptingControlPolicy.losses`: cross-entropy of how the newest observation was turned."""
        each = max(1, self._copies // ROTATIONS)
        places = self.model.draw_places(ROTATIONS, each, self.generator).to(after.device)
        return self.model.rotation_losses(after[:, None], places)
