"""Gymnasium's vector API, episodes that pair, looks that shift, and physics against slower ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv
from scipy.integrate import solve_ivp
from torch import Tensor

from benchmark.data.catalogue import ControlDataset, catalogue
from benchmark.data.control.environment import ControlEnv
from benchmark.data.control.shifts import HELD_OUT, KINDS, RANDOMISED, STRENGTHS, Shift, draw_looks
from benchmark.errors import DataError, UnknownNameError, UsageError

NAMES = ("reacher", "cartpole")
EACH = pytest.mark.parametrize("name", NAMES)
PALETTE = {"ground": (0.5, 0.4, 0.6), "thing": (0.3, 0.7, 0.5)}
LEVELS = dict.fromkeys((*KINDS, *HELD_OUT), (0.01, 0.02, 0.04))


def make(name: str, *, count: int = 4, size: int = 24, horizon: int = 10, shift: Shift | None = None) -> ControlEnv:
    dataset = catalogue.find(name).dataset
    assert isinstance(dataset, ControlDataset)
    assert dataset.missing() is None
    return dataset.environment(count=count, size=size, horizon=horizon, shift=shift or Shift())


def random_actions(env: ControlEnv, seed: int = 0) -> Tensor:
    return 2 * torch.rand(env.num_envs, env.actions, generator=torch.Generator().manual_seed(seed)) - 1


@EACH
def test_it_is_a_vector_environment(name: str) -> None:
    env = make(name, horizon=2)
    assert isinstance(env, VectorEnv)
    frames, info = env.reset(seed=100)
    assert env.observation_space.contains(frames.numpy())
    assert env.action_space.contains(env.expert().numpy())
    assert info == {}
    for last in (False, True):
        after, rewards, ended, cut, _ = env.step(env.expert())
        assert env.observation_space.contains(after.numpy())
        assert rewards.shape == ended.shape == cut.shape == (4,)
        assert bool((rewards <= 1).all())
        assert not ended.any()
        assert bool((cut == last).all())


@EACH
def test_an_observation_is_three_frames_the_newest_last(name: str) -> None:
    env = make(name)
    first, _ = env.reset(seed=100)
    assert torch.equal(first[:, :3], first[:, 6:])
    second = env.step(random_actions(env))[0]
    third = env.step(random_actions(env, 1))[0]
    assert torch.equal(third[:, 3:6], second[:, 6:])
    assert torch.equal(third[:, :3], first[:, 6:])
    assert not torch.equal(third[:, 6:], second[:, 6:])


@EACH
def test_a_seed_says_which_episodes(name: str) -> None:
    env, other = make(name), make(name)
    first = env.reset(seed=100)[0]
    assert torch.equal(first, other.reset(seed=100)[0])
    assert torch.equal(env.reset()[0], other.reset()[0])
    assert not torch.equal(env.reset(seed=101)[0], first)
    assert torch.equal(env.reset(seed=100)[0], first)
    assert not torch.equal(env.reset()[0], first)


@EACH
@pytest.mark.parametrize("kind", KINDS)
def test_shifts_change_what_is_seen_and_nothing_else(name: str, kind: str) -> None:
    """The same rewards for the same actions; frames farther from the usual ones the stronger the shift."""
    plain = make(name, count=20)
    usual = plain.reset(seed=100)[0].float()
    rewards = plain.step(random_actions(plain))[1]
    distances = []
    for strength in STRENGTHS:
        env = make(name, count=20, shift=Shift(kind, strength))
        distances.append(float((env.reset(seed=100)[0].float() - usual).abs().mean()))
        assert torch.equal(env.step(random_actions(env))[1], rewards)
    assert 0 < distances[0] < distances[1] < distances[2]


@EACH
def test_wrong_use_is_refused(name: str) -> None:
    env = make(name, horizon=1)
    with pytest.raises(UsageError, match=r"call reset\(\)"):
        env.step(random_actions(env))
    with pytest.raises(UsageError, match="one seed for all"):
        env.reset(seed=[1, 2, 3, 4])
    env.reset(seed=100)
    with pytest.raises(UsageError, match=r"\(4, 7\); it must be \(4, "):
        env.step(torch.zeros(4, 7))
    env.step(random_actions(env))
    with pytest.raises(UsageError, match="over after 1 steps"):
        env.step(random_actions(env))


@pytest.mark.parametrize(("word", "value"), [("count", 0), ("size", 8), ("horizon", 0)])
def test_sizes_that_make_no_sense(word: str, value: int) -> None:
    with pytest.raises(DataError, match=f"{word} is {value}; reacher needs at least"):
        make("reacher", **{word: value})


def test_unknown_words_and_missing_levels() -> None:
    with pytest.raises(UnknownNameError, match="colour"):
        Shift("color")
    with pytest.raises(UnknownNameError, match="strong"):
        Shift("colour", "stronk")
    with pytest.raises(UsageError, match="no levels of 'camera'"):
        Shift("colour").levels(dict.fromkeys(KINDS[:3], (1, 2, 3)))


def looks(kind: str, strength: str = "mild", count: int = 50):
    rng = torch.Generator().manual_seed(0)
    return draw_looks(Shift(kind, strength), PALETTE, LEVELS, count=count, size=16, rng=rng)


def test_strengths_differ_in_their_level_alone() -> None:
    usual = torch.tensor(PALETTE["thing"])
    mild, strong = (looks("colour", strength).colours["thing"] - usual for strength in ("mild", "strong"))
    assert torch.allclose(strong, 4 * mild, atol=1e-6)
    assert float(mild.std()) == pytest.approx(0.01, rel=0.2)
    mild, strong = (looks("texture", strength).texture for strength in ("mild", "strong"))
    assert torch.allclose(strong, 4 * mild, atol=1e-6)
    assert float(mild.abs().max()) <= 0.01 + 1e-6
    mild, strong = (looks("lighting", strength).light - 1 for strength in ("mild", "strong"))
    assert torch.allclose(strong, 4 * mild, atol=1e-5)
    mild, strong = (looks("camera", strength).camera for strength in ("mild", "strong"))
    assert torch.allclose(strong.pan, 4 * mild.pan, atol=1e-6)
    assert torch.allclose(strong.zoom - 1, 4 * (mild.zoom - 1), atol=1e-6)
    assert float(mild.turn[:, 1].abs().max()) <= 0.01


def test_without_shift_nothing_is_changed() -> None:
    found = looks("none")
    assert found.light is None
    assert found.texture is None
    assert torch.equal(found.colours["thing"], torch.tensor(PALETTE["thing"]).expand(50, 3))
    assert torch.equal(found.camera.zoom, torch.ones(50))
    assert not found.camera.pan.any()


def test_randomised_looks_change_what_is_held_out_alone() -> None:
    found, most = (looks(RANDOMISED, strength, count=500) for strength in ("mild", "strong"))
    assert found.light is not None
    assert found.texture is not None
    assert most.light is not None
    assert most.texture is not None
    assert torch.equal(found.colours["thing"], torch.tensor(PALETTE["thing"]).expand(500, 3))
    assert not found.camera.pan.any()
    assert torch.allclose(most.texture, 4 * found.texture, atol=1e-6)
    depths = (1 - found.light).abs().amax((1, 2, 3))  # a shadow of up to 0.01 and a tint of up to 0.01
    assert 0.012 < float(depths.max()) <= 0.02
    assert float(depths.min()) < 0.003  # each at a level of its own


def test_a_shadow_darkens_one_side_and_a_tint_a_channel() -> None:
    shadow = looks("shadow", "strong").light
    assert shadow is not None
    assert shadow.shape == (50, 1, 16, 16)
    assert float(shadow.amax()) == 1
    assert float(shadow.amin()) == pytest.approx(0.96)
    corners = shadow[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert bool((corners.amax(1) > corners.amin(1)).all())
    tint = looks("tint", "strong").light
    assert tint is not None
    assert float(tint.flatten(2).std(2).max()) == 0
    assert float(tint[:, :, 0, 0].std(1).min()) > 0
    assert float((tint - 1).abs().max()) <= 0.04


def test_dots_lie_on_the_ground_between_bare_places() -> None:
    dots = looks("dots", "strong").texture
    assert dots is not None
    bare = (dots == 0).all(1).float().mean((1, 2))
    assert bool(((bare > 0.2) & (bare < 0.99)).all())
    assert 0.01 < float(dots.abs().max()) <= 6 * 0.04


@EACH
def test_the_expert_earns_what_idleness_does_not(name: str) -> None:
    def earned(idle: bool) -> float:
        env = make(name, count=40, size=16, horizon=60)
        env.reset(seed=100)
        none = torch.zeros(40, env.actions)
        return sum(float(env.step(none if idle else env.expert())[1].mean()) for _ in range(60)) / 60

    assert earned(False) > 0.8
    assert earned(True) < 0.6


def test_the_hand_moves_as_it_is_told_and_is_paid_for_nearness() -> None:
    env = make("reacher", count=30, horizon=25)
    env.reset(seed=100)
    for step in range(25):
        hand, mark = env.state["hand"].numpy(), env.state["mark"].numpy()  # type: ignore[attr-defined]
        actions = 3 * random_actions(env, step)
        rewards = env.step(actions)[1]
        for copy in range(30):
            x, y = hand[copy] + 0.1 * np.clip(actions[copy].double().numpy(), -1, 1)
            x, y = min(max(x, -0.75), 0.75), min(max(y, -0.75), 0.5)
            assert float(rewards[copy]) == pytest.approx(1 - math.hypot(x - mark[copy, 0], y - mark[copy, 1]))


def test_the_pole_falls_as_the_equation_of_motion_says() -> None:
    """Against scipy's adaptive solver, over four steps between pushes; Euler's steps are 10 ms."""
    env = make("cartpole", count=5, horizon=10)
    env.reset(seed=100)
    bodies = env.state["body"].numpy().copy()  # type: ignore[attr-defined]
    actions = 0.3 * random_actions(env)
    for _ in range(4):
        env.step(actions)

    def flow(_: float, body: np.ndarray, speed: float) -> list[float]:
        force = (1.5 * speed - body[1]) / 0.05
        turning = (9.81 * math.sin(body[2]) - force * math.cos(body[2])) / 0.9
        return [body[1], force, body[3], turning]

    for copy in range(5):
        found = env.state["body"][copy].numpy()  # type: ignore[attr-defined]
        exact = solve_ivp(flow, (0, 0.2), bodies[copy], args=(float(actions[copy, 0]),), rtol=1e-9).y[:, -1]
        assert np.abs(found - exact).max() < 0.03
        assert np.abs(exact - bodies[copy]).max() > 0.03
