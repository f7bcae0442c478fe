"""The rules of distribution_shift against stub contestants whose scores are known beforehand."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.data.catalogue import LabelledImages
from benchmark.data.source import Source
from benchmark.errors import ContestantError, DataError
from benchmark.results.job import Tier
from benchmark.seeding import Draw, generator
from benchmark.tasks.distribution_shift import adversarial, label_noise, spurious
from benchmark.tasks.distribution_shift.rules import Labelled
from benchmark.tasks.track import Track
from tests.benchmark.tasks.distribution_shift.shift_stub import Stub, constant, judge, oracle, prepare, values


class InColour:
    """Four classes of images of one colour each, as a source."""

    def class_count(self) -> int:
        return 4

    def images(self, split: str, *, classes: list[int], per_class: int, **_: Any) -> LabelledImages:
        labels = torch.arange(len(classes)).repeat_interleave(per_class)
        brightness = 60 * torch.tensor(classes)[labels].to(torch.uint8)
        return LabelledImages(
            brightness[:, None, None, None].repeat(1, 3, 16, 16), labels, tuple(f"class {index}" for index in classes)
        )


class TestSpurious:
    def test_who_knows_everything_is_right_everywhere(self) -> None:
        data = prepare(spurious.track)
        tests = [part for name, part in data.tests.items() if name != "unseen_class"]
        found = values(judge(spurious.track, Stub(oracle(*tests, classes=9))))
        assert [found[name] for name in ("swapped_colours", "in_distribution", "new_colours")] == [100] * 3
        assert found["worst_group"] == 100
        assert "group_precision" not in found

    def test_the_worst_group_is_a_class_in_one_kind_of_colour(self) -> None:
        data = prepare(spurious.track)
        other = data.tests["other_colours"]
        keep = (other.labels != 4) | (torch.arange(len(other.labels)) == int((other.labels == 4).nonzero()[0]))
        known = Labelled(other.images[keep], other.labels[keep])
        outcome = judge(spurious.track, Stub(oracle(data.tests["own_colours"], known, classes=9)))
        found = values(outcome)
        assert found["worst_group"] == pytest.approx(100 / 6)
        assert outcome.metrics["worst_group"].raw == pytest.approx([100] * 13 + [100 / 6] + [100] * 4)
        assert found["in_distribution"] == pytest.approx(100 - 20 * 5 / 54)

    def test_who_says_one_class_is_right_one_time_in_nine(self) -> None:
        found = values(judge(spurious.track, Stub(constant(9))))
        for name in ("swapped_colours", "in_distribution", "new_colours"):
            assert found[name] == pytest.approx(100 / 9)
        assert found["anomaly_AP"] == pytest.approx(100 * 6 / 60)  # all look the same: the share of unseen examples

    def test_who_goes_by_colour_is_never_right_where_colours_are_swapped(self) -> None:
        bias = rules_palette()

        def by_colour(images: Tensor) -> Tensor:
            colour = images.amax((2, 3))
            return -torch.cdist(colour / colour.norm(dim=1, keepdim=True), F.normalize(bias, dim=1))

        found = values(judge(spurious.track, Stub(by_colour), test=30))
        assert found["swapped_colours"] < 3
        assert found["in_distribution"] > 70
        assert found["worst_group"] < 50

    def test_objects_with_colours_of_their_own_lie_on_coloured_grounds(self) -> None:
        budget = spurious.track.tiers[Tier.STANDARD]
        source: Any = InColour()
        data = spurious.track.rules.prepare(
            replace(budget, train=30, test=30), source, Draw(spurious.track.name, 0, "local", "cpu")
        )
        bias = rules_palette(3)
        images, labels = data.train.images, data.train.labels
        assert images.shape == (90, 3, 16, 16)  # only grey images are made coarser
        torch.testing.assert_close(images[:, 0, 8, 8], 60 * (labels + 1) / 255)
        of_class = (images[:, :, 0, 0] == bias[labels]).all(1)
        assert torch.equal(of_class, data.groups == 0)
        swapped = data.tests["swapped_colours"]
        distance = torch.cdist(swapped.images[:, :, 0, 0], bias)
        assert (distance.amin(1) == 0).all()
        assert (distance.argmin(1) != swapped.labels).all()

    def test_groups_are_revealed_to_references_only(self) -> None:
        data = prepare(spurious.track)
        told, untold = Stub(constant(9), reference=True), Stub(constant(9))
        judge(spurious.track, told)
        judge(spurious.track, untold)
        assert told.told is not None
        assert torch.equal(told.told, data.groups)
        assert told.calls[:3] == ["begin", "reveal", "epoch"]
        assert "reveal" not in untold.calls
        assert "scores" not in told.calls[: told.calls.index("scores")]

    @pytest.mark.parametrize(("found", "precision", "recall"), [("all", None, 100), ("none", 0, 0), ("true", 100, 100)])
    def test_precision_and_recall(self, found: str, precision: float | None, recall: float) -> None:
        groups = prepare(spurious.track).groups
        answer = {"all": torch.ones_like(groups), "none": torch.zeros_like(groups), "true": groups}[found]
        outcome = values(judge(spurious.track, Stub(constant(9), groups=lambda: answer)))
        share = 100 * float(groups.double().mean())
        assert outcome["group_precision"] == pytest.approx(share if precision is None else precision)
        assert outcome["group_recall"] == recall

    @pytest.mark.parametrize(
        "groups", [torch.full((108,), 2), torch.zeros(7, dtype=torch.int64), torch.ones(108), None]
    )
    def test_groups_that_are_none(self, groups: Tensor | None) -> None:
        with pytest.raises(ContestantError, match=r"groups\(\) returned"):
            judge(spurious.track, Stub(constant(9), groups=lambda: groups))

    def test_data(self) -> None:
        one, again, other, fresh = (
            prepare(spurious.track, **words) for words in ({}, {}, {"seed": 1}, {"salt": "fresh"})
        )
        assert torch.equal(one.train.images, again.train.images)
        assert not torch.equal(one.train.images, other.train.images)
        assert torch.equal(one.train.images, fresh.train.images)
        assert torch.equal(one.groups, fresh.groups)
        assert not torch.equal(one.tests["swapped_colours"].images, fresh.tests["swapped_colours"].images)
        assert one.train.images.shape == (108, 3, 8, 8)
        assert one.train.labels.unique().tolist() == list(range(9))
        assert len(one.tests["unseen_class"].labels) == 6


def rules_palette(classes: int = 9) -> Tensor:
    from benchmark.tasks.distribution_shift import colouring

    return colouring.palette(classes).bias


class TestLabelNoise:
    LEVELS = (0.0, 0.2, 0.4, 0.6)

    def test_levels_are_nested_and_of_the_stated_share(self) -> None:
        data = prepare(label_noise.track, train=50, levels=self.LEVELS)
        wrong = [seen != data.train.labels for seen in data.seen]
        assert [float(each.double().mean()) for each in wrong] == list(self.LEVELS)
        for less, more, seen, later in zip(wrong, wrong[1:], data.seen, data.seen[1:], strict=False):
            assert bool((more | ~less).all())
            assert torch.equal(seen[less], later[less])

    def test_wrong_labels_are_uniform_over_the_other_classes(self) -> None:
        labels = torch.arange(10).repeat(2000)
        seen = label_noise._corrupted(labels, 0.6, generator(0, "noise"))
        shift = (seen - labels) % 10
        counts = shift[shift > 0].bincount(minlength=10)[1:]
        assert int(counts.sum()) == 12000
        assert float((counts / 12000 - 1 / 9).abs().max()) < 0.01

    def test_who_knows_everything(self) -> None:
        data = prepare(label_noise.track, levels=self.LEVELS)
        stub = Stub(oracle(data.train, data.test, classes=10))
        outcome = judge(label_noise.track, stub, levels=self.LEVELS, epochs=3, every=2)
        found = values(outcome)
        assert (found["final_accuracy"], found["best_accuracy"], found["noise_fitted"]) == (100, 100, 0)
        assert outcome.metrics["final_accuracy"].raw == [100] * 4
        assert outcome.curves["accuracy"]["epoch"] == [2, 3] * 4
        assert all(map(torch.equal, stub.labels, data.seen))
        assert len(outcome.curves["loss_line"]["loss"]) == 4 * 21

    def test_who_learns_the_training_labels_by_heart(self) -> None:
        data = prepare(label_noise.track)
        seen = Labelled(data.train.images, data.seen[0])
        found = values(judge(label_noise.track, Stub(oracle(seen, classes=10))))
        assert found["noise_fitted"] == 100
        assert found["final_accuracy"] == 10  # class 0 for what it has not seen

    def test_best_epoch_is_not_the_last(self) -> None:
        data = prepare(label_noise.track)
        right, poor = oracle(data.test, classes=10), constant(10)
        stub = Stub(lambda images: (right if stub.calls.count("epoch") == 1 else poor)(images))
        found = values(judge(label_noise.track, stub))
        assert (found["best_accuracy"], found["final_accuracy"]) == (100, 10)

    def test_the_salt_changes_the_test_alone(self) -> None:
        one, fresh = prepare(label_noise.track), prepare(label_noise.track, salt="fresh")
        assert torch.equal(one.train.images, fresh.train.images)
        assert all(map(torch.equal, one.seen, fresh.seen))
        assert not torch.equal(one.test.images, fresh.test.images)


@pytest.mark.parametrize("track", [spurious.track, label_noise.track, adversarial.track], ids=lambda track: track.name)
class TestEveryTrack:
    def test_scores_of_the_wrong_shape(self, track: Track[Any]) -> None:
        with pytest.raises(ContestantError, match=r"scores\(\) returned"):
            judge(track, Stub(lambda images: torch.zeros(len(images), 3)))

    def test_setup_says_what_the_data_are(self, track: Track[Any]) -> None:
        budget, data = track.tiers[Tier.SMOKE], prepare(track)
        setup: Any = track.setup(seed=0, track=track.name, device_name="cpu", **track.rules.tell(budget, data))
        images = data.train.images
        assert setup.image_shape == tuple(images.shape[1:])
        assert setup.classes == (9 if track is spurious.track else 10)
        assert setup.radius == (0.03 if track is adversarial.track else 0)
        assert setup.mean == pytest.approx(images.mean((0, 2, 3)).tolist())
        assert setup.batch_size == budget.batch_size  # type: ignore[attr-defined]
        model = setup.model().eval()
        body, head = model(images[:4]), setup.model().eval()(images[:4])
        assert torch.equal(body, head)

    def test_a_dataset_with_too_few_classes(self, track: Track[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Source, "class_count", lambda self: 1)
        with pytest.raises(DataError, match="has 1 class"):
            prepare(track)

    def test_plugins_are_found(self, track: Track[Any]) -> None:
        roles = {name: entry.role for name, entry in track.entries.items()}
        paper = {spurious.track: "pgi", label_noise.track: "sam", adversarial.track: "mixup"}[track]
        assert [name for name, role in roles.items() if role == "method"] == [paper]
        assert track.classes[paper].__module__ in sys.modules
