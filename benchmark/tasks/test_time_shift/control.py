"""`test_time_shift.control`: a policy trained in one look of an environment is deployed in others, without reward.

The rules are in the task's docstring. Here are the track's interface, sizes, and judging.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.data.catalogue import ControlDataset, catalogue
from benchmark.data.control.shifts import KINDS, STRENGTHS, Shift
from benchmark.errors import DataError
from benchmark.results.job import Tier
from benchmark.results.stats import summarise
from benchmark.seeding import derive
from benchmark.tasks.answers import Floats, Word
from benchmark.tasks.rules import Budget, Outcome, Rules, Setup
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.results.pictures import Picture
    from benchmark.seeding import Draw
    from benchmark.tasks.rules import Contestant
    from benchmark.tasks.test_time_shift.pixel_policy import Architecture, PixelPolicy

VARIANTS = {"inverse": "inverse", "rotation": "rotation", "randomised": "inverse"}
"""Networks that a method may ask for, and the self-supervised head that each was trained with."""
CHANNELS = 9
"""Of an observation: three frames in colour, the newest last."""
_SHOWN = 2
"""Episodes of each shift and strength in the picture."""

MILD = Metric("mild_return", "%", True, "return under mild shifts, of the expert's without shift; mean over the kinds")
CLEAN = Metric("clean_return", "%", True, "return without shift, of the expert's")
MEDIUM = Metric("medium_return", "%", True, "as mild_return, under medium shifts")
STRONG = Metric("strong_return", "%", True, "as mild_return, under strong shifts")


class Deployed(Protocol):
    """What a method of `control` implements. Built once per job as `Method(setup)`.

    A batch of episodes runs in step. Each is deployed on its own: what is learned in one says nothing about the others.
    """

    def network(self) -> str:
        """Say which network it deploys: one of `VARIANTS`."""

    def begin(self, weights: dict[str, Tensor]) -> None:
        """Take the trained weights, of a `setup.policy(...)` without its dimension of copies."""

    def reset(self, episodes: int) -> None:
        """Begin a batch of episodes; everything learned in earlier ones is to be forgotten."""

    def observe(self, frames: Tensor) -> None:
        """Take note of what is seen, (episodes, 9, size, size) uint8, and adapt to it. Called before each `act`."""

    def act(self) -> Tensor:
        """Return the actions (episodes, actions) for what was last observed; they are clipped to [-1, 1]."""


@dataclass(frozen=True, slots=True)
class DeploymentSetup(Setup):
    """What the contestant is told: the sizes of the network (see `Architecture`), and the steps of an episode."""

    size: int
    crop: int
    actions: int
    filters: int
    shared: int
    own: int
    embedding: int
    hidden: int
    horizon: int

    def policy(self, variant: str, *, copies: int) -> PixelPolicy:
        """So many copies of the standard network on the setup's device, with weights still to be loaded."""
        from benchmark.tasks.test_time_shift.pixel_policy import PixelPolicy

        return PixelPolicy(architecture(self), VARIANTS[variant], copies=copies, generator=None).to(self.device)


@dataclass(frozen=True, slots=True)
class DeploymentBudget(Budget):
    """Sizes of a tier. size ... hidden: see `Architecture`;  demonstrations ... learning_rate: see the training's
    `PolicyRecipe`;  horizon: steps of an episode, watched or deployed;  episodes: without shift and of each kind of
    mild
    ones;  harder: episodes of each kind of medium and strong ones."""

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
    horizon: int
    episodes: int
    harder: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """world: the environment;  weights: variant -> trained weights;  seed: of the job, and of its episodes."""

    world: ControlDataset
    actions: int
    weights: Callable[[str], dict[str, Tensor]]
    seed: int
    episode_seed: int


class _ControlRules(Rules):
    def prepare(self, sizes: DeploymentBudget, source: Source, draw: Draw) -> Deployment:
        from benchmark.tasks.test_time_shift import policy_training

        world = source.entry.dataset
        if not isinstance(world, ControlDataset):
            known = ", ".join(entry.name for entry in catalogue if isinstance(entry.dataset, ControlDataset))
            raise DataError(f"dataset {source.entry.name!r} is no environment; this track needs one of: {known}")
        missing = source.missing()
        if missing:
            raise DataError(missing)
        actions = world.environment(count=1, size=sizes.size, horizon=1, shift=Shift()).actions

        def weights(variant: str) -> dict[str, Tensor]:
            recipe = policy_training.PolicyRecipe(
                architecture(sizes, actions=actions),
                VARIANTS[variant],
                variant == "randomised",
                sizes.demonstrations,
                sizes.horizon,
                sizes.steps,
                sizes.batch_size,
                sizes.learning_rate,
                draw.seed,
            )
            return policy_training.trained(recipe, source, device=draw.device)

        return Deployment(world, actions, weights, draw.seed, derive(*draw.secret_path("episodes")))

    def tell(self, sizes: DeploymentBudget, data: Deployment) -> dict[str, Any]:
        given = asdict(sizes) | {"actions": data.actions}
        return {name: given[name] for name in DeploymentSetup.__dataclass_fields__ if name in given}

    def judge(self, contestant: Contestant, sizes: DeploymentBudget, data: Deployment, clock: Clock) -> Outcome:
        variant = contestant.call("network", reply=Word(VARIANTS))
        with clock.running("data"):
            weights = data.weights(variant)
            best = {count: _expert(sizes, data, count) for count in {sizes.episodes, sizes.harder}}
        contestant.call("begin", weights)

        def deployed(shift: Shift, count: int) -> Tensor:
            """Rewards (horizon, count) in % of the expert's mean."""
            return 100 * _deploy(contestant, sizes, data, clock, shift, count) / best[count]

        clean = deployed(Shift(), sizes.episodes)
        found = {
            (kind, strength): deployed(Shift(kind, strength), sizes.episodes if strength == "mild" else sizes.harder)
            for strength in STRENGTHS
            for kind in KINDS
        }
        metrics = {CLEAN.name: CLEAN.value(_mean(clean), raw=clean.mean(0).tolist(), per="episode")}
        for metric, strength in ((MILD, "mild"), (MEDIUM, "medium"), (STRONG, "strong")):
            raw = [value for kind in KINDS for value in found[kind, strength].mean(0).tolist()]
            metrics[metric.name] = metric.value(sum(raw) / len(raw), raw=raw, per="episode")
        steps = sum(rewards.numel() for rewards in (clean, *found.values()))
        seconds = contestant.seconds("adapt") + contestant.seconds("act")
        return Outcome(
            metrics,
            _curves(clean, found),
            {"deployment steps/s": steps / seconds},
            {"shifts": _picture(sizes, data)} if data.seed == 0 else {},
            names={"kind": list(KINDS), "strength": ["none", *STRENGTHS]},
        )


def architecture(sizes: DeploymentSetup | DeploymentBudget, **rest: int) -> Architecture:
    """The network of these sizes; rest: fields that they lack."""
    from benchmark.tasks.test_time_shift.pixel_policy import Architecture

    given = asdict(sizes) | {"channels": CHANNELS} | rest
    return Architecture(**{name: given[name] for name in Architecture.__dataclass_fields__})


def _expert(sizes: DeploymentBudget, data: Deployment, count: int) -> float:
    """The expert's mean reward in the same episodes, without shift."""
    env = data.world.environment(count=count, size=sizes.size, horizon=sizes.horizon, shift=Shift())
    env.reset(seed=data.episode_seed)
    mean = sum(float(env.step(env.expert())[1].mean()) for _ in range(sizes.horizon)) / sizes.horizon
    if not mean > 0:
        raise DataError(f"the environment's expert earns {mean:g} per step; returns are measured against it: above 0")
    return mean


def _deploy(
    contestant: Contestant, sizes: DeploymentBudget, data: Deployment, clock: Clock, shift: Shift, count: int
) -> Tensor:
    """Run a batch of episodes; rewards (horizon, count) float64. Frames go to the contestant, rewards do not."""
    import torch

    with clock.running("data"):
        env = data.world.environment(count=count, size=sizes.size, horizon=sizes.horizon, shift=shift)
        frames, _ = env.reset(seed=data.episode_seed)
    contestant.call("reset", count)
    earned = []
    for _ in range(sizes.horizon):
        contestant.call("observe", frames, phase="adapt")
        actions = contestant.call("act", reply=Floats(count, data.actions), phase="act")
        with clock.running("data"):
            frames, rewards, *_ = env.step(actions.cpu().clamp(-1, 1))
        earned.append(rewards.double())
    return torch.stack(earned)


def _curves(clean: Tensor, found: dict[tuple[str, str], Tensor]) -> dict[str, dict[str, list[float]]]:
    """Per kind of shift the return by strength (0 is none); without and under each mild shift the return by step."""
    curves: dict[str, dict[str, list[float]]] = {}
    for kind in KINDS:
        batches = [clean, *(found[kind, strength] for strength in STRENGTHS)]
        curves[kind] = {
            "strength": [float(place) for place in range(len(batches))],
            "return": [_mean(rewards) for rewards in batches],
            "half_width_95": [_half_width(rewards.mean(0)) for rewards in batches],
        }
    for name, rewards in {"none": clean, **{kind: found[kind, "mild"] for kind in KINDS}}.items():
        steps = range(1, len(rewards) + 1)
        curves[f"{name}_by_step"] = {"step": list(map(float, steps)), "return": rewards.mean(1).tolist()}
    return curves


def _picture(budget: DeploymentBudget, data: Deployment) -> Picture:
    """First frames of some episodes under each shift."""
    import torch

    from benchmark.results import pictures

    def frames(shift: Shift, count: int) -> Tensor:
        env = data.world.environment(count=count, size=budget.size, horizon=1, shift=shift)
        first: Tensor = env.reset(seed=data.episode_seed)[0][:, -3:]
        return first

    rows = [
        torch.cat([frames(Shift(), 1), *(frames(Shift(kind, strength), _SHOWN) for strength in STRENGTHS)])
        for kind in KINDS
    ]
    columns = ["none", *(strength for strength in STRENGTHS for _ in range(_SHOWN))]
    return pictures.sheet(torch.stack(rows), rows=list(KINDS), columns=columns)


def _mean(values: Tensor) -> float:
    return float(values.mean())


def _half_width(values: Tensor) -> float:
    """Of the 95 % interval over episodes; 0 for one."""
    return summarise(values.tolist()).half_width or 0.0


_NETWORK: dict[str, Any] = {"filters": 16, "shared": 3, "own": 1, "embedding": 64, "hidden": 128}
track: Track[Deployed] = Track(
    "test_time_shift.control",
    question="A policy meets its environment in another look and is given no reward; does it help to keep learning?",
    version=1,
    protocol=Deployed,
    setup=DeploymentSetup,
    metrics=(MILD, CLEAN, MEDIUM, STRONG),
    rules=_ControlRules(),
    tiers={
        Tier.SMOKE: DeploymentBudget(
            "reacher", 0.5, size=20, crop=16, demonstrations=6, steps=3, batch_size=8, learning_rate=1e-3, horizon=4,
            episodes=2, harder=2, **(_NETWORK | {"filters": 4, "shared": 2, "embedding": 8, "hidden": 8}),
        ),
        Tier.QUICK: DeploymentBudget(
            "reacher", 60, size=32, crop=28, demonstrations=256, steps=1500, batch_size=32, learning_rate=1e-3,
            horizon=60, episodes=40, harder=12, **_NETWORK,
        ),
        Tier.STANDARD: DeploymentBudget(
            "reacher", 1200, size=48, crop=40, demonstrations=512, steps=4000, batch_size=48, learning_rate=1e-3,
            horizon=100, episodes=80, harder=40,
            **(_NETWORK | {"filters": 32, "shared": 4, "own": 2, "embedding": 100, "hidden": 256}),
        ),
    },
)  # fmt: skip
