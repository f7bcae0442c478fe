"""The one training loop, against loops written out."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.learning.training import Schedule, cross_entropy, minibatches, predict, set_training, train


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))


@pytest.fixture
def data() -> tuple[Tensor, Tensor]:
    return torch.randn(23, 4, generator=generator(1)), torch.randint(3, (23,), generator=generator(2))


class TestMinibatches:
    def test_every_row_once_in_a_seeded_order_and_aligned(self) -> None:
        rows = torch.arange(23)
        batches = list(minibatches(rows, rows * 10, rows[:, None] + 100, batch_size=5, generator=generator()))
        assert [len(batch[0]) for batch in batches] == [5, 5, 5, 5, 3]
        order, tens, hundreds = (torch.cat(parts) for parts in zip(*batches, strict=True))
        assert sorted(order.tolist()) == rows.tolist() != order.tolist()
        assert torch.equal(tens, order * 10)
        assert torch.equal(hundreds, order[:, None] + 100)
        assert order.tolist() == torch.randperm(23, generator=generator()).tolist()

    def test_another_epoch_has_another_order(self) -> None:
        stream = generator()
        first, second = (
            torch.cat([rows for (rows,) in minibatches(torch.arange(9), batch_size=4, generator=stream)])
            for _ in range(2)
        )
        assert first.tolist() != second.tolist()


def reference(
    model: nn.Module, images: Tensor, labels: Tensor, *, schedule: Schedule, change: Callable[[], None] = lambda: None
) -> None:
    """SGD as in a textbook."""
    stream = generator(3)
    model.train()
    for _ in range(schedule.epochs):
        order = torch.randperm(len(images), generator=stream)
        for start in range(0, len(images), schedule.batch_size):
            rows = order[start : start + schedule.batch_size]
            for parameter in model.parameters():
                parameter.grad = None
            F.cross_entropy(model(images[rows]), labels[rows]).backward()
            change()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter -= schedule.learning_rate * parameter.grad
    model.eval()


class TestTrain:
    SCHEDULE = Schedule(epochs=3, batch_size=5, learning_rate=0.125)  # a power of two: w - lr * g is rounded once

    def test_equals_sgd_written_out_to_the_bit(self, model: nn.Module, data: tuple[Tensor, Tensor]) -> None:
        twin = copy.deepcopy(model)
        train(model, *data, loss=cross_entropy(model), schedule=self.SCHEDULE, generator=generator(3))
        reference(twin, *data, schedule=self.SCHEDULE)
        for (name, value), other in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
            assert torch.equal(value, other), name

    def test_it_learns_and_ends_in_evaluation_mode(self, model: nn.Module, data: tuple[Tensor, Tensor]) -> None:
        loss = cross_entropy(model)
        before = loss(*data).item()
        train(model, *data, loss=loss, schedule=Schedule(60, 23, 0.5), generator=generator())
        assert loss(*data).item() < 0.7 * before
        assert not any(module.training for module in model.modules())

    def test_before_step_sees_and_changes_the_gradients_of_each_step(
        self, model: nn.Module, data: tuple[Tensor, Tensor]
    ) -> None:
        twin = copy.deepcopy(model)
        calls = []

        def halve(which: nn.Module) -> None:
            calls.append(which)
            for parameter in which.parameters():
                assert parameter.grad is not None
                parameter.grad /= 2

        train(
            model,
            *data,
            loss=cross_entropy(model),
            schedule=self.SCHEDULE,
            generator=generator(3),
            before_step=lambda: halve(model),
        )
        assert len(calls) == 3 * 5
        reference(twin, *data, schedule=self.SCHEDULE, change=lambda: halve(twin))
        assert torch.equal(model[0].weight, twin[0].weight)  # type: ignore[index]

    def test_frozen_statistics_stay_to_the_bit(self, model: nn.Module, data: tuple[Tensor, Tensor]) -> None:
        def run(*, freeze: bool) -> tuple[list[Tensor], Tensor]:
            before = [buffer.clone() for buffer in model.buffers()]
            weight = model[0].weight.detach().clone()  # type: ignore[index]
            train(
                model,
                *data,
                loss=cross_entropy(model),
                schedule=self.SCHEDULE,
                generator=generator(),
                freeze_statistics=freeze,
            )
            assert not torch.equal(weight, model[0].weight)  # type: ignore[index]
            return before, torch.stack([(a == b).all() for a, b in zip(before, model.buffers(), strict=True)])

        assert run(freeze=False)[1].tolist() == [False] * 3
        assert run(freeze=True)[1].tolist() == [True] * 3

    def test_only_batch_norm_is_frozen(self) -> None:
        model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
        set_training(model, freeze_statistics=True)
        assert [module.training for module in model] == [True, False]
        set_training(model, freeze_statistics=False)
        assert [module.training for module in model] == [True, True]


class Script:
    """A model of one weight whose training loss is that weight, so that each step subtracts the learning rate; its
    validation losses are given.
    """

    def __init__(self, validation: list[float]) -> None:
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.model.weight)
        self.validation = list(validation)
        self.held: list[float] = []
        self.trained: set[float] = set()
        self.weights: list[float] = []

    def loss(self, rows: Tensor) -> Tensor:
        if self.model.training:
            self.trained |= set(rows.tolist())
            return self.model.weight.sum()
        assert not torch.is_grad_enabled()
        self.held = sorted(rows.tolist())
        self.weights.append(float(self.model.weight.detach()))
        return torch.tensor(self.validation.pop(0))

    def run(self, **words: float) -> float:
        defaults = {"epochs": 9, "batch_size": 100, "learning_rate": 1.0, "hold_out": 0.25, "patience": 2, "floor": 0.3}
        schedule = Schedule(**defaults | words)  # type: ignore[arg-type]
        train(self.model, torch.arange(12.0), loss=self.loss, schedule=schedule, generator=generator())
        return float(self.model.weight.detach())

    @property
    def rates(self) -> list[float]:
        return [before - after for before, after in zip([0.0, *self.weights], self.weights, strict=False)]


class TestSchedule:
    def test_the_rate_falls_after_patience_and_the_best_weights_return(self) -> None:
        script = Script([5.0, 4.0, 4.0, 4.5, 3.0, 3.5, 3.5, 9.0, 9.0])
        # Better at epochs 0, 1 and 4; two without at 2-3 (rate 1 -> 1/2) and 5-6 (1/2 -> 1/4, below the floor of .3).
        assert script.run() == script.weights[4] == -4.5
        assert script.rates == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5]
        assert script.validation == [9.0, 9.0], "training stopped"

    def test_an_improvement_renews_the_patience(self) -> None:
        script = Script([5.0, 5.0, 4.0, 4.0, 3.0, 3.0, 2.0, 2.0, 1.0])
        assert script.run() == -9.0
        assert script.rates == [1.0] * 9

    def test_factor(self) -> None:
        script = Script([5.0] * 9)
        script.run(factor=4.0, patience=1, floor=0.01)
        assert script.rates == [1.0, 1.0, 0.25, 0.0625, 0.015625]

    def test_no_improvement_at_all_returns_the_first_epoch(self) -> None:
        assert Script([1.0, *[2.0] * 8]).run() == -1.0

    def test_held_out_rows_are_never_trained_on(self) -> None:
        script = Script([1.0])
        script.run(epochs=1)
        assert len(script.held) == 3
        assert set(script.held) | script.trained == set(range(12))
        assert not set(script.held) & script.trained

    def test_without_patience_rows_are_held_out_all_the_same(self) -> None:
        script = Script([])
        assert script.run(patience=0, epochs=3) == -3.0
        assert len(script.trained) == 9

    def test_patience_without_rows_held_out_keeps_the_rate(self) -> None:
        script = Script([])
        assert script.run(hold_out=0.0, epochs=3) == -3.0
        assert len(script.trained) == 12


def test_predict_in_batches_equals_predict_at_once() -> None:
    images = torch.randn(2500, 3)
    sizes: list[int] = []

    def model(part: Tensor) -> Tensor:
        sizes.append(len(part))
        return part * 2 if not torch.is_grad_enabled() else part

    assert torch.equal(predict(model, images), images * 2)
    assert sizes == [1000, 1000, 500]
