"""Tracks as registries, and what a setup tells."""

from __future__ import annotations

import pytest
import torch

from benchmark.errors import DuplicateNameError, PluginError, UnknownNameError
from benchmark.identity import registering_from
from benchmark.results.job import Job, Tier
from benchmark.tasks import all_tasks, all_tracks, find_task, find_track
from benchmark.tasks.rules import Budget, Setup
from benchmark.tasks.track import Metric, Track

ACC = Metric("ACC", "%", True, "mean accuracy")
TIME = Metric("seconds", "s", False, "time")


class Learner:
    def learn(self) -> None: ...

    def predict(self) -> None: ...

    def _private(self) -> None: ...


@pytest.fixture
def track() -> Track[Learner]:
    return Track(
        "toy.one",
        question="Does it?",
        version=1,
        protocol=Learner,
        setup=Setup,
        metrics=(ACC, TIME),
        rules=None,  # type: ignore[arg-type]
        tiers={Tier.SMOKE: Budget("glyphs", 1), Tier.PAPER: Budget("mnist", 100)},
    )


class Whole:
    def learn(self) -> None: ...

    def predict(self) -> None: ...


def test_registering_returns_the_class_and_keeps_what_was_said(track: Track[Learner]) -> None:
    assert track.method("whole", paper="arXiv:1", role="reference")(Whole) is Whole
    entry = track.find("whole")
    assert (track.classes["whole"], entry.role, entry.paper, entry.origin) == (Whole, "reference", "arXiv:1", __name__)
    assert str(entry) == "toy.one/whole"


def test_the_origin_is_the_plugin_that_is_loading(track: Track[Learner]) -> None:
    with registering_from("/a.py"):
        with registering_from("/b.py"):
            track.method("inner")(Whole)
        track.method("outer")(Whole)
    track.method("after")(Whole)
    assert {name: entry.origin for name, entry in track.entries.items()} == {
        "inner": "/b.py",
        "outer": "/a.py",
        "after": __name__,
    }


def test_a_name_is_given_once(track: Track[Learner]) -> None:
    track.method("whole")(Whole)
    with pytest.raises(DuplicateNameError, match=f"track 'toy.one' has a method 'whole' already, from {__name__}"):
        track.method("whole")(Whole)


def test_a_method_may_name_the_tiers_in_which_it_runs_unasked(track: Track[Learner]) -> None:
    track.method("always", role="baseline")(Whole)
    track.method("seldom", role="baseline", tiers=("smoke", "paper"))(Whole)
    assert (track.find("always").tiers, track.find("seldom").tiers) == ((), ("smoke", "paper"))
    with pytest.raises(PluginError, match="'never' shall run in the tier 'huge'; tiers are smoke, quick"):
        track.method("never", role="baseline", tiers=("huge",))(Whole)


def test_every_call_of_the_protocol_is_asked_for(track: Track[Learner]) -> None:
    class Half:
        predict = 3

    with pytest.raises(PluginError, match=r"Half lacks learn, predict, which track 'toy.one' calls"):
        track.method("half")(Half)
    assert track.entries == {}


def test_looking_up(track: Track[Learner]) -> None:
    track.method("whole")(Whole)
    assert track.primary is ACC
    assert track.budget("smoke").data == "glyphs"
    assert track.budget(Tier.PAPER).seconds == 100
    for attempt, sentence in (
        (lambda: track.find("hole"), "no method in track 'toy.one': 'hole'; did you mean 'whole'?"),
        (lambda: track.budget("quick"), "no tier of track 'toy.one': 'quick'; known: paper, smoke"),
        (lambda: track.budget("smoky"), "no tier of track 'toy.one': 'smoky'; did you mean 'smoke'?"),
    ):
        with pytest.raises(UnknownNameError) as error:
            attempt()
        assert str(error.value) == sentence


def test_a_metric_makes_its_values() -> None:
    value = ACC.value(81.0, raw=[80.0, 82.0], per="task")
    assert (value.value, value.unit, value.higher_is_better, value.raw, value.per) == (
        81.0,
        "%",
        True,
        [80.0, 82.0],
        "task",
    )
    assert TIME.value(1.0).raw == []
    assert not TIME.value(1.0).higher_is_better


def test_a_setup_names_its_generators() -> None:
    def drawn(seed: int = 0, track: str = "toy.one", path: str = "weights") -> list[float]:
        return torch.rand(3, generator=Setup(seed, track, "cpu").generator(path)).tolist()

    assert drawn() == drawn()
    assert len({str(drawn()), str(drawn(1)), str(drawn(track="toy.two")), str(drawn(path="method"))}) == 4
    assert Setup(0, "toy.one", "cuda:1").device == torch.device("cuda", 1)


class TestTasks:
    def test_each_has_a_question_and_tracks_of_its_own(self) -> None:
        assert [task.name for task in all_tasks()] == sorted({task.name for task in all_tasks()})
        for task in all_tasks():
            assert task.question.endswith("?")
            assert task.tracks
            assert all(track.name.startswith(f"{task.name}.") for track in task.tracks)

    def test_every_track_has_what_a_run_needs(self) -> None:
        tracks = list(all_tracks())
        assert len({track.name for track in tracks}) == len(tracks) >= 2
        for track in tracks:
            assert track.question.endswith("?")
            assert len({metric.name for metric in track.metrics}) == len(track.metrics)
            assert {Tier.SMOKE, Tier.QUICK} <= set(track.tiers)
            assert all(Job(track.name, "x", tier, 0).base_tier == tier for tier in track.tiers)
            assert all(call.__doc__ for name, call in vars(track.protocol).items() if not name.startswith("_"))

    def test_by_name(self) -> None:
        names = ("permuted", "split", "multilingual")
        assert find_task("forgetting").tracks == tuple(find_track(f"forgetting.{name}") for name in names)
        with pytest.raises(UnknownNameError, match=r"no task 'xyz'; known: .*forgetting"):
            find_task("xyz")
        with pytest.raises(UnknownNameError, match=r"no track '.*permutd'; did you mean 'forgetting.permuted'"):
            find_track("forgetting.permutd")
