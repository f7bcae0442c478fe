"""The recipe of the policies that `test_time_shift.control` deploys: several per environment, variant and seed.

An expert that knows the state is watched, and imitated from pixels together with a self-supervised task: behaviour
cloning in place of the reinforcement learning of Hansen et al. 2021 (arXiv:2007.04309), which takes GPU-days. Their
joint training is kept: both losses, equally weighted, reach the shared convolutions, on random crops. Weights are
rounded to half precision, in which some are shipped (`policy_files`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from benchmark import identity
from benchmark.data.cache import digest
from benchmark.data.catalogue import ControlDataset
from benchmark.data.control.environment import STACK
from benchmark.data.control.shifts import RANDOMISED, Shift
from benchmark.learning.keeping import kept
from benchmark.learning.training import Schedule, train
from benchmark.processes import aside
from benchmark.seeding import derive, generator
from benchmark.tasks.test_time_shift.pixel_policy import Architecture, PixelPolicy

if TYPE_CHECKING:
    from benchmark.data.control.environment import ControlEnv
    from benchmark.data.source import Source

NOISE = (0.0, 0.5, 1.0)
"""What share of the watched actions is replaced by random ones: a third of the copies each. A policy that saw the
expert's own episodes alone does not know the way back to them (Ross et al. 2011, arXiv:1011.0686)."""
_LAST = 10
"""One step in so many, the last ones, says what the self-supervised loss is after training."""


@dataclass(frozen=True, slots=True)
class PolicyRecipe:
    """How a policy is built and trained. head: see `PixelPolicy`;  looks: the strength of the randomised looks in which
    it is watched, "none" for its own look alone;  episodes, horizon: that are watched;  steps: of Adam, its rate
    falling to zero along a cosine;  seed, number: of the job, and which of its policies"""

    plan: Architecture
    head: str
    looks: str
    episodes: int
    horizon: int
    steps: int
    batch_size: int
    learning_rate: float
    seed: int
    number: int


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """frames: (horizon + 1, n, 3, size, size) uint8;  actions, expert: (horizon, n, actions), done and advised."""

    frames: Tensor
    actions: Tensor
    expert: Tensor


def trained(recipe: PolicyRecipe, source: Source, *, device: str) -> dict[str, Tensor]:
    """Weights of the policy for an environment, without a dimension of copies; kept for the next call."""
    world = source.entry.dataset
    assert isinstance(world, ControlDataset)
    content = digest(*(word.encode() for word in (source.fingerprint(), source.code(), _watching())))

    def make() -> dict[str, Tensor]:
        shift = Shift() if recipe.looks == "none" else Shift(RANDOMISED, recipe.looks)
        env = world.environment(count=recipe.episodes, size=recipe.plan.size, horizon=recipe.horizon, shift=shift)
        seen = watch(env, seed=derive(recipe.seed, "control", "demonstrations", recipe.number))
        weights: dict[str, Tensor] = aside.run(
            train_here, asdict(recipe), seen.frames, seen.actions, seen.expert, device
        )
        return weights

    return kept("policy", recipe, content, make, by=train_here, device=device)


def _watching() -> str:
    """Which code watches the expert."""
    return identity.digest_of(Path(__file__), watch.__name__)


def watch(env: ControlEnv, *, seed: int) -> Demonstrations:
    """Watch a batch of episodes, in which a share of the actions (`NOISE`, by copy) is random."""
    rng = generator(seed, "noise")
    observation, _ = env.reset(seed=seed)
    count, width = env.num_envs, env.actions
    share = torch.tensor(NOISE)[torch.arange(count) % len(NOISE), None]
    frames, done, advised = [observation[:, -3:]], [], []
    for _ in range(env.horizon):
        expert = env.expert()
        replaced = torch.rand(count, 1, generator=rng) < share
        actions = torch.where(replaced, 2 * torch.rand(count, width, generator=rng) - 1, expert)
        observation = env.step(actions)[0]
        frames.append(observation[:, -3:])
        done.append(actions)
        advised.append(expert)
    return Demonstrations(torch.stack(frames), torch.stack(done), torch.stack(advised))


def stacked(frames: Tensor, steps: Tensor, copies: Tensor) -> Tensor:
    """Observations (n, 3 * STACK, size, size) of copies (n,) after so many steps (n,); the first frame stands in for
    those before it."""
    parts = [frames[(steps - back).clamp_min(0), copies] for back in reversed(range(STACK))]
    return torch.cat(parts, dim=1)


def train_here(
    recipe: dict[str, Any], frames: Tensor, actions: Tensor, expert: Tensor, device: str
) -> dict[str, Tensor]:
    """Train a policy in this process. Arguments as they cross: fields of a recipe, of Demonstrations, the device."""
    plan = PolicyRecipe(**{**recipe, "plan": Architecture(**recipe["plan"])})
    rng, rng_weights = (generator(plan.seed, "policy", plan.number, name) for name in ("order", "weights"))
    model = PixelPolicy(plan.plan, plan.head, copies=1, generator=rng_weights).to(device)
    frames, actions, expert = (tensor.to(device) for tensor in (frames, actions, expert))
    horizon, count = actions.shape[:2]
    rows = torch.randint(horizon * count, (plan.steps * plan.batch_size,), generator=rng)
    self_supervised: list[Tensor] = []

    def loss(batch: Tensor) -> Tensor:
        steps, copies = (part.to(device) for part in (batch // count, batch % count))
        before = stacked(frames, steps, copies)[None]
        maps = model.maps(before)
        places = model.draw_places(len(batch), 4, rng, 3).to(device)
        guesses = model.act_at(maps, places[0])
        cloning = (guesses - expert[steps, copies][None, :, None]).square().mean()
        if model.head == "rotation":
            turned = model.draw_places(4 * len(batch), 4, rng).to(device)
            beside = model.rotation_losses(before, turned)
        else:
            after = model.maps(stacked(frames, steps + 1, copies)[None])
            beside = model.inverse_losses(maps, after, actions[steps, copies][None], places[1:])
        self_supervised.append(beside.detach())
        return cloning + beside.mean()

    train(
        model,
        rows,
        loss=loss,
        schedule=Schedule(1, plan.batch_size, plan.learning_rate),
        generator=rng,
        optimizer=_falling(plan.steps),
    )
    last = self_supervised[-max(1, plan.steps // _LAST) :]
    model.usual_loss.copy_(torch.stack(last).mean(0))
    return {name: tensor[0].cpu().half().float() for name, tensor in model.state_dict().items()}


def _falling(steps: int) -> Callable[..., torch.optim.Optimizer]:
    """Return a maker of Adam whose rate falls to zero along a cosine."""

    def make(parameters: Iterable[nn.Parameter], *, lr: float, fused: bool) -> torch.optim.Optimizer:
        stepper = torch.optim.Adam(parameters, lr=lr, fused=fused)
        rate = torch.optim.lr_scheduler.CosineAnnealingLR(stepper, steps)
        stepper.register_step_post_hook(lambda *_: rate.step())
        return stepper

    return make
