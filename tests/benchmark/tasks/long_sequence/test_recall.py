"""The rules of `long_sequence.recall` on contestants that know answers by heart, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.errors import ContestantError, DataError
from benchmark.machine.meters import Clock
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.long_sequence import exercises, recall
from benchmark.tasks.long_sequence.exercises import EXERCISES, Exercise
from benchmark.tasks.long_sequence.recall import RecallBudget
from benchmark.tasks.rules import Outcome
from tests.benchmark.tasks.contestant_stub import StubContestant

BUDGET: RecallBudget = recall.track.tiers[Tier.SMOKE]  # type: ignore[assignment]
Scores = Callable[[str, Tensor], Any]


def source(name: str = "glyphs") -> Source:
    return Source.of(catalogue.find(name))


def prepare(seed: int = 0, salt: str = "local", **sizes: Any) -> dict[str, Exercise]:
    data: dict[str, Exercise] = recall.track.rules.prepare(
        replace(BUDGET, **sizes), source(), Draw(recall.track.name, seed, salt, "cpu")
    )
    return data


class Stub(StubContestant):
    """Answers by a function of exercise and tokens, and keeps what it is given."""

    def __init__(self, scores: Scores) -> None:
        self._scores = scores
        self.calls: list[tuple[str, str | None]] = []
        self.seen: dict[str, list[tuple[Tensor, Tensor]]] = {}
        self.asked: dict[str, list[Tensor]] = {}

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        self.calls.append((name, phase))
        if name == "begin":
            self.exercise = arguments[0]
            self.seen[self.exercise], self.asked[self.exercise] = [], []
        elif name == "learn":
            self.seen[self.exercise].append(arguments)
        else:
            self.asked[self.exercise].append(arguments[0])
            return self._scores(self.exercise, arguments[0])
        return None

    def seconds(self, phase: str) -> float:
        return {"train": 4.0}[phase]


def judge(scores: Scores, **sizes: Any) -> tuple[Outcome, Stub]:
    stub = Stub(scores)
    return recall.track.rules.judge(stub, replace(BUDGET, **sizes), prepare(**sizes), Clock()), stub  # type: ignore[arg-type]


def by_heart(*known: str, rungs: int = 2) -> Scores:
    """Right where an exercise is known, up to a rung; otherwise always class 0."""
    data = prepare()

    def scores(name: str, tokens: Tensor) -> Tensor:
        right = torch.zeros(len(tokens), dtype=torch.int64)
        for test in data[name].tests[:rungs] if name in known else ():
            if torch.equal(test.tokens[: len(tokens)], tokens):
                right = test.labels[: len(tokens)]
        return F.one_hot(right, data[name].classes).float()

    return scores


class TestJudging:
    def test_accuracy_is_the_mean_over_the_exercises(self) -> None:
        outcome, _ = judge(by_heart("recall"))
        found = {name: metric.value for name, metric in outcome.metrics.items()}
        assert found == pytest.approx({"accuracy": 55.0, "recall_accuracy": 100.0, "pixels_accuracy": 10.0}), (
            "always the same class: a guess, as classes are equally frequent"
        )
        assert outcome.metrics["accuracy"].raw == pytest.approx([100, 10])
        assert outcome.metrics["accuracy"].per == "exercise"
        assert judge(by_heart(*EXERCISES))[0].metrics["accuracy"].value == 100

    def test_the_ladder_has_accuracy_by_number_of_pairs(self) -> None:
        outcome, _ = judge(by_heart("recall", rungs=1))
        assert outcome.curves["ladder"] == {"pairs": [3, 6], "accuracy": [100, 10]}
        assert outcome.metrics["recall_accuracy"].value == pytest.approx(55)
        assert outcome.metrics["recall_accuracy"].raw == pytest.approx([100, 10])
        assert (outcome.metrics["recall_accuracy"].per, outcome.names["pairs"]) == ("pairs", ["3", "6"])

    def test_curves_and_rate(self) -> None:
        outcome, _ = judge(by_heart("recall"), bout=(2, 5), trips=3)
        steps = {name: curve["step"] for name, curve in outcome.curves.items() if name in EXERCISES}
        assert steps == {"recall": [4, 8, 12], "pixels": [5, 10, 15]}
        assert outcome.curves["recall"]["accuracy"] == [100, 100, 100]
        tokens = 8 * (6 * 4 + 6 * 7 + 15 * 17)
        assert outcome.rates == {"training tokens/s": pytest.approx(tokens / 4)}

    def test_every_trip_goes_up_the_ladder_and_asks_for_all_of_it(self) -> None:
        _, stub = judge(by_heart())
        ladder = [("learn", "train"), ("learn", "train"), ("classify", None), ("classify", None)]
        assert stub.calls == [
            ("begin", "train"), *ladder * 2, ("begin", "train"), *[("learn", "train"), ("classify", None)] * 2
        ]  # fmt: skip
        assert [tokens.shape[:2] for tokens, _ in stub.seen["recall"]] == [(8, 4), (8, 7)] * 2
        assert [len(labels) for _, labels in stub.seen["pixels"]] == [16, 16], "steps times minibatch"
        assert [asked.shape[:2] for asked in stub.asked["recall"]] == [(10, 4), (10, 7), (20, 4), (20, 7)]
        assert BUDGET.steps == (4, 4)

    @pytest.mark.parametrize(
        ("scores", "message"),
        [
            (lambda name, tokens: None, "NoneType"),
            (lambda name, tokens: torch.zeros(len(tokens), 9), r"\(10, 9\)"),
            (lambda name, tokens: torch.zeros(len(tokens), 10, dtype=torch.int64), "int64"),
            (lambda name, tokens: torch.full((len(tokens), 10), torch.nan), "NaN"),
        ],
    )
    def test_bad_answers_are_the_contestants_error(self, scores: Scores, message: str) -> None:
        with pytest.raises(ContestantError, match=message):
            judge(scores)


class TestData:
    def test_all_methods_see_the_same_and_only_tests_depend_on_the_salt(self) -> None:
        one, again, salted, other = prepare(), prepare(), prepare(salt="fresh"), prepare(seed=1)
        for name in EXERCISES:
            first = one[name].draw(0, 8, 16)
            assert torch.equal(first.tokens, again[name].draw(0, 8, 16).tokens)
            assert torch.equal(first.tokens, salted[name].draw(0, 8, 16).tokens)
            assert not torch.equal(first.tokens, other[name].draw(0, 8, 16).tokens)
            for test, same, fresh in zip(one[name].tests, again[name].tests, salted[name].tests, strict=True):
                assert torch.equal(test.tokens, same.tokens)
                assert not torch.equal(test.tokens, fresh.tokens)

    @pytest.mark.parametrize("name", EXERCISES)
    def test_no_test_sequence_is_trained_on(self, name: str) -> None:
        exercise = prepare(pairs=(8, 16), side=6, levels=16)[name]
        for rung, test in enumerate(exercise.tests):
            seen = {row.numpy().tobytes() for row in exercise.draw(rung, 0, 200).tokens}
            asked = [row.contiguous().numpy().tobytes() for row in test.tokens]
            assert len(set(asked)) == len(asked)
            assert not seen & set(asked)

    @pytest.mark.parametrize("name", EXERCISES)
    def test_the_order_of_test_sequences_says_nothing(self, name: str) -> None:
        for test in prepare(test=400)[name].tests:
            assert test.labels.bincount().tolist() == [40] * 10
            assert float((test.labels[1:] == test.labels[:-1]).double().mean()) < 0.2
            assert len(test.labels[:20].unique()) > 5

    def test_rungs_differ_in_the_number_of_pairs_alone(self) -> None:
        exercise = prepare(pairs=(4, 16))["recall"]
        assert exercise.fields == (32, 11)
        for rung, pairs in enumerate((4, 16)):
            drawn = exercise.draw(rung, 0, 640)
            keys, values = drawn.tokens.unbind(2)
            assert keys.shape == (640, pairs + 1)
            assert all(len(row.unique()) == pairs for row in keys[:, :-1]), "keys of a sequence are distinct"
            counts = keys[:, :-1].flatten().bincount(minlength=32)
            assert counts.tolist() == pytest.approx([640 * pairs / 32] * 32, rel=0.6), "all keys come on each rung"
            asked = keys[:, :-1] == keys[:, -1:]
            assert torch.equal(values[:, :-1][asked], drawn.labels)

    @pytest.mark.parametrize("pairs", [(6, 3), (3, 3)])
    def test_a_ladder_that_does_not_rise_is_refused(self, pairs: tuple[int, ...]) -> None:
        with pytest.raises(DataError, match="must rise"):
            prepare(pairs=pairs)

    def test_images_come_row_by_row_and_again_in_another_order(self) -> None:
        exercise = prepare(side=6, images=8)["pixels"]
        images = source().images(
            "train", classes=list(range(10)), per_class=8, size=6, draw=Draw("long_sequence.recall", 0, "local", "cpu")
        )
        epoch = exercise.draw(0, 0, 80)
        assert epoch.tokens.shape == (80, 37, 1)
        assert set(epoch.tokens[:, -1, 0].tolist()) == {BUDGET.levels}
        assert exercise.fields == (BUDGET.levels + 1,)
        rows = {
            tuple((image.flatten() // 16).tolist()): int(label)
            for image, label in zip(images.images, images.labels, strict=True)
        }
        for tokens, label in zip(epoch.tokens[:, :-1, 0], epoch.labels, strict=True):
            assert rows[tuple(tokens.tolist())] == int(label)
        second = exercise.draw(0, 80, 80)
        assert not torch.equal(second.tokens, epoch.tokens)
        assert sorted(second.tokens.flatten(1).tolist()) == sorted(epoch.tokens.flatten(1).tolist())
        across = exercise.draw(0, 72, 16)
        assert torch.equal(across.tokens, torch.cat([epoch.tokens[72:], second.tokens[:8]]))

    def test_a_plugin_in_place_of_the_dataset_must_draw_sequences(self, registries: None) -> None:
        catalogue.entries["associative-recall"] = replace(catalogue.find("glyphs"), name="associative-recall")
        with pytest.raises(DataError, match="'associative-recall' draws no sequences"):
            prepare()

    def test_one_class_is_refused(self) -> None:
        class One:
            entry = catalogue.find("glyphs")

            def class_count(self) -> int:
                return 1

        with pytest.raises(DataError, match="has 1 class"):
            exercises.pixels(
                One(), side=6, levels=16, images=2, test=2, draw=Draw("long_sequence.recall", 0, "", "cpu")
            )  # type: ignore[arg-type]

    def test_all_tiers_name_their_datasets(self) -> None:
        for budget in recall.track.tiers.values():
            assert recall.track.rules.needs(budget) == ("associative-recall",)
            assert isinstance(budget, RecallBudget)
            assert budget.levels <= 255, "a token is a byte"
