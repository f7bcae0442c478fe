"""The rules of `architecture`: what learners are given, and what is made of their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark.data.catalogue import DatasetEntry, LabelledImages, catalogue
from benchmark.data.source import Source
from benchmark.errors import ContestantError, DataError
from benchmark.machine.meters import Clock
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.rules import Outcome
from benchmark.tasks.sample_efficiency.architecture import track
from benchmark.tasks.sample_efficiency.rules import ArchitectureBudget, Ladder
from tests.benchmark.tasks.contestant_stub import StubContestant

HALVES = Ladder("halves", (4, 8), 128, 7)
BASE: Any = track.tiers[Tier.SMOKE]


def sizes(*ladders: Ladder, **fields: Any) -> ArchitectureBudget:
    found: ArchitectureBudget = replace(BASE, ladders=ladders or (HALVES,), **fields)
    return found


class Stub(StubContestant):
    """Knows the answer for `halves`, and gives it for sizes from `needed(d)` on, else says 0 to every input."""

    def __init__(self, needed: Callable[[int], float], reply: Callable[[Tensor], Any] | None = None) -> None:
        self.needed, self.reply = needed, reply
        self.calls: list[tuple[Tensor, Tensor, Sequence[int], int]] = []

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        if name == "learn":
            self.calls.append(arguments)
            return None
        inputs, (learned, _, asked, _) = arguments[0], self.calls[-1]
        energy = inputs.square().sum((2, 3))
        truth = (energy[:, 0] > energy[:, -1]).long()
        d = inputs[0].numel()
        rows = [truth if size >= self.needed(d) else torch.zeros_like(truth) for size in asked]
        answers = torch.stack([row for row in rows for _ in range(len(learned))])
        return self.reply(answers) if self.reply else answers


def prepared(budget: ArchitectureBudget, *, seed: int = 0, salt: str = "local", source: Source | None = None) -> Any:
    own = source or Source.of(catalogue.find("glyphs"))
    return track.rules.prepare(budget, own, Draw(track.name, seed, salt, "cpu"))


def judged(stub: Stub, budget: ArchitectureBudget) -> Outcome:
    return track.rules.judge(stub, budget, prepared(budget), Clock())


def test_a_learner_that_needs_d_squared_has_the_exponent_two() -> None:
    outcome = judged(Stub(lambda d: 1.01 * d * d), sizes())
    # The crossing is interpolated between sizes that differ by a factor 2^(1/2): so may each end, and log2(8 / 4) is 1.
    assert outcome.metrics["exponent"].value == pytest.approx(2, abs=0.5)
    assert outcome.metrics["reached"].value == 100
    assert 64 < outcome.metrics["N90"].value < 91
    assert outcome.doubt == ""
    assert outcome.names == {"setting": ["halves"]}
    assert outcome.curves["samples"]["bound"] == [0, 0]
    assert {len(column) for column in outcome.curves["accuracy"].values()} == {len(outcome.curves["accuracy"]["size"])}


def test_one_that_needs_the_same_everywhere_has_the_exponent_zero() -> None:
    outcome = judged(Stub(lambda d: 20), sizes())
    assert outcome.metrics["exponent"].value == pytest.approx(0, abs=0.01)


def test_one_that_never_learns_is_drawn_as_a_bound_and_not_ranked() -> None:
    outcome = judged(Stub(lambda d: 40 if d == 4 else 1e9), sizes())
    assert outcome.curves["samples"]["bound"] == [0, 1]
    assert outcome.curves["samples"]["samples"][1] == 128
    assert outcome.curves["laws"]["bound"] == [1]
    assert outcome.metrics["reached"].value == 50
    assert outcome.doubt == "never reached 90 % in 8 dimensions: its exponent rests on bounds"


def test_one_that_knows_all_at_once_has_a_bound_from_above_and_is_ranked() -> None:
    outcome = judged(Stub(lambda d: 0), sizes())
    assert outcome.curves["samples"]["bound"] == [-1, -1]
    assert outcome.metrics["exponent"].value == pytest.approx(0, abs=1e-9)
    assert outcome.doubt == ""


def test_other_settings_have_exponents_of_their_own_where_they_were_reached() -> None:
    budget = sizes(HALVES, Ladder("signs", (4, 8), 64, 5), Ladder("pairs", (6, 8), 64, 5))
    outcome = judged(Stub(lambda d: 30), budget)  # which knows nothing of signs and pairs
    assert set(outcome.metrics) == {"exponent", "N90", "reached"}
    assert outcome.metrics["reached"].value == pytest.approx(100 / 3)
    assert outcome.names["setting"] == ["halves", "signs", "pairs"]
    assert outcome.doubt == ""


def test_what_a_learner_is_given() -> None:
    stub = Stub(lambda d: 20)
    judged(stub, sizes(HALVES, repeats=3))
    for inputs, labels, asked, steps in stub.calls:
        assert inputs.shape[:2] == labels.shape == (3, asked[-1])
        assert list(asked) == sorted(asked)
        assert steps == 7
    assert not torch.equal(stub.calls[0][0][0], stub.calls[0][0][1])  # repeats differ


def test_training_is_public_and_the_test_is_the_judges_own() -> None:
    budget = sizes(HALVES, Ladder("canvases", (64, 100), 32, 5))
    assert track.rules.tell(budget, None) == {"batch_size": budget.batch_size}
    ours, theirs = (prepared(budget, salt=salt) for salt in ("local", "another"))
    for mine, other in zip((r for each in ours for r in each), (r for each in theirs for r in each), strict=True):
        assert torch.equal(mine.train.inputs, other.train.inputs)
        assert not torch.equal(mine.test.inputs, other.test.inputs)
    again = prepared(budget, seed=1)
    assert not torch.equal(again[0][0].train.inputs, ours[0][0].train.inputs)


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (lambda answers: answers[:-1], "int64 tensor"),
        (lambda answers: answers.float(), "int64"),
        (lambda answers: answers + 2, r"classes in \[0, 2\)"),
        (lambda answers: None, "int64 tensor"),
    ],
)
def test_other_replies_are_the_methods_fault(reply: Callable[[Tensor], Any], complaint: str) -> None:
    with pytest.raises(ContestantError, match=complaint):
        judged(Stub(lambda d: 20, reply), sizes())


def test_canvases_are_shown() -> None:
    outcome = judged(Stub(lambda d: 20), sizes(HALVES, Ladder("canvases", (64, 100), 32, 5)))
    picture = outcome.pictures["canvases"]
    assert (picture.rows, len(picture.columns), picture.height) == (["class 0", "class 1"], 4, 10)


class Photographs:
    """Forty images, of one class or of two, grey or in colour."""

    def __init__(self, channels: int = 3, classes: int = 2) -> None:
        self.channels, self.count = channels, classes

    def load(self, split: str, *, root: Path) -> LabelledImages:
        rng = torch.Generator().manual_seed(len(split))
        images = torch.randint(256, (40, self.channels, 8, 8), generator=rng, dtype=torch.uint8)
        names = tuple(str(index) for index in range(self.count))
        return LabelledImages(images, torch.arange(40) % self.count, names)

    def missing(self, root: Path) -> str | None:
        return None

    def fingerprint(self, root: Path) -> str:
        return "forty"

    def fetch(self, root: Path) -> None: ...


def photographs(**facts: int) -> Source:
    dataset: Any = Photographs(**facts)
    return Source(DatasetEntry("photographs", "", "", "", dataset, __file__), Path("nowhere"))


ENERGIES = Ladder("energies", (12, 48), 32, 5)


def test_photographs_are_brought_to_size_and_repeats_share_them() -> None:
    ladders = prepared(sizes(ENERGIES, test=30), source=photographs())
    for rung, side in zip(ladders[0], (2, 4), strict=True):
        assert rung.train.inputs.shape == (BASE.repeats, 32, 3, side, side)
        assert rung.test.inputs.shape == (30, 3, side, side)
        assert set(rung.test.labels.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("source", "ladder", "complaint"),
    [
        (photographs(channels=1), ENERGIES, "is grey"),
        (photographs(), replace(ENERGIES, most=64), "40 training images, and the track asks for up to 64"),
        (photographs(), replace(ENERGIES, dimensions=(12, 50)), "no squares"),
        (photographs(), Ladder("canvases", (65, 100), 8, 5), "no square"),
        (photographs(), Ladder("canvases", (49, 100), 8, 5), "no square of 8 pixels"),
        (photographs(classes=1), Ladder("canvases", (64, 100), 8, 5), "has 1 classes"),
    ],
)
def test_data_that_do_not_do_are_named(source: Source, ladder: Ladder, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        prepared(sizes(ladder, test=30), source=source)
