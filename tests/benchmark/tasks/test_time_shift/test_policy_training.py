"""The recipe: what is watched, what is learned from it, and that it is trained once."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.data.catalogue import ControlDataset, catalogue
from benchmark.data.control.environment import ControlEnv
from benchmark.data.control.shifts import RANDOMISED, Shift
from benchmark.data.source import Source
from benchmark.processes import aside
from benchmark.tasks.test_time_shift import policy_training
from benchmark.tasks.test_time_shift.pixel_policy import Architecture, PixelPolicy
from benchmark.tasks.test_time_shift.policy_training import PolicyRecipe, stacked, watch

PLAN = Architecture(channels=9, size=20, crop=16, actions=2, filters=8, shared=2, own=1, embedding=16, hidden=32)
RECIPE = PolicyRecipe(
    PLAN, "inverse", "none", episodes=30, horizon=20, steps=3, batch_size=16, learning_rate=2e-3, seed=100, number=0
)  # fmt: skip


def source() -> Source:
    return Source.of(catalogue.find("reacher"))


def world() -> ControlDataset:
    dataset = source().entry.dataset
    assert isinstance(dataset, ControlDataset)
    return dataset


def env(count: int = 30, horizon: int = 20, shift: Shift | None = None) -> ControlEnv:
    return world().environment(count=count, size=20, horizon=horizon, shift=shift or Shift())


def test_a_third_follows_the_expert_a_third_in_part_and_a_third_not_at_all() -> None:
    seen = watch(env(), seed=100)
    assert seen.frames.shape == (21, 30, 3, 20, 20)
    own = (seen.actions == seen.expert).all(2).float().mean(0).view(10, 3).mean(0)
    assert own[0] == 1
    assert 0.35 < own[1] < 0.65
    assert own[2] == 0


def test_stacked_frames_are_what_the_environment_shows() -> None:
    seen = watch(env(count=3), seed=100)
    again = env(count=3)
    observations = [again.reset(seed=100)[0]]
    observations += [again.step(actions)[0] for actions in seen.actions]
    for step in (0, 1, 2, 20):
        found = stacked(seen.frames, torch.full((3,), step), torch.arange(3))
        assert torch.equal(found, observations[step])


@pytest.mark.parametrize("head", ["inverse", "rotation"])
def test_both_tasks_are_learned(head: str) -> None:
    """On the few transitions that were watched."""
    recipe = replace(RECIPE, head=head, batch_size=32)
    seen = watch(env(count=3, horizon=10), seed=100)
    steps, copies = torch.arange(10).repeat(3), torch.arange(3).repeat_interleave(10)

    def losses(many: int) -> tuple[float, float, float]:
        words = asdict(replace(recipe, steps=many))
        weights = policy_training.train_here(words, seen.frames, seen.actions, seen.expert, "cpu")
        model = PixelPolicy(PLAN, head, copies=1, generator=None)
        model.load_state_dict({name: tensor[None] for name, tensor in weights.items()})
        before, after = (stacked(seen.frames, steps + later, copies)[None] for later in (0, 1))
        middle = torch.full((1, 30, 1), PLAN.places // 2)
        with torch.no_grad():
            cloning = (model.act(before)[0] - seen.expert[steps, copies]).square().mean()
            if head == "inverse":
                maps, places = model.maps(before), torch.stack([middle, middle])
                own = model.inverse_losses(maps, model.maps(after), seen.actions[steps, copies][None], places)
            else:
                own = model.rotation_losses(before, middle.repeat(1, 4, 1))
        return float(cloning), float(own), float(weights["usual_loss"])

    (cloning, own, usual), (first_cloning, first_own, first_usual) = losses(150), losses(1)
    assert cloning < 0.85 * first_cloning
    assert own < 0.85 * first_own
    assert usual < 0.85 * first_usual
    assert usual == pytest.approx(own, rel=0.5), "what training ended with is what its transitions show"


def test_weights_are_trained_once_for_a_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path))
    real, runs = aside.run, []

    def run(function: Any, *arguments: Any) -> Any:
        runs.append(function)
        return real(function, *arguments)

    monkeypatch.setattr(aside, "run", run)
    first = policy_training.trained(RECIPE, source(), device="cpu")
    again = policy_training.trained(RECIPE, source(), device="cpu")
    assert runs == [policy_training.train_here]
    assert all(torch.equal(first[name], again[name]) for name in first)
    seen = watch(env(), seed=policy_training.derive(100, "control", "demonstrations", 0))
    here = policy_training.train_here(asdict(RECIPE), seen.frames, seen.actions, seen.expert, "cpu")
    assert all(torch.equal(first[name], here[name]) for name in first)
    assert all(torch.equal(tensor, tensor.half().float()) for tensor in first.values())
    for change in ({"seed": 101}, {"number": 1}):
        other = policy_training.trained(replace(RECIPE, **change), source(), device="cpu")
        assert not torch.equal(first["shared.0.weight"], other["shared.0.weight"])
    assert len(runs) == 3


def test_the_randomised_policy_is_shown_many_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path))
    shown: list[Any] = []

    def run(function: Any, recipe: Any, frames: Any, *rest: Any) -> Any:
        shown.append(frames)
        return {"weight": torch.zeros(1)}

    monkeypatch.setattr(aside, "run", run)
    policy_training.trained(replace(RECIPE, looks="strong"), source(), device="cpu")
    usual = env(shift=Shift(RANDOMISED, "strong"))
    seen = watch(usual, seed=policy_training.derive(100, "control", "demonstrations", 0))
    assert torch.equal(shown[0], seen.frames)
    corners = shown[0][0, :, :, -1, 0].float()  # the table in the first frame of every copy
    assert float(corners.std(0).min()) > 1
    policy_training.trained(RECIPE, source(), device="cpu")
    assert float(shown[1][0, :, :, -1, 0].float().std(0).max()) == 0


def test_the_rate_falls_to_nothing() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    stepper = policy_training._falling(10)([weight], lr=0.1, fused=True)
    rates = []
    for _ in range(10):
        rates.append(stepper.param_groups[0]["lr"])
        weight.grad = torch.ones(1)
        stepper.step()
    assert rates[0] == 0.1
    assert rates[5] == pytest.approx(0.05)
    assert stepper.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)
