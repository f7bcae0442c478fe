"""Sweeps behind `test_time_shift.control`: `python docs/tuning/control.py > FILE.md`.

A seed that no reported run has, with policies of its own, under the kinds of shift that are never judged. What can
change at deployment is swept on them all; how far looks are randomised in training, by leaving each kind out in turn: a
policy is trained on the others and deployed under the one. Ten minutes on one core.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from direct import Direct

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.control.shifts import HELD_OUT, STRENGTHS, Shift
from benchmark.data.source import Source
from benchmark.machine.meters import Clock
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.test_time_shift.control import Deployment, deploy, expert, track
from benchmark.tasks.test_time_shift.deployment import DeploymentBudget, DeploymentSetup

SEED = 100
GRIDS: dict[str, tuple[dict[str, float], ...]] = {
    "frozen": ({},),
    "pad": tuple({"learning_rate": rate} for rate in (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)),
    "pad-tuned": tuple({"learning_rate": rate} for rate in (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)),
}
"""By method: five values of one hyperparameter; the frozen policy has none."""
EPISODES = 8
"""Of each policy under each kind."""


def budget(**changes: Any) -> DeploymentBudget:
    """The quick tier's."""
    sizes = track.budget(Tier.QUICK)
    assert isinstance(sizes, DeploymentBudget)
    return replace(sizes, **changes)


def prepared(sizes: DeploymentBudget) -> Deployment:
    """Environment and policies."""
    draw = Draw(track.name, SEED, "tuning", "cpu")
    data: Deployment = track.rules.prepare(sizes, Source.of(catalogue.find(sizes.data)), draw)
    return data


def returns(method: str, options: dict[str, float], data: Deployment, sizes: DeploymentBudget, kinds: Any) -> Any:
    """Return in % of the expert's, (kinds, policies)."""
    setup = DeploymentSetup(seed=data.seed, track=track.name, device_name="cpu", **track.rules.tell(sizes, data))
    deployed = track.classes[method](setup, **options)
    deployed.begin(data.weights(deployed.network()))
    contestant: Any = Direct(deployed)
    rewards = deploy(contestant, sizes, data, Clock(), [Shift(kind) for kind in kinds], EPISODES)
    return 100 * rewards.mean((1, 3)) / expert(sizes, data, EPISODES)


@contextmanager
def without(kind: str) -> Iterator[None]:
    """The environment, in which randomised looks leave a kind out: its level is nought inside."""
    world: Any = catalogue.find(budget().data).dataset
    before = world.levels
    type(world).levels = {**before, kind: (0.0, 0.0, 0.0)}
    try:
        yield
    finally:
        type(world).levels = before


def row(words: str, found: Any) -> str:
    """A row of the table: the mean by kind, and over those under which it is to be good."""
    cells = found.mean(1).tolist()
    return f"| {words} | {' | '.join(f'{cell:.1f}' for cell in cells)} | {sum(cells[1:]) / (len(cells) - 1):.1f} |"


def rates() -> None:
    """Sweep what methods do at deployment."""
    kinds = ("none", *HELD_OUT)
    print(f"| method | setting | {' | '.join(kinds)} | mean under shift |\n|---|---|{'--:|' * (len(kinds) + 1)}")
    for method, grid in GRIDS.items():
        for options in grid:
            found = returns(method, options, prepared(budget()), budget(), kinds)
            words = ", ".join(f"{name} {value:g}" for name, value in options.items()) or "-"
            print(row(f"{method} | {words}", found), flush=True)


def looks() -> None:
    """Sweep how far looks are randomised, with one policy for each kind that is left out."""
    print(f"| looks up to | none | {' | '.join(HELD_OUT)} | mean under shift |\n|---|{'--:|' * (len(HELD_OUT) + 2)}")
    for strength in STRENGTHS:
        sizes = budget(looks=strength, policies=1)
        found = []
        for kind in HELD_OUT:
            with without(kind):
                weights = prepared(sizes).weights("randomised")
            data = replace(prepared(sizes), weights={"randomised": weights}.__getitem__)
            found.append(returns("domain-randomisation", {}, data, sizes, ("none", kind)))
        clean, shifted = torch.stack(found).squeeze(2).unbind(1)
        print(row(strength, torch.cat([clean.mean(0, keepdim=True), shifted])[:, None]), flush=True)


def main() -> None:
    """Print the page."""
    torch.set_num_threads(1)
    assert plugins.load_datasets() + plugins.load_methods() == []
    print("# Policies of `test_time_shift.control`\n")
    print("Return in % of the expert's without shift, under mild shifts of the kinds that are never judged; mean over")
    print(f"{EPISODES} episodes of each of the quick tier's policies of seed {SEED}. Five values of one hyperparameter")
    print("for each adapting method; it keeps the one with the highest mean under shift. Made by")
    print("`python docs/tuning/control.py`.\n")
    rates()
    print("\nHow far randomised looks go in training: under each kind, a policy that never saw it.\n")
    looks()


if __name__ == "__main__":
    main()
