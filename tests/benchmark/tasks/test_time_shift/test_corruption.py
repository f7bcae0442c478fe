"""The rules of `test_time_shift.corruption`, on contestants that do one thing, and the source model they are given."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import pytest
import torch

from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.errors import ContestantError, DataError, UsageError
from benchmark.learning.models.resnet import ResNet
from benchmark.learning.pretraining import one_cycle, train_here
from benchmark.machine.backends import cpu
from benchmark.seeding import Draw, generator
from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.corruptions import NAMES
from tests.benchmark.tasks.test_time_shift.stream_stub import (
    BUDGET,
    CLASSES,
    Stub,
    brightest,
    constant,
    deployment,
    judge,
    setup,
)

SETTINGS = ("severity_5", "all_severities", "short", "continual", "small_batches", "sorted")


class TestJudging:
    def test_who_answers_one_class_errs_on_all_others(self) -> None:
        data = deployment()
        outcome = judge(Stub(constant), data)
        wrong = data.test.labels != 0

        def share(count: int) -> float:
            return 100 * float(wrong[:count].double().mean())

        found = {name.removeprefix("error_"): metric.value for name, metric in outcome.metrics.items()}
        expected = dict(zip(SETTINGS, (share(25), share(10), *[share(15)] * 4), strict=True))
        assert found == pytest.approx(expected | {"clean_error": share(10)})

    def test_raw_values_pair_methods_by_corruption(self) -> None:
        outcome = judge(Stub(brightest))
        for name in SETTINGS:
            metric = outcome.metrics[f"error_{name}"]
            assert len(metric.raw) == (75 if name == "all_severities" else 15)
            assert metric.value == pytest.approx(sum(metric.raw) / len(metric.raw), abs=1e-3)
            assert metric.per == ("corruption and severity" if name == "all_severities" else "corruption")
        assert outcome.metrics["clean_error"].value == 0
        errors = dict(zip(NAMES, outcome.metrics["error_severity_5"].raw, strict=True))
        assert errors["brightness"] == 0
        assert errors["fog"] > 0

    def test_what_is_asked(self) -> None:
        """A reset before each stream, each image once, no labels; the continual stream has one reset."""
        stub = Stub(brightest)
        judge(stub)
        assert stub.calls[0][0] == "begin"
        assert stub.asked("clean") == [("reset", 0), ("adapt", 10)]
        assert stub.asked("adapt") == [("reset", 0), ("adapt", 10), ("adapt", 10), ("adapt", 5)] * 15
        assert stub.asked("other severities") == [("reset", 0), ("adapt", 10)] * 60
        assert stub.asked("small batches") == [("reset", 0), *[("adapt", 4)] * 3, ("adapt", 3)] * 15
        assert stub.asked("sorted") == [("reset", 0), ("adapt", 10), ("adapt", 5)] * 15
        assert stub.asked("continual") == [("reset", 0), *[("adapt", 10), ("adapt", 5)] * 15]
        assert {name for name, _, _ in stub.calls} == {"begin", "reset", "adapt"}

    def test_references_are_told_the_labels_after_each_answer(self) -> None:
        stub, data = Stub(brightest, reference=True), deployment()
        judge(stub, data)
        assert stub.asked("adapt")[:5] == [("reset", 0), ("adapt", 10), ("reveal", 10), ("adapt", 10), ("reveal", 10)]
        told = [arguments[0] for name, phase, arguments in stub.calls if (name, phase) == ("reveal", "adapt")]
        assert torch.equal(torch.cat(told[:3]), data.test.labels[:25])
        ordered = [arguments[0] for name, phase, arguments in stub.calls if (name, phase) == ("reveal", "sorted")]
        assert torch.equal(torch.cat(ordered[:2]), data.test.labels[:15].sort().values)

    def test_images_and_weights_are_sent_as_promised(self) -> None:
        stub, data = Stub(brightest), deployment()
        judge(stub, data)
        weights, samples = stub.calls[0][2]
        assert weights.keys() == data.recipe.build().state_dict().keys()
        assert torch.equal(samples, data.samples.float() / 255)
        clean = next(arguments[0] for name, phase, arguments in stub.calls if (name, phase) == ("adapt", "clean"))
        assert torch.equal(clean, data.test.images[:10].float() / 255)

    def test_streams_depend_on_the_path_alone(self) -> None:
        def streams(path: tuple[int | str, ...]) -> list[Any]:
            stub = Stub(brightest)
            judge(stub, deployment(path=path))
            return [arguments[0] for name, _, arguments in stub.calls if name == "adapt"]

        first, same, other = streams((0, "x")), streams((0, "x")), streams((0, "y"))
        assert all(torch.equal(one, two) for one, two in zip(first, same, strict=True))
        assert not all(torch.equal(one, two) for one, two in zip(first, other, strict=True))

    def test_curves(self) -> None:
        outcome = judge(Stub(constant))
        heat, stream = outcome.curves["heat"], outcome.curves["stream"]
        assert heat["corruption"] == [float(place) for place in range(15) for _ in range(5)]
        assert heat["severity"] == [1.0, 2, 3, 4, 5] * 15
        assert heat["error"] == outcome.metrics["error_all_severities"].raw
        assert len(stream["seen"]) == 20
        assert stream["seen"][-1] == 25
        assert max(stream["entropy"]) < 1e-5
        assert outcome.rates == {"images/s": 15 * 25 / 2}
        uniform = judge(Stub(lambda images: torch.zeros(len(images), CLASSES)))
        assert uniform.curves["stream"]["entropy"] == pytest.approx([math.log(5)] * 20, abs=1e-5)

    def test_one_image_per_batch(self) -> None:
        stub = Stub(brightest)
        judge(stub, batch_size=1, small_batch=1)
        assert {count for name, count in stub.asked("adapt") if name == "adapt"} == {1}
        assert judge(Stub(constant), batch_size=1).metrics == judge(Stub(constant)).metrics

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda images: torch.zeros(len(images), 4), r"adapt\(\) returned torch.float32 of shape \(10, 4\)"),
            (lambda images: torch.full((len(images), 5), torch.nan), "NaN or infinity for 10 of 10"),
            (lambda images: None, "NoneType"),
        ],
    )
    def test_bad_answers(self, answer: Any, message: str) -> None:
        with pytest.raises(ContestantError, match=message):
            judge(Stub(answer))

    def test_the_sheet_is_in_records_of_drawn_data_alone(self) -> None:
        assert judge(Stub(constant)).pictures == {}
        picture = judge(Stub(constant), deployment(pictured=True)).pictures["corruptions"]
        assert picture.shape == (6, 15, 10, 10, 1)
        assert (picture.rows, picture.columns[6]) == (["clean", "1", "2", "3", "4", "5"], "zoom blur")
        tiles = picture.tiles()
        assert (tiles[0] == tiles[0, 0]).all()
        assert all((tiles[5, place] != tiles[0, place]).any() for place in range(15))


class TestPreparation:
    def test_smoke_data(self) -> None:
        budget = corruption.track.budget("smoke")
        source = Source.of(catalogue.find("glyphs"))
        one, other = (
            corruption.track.rules.prepare(budget, source, Draw(corruption.track.name, 0, salt, "cpu"))
            for salt in ("local", "fresh")
        )
        assert one.test.images.shape == (30, 1, 20, 20)
        assert not torch.equal(one.test.images, other.test.images), "test images depend on the salt"
        assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights), "the source does not"
        assert one.path != other.path
        assert one.pictured
        assert len(one.samples) == budget.samples
        told = corruption.track.setup(
            seed=0, track=corruption.track.name, device_name="cpu", **corruption.track.rules.tell(budget, one)
        )
        told.model().load_state_dict(one.weights)
        assert (told.image_shape, told.classes, told.batch_size) == ((1, 20, 20), 5, 10)

    def test_a_source_that_diverged(self) -> None:
        budget = replace(corruption.track.budget("smoke"), learning_rate=1e30)
        with pytest.raises(DataError, match="diverged: lower the tier's learning rate of 1e"):
            corruption.track.rules.prepare(
                budget, Source.of(catalogue.find("glyphs")), Draw(corruption.track.name, 0, "local", "cpu")
            )

    def test_budget_of_the_stub_is_that_of_the_tier_in_small(self) -> None:
        assert BUDGET.images <= corruption.track.budget("smoke").images
        assert {tier.value for tier in corruption.track.tiers} == {"smoke", "quick", "standard"}


class TestResNet:
    @pytest.mark.parametrize("norm", ["batch", "group", "none"])
    @pytest.mark.parametrize("size", [8, 20, 32])
    def test_scores(self, norm: str, size: int) -> None:
        model = ResNet(3, (8, 16), 4, blocks=2, mean=(0.5,) * 3, std=(0.2,) * 3, generator=generator(0), norm=norm)
        assert model(torch.rand(2, 3, size, size)).shape == (2, 4)
        kinds = {type(layer).__name__ for layer in model.modules()}
        assert ("BatchNorm2d" in kinds, "GroupNorm" in kinds) == (norm == "batch", norm == "group")

    @pytest.mark.parametrize(("size", "side"), [(8, 2), (20, 5), (32, 8), (7, 2)])
    def test_every_width_has_half_the_side(self, size: int, side: int) -> None:
        model = setup().model()
        assert model.layers(model.stem(torch.rand(2, 3, size, size))).shape == (2, 16, side, side)

    def test_depth_and_a_norm_that_does_not_exist(self) -> None:
        model = setup(widths=(8, 16, 32), blocks=3).model()
        convolutions = [layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)]
        assert sum(layer.kernel_size == (3, 3) for layer in convolutions) == 3 * 3 * 2
        with pytest.raises(UsageError, match="no norm 'layer'; known: batch, group, none"):
            ResNet(1, (8,), 2, blocks=1, mean=(0,), std=(1,), generator=generator(0), norm="layer")

    def test_initial_weights_are_those_of_the_generator(self) -> None:
        one, other = setup().model().state_dict(), setup().model().state_dict()
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("mixed", [False, True], ids=["float32", "mixed"])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_source_model_learns_and_is_bit_for_bit_the_same(
    mirror: bool, mixed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu, "fast_bfloat16", lambda device: mixed)
    data = deployment()
    plan = replace(data.recipe, epochs=25, augment=mirror, mirror=mirror)
    first, again = (train_here(asdict(plan), data.test.images, data.test.labels, "cpu") for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert {tensor.dtype for tensor in first.values()} == {torch.float32, torch.int64}
    model = plan.build()
    model.load_state_dict(first)
    answers = model.eval()(plan.inputs(data.test.images)).argmax(1)
    assert float((answers == data.test.labels).double().mean()) > (0.4 if mirror else 0.9)  # chance is 0.2
    assert torch.equal(plan.inputs(data.test.images), data.test.images.float() / 255)


def test_mixed_precision_where_the_device_gains_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data, trained = deployment(), []
    for fast in (False, True):
        monkeypatch.setattr(cpu, "fast_bfloat16", lambda device, fast=fast: fast)
        trained.append(train_here(asdict(data.recipe), data.test.images, data.test.labels, "cpu")["head.weight"])
    assert not torch.equal(*trained)
    torch.testing.assert_close(*trained, atol=0.02, rtol=0.02)  # bfloat16 has 8 bits


def test_the_rate_rises_and_falls_once() -> None:
    weight = torch.nn.Parameter(torch.zeros(3))
    stepper = one_cycle(20)([weight], lr=0.1, fused=True)
    rates = []
    for _ in range(20):
        rates.append(stepper.param_groups[0]["lr"])
        weight.grad = torch.ones(3)
        stepper.step()
    assert max(rates) == pytest.approx(0.1, rel=1e-3)
    assert rates.index(max(rates)) == 5
    assert rates[:6] == sorted(rates[:6])
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] < 1e-4
