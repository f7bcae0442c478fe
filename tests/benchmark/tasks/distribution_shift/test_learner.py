"""The standard loop and the inference of groups, against slower and more obvious ones."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.learning.training import minibatches
from benchmark.seeding import generator
from benchmark.tasks.distribution_shift import grouping
from benchmark.tasks.distribution_shift.learner import ShiftLearner
from benchmark.tasks.distribution_shift.rules import ShiftSetup

SETUP = ShiftSetup(
    seed=0, track="distribution_shift.spurious", device_name="cpu", network="mlp", image_shape=(1, 8, 8), classes=4,
    mean=(0.5,), std=(0.3,), epochs=3, batch_size=16, learning_rate=0.1, weight_decay=5e-4, decay="cosine",
)  # fmt: skip


def data(count: int = 40) -> tuple[Tensor, Tensor]:
    rng = generator(0, "images", count)
    return torch.rand(count, 1, 8, 8, generator=rng), torch.randint(4, (count,), generator=rng)


def begun(setup: ShiftSetup = SETUP) -> ShiftLearner:
    trainer = ShiftLearner(setup)
    trainer.begin(*data())
    return trainer


class TestTrainer:
    @pytest.mark.parametrize("network", ["mlp", "convnet", "batchnorm"])
    def test_equals_a_loop_written_out(self, network: str) -> None:
        setup = replace(SETUP, network=network)
        trainer, model = begun(setup), setup.model()
        images, labels = data()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
        rng, step = setup.generator("method"), 0
        for index in range(3):
            trainer.epoch(index)
            for part, answers in minibatches(images, labels, batch_size=16, generator=rng):
                optimizer.param_groups[0]["lr"] = 0.1 * (1 + math.cos(math.pi * step / 9)) / 2
                optimizer.zero_grad()
                F.cross_entropy(model.train()(part), answers).backward()
                optimizer.step()
                step += 1
        torch.testing.assert_close(trainer.scores(images), model.eval()(images), rtol=1e-3, atol=1e-4)
        assert not trainer.model.training

    def test_begin_starts_anew(self) -> None:
        trainer = begun()
        trainer.epoch(0)
        first = trainer.scores(data()[0])
        trainer.begin(*data())
        trainer.epoch(0)
        assert torch.equal(trainer.scores(data()[0]), first)

    def test_step_decay(self) -> None:
        trainer = begun(replace(SETUP, decay="steps"))
        trainer.steps = 10
        rates = []
        for trainer.step in range(10):
            rates.append(round(trainer.rate(), 6))
        assert rates == [0.1] * 3 + [0.01] * 3 + [0.001] * 2 + [0.0001] * 2

    def test_loss_along_a_line(self) -> None:
        trainer = begun()
        trainer.epoch(0)
        images, labels = data()
        before = copy.deepcopy(trainer.model.state_dict())
        losses = trainer.loss_along(torch.tensor([-1.0, 0.0, 1.0]))
        after = trainer.model.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert float(losses[1]) == pytest.approx(float(F.cross_entropy(trainer.scores(images), labels)), rel=1e-5)
        assert torch.equal(losses, trainer.loss_along(torch.tensor([-1.0, 0.0, 1.0])))
        assert losses.unique().numel() == 3

    def test_attack_is_one_of_two_kinds(self) -> None:
        trainer = begun()
        images, _ = data()
        for kind in ("fgsm", "pgd"):
            moved = trainer.attack(images, kind, 0.1)
            assert 0.09 < float((moved - images).abs().max()) <= 0.1 + 1e-6


class TestGroups:
    def test_means_and_balance(self) -> None:
        values, groups = torch.tensor([1.0, 3.0, 8.0]), torch.tensor([0, 0, 1])
        means, present = grouping.group_means(values, groups)
        assert means.tolist() == [2, 8]
        assert present.tolist() == [True, True]
        assert float(grouping.balanced(values, groups)) == 5
        assert float(grouping.balanced(values, torch.zeros(3, dtype=torch.int64))) == 4

    def cue(self, count: int = 400) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features and scores of a network that goes by a cue which fails for a fifth of each class."""
        rng = generator(0, "cue")
        labels = torch.randint(3, (count,), generator=rng)
        groups = (torch.rand(count, generator=rng) < 0.2).long()
        shown = torch.where(groups == 1, (labels + 1) % 3, labels)
        features = torch.cat([3 * F.one_hot(shown, 3), torch.zeros(count, 5)], 1).float()
        features += 0.3 * torch.randn(features.shape, generator=rng)
        return features, features[:, :3] * 0.7, labels, groups

    def test_the_minority_is_found(self) -> None:
        features, scores, labels, groups = self.cue()
        found = grouping.infer_groups(features, scores, labels, generator=generator(0, "partition"))
        assert float((found == groups).double().mean()) > 0.95

    def test_the_minority_of_each_class_is_the_harder_part(self) -> None:
        features, scores, labels, _ = self.cue()
        for iterations in (0, 5):
            found = grouping.infer_groups(
                features, scores, labels, generator=generator(1, "partition"), iterations=iterations
            )
            losses = F.cross_entropy(scores, labels, reduction="none")
            for label in range(3):
                part, other = (losses[(labels == label) & (found == group)] for group in (1, 0))
                assert len(other)
                assert not len(part) or part.mean() >= other.mean()

    def test_separation_equals_the_literal_sum(self) -> None:
        rng = generator(0, "separation")
        share, losses = torch.rand(2, 7, generator=rng), torch.rand(2, 7, generator=rng)
        slopes, weight = torch.randn(2, 7, 3, generator=rng), torch.ones(2, 7)
        weight[1, 5:] = 0  # padding
        expected = 0.0
        for a, w, ce, slope in zip(share, weight, losses, slopes, strict=True):
            for part in (a * w, (1 - a) * w):
                risk = float((part * ce).sum() / part.sum())
                gradient = (part[:, None] * slope).sum(0) / part.sum()
                expected += 0.5 * (risk + 10 * float(gradient.square().sum()))
        assert float(grouping.separation(share, weight, losses, slopes, 10.0)) == pytest.approx(expected, rel=1e-5)

    def test_networks_are_independent_and_of_spectral_norm_1(self) -> None:
        networks = grouping._Networks(3, 8, generator(0, "nets"), torch.device("cpu"))
        for _ in range(200):
            networks(torch.ones(3, 1, 8))
        for layer in range(4):
            norms = torch.linalg.matrix_norm(networks._normalised(layer), ord=2)
            assert norms.tolist() == pytest.approx([1, 1, 1], abs=1e-3)
        features = torch.randn(3, 5, 8, generator=generator(0, "x"))
        networks(features)[1].sum().backward()
        assert networks.weights[0].grad is not None
        assert [bool(g.any()) for g in networks.weights[0].grad] == [False, True, False]

    def test_classes_of_unequal_size(self) -> None:
        labels = torch.tensor([2, 0, 2, 2, 0])
        table, real = grouping._by_class(labels, 3)
        assert table.shape == (3, 3)
        assert [sorted(row[keep].tolist()) for row, keep in zip(table, real, strict=True)] == [[1, 4], [], [0, 2, 3]]
        features = torch.randn(5, 6, generator=generator(0, "few"))
        found = grouping.infer_groups(features, features[:, :3], labels, generator=generator(0, "p"), iterations=2)
        assert found.shape == (5,)

    def test_a_class_that_is_all_one_part_has_no_minority(self) -> None:
        table, real = grouping._by_class(torch.tensor([0, 0, 1, 1]), 2)
        second = torch.tensor([[True, True], [True, False]])
        losses = torch.tensor([1.0, 2.0, 3.0, 9.0])
        assert grouping._harder(second, real, table, losses).tolist() == [0, 0, 0, 1]
