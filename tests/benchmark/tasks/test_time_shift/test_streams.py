"""What the judge makes streams of: the source model, trained here, and its data."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import torch

from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.errors import DataError, UsageError
from benchmark.learning.models.resnet import ResNet
from benchmark.learning.pretraining import one_cycle, train_here
from benchmark.machine.backends import cpu
from benchmark.seeding import Draw, generator
from benchmark.tasks.test_time_shift import corruption
from tests.benchmark.tasks.test_time_shift.stream_stub import (
    BUDGET,
    deployment,
    setup,
)


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
