"""`test_time_shift.control`: a policy trained in one look of an environment is deployed in others, without reward.

The rules are in the task's docstring. Here are its sizes and its judging.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmark.data.catalogue import ControlDataset, catalogue
from benchmark.data.control.shifts import KINDS, STRENGTHS, Shift
from benchmark.errors import DataError
from benchmark.results.job import Tier
from benchmark.seeding import derive
from benchmark.tasks.answers import Floats, Word
from benchmark.tasks.rules import Network, Outcome, Rules
from benchmark.tasks.test_time_shift import policy_files
from benchmark.tasks.test_time_shift.deployment import VARIANTS, Deployed, DeploymentBudget, DeploymentSetup
from benchmark.tasks.track import Metric, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.results.pictures import Picture
    from benchmark.seeding import Draw
    from benchmark.tasks.rules import Contestant

_SHOWN = 2
"""Episodes of each shift and strength in the picture."""

MILD = Metric("mild_return", "%", True, "return under mild shifts, of the expert's without shift; mean over the kinds")
CLEAN = Metric("clean_return", "%", True, "return without shift, of the expert's")
MEDIUM = Metric("medium_return", "%", True, "as mild_return, under medium shifts")
STRONG = Metric("strong_return", "%", True, "as mild_return, under strong shifts")


@dataclass(frozen=True, slots=True)
class Deployment:
    """world: the environment;  weights: variant -> trained weights (policies, ...);  seed: of the job, and of its
    episodes."""

    world: ControlDataset
    actions: int
    weights: Callable[[str], dict[str, Tensor]]
    seed: int
    episode_seed: int


class _ControlRules(Rules):
    def compared(self, sizes: DeploymentBudget, source: Source) -> dict[str, str]:
        shipped = policy_files.fingerprint(source.entry.name)
        return {"policies": shipped} if shipped else {}

    def networks(self, sizes: DeploymentBudget, source: Source, draw: Draw) -> tuple[Network, ...]:
        """Those that do not come with the harness; a method that asks for another than the tier's trains its own."""
        if not isinstance(source.entry.dataset, ControlDataset) or source.missing():
            return ()
        if policy_files.file_of(source.entry.name, draw.seed).is_file() and sizes.variants == policy_files.SHIPPED:
            return ()
        return tuple(
            Network(
                f"{variant}-{number}",
                sizes.seconds,
                partial(policy_files.policy, sizes, source, draw, variant, number),
            )
            for variant in sizes.variants
            for number in range(sizes.policies)
        )

    def prepare(self, sizes: DeploymentBudget, source: Source, draw: Draw) -> Deployment:
        world = source.entry.dataset
        if not isinstance(world, ControlDataset):
            known = ", ".join(entry.name for entry in catalogue if isinstance(entry.dataset, ControlDataset))
            raise DataError(f"dataset {source.entry.name!r} is no environment; this track needs one of: {known}")
        missing = source.missing()
        if missing:
            raise DataError(missing)
        actions = world.environment(count=1, size=sizes.size, horizon=1, shift=Shift()).actions

        def weights(variant: str) -> dict[str, Tensor]:
            import torch

            each = [policy_files.policy(sizes, source, draw, variant, number) for number in range(sizes.policies)]
            return {name: torch.stack([policy[name] for policy in each]) for name in each[0]}

        return Deployment(world, actions, weights, draw.seed, derive(*draw.secret_path("episodes")))

    def tell(self, sizes: DeploymentBudget, data: Deployment) -> dict[str, Any]:
        given = asdict(sizes) | {"actions": data.actions}
        return {name: given[name] for name in DeploymentSetup.__dataclass_fields__ if name in given}

    def judge(self, contestant: Contestant, sizes: DeploymentBudget, data: Deployment, clock: Clock) -> Outcome:
        variant = contestant.call("network", reply=Word(VARIANTS))
        with clock.running("data"):
            weights = data.weights(variant)
            best = {count: expert(sizes, data, count) for count in {sizes.episodes, sizes.harder}}
        contestant.call("begin", weights)

        def deployed(shifts: Sequence[Shift], count: int) -> Tensor:
            """Rewards (shifts, horizon, policies) in % of the expert's mean, mean over episodes."""
            return 100 * deploy(contestant, sizes, data, clock, shifts, count).mean(3) / best[count]

        (clean,) = deployed([Shift()], sizes.episodes)
        found = {
            strength: deployed([Shift(kind, strength) for kind in KINDS], count)
            for strength, count in zip(STRENGTHS, (sizes.episodes, sizes.harder, sizes.harder), strict=True)
        }
        returns = {"none": clean.mean(0).expand(len(KINDS), -1), **{name: each.mean(1) for name, each in found.items()}}
        metrics = {
            metric.name: metric.value(_mean(values), raw=values.mean(0).tolist(), per="policy")
            for metric, values in zip((CLEAN, MILD, MEDIUM, STRONG), returns.values(), strict=True)
        }
        steps = sizes.policies * sizes.horizon * (sizes.episodes * (1 + len(KINDS)) + 2 * sizes.harder * len(KINDS))
        seconds = contestant.seconds("adapt") + contestant.seconds("act")
        return Outcome(
            metrics,
            _by_strength(returns) | _by_step({"none": clean, **dict(zip(KINDS, found["mild"], strict=True))}),
            {"deployment steps/s": steps / seconds},
            {"shifts": _picture(sizes, data)} if data.seed == 0 else {},
            names={"kind": list(KINDS), "strength": list(returns)},
        )


def expert(sizes: DeploymentBudget, data: Deployment, count: int) -> float:
    """The expert's mean reward in the same episodes, so many for each policy, without shift."""
    env = data.world.environment(count=sizes.policies * count, size=sizes.size, horizon=sizes.horizon, shift=Shift())
    env.reset(seed=data.episode_seed)
    mean = sum(float(env.step(env.expert())[1].mean()) for _ in range(sizes.horizon)) / sizes.horizon
    if not mean > 0:
        raise DataError(f"the environment's expert earns {mean:g} per step; returns are measured against it: above 0")
    return mean


def deploy(
    contestant: Contestant, sizes: DeploymentBudget, data: Deployment, clock: Clock, shifts: Sequence[Shift], count: int
) -> Tensor:
    """Run so many episodes with each policy under each shift, all in step; rewards (shifts, horizon, policies, count)
    float64. Frames go to the contestant, rewards do not."""
    import torch

    shape = (sizes.policies, count)
    with clock.running("data"):
        worlds = [
            data.world.environment(count=sizes.policies * count, size=sizes.size, horizon=sizes.horizon, shift=shift)
            for shift in shifts
        ]
        frames = [world.reset(seed=data.episode_seed)[0] for world in worlds]
    contestant.call("reset", len(shifts) * count)
    earned = []
    for _ in range(sizes.horizon):
        seen = torch.cat([part.unflatten(0, shape) for part in frames], dim=1)
        contestant.call("observe", seen, phase="adapt")
        actions = contestant.call("act", reply=Floats(shape[0], len(shifts) * count, data.actions), phase="act")
        with clock.running("data"):
            parts = actions.cpu().clamp(-1, 1).split(count, dim=1)
            steps = [world.step(part.flatten(0, 1)) for world, part in zip(worlds, parts, strict=True)]
            frames = [step[0] for step in steps]
        earned.append(torch.stack([step[1].double().unflatten(0, shape) for step in steps]))
    return torch.stack(earned, dim=1)


def _by_strength(returns: dict[str, Tensor]) -> dict[str, dict[str, list[float]]]:
    """Per kind of shift the return of every policy by strength (0 is none). returns: (kinds, policies) by strength"""
    return {
        kind: {
            "strength": [float(place) for place, values in enumerate(returns.values()) for _ in values[row]],
            "policy": [float(number) for values in returns.values() for number in range(len(values[row]))],
            "return": [value for values in returns.values() for value in values[row].tolist()],
        }
        for row, kind in enumerate(KINDS)
    }


def _by_step(found: dict[str, Tensor]) -> dict[str, dict[str, list[float]]]:
    """Return by step, mean over policies. found: rewards (horizon, policies) by what is shifted"""
    return {
        f"{name}_by_step": {
            "step": [float(step) for step in range(1, len(rewards) + 1)],
            "return": rewards.mean(1).tolist(),
        }
        for name, rewards in found.items()
    }


def _picture(sizes: DeploymentBudget, data: Deployment) -> Picture:
    """First frames of some episodes under each shift."""
    import torch

    from benchmark.results import pictures

    def frames(shift: Shift, count: int) -> Tensor:
        env = data.world.environment(count=count, size=sizes.size, horizon=1, shift=shift)
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


track: Track[Deployed] = Track(
    "test_time_shift.control",
    question="A policy meets its environment in another look and is given no reward; does it help to keep learning?",
    version=2,
    protocol=Deployed,
    setup=DeploymentSetup,
    metrics=(MILD, CLEAN, MEDIUM, STRONG),
    rules=_ControlRules(),
    tiers={
        Tier.SMOKE: DeploymentBudget(
            "reacher", 0.5, size=20, crop=16, filters=4, shared=2, own=1, embedding=8, hidden=8, demonstrations=6,
            steps=3, batch_size=8, learning_rate=1e-3, looks="mild", variants=(), policies=2, horizon=4, episodes=1,
            harder=1,
        ),
        Tier.QUICK: DeploymentBudget(
            "reacher", 5, size=32, crop=28, filters=12, shared=3, own=1, embedding=24, hidden=48, demonstrations=128,
            steps=1500, batch_size=32, learning_rate=2e-3, looks="mild", variants=("inverse",), policies=4,
            horizon=60, episodes=4, harder=1,
        ),
        Tier.STANDARD: DeploymentBudget(
            "reacher", 1200, size=48, crop=40, filters=32, shared=4, own=2, embedding=100, hidden=256,
            demonstrations=512, steps=4000, batch_size=48, learning_rate=1e-3, looks="mild",
            variants=("inverse", "rotation", "randomised"), policies=2, horizon=100,
            episodes=40, harder=20,
        ),
    },
)  # fmt: skip
