"""The rules of `padding`: what is told, what is judged, and that nothing of the test is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.data.catalogue import DatasetEntry, catalogue
from benchmark.data.source import Source
from benchmark.errors import ContestantError, DataError
from benchmark.machine.meters import Clock
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.rules import Outcome
from benchmark.tasks.small_objects import padding
from benchmark.tasks.small_objects.padding import Scenes, track
from benchmark.tasks.small_objects.rules import PaddingSetup
from tests.benchmark.tasks.contestant_stub import StubContestant

SIZES: Any = replace(track.tiers[Tier.SMOKE], train=40, test=64)  # type: ignore[type-var]


class Stub(StubContestant):
    """Answers by heart, or as its replies say."""

    def __init__(self, scenes: Scenes, size: tuple[int, int] = (64, 64), **replies: Callable[..., Any]) -> None:
        self.size, self.replies = size, replies
        self.known = next(iter(scenes.at(size).values())).test
        self.learned: list[tuple[Any, ...]] = []

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        if name in self.replies:
            return self.replies[name](*arguments)
        if name == "learn":
            self.learned.append(arguments)
        test = self.known
        defaults: dict[str, Any] = {
            "resolution": list(self.size),
            "detect": [test.boxes, test.labels, torch.ones(len(test.labels)), test.counts],
            "features": [torch.ones(32, 32), torch.ones(8, 8)],
            "foveation": torch.ones(self.size),
            "kernels": torch.ones(2, 3, 3),
        }
        return defaults.get(name)


def source(name: str = "clutter") -> Source:
    return Source.of(catalogue.find(name))


def prepared(seed: int = 0, salt: str = "local", **sizes: Any) -> Scenes:
    found: Scenes = track.rules.prepare(replace(SIZES, **sizes), source(), Draw(track.name, seed, salt, "cpu"))
    return found


def judged(scenes: Scenes, stub: Stub) -> Outcome:
    return track.rules.judge(stub, scenes.sizes, scenes, Clock())


def test_who_knows_all_has_full_marks() -> None:
    scenes = prepared()
    outcome = judged(scenes, Stub(scenes))
    values = {name: metric.value for name, metric in outcome.metrics.items()}
    full = {name for name in values if name != "map_asymmetry"}
    assert {name: values[name] for name in full} == pytest.approx(dict.fromkeys(full, 100))
    assert values["map_asymmetry"] == 0
    assert set(values) == {metric.name for metric in track.metrics}
    assert outcome.names == {
        "class": ["disc", "cross", "ring", "triangle"],
        "setting": ["middle", "uniform"],
        "edge": ["top", "bottom", "left", "right"],
    }
    assert outcome.metrics["AP"].per == "class"
    assert len(outcome.metrics["recall_border"].raw) == 4


def test_who_finds_nothing_has_none() -> None:
    scenes = prepared()
    empty = [torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0), torch.zeros(64, dtype=torch.int64)]
    outcome = judged(scenes, Stub(scenes, detect=lambda images: empty))
    assert {metric.value for metric in outcome.metrics.values()} == {0.0}


def test_training_is_in_the_middle_first_and_then_everywhere() -> None:
    scenes = prepared()
    stub = Stub(scenes)
    judged(scenes, stub)
    middle, uniform = ((boxes[:, :2] + boxes[:, 2:]) / 2 / 64 for _, boxes, _, _ in stub.learned)
    assert float(middle.min()) >= 0.2
    assert float(middle.max()) <= 0.8
    assert float(uniform.min()) < 0.1
    assert float(uniform.max()) > 0.9


def test_images_come_at_the_size_that_was_asked_for() -> None:
    scenes = prepared()
    stub = Stub(scenes, (65, 72 - 7))
    judged(scenes, stub)
    assert {tuple(images.shape[2:]) for images, *_ in stub.learned} == {(65, 65)}
    given = prepared().at((64, 64))["middle"]
    asked = prepared().at((65, 65))["middle"]
    assert torch.equal(given.train.labels, asked.train.labels)  # the same scenes


def test_what_is_told_says_nothing_of_the_test() -> None:
    told = [track.rules.tell(SIZES, prepared(salt=salt)) for salt in ("local", "another")]
    assert told[0] == told[1]
    first, second = (prepared(salt=salt).at((64, 64))["middle"] for salt in ("local", "another"))
    assert torch.equal(first.train.images, second.train.images)
    assert not torch.equal(first.test.images, second.test.images)
    setup = PaddingSetup(seed=0, track=track.name, device_name="cpu", **told[0])
    assert (setup.classes, setup.height, setup.steps) == (4, 64, SIZES.steps)


def test_objects_that_need_not_be_found_are_no_examples() -> None:
    scenes = prepared(seed=3, train=1000)
    setting = scenes.at((64, 64))["uniform"]
    assert not bool(setting.train.ignored.any())
    assert int(setting.train.counts.sum()) == len(setting.train.boxes)
    whole = scenes.source.boxed("train", size=(64, 64), count=1000, draw=scenes.draw)
    assert len(whole.boxes) > len(setting.train.boxes)


@pytest.mark.parametrize(
    ("call", "answer", "complaint"),
    [
        ("resolution", [63, 64], "resolution"),
        ("features", [], "no list of maps"),
        ("features", [torch.ones(3)], "float tensor"),
        ("foveation", torch.ones(65, 64), r"float tensor \(64, 64\)"),
        ("kernels", torch.ones(2, 5, 5), "float tensor"),
        ("detect", [], "no list of four"),
    ],
)
def test_other_replies_are_the_methods_fault(call: str, answer: Any, complaint: str) -> None:
    scenes = prepared()
    with pytest.raises(ContestantError, match=complaint):
        judged(scenes, Stub(scenes, **{call: lambda *_: answer}))


class Photographs:
    """Two images on disk, so to say, with one small object in the middle of each."""

    drawn = False

    def categories(self, root: Path) -> tuple[str, ...]:
        return ("only",)

    def missing(self, root: Path) -> str | None:
        return None

    def fingerprint(self, root: Path) -> str:
        return "two"

    def fetch(self, root: Path) -> None: ...

    def boxed(self, split: str, *, size: tuple[int, int], spread: float, **_: Any) -> BoxedImages:
        assert spread == 1
        height, width = size
        box = torch.tensor([[0.45, 0.45, 0.5, 0.5]]) * torch.tensor([width, height, width, height])
        there = 2 if split == "train" else self.objects
        return BoxedImages(
            torch.zeros(2, 3, *size, dtype=torch.uint8),
            box.repeat(there, 1),
            torch.zeros(there, dtype=torch.int64),
            torch.tensor([there, 0]),
            torch.zeros(there, dtype=torch.bool),
            ("only",),
        )

    objects = 1


def photographs(**facts: Any) -> Source:
    dataset: Any = Photographs()
    dataset.__dict__.update(facts)
    return Source(DatasetEntry("photographs", "", "", "", dataset, __file__), Path("nowhere"))


def test_photographs_have_one_setting_and_no_pictures_and_only_the_values_that_exist() -> None:
    sizes = replace(SIZES, train=0, test=0, height=64, width=96)
    scenes = track.rules.prepare(sizes, photographs(), Draw(track.name, 0, "local", "cpu"))
    assert list(scenes.at((64, 96))) == ["photographs"]
    outcome = track.rules.judge(Stub(scenes, (64, 96)), sizes, scenes, Clock())
    assert (outcome.pictures, set(outcome.curves)) == ({}, {"positions", "distance"})
    assert outcome.names["setting"] == ["photographs"]
    assert "AP_small" in outcome.metrics
    assert not {"AP_small_border", "recall_border", "AP_small_uniform"} & set(outcome.metrics)  # nothing lies there


def test_images_without_any_object_are_no_test() -> None:
    with pytest.raises(DataError, match="no object to learn from or none to find"):
        track.rules.prepare(replace(SIZES, train=0, test=0), photographs(objects=0), Draw(track.name, 0, "x", "cpu"))


def test_weights_of_the_users_own_are_part_of_the_comparison(tmp_path: Path) -> None:
    sizes = replace(SIZES, weights="weights/mine.pth")
    ours = Source(catalogue.find("clutter"), tmp_path)
    assert track.rules.compared(SIZES, ours) == {}
    assert track.rules.compared(sizes, ours) == {"weights": "from scratch"}
    scenes = Scenes(ours, sizes, Draw(track.name, 0, "local", "cpu"))
    assert track.rules.tell(sizes, scenes)["weights"] == ""
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "mine.pth").write_bytes(b"numbers")
    assert track.rules.compared(sizes, ours)["weights"] not in ("", "from scratch")
    assert track.rules.tell(sizes, scenes)["weights"] == str(tmp_path / "weights" / "mine.pth")


def test_curves_hold_what_pictures_are_drawn_from() -> None:
    scenes = prepared()
    curves = judged(scenes, Stub(scenes)).curves
    positions = curves["positions"]
    assert set(positions["setting"]) == {0, 1}
    assert sum(positions["count"]) == 2 * int((~scenes.at((64, 64))["middle"].test.ignored).sum())
    assert max(curves["features"]["row"]) < 16  # 32 cells a side, two to one
    assert set(curves["foveation"]["value"]) == {1.0}
    examples = curves["examples"]
    assert set(examples["image"]) == set(range(3))
    assert examples["score"].count(-1.0) == examples["score"].count(1.0)
    assert {len(column) for column in examples.values()} == {len(examples["image"])}
    assert padding.PHOTOGRAPHS == "photographs"
