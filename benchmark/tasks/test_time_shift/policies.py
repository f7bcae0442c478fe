"""What methods of `test_time_shift.control` share: a trained policy that acts, and one whose copies adapt."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from benchmark.tasks.test_time_shift.deployment import DeploymentSetup
from benchmark.tasks.test_time_shift.pixel_policy import PixelPolicy, copied


class ControlPolicy:
    """The trained networks as they are. Attributes: setup; variant, the network it asks for; seen, the last frames."""

    variant = "inverse"

    def __init__(self, setup: DeploymentSetup) -> None:
        self.setup = setup

    def network(self) -> str:
        """See `Deployed.network`."""
        return self.variant

    def begin(self, weights: dict[str, Tensor]) -> None:
        """See `Deployed.begin`."""
        self.weights = weights
        self.model = self.copies(1)

    def reset(self, episodes: int) -> None:
        """See `Deployed.reset`: nothing was learned."""

    def observe(self, frames: Tensor) -> None:
        """See `Deployed.observe`."""
        self.seen = frames

    @torch.no_grad()
    def act(self) -> Tensor:
        """See `Deployed.act`."""
        return self.model.act(self.seen)

    def copies(self, each: int) -> PixelPolicy:
        """So many copies of each trained network, one after the other."""
        model = self.setup.policy(self.variant, copies=each * self.setup.policies)
        model.load_state_dict(copied(self.weights, each))
        return model


class AdaptingControlPolicy(ControlPolicy):
    """A copy of the network for every episode, which takes a step of self-supervised learning after every step of the
    environment; methods say on which loss, with what optimiser. Its own actions are all that it is told."""

    def reset(self, episodes: int) -> None:
        """See `Deployed.reset`: trained weights, and an optimiser that has no past."""
        self.model = self.copies(episodes)
        self.optimizer = self.optimiser(self.model)
        self.generator = self.setup.generator("copies")
        self.before: tuple[Tensor, Tensor] | None = None

    def observe(self, frames: Tensor) -> None:
        """See `Deployed.observe`. The first action of an episode is taken by the network as it was trained."""
        self.seen = frames.flatten(0, 1)
        if self.before is None:
            return
        self.optimizer.zero_grad()
        losses = self.losses(*self.before, self.seen)
        # Each copy's gradient is that of its own loss: the sum keeps them apart.
        (losses * self.learns(losses.detach())).sum().backward()
        self.optimizer.step()

    def learns(self, losses: Tensor) -> Tensor:
        """Say by 0 or 1 which copies (copies,) learn from their last transition, given its loss: all do."""
        return torch.ones_like(losses)

    @torch.no_grad()
    def act(self) -> Tensor:
        """See `Deployed.act`."""
        actions: Tensor = self.model.act(self.seen[:, None])[:, 0]
        self.before = (self.seen, actions)
        return actions.view(self.setup.policies, -1, actions.shape[1])

    @abstractmethod
    def optimiser(self, model: PixelPolicy) -> torch.optim.Optimizer:
        """Say which weights learn, and how."""

    @abstractmethod
    def losses(self, before: Tensor, actions: Tensor, after: Tensor) -> Tensor:
        """The self-supervised loss of each copy (copies,) on its last transition.

        before, after: frames (copies, 9, size, size) uint8;  actions: (copies, actions)
        """
