"""STARTUP and its relatives: the losses literally, where training starts, and what batch-norm sees."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.seeding import generator
from benchmark.tasks.few_shot import extreme
from benchmark.tasks.few_shot.extreme import TransferSetup

SETUP = TransferSetup(
    seed=0,
    track="few_shot.extreme",
    device_name="cpu",
    image_shape=(1, 8, 8),
    widths=(4, 6),
    base_classes=3,
    steps=3,
    batch_size=6,
    learning_rate=0.1,
)
ADAPTING = ["startup", "startup-no-ss", "pseudo-label", "transfer-simclr", "startup-no-target"]


def build(name: str, setup: TransferSetup = SETUP, **words: Any) -> Any:
    return extreme.track.classes[name](setup, **words)


def images(count: int, *name: str) -> Tensor:
    return torch.randn(count, 1, 8, 8, generator=generator(0, "images", *name))


def teacher() -> dict[str, Tensor]:
    """Weights that no seed of ours gives, with sharp predictions and statistics of their own."""
    model = replace(SETUP, seed=77).model()
    with torch.no_grad():
        model.head.weight.mul_(40)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(generator=generator(1))  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2, generator=generator(2))  # type: ignore[union-attr]
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


BASE, LABELS, TARGET = images(6, "base"), torch.tensor([0, 2, 1, 1, 0, 2]), images(6, "target")


def soft_labels() -> Tensor:
    return torch.rand(6, 3, generator=generator(0, "soft")).mul(3).softmax(1) + 1e-6


def cross_entropy(scores: Tensor, labels: Tensor) -> float:
    logarithms = scores.detach().double().log_softmax(1)
    return -sum(float(row[label]) for row, label in zip(logarithms, labels, strict=True)) / len(labels)


def divergence(scores: Tensor, wanted: Tensor) -> float:
    """Mean over the batch of sum_c q (log q - log p)."""
    total = 0.0
    for row, q in zip(scores.double().softmax(1).tolist(), wanted.double().tolist(), strict=True):
        total += sum(q_c * (math.log(q_c) - math.log(p_c)) for p_c, q_c in zip(row, q, strict=True))
    return total / len(scores)


def contrast(first: Tensor, second: Tensor, temperature: float) -> float:
    views = F.normalize(torch.cat([first, second]).detach().double(), dim=1)
    similar = (views @ views.T / temperature).exp().fill_diagonal_(0)
    count = len(first)
    return -sum(
        math.log(float(similar[i, (i + count) % (2 * count)] / similar[i].sum())) for i in range(2 * count)
    ) / (2 * count)  # fmt: skip


class TestLoss:
    """A twin of equal seed draws the same views, and computes what the paper says, forward after forward."""

    def test_startup(self) -> None:
        method, twin, q = build("startup"), build("startup"), soft_labels()
        scores = twin.model(twin.view(BASE))
        first, second = (twin.model.body(twin.view(TARGET)) for _ in range(2))
        expected = cross_entropy(scores, LABELS)
        expected += (divergence(twin.model.head(first), q) + divergence(twin.model.head(second), q)) / 2
        expected += contrast(twin.projector(first), twin.projector(second), 1.0)
        assert method.loss(BASE, LABELS, TARGET, q).item() == pytest.approx(expected, rel=1e-5)

    def test_without_self_supervision_there_is_one_view(self) -> None:
        method, twin, q = build("startup-no-ss"), build("startup-no-ss"), soft_labels()
        expected = cross_entropy(twin.model(twin.view(BASE)), LABELS)
        expected += divergence(twin.model(twin.view(TARGET)), q)
        assert method.loss(BASE, LABELS, TARGET, q).item() == pytest.approx(expected, rel=1e-5)
        assert torch.equal(method.generator.get_state(), twin.generator.get_state())

    def test_transfer_simclr_is_startup_without_self_training(self) -> None:
        startup, other, twin, q = build("startup"), build("transfer-simclr"), build("startup"), soft_labels()
        twin.view(BASE)
        parts = [divergence(twin.model(twin.view(TARGET)), q) for _ in range(2)]
        difference = startup.loss(BASE, LABELS, TARGET, q) - other.loss(BASE, LABELS, TARGET, q)
        assert difference.item() == pytest.approx(sum(parts) / 2, rel=1e-4)

    def test_simclr(self) -> None:
        method, twin, q = build("simclr"), build("simclr"), soft_labels()
        first, second = (twin.projector(twin.model.body(twin.view(TARGET))) for _ in range(2))
        assert method.loss(BASE, LABELS, TARGET, q).item() == pytest.approx(contrast(first, second, 0.5), rel=1e-5)

    def test_without_the_target_there_is_the_base_alone(self) -> None:
        method, twin = build("startup-no-target"), build("startup-no-target")
        expected = cross_entropy(twin.model(twin.view(BASE)), LABELS)
        assert method.loss(BASE, LABELS, TARGET, soft_labels()).item() == pytest.approx(expected, rel=1e-5)
        assert int(method.model.body[1].num_batches_tracked) == 1, "batch-norm has seen the target"

    @pytest.mark.parametrize(("progress", "risen"), [(0.0, 0.0), (0.2, 0.0), (0.35, 0.3), (0.5, 0.6), (0.7, 1), (1, 1)])
    def test_pseudo_labels_are_of_this_pass_and_rise(self, progress: float, risen: float) -> None:
        """Their view is drawn first; what the trained backbone said counts no more."""
        method, twin = (build("pseudo-label", weight=2.0, first=0.2, last=0.7) for _ in range(2))
        scores = twin.model(twin.view(TARGET))
        expected = 2.0 * risen * cross_entropy(scores, scores.argmax(1))
        expected += cross_entropy(twin.model(twin.view(BASE)), LABELS)
        method.progress = progress
        assert method.loss(BASE, LABELS, TARGET, torch.zeros(6, 3)).item() == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize(("name", "passes"), [("startup", 3), ("startup-no-ss", 2), ("simclr", 2)])
    def test_batches_go_through_batch_norm_one_by_one(self, name: str, passes: int) -> None:
        method, twin = build(name), build(name)
        method.loss(BASE, LABELS, TARGET, soft_labels())
        convolution, norm = twin.model.body[0], method.model.body[1]
        assert int(norm.num_batches_tracked) == passes
        expected = torch.zeros(4)
        for batch in ([BASE] if name != "simclr" else []) + [TARGET] * (passes - (name != "simclr")):
            expected = 0.9 * expected + 0.1 * convolution(twin.view(batch)).mean((0, 2, 3))
        torch.testing.assert_close(norm.running_mean, expected.detach())

    @pytest.mark.parametrize("name", ["startup", "transfer-simclr", "simclr"])
    def test_the_gradient_reaches_the_projector(self, name: str) -> None:
        method = build(name)
        method.loss(BASE, LABELS, TARGET, soft_labels()).backward()
        assert all(float(part.grad.abs().max()) > 0 for part in method.projector.parameters())


class TestStart:
    def test_soft_labels(self) -> None:
        """Softmax of the trained backbone in evaluation mode plus 1e-6, so that rows sum to a little more than 1."""
        method, model = build("startup"), SETUP.model()
        model.load_state_dict(teacher())
        method.model.load_state_dict(teacher())
        method.model.eval()
        labels = method.label(TARGET)
        expected = model.eval()(TARGET).softmax(1).detach() + 1e-6
        torch.testing.assert_close(labels, expected, rtol=1e-5, atol=1e-8)
        assert labels.double().sum(1).sub(1 + 3e-6).abs().max() < 1e-6
        assert labels.min() >= 1e-6

    @pytest.mark.parametrize("name", [*ADAPTING, "simclr", "transfer"])
    def test_where_training_starts(self, name: str) -> None:
        weights = teacher()
        method = build(name, replace(SETUP, steps=0))
        method.adapt(weights, BASE, LABELS, TARGET)
        trained = (method.model if name != "transfer" else method._model).state_dict()
        body = {key for key in weights if key.startswith("body") and torch.equal(trained[key], weights[key])}
        bodies = {key for key in weights if key.startswith("body")}
        if name == "simclr":
            fresh = SETUP.model().state_dict()
            assert all(torch.equal(trained[key], fresh[key]) for key in fresh)
            assert body < bodies
        else:
            assert body == bodies
            kept = torch.equal(trained["head.weight"], weights["head.weight"])
            assert kept is (name == "transfer")

    def test_labels_are_those_of_the_teacher_throughout(self) -> None:
        seen = []
        method = build("startup", replace(SETUP, steps=5, batch_size=len(TARGET)))
        real = method.loss

        def loss(*batch: Tensor) -> Tensor:
            seen.append(batch[3].sort(0).values)
            result: Tensor = real(*batch)
            return result

        method.loss = loss
        method.adapt(teacher(), BASE, LABELS, TARGET)
        assert len(seen) == 5
        assert all(torch.equal(labels, seen[0]) for labels in seen)

    def test_the_given_weights_are_left_alone(self) -> None:
        weights = teacher()
        build("startup").adapt(weights, BASE, LABELS, TARGET)
        assert all(torch.equal(tensor, teacher()[name]) for name, tensor in weights.items())


def embedded(name: str, weights: dict[str, Tensor], base: Tensor, target: Tensor = TARGET) -> Tensor:
    method = build(name)
    method.adapt(weights, base, LABELS, target)
    features: Tensor = method.embed(images(4, "new"))
    assert features.shape == (4, 6)
    assert features.isfinite().all()
    return features


@pytest.mark.parametrize("name", [*ADAPTING, "simclr"])
def test_what_the_result_depends_on(name: str) -> None:
    usual = embedded(name, teacher(), BASE)
    assert torch.equal(embedded(name, teacher(), BASE), usual)
    other_base = torch.equal(embedded(name, teacher(), images(6, "another")), usual)
    other_weights = torch.equal(embedded(name, SETUP.model().state_dict(), BASE), usual)
    other_target = torch.equal(embedded(name, teacher(), BASE, images(6, "another")), usual)
    assert (other_base, other_weights) == ((True, True) if name == "simclr" else (False, False))
    assert other_target is (name == "startup-no-target")


def test_transfer_depends_on_the_weights_alone() -> None:
    model = SETUP.model()
    model.load_state_dict(teacher())
    expected = model.eval().body(images(4, "new")).detach()
    torch.testing.assert_close(embedded("transfer", teacher(), images(6, "x"), images(6, "y")), expected)


def test_target_statistics_are_those_of_the_target_and_nothing_else_changes() -> None:
    method, weights = build("target-statistics"), teacher()
    method.adapt(weights, BASE, LABELS, TARGET)
    trained = method._model.state_dict()
    changed = {key for key in weights if not torch.equal(trained[key], weights[key])}
    kinds = ("running_mean", "running_var", "num_batches_tracked")
    assert changed == {f"body.{at}.{kind}" for at in (1, 5) for kind in kinds}
    first = method._model.body[0](TARGET)
    torch.testing.assert_close(trained["body.1.running_mean"], first.mean((0, 2, 3)))
    torch.testing.assert_close(trained["body.1.running_var"], first.var((0, 2, 3)))
    assert not torch.equal(
        embedded("target-statistics", weights, BASE), embedded("target-statistics", weights, BASE, images(6, "another"))
    )
    assert torch.equal(
        embedded("target-statistics", weights, BASE), embedded("target-statistics", weights, images(6, "x"))
    )
