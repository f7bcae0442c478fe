"""The simulated cart-pole where MuJoCo is installed: what it shows, what shifts, and a short run of the whole track."""

from __future__ import annotations

import os

import pytest
import torch

from benchmark.data.catalogue import ControlDataset, catalogue
from benchmark.data.control.environment import ControlEnv
from benchmark.data.control.shifts import KINDS, STRENGTHS, Shift
from benchmark.errors import UsageError

os.environ.setdefault("MUJOCO_GL", "egl")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(scope="module", autouse=True)
def simulator() -> None:
    """Skip where it is not installed or cannot draw."""
    pytest.importorskip("mujoco", reason="needs the extra `control`: pip install 'heptathlon[control]'")
    pytest.importorskip("dm_control", reason="needs the extra `control`: pip install 'heptathlon[control]'")
    try:
        make(count=1).reset(seed=100)
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        pytest.skip(f"MuJoCo cannot draw here without a display: {error}")


def make(*, count: int = 2, horizon: int = 30, shift: Shift | None = None) -> ControlEnv:
    dataset = catalogue.find("dm-cartpole").dataset
    assert isinstance(dataset, ControlDataset)
    assert dataset.missing() is None
    return dataset.environment(count=count, size=48, horizon=horizon, shift=shift or Shift())


def test_frames_follow_from_the_seed_and_the_expert_balances() -> None:
    env, again = make(), make()
    frames = env.reset(seed=100)[0]
    assert torch.equal(frames, again.reset(seed=100)[0])
    assert frames.shape == (2, 9, 48, 48)
    rewards = torch.stack([env.step(env.expert())[1] for _ in range(30)])
    assert float(rewards.min()) > 0.9
    for _ in range(30):
        pushed = again.step(torch.ones(2, 1))[1]
    assert float(pushed.max()) < 0.7
    with pytest.raises(UsageError, match="one seed"):
        env.reset()


@pytest.mark.parametrize("kind", KINDS)
def test_shifts_change_what_is_seen_and_nothing_else(kind: str) -> None:
    plain = make()
    usual = plain.reset(seed=100)[0].float()
    rewards = plain.step(torch.ones(2, 1))[1]
    distances = []
    for strength in STRENGTHS:
        env = make(shift=Shift(kind, strength))
        distances.append(float((env.reset(seed=100)[0].float() - usual).abs().mean()))
        assert torch.equal(env.step(torch.ones(2, 1))[1], rewards)
    assert 0.5 < distances[0] < distances[2]


def test_the_whole_track_runs() -> None:
    from benchmark.contestant.remote import Limits
    from benchmark.results.job import Job
    from benchmark.running.plan import Conditions, Plan
    from benchmark.running.runner import run_job

    plan = Plan.of(Job("test_time_shift.control", "pad", "smoke@dm-cartpole", 100))
    record = run_job(plan, Conditions("cpu", Limits(300, 8 * 2**30)), threads=1, alone=False)
    assert record.status == "ok", record.failure
    assert record.metrics["clean_return"].value > 50
