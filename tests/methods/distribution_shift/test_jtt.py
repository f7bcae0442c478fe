"""JTT against its two trainings written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.distribution_shift import spurious
from benchmark.tasks.distribution_shift.rules import ShiftSetup

SETUP = ShiftSetup(
    seed=0, track="distribution_shift.spurious", device_name="cpu", network="batchnorm", image_shape=(3, 8, 8),
    classes=3, mean=(0.5,) * 3, std=(0.3,) * 3, epochs=4, batch_size=20, learning_rate=0.1, weight_decay=1e-4,
    decay="steps",
)  # fmt: skip


def data(count: int = 60) -> tuple[Tensor, Tensor]:
    rng = generator(0, "images", count)
    return torch.rand(count, 3, 8, 8, generator=rng), torch.randint(3, (count,), generator=rng)


def begun(name: str, **words: Any) -> Any:
    learner = spurious.track.classes[name](SETUP, **words)
    learner.begin(*data())
    return learner


def test_groups_are_the_errors_of_a_first_network_and_the_second_starts_anew() -> None:
    method, plain = begun("jtt", reference_steps=4), begun("erm")
    for index in range(2):  # three steps an epoch
        plain.epoch(index)
    wrong = (plain.scores(data()[0]).argmax(1) != data()[1]).long()
    assert 0 < int(wrong.sum()) < 60
    assert method.groups().numel() == 0
    method.epoch(0)
    assert torch.equal(method.groups(), wrong)
    assert method.step == 3


def test_first_network_has_half_of_the_epochs_at_most() -> None:
    method, plain = begun("jtt", reference_steps=10**6), begun("erm")
    plain.epoch(0)
    plain.epoch(1)
    method.epoch(0)
    wrong = (plain.scores(data()[0]).argmax(1) != data()[1]).long()
    assert torch.equal(method.groups(), wrong)


@pytest.mark.parametrize("upsampling", [1.0, 9.0])
def test_errors_come_more_often(upsampling: float) -> None:
    method = begun("jtt", upsampling=upsampling)
    method.minority, method.grouped = (torch.arange(60) < 12).long(), True
    seen: list[Tensor] = []

    def loss(images: Tensor, labels: Tensor, places: Tensor) -> Tensor:
        assert torch.equal(images, data()[0][places])
        assert torch.equal(labels, data()[1][places])
        seen.append(places)
        return method.model.head.bias.sum()

    method.loss = loss
    for _ in range(100):
        method.update(data()[0][:20], data()[1][:20], torch.arange(20))
    share = float((torch.cat(seen) < 12).double().mean())
    expected = 12 * upsampling / (12 * upsampling + 48)
    assert abs(share - expected) < 4 * (expected * (1 - expected) / 2000) ** 0.5
