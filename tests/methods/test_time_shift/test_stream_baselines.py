"""The other methods of `corruption` against slow and obvious forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.test_time_shift.adaptation import affine, entropy, norms
from tests.methods.test_time_shift.adapters import CLASSES, SETUP, batch, begun, changed, module, state, trained


class TestPseudoLabel:
    def test_loss_is_the_cross_entropy_of_the_confident(self) -> None:
        method = begun("pseudo-label", threshold=0.6)
        scores = torch.tensor([[3.0, 0, 0, 0, 0], [0.5, 0, 0, 0, 0], [0, 0, 0, 0, 4.0]])
        expected = -(scores[0].softmax(0)[0].log() + scores[2].softmax(0)[4].log()) / 2
        torch.testing.assert_close(method.loss(scores), expected)

    def test_nobody_confident_nothing_learned(self) -> None:
        method = begun("pseudo-label", threshold=1.1)
        before = state(method)
        method.adapt(batch())
        assert changed(method, before) == set()


class TestOracle:
    def test_learns_from_what_it_is_told_and_from_no_stream(self) -> None:
        method = begun("oracle", learning_rate=0.02, passes=20, batch=50)
        labels = torch.arange(50) % CLASSES
        before = float(F.cross_entropy(method.adapt(batch(50)), labels))
        method.study((batch(50) * 255).to(torch.uint8), labels)
        assert F.cross_entropy(method.adapt(batch(50)), labels) < before - 0.5
        learned = state(method)
        method.adapt(batch(50, 1))
        assert changed(method, learned) == set()
        assert not method.model.training

    def test_others_leave_it(self) -> None:
        method = begun("tent")
        before = state(method)
        method.study((batch() * 255).to(torch.uint8), torch.arange(10) % CLASSES)
        assert changed(method, before) == set()


class TestMixedStatistics:
    def test_the_source_counts_as_so_many_images(self) -> None:
        x = torch.randn(6, 8, 3, 3, generator=generator(0))
        layer = torch.nn.BatchNorm2d(8).eval()
        with torch.no_grad():
            layer.running_mean.copy_(torch.arange(8.0))  # type: ignore[union-attr]
            layer.running_var.copy_(torch.arange(1.0, 9))  # type: ignore[union-attr]
        found = begun("batch-norm-mixed", prior=4.0)._mixed(layer, (x,), layer(x))
        for channel in range(8):
            values = x[:, channel]
            mean = (4 * channel + 6 * float(values.mean())) / 10
            variance = (4 * (channel + 1) + 6 * float(values.var(correction=0))) / 10
            torch.testing.assert_close(
                found[:, channel], (values - mean) / math.sqrt(variance + 1e-5), atol=1e-5, rtol=1e-4
            )


class TestEATA:
    def test_loss_against_a_loop(self) -> None:
        method = begun("eata", margin=0.6, similarity=0.5, penalty=0.0)
        margin = 0.6 * math.log(CLASSES)
        one = torch.tensor([[4.0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 2.5, 0, 0, 0]])
        other = torch.tensor([[5.0, 0, 0, 0, 0], [0, 0, 5.0, 0, 0]])
        mean: Tensor | None = None
        for scores, kept in ((one, [0, 2]), (other, [1])):
            terms, answers = [], []
            for row in scores:
                share = row.softmax(0)
                height = float(-(share * share.log()).sum())
                if height >= margin or (mean is not None and float(F.cosine_similarity(share, mean, dim=0)) >= 0.5):
                    continue
                terms.append(math.exp(margin - height) * height)
                answers.append(share)
            assert len(terms) == len(kept)
            assert float(method.loss(scores).detach()) == pytest.approx(sum(terms) / len(terms), rel=1e-5)
            batch_mean = torch.stack(answers).mean(0)
            mean = batch_mean if mean is None else 0.9 * mean + 0.1 * batch_mean
            torch.testing.assert_close(method._mean, mean)

    def test_the_penalty_is_the_squared_distance_in_the_fisher_metric(self) -> None:
        method = begun("eata", penalty=2.0, margin=0.9)
        scores = torch.tensor([[4.0, 0, 0, 0, 0]])
        plain = float(method.loss(scores).detach())
        method.reset()
        with torch.no_grad():
            method.parameters[0] += 0.3
        expected = 2 * float(method._fisher[0].sum()) * 0.09
        assert expected > 0
        assert float(method.loss(scores).detach()) - plain == pytest.approx(expected, rel=1e-3)

    def test_nobody_sure_nothing_learned(self) -> None:
        assert begun("eata").loss(torch.zeros(4, CLASSES)) is None


class TestSAR:
    def test_without_a_climb_it_is_a_step_on_the_sure(self) -> None:
        method, plain = begun("sar", radius=0.0, margin=0.8), begun("sar", radius=0.0, margin=0.8)
        method.adapt(batch())
        scores = plain.scores(batch())
        plain.optimizer.zero_grad()
        plain.loss(scores).backward()
        plain.optimizer.step()
        for one, other in zip(method.parameters, plain.parameters, strict=True):
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)

    def test_the_climb_changes_the_step(self) -> None:
        near, far = (begun("sar", radius=radius, margin=0.8) for radius in (0.0, 0.5))
        for method in (near, far):
            method.adapt(batch())
        assert any(not torch.equal(a, b) for a, b in zip(near.parameters, far.parameters, strict=True))

    def test_starts_anew_when_the_loss_is_too_small_to_be_true(self) -> None:
        method = begun("sar", floor=10.0)
        before = state(method)
        method.adapt(batch())
        assert changed(method, before) == set()
        assert method._moving is None

    def test_the_last_block_stays(self) -> None:
        method = begun("sar", margin=0.9)
        before = state(method)
        for index in range(3):
            method.adapt(batch(10, index))
        assert changed(method, before)
        assert not any(name.startswith("layers.1") for name in changed(method, before))


class TestMEMO:
    def test_each_image_against_a_copy_of_the_network(self) -> None:
        views, rate = 4, 0.5
        method = begun("memo", views=views, learning_rate=rate, sure=0.0)
        images = batch(3)
        seen = module("memo")._VIEWS(images.repeat_interleave(views, 0), SETUP.generator("views"))
        found = method.adapt(images)
        for index, image in enumerate(images):
            model = trained()
            model.requires_grad_(False)
            parameters = affine(norms(model))
            for parameter in parameters:
                parameter.requires_grad_()
            mean = model(seen[index * views : (index + 1) * views]).softmax(1).mean(0)
            slopes = torch.autograd.grad(-(mean * mean.log()).sum(), parameters)
            with torch.no_grad():
                for parameter, slope in zip(parameters, slopes, strict=True):
                    parameter -= rate * slope
                expected = model(image[None])[0]
            torch.testing.assert_close(found[index], expected, atol=1e-3, rtol=1e-3)

    def test_sure_answers_are_left_alone(self) -> None:
        images = batch(20)
        plain = trained()(images).detach()
        limit = float(entropy(plain).median()) / math.log(CLASSES)
        found = begun("memo", sure=limit, learning_rate=0.5).adapt(images)
        same = torch.isclose(found, plain, atol=1e-4).all(1)
        assert torch.equal(same, entropy(plain) <= limit * math.log(CLASSES))

    def test_marginal_entropy(self) -> None:
        marginal: Callable[[Tensor, int], Tensor] = module("memo").marginal_entropy
        scores = torch.randn(6, CLASSES, generator=generator(0))
        for index in range(2):
            mean = scores[3 * index : 3 * index + 3].softmax(1).mean(0)
            assert float(marginal(scores, 3)[index]) == pytest.approx(float(-(mean * mean.log()).sum()), rel=1e-5)
