"""Policies that come with the harness: they fit the present code, and are refused where they do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.data.catalogue import ControlDataset, catalogue
from benchmark.data.control.shifts import Shift
from benchmark.data.source import Source
from benchmark.errors import DataError
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.test_time_shift import control, policy_files, policy_training
from benchmark.tasks.test_time_shift.deployment import DeploymentBudget
from benchmark.tasks.test_time_shift.pixel_policy import PixelPolicy
from benchmark.tasks.test_time_shift.policy_training import PolicyRecipe

SMOKE, QUICK = (control.track.tiers[tier] for tier in (Tier.SMOKE, Tier.QUICK))
assert isinstance(SMOKE, DeploymentBudget)
assert isinstance(QUICK, DeploymentBudget)


def source() -> Source:
    return Source.of(catalogue.find("reacher"))


def recipe(sizes: Any = SMOKE, variant: str = "inverse", number: int = 0, seed: int = 100) -> PolicyRecipe:
    return policy_files.recipe(sizes, source(), seed=seed, variant=variant, number=number)


def weights(wanted: PolicyRecipe, seed: int = 0) -> dict[str, torch.Tensor]:
    model = PixelPolicy(wanted.plan, wanted.head, copies=1, generator=torch.Generator().manual_seed(seed))
    return {name: tensor[0].half().float() for name, tensor in model.state_dict().items()}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "reacher-100.npz"
    policies = [(recipe(number=number), weights(recipe(), number)) for number in range(2)]
    policy_files.write(path, {"inverse": policies}, source())
    return path


def test_what_is_written_is_read(written: Path) -> None:
    for number in range(2):
        found = policy_files.read(written, recipe(number=number), source(), "inverse")
        assert found is not None
        expected = weights(recipe(), number)
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
        assert found.keys() == expected.keys()


def test_files_come_out_alike(written: Path) -> None:
    before = written.read_bytes()
    policies = [(recipe(number=number), weights(recipe(), number)) for number in range(2)]
    policy_files.write(written, {"inverse": policies}, source())
    assert written.read_bytes() == before


def test_other_policies_are_not_in_it(written: Path) -> None:
    assert policy_files.read(written.with_name("reacher-7.npz"), recipe(), source(), "inverse") is None
    assert policy_files.read(written, recipe(QUICK), source(), "inverse") is None
    assert policy_files.read(written, recipe(variant="randomised"), source(), "randomised") is None
    assert policy_files.read(written, recipe(number=2), source(), "inverse") is None


@pytest.mark.parametrize(
    ("change", "words"), [({"steps": 4}, "steps 3, now 4"), ({"seed": 7}, "seed 100, now 7"), ({"episodes": 5}, "6")]
)
def test_other_settings_are_refused(written: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=rf"trained by other settings: .*{words}.*make policies"):
        policy_files.read(written, replace(recipe(), **change), source(), "inverse")


def test_other_training_and_another_world_are_refused(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="world 'reacher:"):
        policy_files.read(written, recipe(), Source.of(catalogue.find("cartpole")), "inverse")
    monkeypatch.setattr(policy_training, "NOISE", (0.0, 1.0))
    with pytest.raises(DataError, match=r"noise \[0.0, 0.5, 1.0\], now \[0.0, 1.0\]"):
        policy_files.read(written, recipe(), source(), "inverse")


def test_damaged_files_are_refused(written: Path) -> None:
    policies = [(recipe(), weights(recipe(), 5))]
    other = written.with_name("other.npz")
    policy_files.write(other, {"inverse": policies}, source())
    import numpy as np

    with np.load(written) as first, np.load(other) as second:
        mixed = {name: second[name] if name in second.files and "/" in name else first[name] for name in first.files}
    np.savez(written, **mixed)
    with pytest.raises(DataError, match="is damaged"):
        policy_files.read(written, recipe(), source(), "inverse")
    written.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match="cannot be read"):
        policy_files.read(written, recipe(), source(), "inverse")


@pytest.mark.parametrize("seed", policy_files.SEEDS)
def test_shipped_policies_are_of_the_present_settings(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_training, "trained", lambda *_, **__: pytest.fail("nothing is to be trained"))
    draw = Draw(control.track.name, seed, "local", "cpu")
    for variant in policy_files.SHIPPED:
        each = [policy_files.policy(QUICK, source(), draw, variant, number) for number in range(QUICK.policies)]
        assert len({float(weights["shared.0.weight"].sum()) for weights in each}) == QUICK.policies


def test_they_are_small_and_part_of_what_is_compared() -> None:
    files = [policy_files.file_of("reacher", seed) for seed in policy_files.SEEDS]
    assert sum(path.stat().st_size for path in files) < 2 * 2**20
    assert control.track.rules.compared(QUICK, source()) == {"policies": policy_files.fingerprint("reacher")}
    assert control.track.rules.compared(QUICK, Source.of(catalogue.find("cartpole"))) == {}


def test_a_changed_file_is_another_comparison(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_files, "FOLDER", written.parent)
    before = policy_files.fingerprint("reacher")
    policy_files.write(written, {"inverse": [(recipe(), weights(recipe(), 9))]}, source())
    assert policy_files.fingerprint("reacher") != before
    assert policy_files.fingerprint("cartpole") == ""


def earned(weights: dict[str, torch.Tensor], wanted: PolicyRecipe) -> float:
    """Mean return without shift."""
    world = source().entry.dataset
    assert isinstance(world, ControlDataset)
    env = world.environment(count=64, size=wanted.plan.size, horizon=wanted.horizon, shift=Shift())
    model = PixelPolicy(wanted.plan, wanted.head, copies=1, generator=None)
    model.load_state_dict({name: tensor[None] for name, tensor in weights.items()})
    frames, total = env.reset(seed=9)[0], 0.0
    with torch.no_grad():
        for _ in range(wanted.horizon):
            frames, rewards, *_ = env.step(model.act(frames[None])[0])
            total += float(rewards.mean()) / wanted.horizon
    return total


@pytest.mark.slow
def test_training_gives_what_is_shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In its return: bits are equal on one CPU model alone."""
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path))
    wanted = recipe(QUICK, seed=0)
    shipped = policy_files.read(policy_files.file_of("reacher", 0), wanted, source(), "inverse")
    assert shipped is not None
    again = policy_training.trained(wanted, source(), device="cpu")
    assert earned(again, wanted) == pytest.approx(earned(shipped, wanted), abs=0.03)
    assert earned(shipped, wanted) > 0.75
