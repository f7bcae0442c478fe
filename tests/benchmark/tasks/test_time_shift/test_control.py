"""What the judge of `test_time_shift.control` does with contestants whose actions are known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark.data.catalogue import ControlDataset, catalogue
from benchmark.data.control.shifts import KINDS, STRENGTHS, Shift
from benchmark.data.source import Source
from benchmark.errors import ContestantError, DataError
from benchmark.machine.meters import Clock
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.rules import Outcome
from benchmark.tasks.test_time_shift import control
from benchmark.tasks.test_time_shift.deployment import VARIANTS, DeploymentBudget
from tests.benchmark.tasks.contestant_stub import StubContestant

BUDGET = control.track.tiers[Tier.SMOKE]
assert isinstance(BUDGET, DeploymentBudget)


class Stub(StubContestant):
    """Answers `act` by a function of the frames last observed."""

    def __init__(self, answer: Callable[[Tensor], Any], network: Any = "inverse") -> None:
        self.answer, self.chosen = answer, network
        self.calls: list[str] = []
        self.phases: list[str | None] = []
        self.seen: list[Tensor] = []

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        self.calls.append(name)
        self.phases.append(phase)
        if name == "network":
            return self.chosen
        if name == "observe":
            self.seen.append(arguments[0])
        return self.answer(self.seen[-1]) if name == "act" else None


def idle(frames: Tensor) -> Tensor:
    return torch.zeros(*frames.shape[:2], 2)


def judge(stub: Stub, *, seed: int = 100, salt: str = "local", data: str = "reacher", **sizes: Any) -> Outcome:
    budget = replace(BUDGET, **sizes)
    source = Source.of(catalogue.find(data))
    prepared = control.track.rules.prepare(budget, source, Draw(control.track.name, seed, salt, "cpu"))
    return control.track.rules.judge(stub, budget, prepared, Clock())


def test_returns_against_a_loop_over_the_environment() -> None:
    outcome = judge(Stub(idle), episodes=3)
    world = catalogue.find("reacher").dataset
    assert isinstance(world, ControlDataset)
    draw = Draw(control.track.name, 100, "local", "cpu")
    seed = control.track.rules.prepare(BUDGET, Source.of(catalogue.find("reacher")), draw).episode_seed

    def earned(expert: bool) -> Tensor:
        env = world.environment(count=6, size=20, horizon=4, shift=Shift())
        env.reset(seed=seed)
        actions = lambda: env.expert() if expert else torch.zeros(6, 2)  # noqa: E731
        return torch.stack([env.step(actions())[1] for _ in range(4)]).mean(0)

    episodes = 100 * earned(False) / earned(True).mean()
    expected = [float(episodes[:3].mean()), float(episodes[3:].mean())]  # of each of two policies
    assert outcome.metrics["clean_return"].raw == pytest.approx(expected)
    assert outcome.metrics["clean_return"].value == pytest.approx(float(episodes.mean()))
    # Whoever does not look earns the same under every shift.
    assert outcome.metrics["mild_return"].raw == pytest.approx(expected)


def test_every_shift_is_met_once_with_its_number_of_episodes() -> None:
    stub = Stub(idle)
    outcome = judge(stub, episodes=3, harder=2)
    assert stub.calls[:2] == ["network", "begin"]
    assert stub.calls[2:] == ["reset", *["observe", "act"] * 4] * (1 + len(STRENGTHS))
    assert set(stub.phases[3:]) == {None, "adapt", "act"}
    counts = [frames.shape[:2] for frames in stub.seen[::4]]
    assert counts == [(2, 3), (2, 3 * len(KINDS)), (2, 2 * len(KINDS)), (2, 2 * len(KINDS))]
    assert {(len(metric.raw), metric.per) for metric in outcome.metrics.values()} == {(2, "policy")}
    assert outcome.rates == {"deployment steps/s": 2 * 4 * (5 * 3 + 8 * 2) / 4.0}


def test_curves_tell_strength_policy_and_step() -> None:
    outcome = judge(Stub(idle), episodes=3)
    assert set(outcome.curves) == {*KINDS, "none_by_step", *(f"{kind}_by_step" for kind in KINDS)}
    line = outcome.curves["colour"]
    assert line["strength"] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert line["policy"] == [0, 1] * 4
    assert line["return"][:2] == outcome.metrics["clean_return"].raw
    steps = outcome.curves["texture_by_step"]
    assert steps["step"] == [1, 2, 3, 4]
    mild = [outcome.curves["texture"]["return"][row] for row in (2, 3)]
    assert sum(steps["return"]) / 4 == pytest.approx(sum(mild) / 2)


def test_kinds_weigh_alike_in_the_return_of_a_policy() -> None:
    outcome = judge(Stub(lambda frames: frames[..., -2:, 0, 0].float() / 255))
    for place, strength in enumerate(("clean", "mild", "medium", "strong")):
        found = [outcome.curves[kind]["return"][2 * place : 2 * place + 2] for kind in KINDS]
        expected = torch.tensor(found, dtype=torch.float64).mean(0).tolist()
        assert outcome.metrics[f"{strength}_return"].raw == pytest.approx(expected)


def test_actions_beyond_the_limits_are_clipped() -> None:
    def right(scale: float) -> Callable[[Tensor], Tensor]:
        return lambda frames: torch.tensor([scale, -scale]).expand(*frames.shape[:2], 2)

    far, full, half = (judge(Stub(right(scale))).metrics["clean_return"].raw for scale in (7.0, 1.0, 0.5))
    assert far == full != half


def test_episodes_follow_from_seed_and_salt() -> None:
    one = judge(Stub(idle)).metrics["clean_return"].raw
    assert judge(Stub(idle)).metrics["clean_return"].raw == one
    assert judge(Stub(idle), seed=101).metrics["clean_return"].raw != one
    assert judge(Stub(idle), salt="fresh").metrics["clean_return"].raw != one


def test_a_picture_of_the_shifts_is_kept_for_the_first_seed_alone() -> None:
    picture = judge(Stub(idle), seed=0).pictures["shifts"]
    assert picture.rows == list(KINDS)
    assert picture.columns == ["none", "mild", "mild", "medium", "medium", "strong", "strong"]
    tiles = picture.tiles()
    assert (tiles[0, 0] == tiles[3, 0]).all()
    assert (tiles[0, 0] != tiles[0, 5]).any()
    assert judge(Stub(idle), seed=1).pictures == {}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda frames: torch.zeros(2, 1, 3), r"act\(\) returned torch.float32 of shape \(2, 1, 3\)"),
        (lambda frames: torch.full((2, 1, 2), float("nan")), "NaN or infinity for 2 of 2"),
        (lambda frames: torch.zeros(2, 1, 2, dtype=torch.int64), "int64"),
        (lambda frames: None, "NoneType"),
    ],
    ids=["shape", "nan", "type", "none"],
)
def test_what_is_no_action_is_the_contestants_error(answer: Callable[[Tensor], Any], message: str) -> None:
    with pytest.raises(ContestantError, match=message):
        judge(Stub(answer))


@pytest.mark.parametrize("network", ["best", None, ["inverse"]])
def test_an_unknown_network_is_the_contestants_error(network: Any) -> None:
    with pytest.raises(ContestantError, match="return one of 'inverse', 'rotation', 'randomised'"):
        judge(Stub(idle, network))


@pytest.mark.parametrize("network", VARIANTS)
def test_weights_fit_the_policy_that_the_setup_builds(network: str) -> None:
    data = control.track.rules.prepare(
        BUDGET, Source.of(catalogue.find("cartpole")), Draw(control.track.name, 100, "", "cpu")
    )
    setup = control.track.setup(
        seed=100, track=control.track.name, device_name="cpu", **control.track.rules.tell(BUDGET, data)
    )
    policy = setup.policy(network, copies=2)  # type: ignore[attr-defined]
    policy.load_state_dict(data.weights(network))
    assert policy.act(torch.zeros(2, 5, 9, 20, 20, dtype=torch.uint8)).shape == (2, 5, 1)
    assert not torch.equal(*policy.get_parameter("shared.0.weight"))  # trained apart


def test_images_are_no_environment() -> None:
    with pytest.raises(DataError, match="'glyphs' is no environment; this track needs one of: cartpole, dm-cartpole"):
        judge(Stub(idle), data="glyphs")


def test_an_environment_is_no_set_of_images() -> None:
    with pytest.raises(DataError, match="'reacher' is an environment and has no 'test' split"):
        Source.of(catalogue.find("reacher")).classes()


@pytest.mark.skipif(find_spec("dm_control") is not None, reason="dm_control is here: nothing is missing")
def test_the_simulator_is_missing() -> None:
    with pytest.raises(DataError, match=r"pip install 'heptathlon\[control\]'"):
        judge(Stub(idle), data="dm-cartpole")
