"""The rules of `few_shot.novel_classes`, on contestants that do one thing: what they are sent, what they may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark.data.catalogue import LabelledImages
from benchmark.errors import ContestantError
from benchmark.machine.meters import Clock
from benchmark.tasks.few_shot import episodes, novel_classes
from benchmark.tasks.few_shot.novel_classes import NovelClasses
from benchmark.tasks.rules import Outcome
from tests.benchmark.tasks.contestant_stub import StubContestant

NOVEL_BUDGET = novel_classes.track.budget("smoke")
WAYS, QUERIES, CLASSES, PER_CLASS = 5, 15, 8, 24


class Stub(StubContestant):
    """A contestant that answers by functions, and remembers what it was sent."""

    spent = 0.5

    def __init__(self, **answers: Callable[..., Any]) -> None:
        self._answers = answers
        self.calls: list[tuple[str, tuple[Any, ...], str | None]] = []

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        self.calls.append((name, arguments, phase))
        return self._answers[name](*arguments) if name in self._answers else None

    def sent(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for called, arguments, _ in self.calls if called == name]


def labelled(
    classes: int = CLASSES, per_class: int = PER_CLASS, *, channels: int = 1, size: int = 12
) -> LabelledImages:
    """Images that say the class in one pixel, in mixed order."""
    labels = torch.arange(classes).repeat(per_class)
    rng = torch.Generator().manual_seed(classes)
    images = torch.randint(0, 60, (len(labels), channels, size, size), generator=rng, dtype=torch.uint8)
    images.flatten(2)[torch.arange(len(labels)), :, labels] = 255
    return LabelledImages(images, labels, tuple(f"class {label}" for label in range(classes)))


def drawn(labels: Tensor, count: int = 12) -> episodes.Episodes:
    rng = torch.Generator().manual_seed(3)
    return episodes.draw(labels, episodes=count, ways=WAYS, shots=5, queries=QUERIES, generator=rng)


def novel_data(count: int = 12) -> NovelClasses:
    """Features that say the class outright, under noise that makes each its own."""
    pool = labelled()
    noise = torch.rand(len(pool.labels), CLASSES, generator=torch.Generator().manual_seed(4))
    features = torch.nn.functional.one_hot(pool.labels, CLASSES) + 0.1 * noise
    return NovelClasses(features.flip(0), pool.labels.flip(0), features, drawn(pool.labels, count), True)


def judge_novel(data: NovelClasses, **answers: Callable[..., Any]) -> tuple[Outcome, Stub]:
    stub = Stub(**answers)
    return novel_classes.track.rules.judge(stub, NOVEL_BUDGET, data, Clock()), stub


def nearest(support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
    return labels.gather(1, torch.cdist(queries, support).argmin(2))


def values(outcome: Outcome) -> list[float]:
    return [outcome.metrics[name].value for name in ("accuracy_1_shot", "accuracy_5_shot")]


class TestNovelClasses:
    def test_who_knows_gets_all_and_who_guesses_a_fifth(self) -> None:
        outcome, _ = judge_novel(novel_data(), classify=nearest)
        assert values(outcome) == [100, 100]
        constant, _ = judge_novel(
            novel_data(), classify=lambda support, labels, queries: torch.full(queries.shape[:2], 2)
        )
        assert values(constant) == [20, 20]
        assert constant.curves["shots"] == {"shots": [1, 5], "accuracy": [20, 20], "half_width_95": [0, 0]}

    def test_raw_holds_each_episode(self) -> None:
        def half(support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
            answers = nearest(support, labels, queries)
            answers[::2] = 0
            return answers

        outcome, _ = judge_novel(novel_data(), classify=half)
        value = outcome.metrics["accuracy_1_shot"]
        assert value.raw == [20, 100] * 6
        assert (value.value, value.per) == (60, "episode")
        expected = 2.200985 * torch.tensor(value.raw).std() / 12**0.5  # Student, 11 degrees of freedom
        assert outcome.curves["shots"]["half_width_95"] == pytest.approx([float(expected)] * 2, rel=1e-6)
        assert outcome.rates == {"1-shot episodes/s": 24, "5-shot episodes/s": 24}

    def test_what_is_sent(self) -> None:
        """Features and labels of the base, supports with labels, queries without: nothing else."""
        data = novel_data()
        _, stub = judge_novel(data, classify=nearest)
        assert [(name, phase) for name, _, phase in stub.calls] == [
            ("observe", None),
            ("classify", "1-shot"),
            ("classify", "5-shot"),
        ]
        ((base, base_labels),) = stub.sent("observe")
        assert torch.equal(base, data.base)
        assert torch.equal(base_labels, data.base_labels)
        for shots, (support, labels, queries) in zip((1, 5), stub.sent("classify"), strict=True):
            chosen, within = data.episodes.shots(shots)
            assert torch.equal(support, data.novel[chosen])
            assert torch.equal(labels, within)
            assert torch.equal(queries, data.novel[data.episodes.queries])
        assert torch.equal(stub.sent("classify")[0][2], stub.sent("classify")[1][2]), "both have the same queries"

    def test_many_episodes_go_in_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole, _ = judge_novel(novel_data(), classify=nearest)
        monkeypatch.setattr(novel_classes, "_CHUNK", 5)

        def first_label(support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
            return nearest(support, labels, queries) if len(queries) == 5 else torch.zeros(queries.shape[:2]).long()

        outcome, stub = judge_novel(novel_data(), classify=first_label)
        assert [len(arguments[0]) for arguments in stub.sent("classify")] == [5, 5, 2] * 2
        assert outcome.metrics["accuracy_5_shot"].raw == [100] * 10 + [20] * 2
        assert outcome.rates == whole.rates

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (
                lambda q: None,
                r"classify\(\) returned NoneType; return a int64 tensor \(12, 75\) of classes in \[0, 5\)",
            ),
            (lambda q: torch.zeros(q.shape[:2]), r"torch.float32 of shape \(12, 75\)"),
            (lambda q: torch.zeros(q.shape[:2]).int(), "torch.int32"),
            (lambda q: torch.zeros(12, 74).long(), r"torch.int64 of shape \(12, 74\)"),
            (lambda q: torch.zeros(900).long(), r"shape \(900,\)"),
            (lambda q: torch.full(q.shape[:2], 5), "classes from 5 to 5"),
            (lambda q: torch.full(q.shape[:2], -1), "classes from -1 to -1"),
        ],
    )
    def test_bad_answers(self, answer: Callable[[Tensor], Any], message: str) -> None:
        with pytest.raises(ContestantError, match=message) as error:
            judge_novel(novel_data(), classify=lambda support, labels, queries: answer(queries))
        assert error.value.status == "invalid_output"

    def test_records_of_real_data_hold_scores_alone(self) -> None:
        outcome, _ = judge_novel(replace(novel_data(), drawn=False), classify=nearest)
        assert set(outcome.curves) == {"shots"}

    def test_the_picture(self) -> None:
        data = novel_data()
        outcome, _ = judge_novel(data, classify=nearest)
        picture = outcome.curves["features"]
        assert {len(column) for column in picture.values()} == {CLASSES + WAYS + WAYS * QUERIES}
        assert picture["kind"] == [0.0] * CLASSES + [1.0] * WAYS + [2.0] * WAYS * QUERIES
        assert picture["class"][: CLASSES + WAYS] == [-1.0] * CLASSES + [0.0, 1, 2, 3, 4]
        assert picture["answer"] == picture["class"]

    def test_setup(self) -> None:
        told = novel_classes.track.rules.tell(NOVEL_BUDGET, novel_data())
        setup = novel_classes.track.setup(seed=3, track="few_shot.novel_classes", device_name="cpu", **told)
        assert (setup.ways, setup.dimensions, setup.base_classes, setup.seed) == (5, CLASSES, CLASSES, 3)
