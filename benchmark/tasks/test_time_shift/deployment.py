"""What `test_time_shift.control` asks of a method, tells it, and fixes in a tier."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

from benchmark.tasks.rules import Budget, Setup

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.tasks.test_time_shift.pixel_policy import Architecture, PixelPolicy

VARIANTS = {"inverse": "inverse", "rotation": "rotation", "randomised": "inverse"}
"""Networks that a method may ask for, and the self-supervised head that each was trained with."""
CHANNELS = 9
"""Of an observation: three frames in colour, the newest last."""


class Deployed(Protocol):
    """What a method of `control` implements. Built once per job as `Method(setup)`.

    Several policies, trained apart, are deployed side by side, and a batch of episodes runs in step. Each episode is
    deployed on its own: what is learned in one says nothing about the others.
    """

    def network(self) -> str:
        """Say which network it deploys: one of `VARIANTS`."""

    def begin(self, weights: dict[str, Tensor]) -> None:
        """Take the trained weights, (policies, ...) each: the state of a `setup.policy(..., copies=policies)`."""

    def reset(self, episodes: int) -> None:
        """Begin so many episodes with each policy; everything learned in earlier ones is to be forgotten."""

    def observe(self, frames: Tensor) -> None:
        """Take note of what is seen, (policies, episodes, 9, size, size) uint8, and adapt to it. Called before each
        `act`."""

    def act(self) -> Tensor:
        """Return the actions (policies, episodes, actions) for what was last observed; they are clipped to [-1, 1]."""


@dataclass(frozen=True, slots=True)
class DeploymentSetup(Setup):
    """What the contestant is told: the sizes of the network (see `Architecture`), how many policies there are, and the
    steps of an episode."""

    size: int
    crop: int
    actions: int
    filters: int
    shared: int
    own: int
    embedding: int
    hidden: int
    policies: int
    horizon: int

    def policy(self, variant: str, *, copies: int) -> PixelPolicy:
        """So many copies of the standard network on the setup's device, with weights still to be loaded."""
        from benchmark.tasks.test_time_shift.pixel_policy import PixelPolicy

        return PixelPolicy(architecture(self), VARIANTS[variant], copies=copies, generator=None).to(self.device)


@dataclass(frozen=True, slots=True)
class DeploymentBudget(Budget):
    """Sizes of a tier. size ... hidden: see `Architecture`;  demonstrations ... looks: see the training's
    `PolicyRecipe`, looks being those of the "randomised" network;  variants: trained before any job;  policies: trained
    apart, per seed;  horizon: steps of an episode, watched or deployed;  episodes: per policy, without shift and of
    each kind of mild ones;  harder: episodes per policy of each kind of medium and strong ones."""

    size: int
    crop: int
    filters: int
    shared: int
    own: int
    embedding: int
    hidden: int
    demonstrations: int
    steps: int
    batch_size: int
    learning_rate: float
    looks: str
    variants: tuple[str, ...]
    policies: int
    horizon: int
    episodes: int
    harder: int


def architecture(sizes: DeploymentSetup | DeploymentBudget, **rest: int) -> Architecture:
    """The network of these sizes; rest: fields that they lack."""
    from benchmark.tasks.test_time_shift.pixel_policy import Architecture

    given = asdict(sizes) | {"channels": CHANNELS} | rest
    return Architecture(**{name: given[name] for name in Architecture.__dataclass_fields__})
