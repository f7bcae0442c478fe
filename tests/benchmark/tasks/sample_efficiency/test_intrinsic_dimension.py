"""The rules of `intrinsic_dimension`: what estimators are given, what is kept from them, what is made of answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
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
from benchmark.tasks.sample_efficiency import gan
from benchmark.tasks.sample_efficiency.dimension_sizes import DimensionBudget, Series
from benchmark.tasks.sample_efficiency.intrinsic_dimension import track
from tests.benchmark.tasks.contestant_stub import StubContestant

BASE: Any = track.tiers[Tier.SMOKE]
SIZES: DimensionBudget = replace(
    BASE,
    series=(Series("linear", 60, (2, 40)), Series("decoder", 60, (4,)), Series("noise", 60, (16,))),
    images=50,
    neighbours=(3, 5),
)


def prepared(
    budget: DimensionBudget = SIZES, *, seed: int = 0, salt: str = "local", source: Source | None = None
) -> Any:
    own = source or Source.of(catalogue.find("glyphs"))
    return track.rules.prepare(budget, own, Draw(track.name, seed, salt, "cpu"))


class Stub(StubContestant):
    """Answers by the points that it is given."""

    def __init__(self, answer: Callable[[Tensor], Any]) -> None:
        self.answer = answer
        self.given: list[Tensor] = []

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        assert (name, phase) == ("estimate", "estimate")
        self.given.append(arguments[0])
        return self.answer(arguments[0])


def knowing(data: Any, others: float = 5.0) -> Callable[[Tensor], Tensor]:
    """Who knows the truth of all points, and says `others` where there is none."""
    truths = {
        tuple(point.tolist()): float(cloud.truth or others) for cloud in data.clouds for point in cloud.points[:, :8]
    }

    def answer(points: Tensor) -> Tensor:
        return torch.full((2,), truths.get(tuple(points[0, :8].tolist()), others))

    return answer


def judged(answer: Callable[[Tensor], Any], budget: DimensionBudget = SIZES, **facts: Any) -> tuple[Outcome, Stub]:
    stub = Stub(answer)
    return track.rules.judge(stub, budget, prepared(budget, **facts), Clock()), stub


def test_who_knows_the_truth_has_no_error() -> None:
    outcome, stub = judged(knowing(prepared()))
    assert {name: metric.value for name, metric in outcome.metrics.items() if name != "upsampling"} == {
        "relative_error": 0, "large_error": 0, "spread_over_k": 0, "change_with_n": 0,
    }  # fmt: skip
    assert outcome.metrics["relative_error"].raw == [0, 0]
    assert outcome.names["cloud"] == ["linear 2", "decoder 4", "linear 40", "noise 16", "glyphs"]
    assert outcome.names["family"] == ["linear", "decoder", "linear", "noise", "images"]
    truth = dict(zip(outcome.curves["estimates"]["cloud"], outcome.curves["estimates"]["truth"], strict=True))
    assert truth == {0: 2, 1: 4, 2: 40, 3: -1, 4: -1}
    assert outcome.rates == {"points/s": sum(map(len, stub.given)) / Stub.spent}
    for curve in outcome.curves.values():
        assert len({len(column) for column in curve.values()}) == 1


def test_errors_are_relative_and_large_dimensions_apart() -> None:
    outcome, _ = judged(lambda points: torch.tensor([4.0, 2.0]))
    assert outcome.metrics["relative_error"].raw == pytest.approx([50, 25])  # of 2: 100 and 0; of 4: 0 and 50
    assert outcome.metrics["relative_error"].value == pytest.approx(37.5)
    assert outcome.metrics["large_error"].value == pytest.approx(92.5)
    assert outcome.metrics["spread_over_k"].value == pytest.approx(200 / 3)
    assert outcome.metrics["change_with_n"].value == outcome.metrics["upsampling"].value == 0


def test_change_with_points_and_with_size() -> None:
    def answer(points: Tensor) -> Tensor:
        large = points.shape[1] > 256  # enlarged
        return torch.full((2,), 10.0 + 5 * large if len(points) < 20 else 20.0)

    outcome, stub = judged(answer)
    assert outcome.metrics["change_with_n"].value == pytest.approx(50)
    assert outcome.metrics["upsampling"].value == pytest.approx(50)
    enlarged = [points for points in stub.given if points.shape[1] > 256]
    assert [tuple(points.shape) for points in enlarged] == [(15, 1024)] * 2
    assert outcome.curves["upsampling"]["kind"] == [0, 0, 1, 1]
    assert outcome.names["kind"] == ["nearest", "bilinear"]


def test_nothing_of_the_truth_is_told_and_the_order_is_secret() -> None:
    assert track.rules.tell(SIZES, prepared()) == {"neighbours": (3, 5)}
    orders = set()
    for salt in ("a", "b", "c", "d"):
        _, stub = judged(lambda points: torch.ones(2), salt=salt)
        orders.add(tuple(tuple(points.shape) for points in stub.given))
    assert len(orders) > 1
    for points in stub.given:
        assert points.dtype == torch.float32
        assert points.is_contiguous()
        assert len(points) == len(points.unique(dim=0)) > max(SIZES.neighbours)


def test_seed_and_salt_decide_all_points() -> None:
    ours, again, salted, other = prepared(), prepared(), prepared(salt="b"), prepared(seed=1)
    for mine, same, theirs, elsewhere in zip(*(each.clouds for each in (ours, again, salted, other)), strict=True):
        assert torch.equal(mine.points, same.points)
        assert not torch.equal(mine.points, theirs.points)
        assert not torch.equal(mine.points, elsewhere.points)


def test_a_network_is_the_same_for_all_seeds_and_its_truth_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[Tensor] = []

    def trained(recipe: Any, images: Tensor, *, device: str) -> dict[str, Tensor]:
        learned.append(images)
        return gan.train_here(asdict(recipe), images, device)

    monkeypatch.setattr(gan, "trained", trained)
    budget = replace(SIZES, series=(Series("gan", 60, (2, 4)), *SIZES.series), gan_steps=0)
    outcome, _ = judged(lambda points: torch.full((2,), 2.0), budget, seed=3)
    judged(lambda points: torch.ones(2), budget, seed=4)
    assert [images.shape for images in learned] == [(4000, 1, 16, 16)]
    assert len(outcome.metrics["relative_error"].raw) == 2
    assert outcome.names["cloud"][-2:] == ["noise 16", "glyphs"]
    assert outcome.pictures["gan"].rows == ["gan 2", "gan 4"]


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (torch.ones(3), "float tensor"),
        (torch.ones(2, dtype=torch.long), "int64"),
        (torch.tensor([1.0, float("nan")]), "NaN"),
        (torch.tensor([1.0, -0.5]), r"the dimension -0\.5; return none below 0"),
        (None, "NoneType"),
    ],
)
def test_other_replies_are_the_methods_fault(reply: Any, complaint: str) -> None:
    with pytest.raises(ContestantError, match=complaint):
        judged(lambda points: reply)


def test_who_says_zero_to_everything_is_wrong_by_all_of_it() -> None:
    outcome, _ = judged(lambda points: torch.zeros(2))
    assert outcome.metrics["relative_error"].value == 100
    assert outcome.metrics["spread_over_k"].value == 0


class Photographs:
    """Images on disk: `count` of them, `copies` of which equal the first."""

    def __init__(
        self, count: int = 60, copies: int = 0, channels: int = 3, classes: int = 2, flat: bool = False
    ) -> None:
        self.count, self.copies, self.channels, self.classes, self.flat = count, copies, channels, classes, flat

    def load(self, split: str, *, root: Path) -> LabelledImages:
        rng = torch.Generator().manual_seed(len(split))
        images = torch.randint(256, (self.count, self.channels, 10, 10), generator=rng, dtype=torch.uint8)
        images[1 : 1 + self.copies] = images[0]
        if self.flat:
            images[:] = 7
        names = tuple(str(index) for index in range(self.classes))
        return LabelledImages(images, torch.arange(self.count) % self.classes, names)

    def missing(self, root: Path) -> str | None:
        return None

    def fingerprint(self, root: Path) -> str:
        return "photographs"

    def fetch(self, root: Path) -> None: ...


def photographs(**facts: Any) -> Source:
    dataset: Any = Photographs(**facts)
    return Source(DatasetEntry("photographs", "", "", "", dataset, __file__), Path("nowhere"))


@pytest.mark.parametrize("facts", [{}, {"channels": 1}, {"classes": 1}, {"copies": 9}])
def test_images_on_disk_keep_their_size_lose_their_copies_and_are_not_shown(facts: dict[str, int]) -> None:
    budget = replace(SIZES, images=1000, counts=(20, 30, 1000), series=(*SIZES.series, Series("factors", 60, (2,))))
    outcome, stub = judged(lambda points: torch.ones(2), budget, source=photographs(**facts))
    copies = facts.get("copies", 0)
    assert outcome.curves["duplicates"] == {"cloud": [5], "n": [60 - copies], "removed": [copies]}
    images = {
        n for cloud, n in zip(*(outcome.curves["estimates"][c] for c in ("cloud", "n")), strict=True) if cloud == 5
    }
    assert images == {60 - copies, (60 - copies) // 4, 20, 30}
    assert outcome.pictures == {}
    assert outcome.names["cloud"][5] == "photographs"
    shown = [points for points in stub.given if points.shape[1] == 100 * facts.get("channels", 3)]
    assert all(float(points.min()) >= 0 and float(points.max()) <= 1 for points in shown)


@pytest.mark.parametrize(
    ("facts", "family", "complaint"),
    [
        ({"count": 23}, "linear", "'photographs' has 23 points that differ, and estimates at k = 5 need 24"),
        ({"copies": 40}, "linear", "has 20 points that differ"),
        ({"flat": True}, "factors", "none changes in four ways"),
    ],
)
def test_data_that_do_not_do_are_named(facts: dict[str, int], family: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        prepared(replace(SIZES, images=60, series=(Series(family, 60, (2,)),)), source=photographs(**facts))


def test_a_second_dataset_is_needed_unless_it_is_the_first() -> None:
    standard: Any = track.tiers[Tier.STANDARD]
    assert track.rules.needs(standard) == ("cifar10",)
    assert track.rules.needs(replace(standard, data="cifar10")) == ()
    assert track.rules.needs(SIZES) == ()
