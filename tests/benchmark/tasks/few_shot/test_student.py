"""The loop that methods of `few_shot.extreme` share, and the contrastive loss."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.tasks.few_shot.extreme import TransferSetup
from benchmark.tasks.few_shot.student import ExtremeStudent, contrastive_loss

SETUP = TransferSetup(
    seed=0,
    track="few_shot.extreme",
    device_name="cpu",
    image_shape=(1, 8, 8),
    widths=(4, 6),
    base_classes=3,
    steps=7,
    batch_size=4,
    learning_rate=0.1,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 1, 8, 8, generator=generator(seed))


class Noting(ExtremeStudent):
    """Remembers the batches; its loss pulls every weight down."""

    def __init__(self, setup: TransferSetup) -> None:
        super().__init__(setup)
        self.batches: list[tuple[Tensor, ...]] = []
        self.rates: list[float] = []
        self.modes: list[bool] = []
        self.done: list[float] = []

    def loss(self, base_images: Tensor, base_labels: Tensor, target_images: Tensor, target_labels: Tensor) -> Tensor:
        self.batches.append((base_images, base_labels, target_images, target_labels))
        self.done.append(self.progress)
        self.modes.append(all(module.training for module in self.model.modules()))
        scores = self.model(target_images)
        return scores.mean() + self.projector(torch.zeros(1, 6)).mean()


def adapted(setup: TransferSetup = SETUP, *, base: int = 9, target: int = 11) -> Noting:
    student = Noting(setup)
    numbers = torch.arange(base) % 3
    student.adapt(setup.model().state_dict(), images(base), numbers, images(target, 1))
    return student


class TestStudent:
    @pytest.mark.parametrize("steps", [1, 7])
    def test_takes_the_steps_it_has(self, steps: int) -> None:
        assert len(adapted(replace(SETUP, steps=steps)).batches) == steps

    def test_batches_are_full(self) -> None:
        """Nine and eleven images: two batches of four, the rest waits for the next epoch."""
        student = adapted()
        assert {tuple(map(len, batch)) for batch in student.batches} == {(4, 4, 4, 4)}
        for part, source in ((0, images(9)), (2, images(11, 1))):
            first, second = student.batches[0][part], student.batches[1][part]
            rows = [next(i for i, row in enumerate(source) if torch.equal(row, one)) for one in (*first, *second)]
            assert len(set(rows)) == 8, "an image came twice in an epoch"

    def test_a_small_world_is_one_batch(self) -> None:
        student = adapted(base=3, target=2)
        assert {tuple(map(len, batch)) for batch in student.batches} == {(3, 3, 2, 2)}

    def test_labels_stay_with_their_images(self) -> None:
        setup = replace(SETUP, steps=12)
        student, teacher = adapted(setup), setup.model().eval()
        for base_images, base_labels, target_images, target_labels in student.batches:
            for image, label in zip(base_images, base_labels, strict=True):
                assert torch.equal(image, images(9)[[torch.equal(image, one) for one in images(9)].index(True)])
                assert int(label) == [torch.equal(image, one) for one in images(9)].index(True) % 3
            torch.testing.assert_close(target_labels, teacher(target_images).detach())

    def test_progress_is_the_share_of_steps_done(self) -> None:
        assert adapted(replace(SETUP, steps=4)).done == [0, 0.25, 0.5, 0.75]

    def test_modes(self) -> None:
        student = adapted()
        assert all(student.modes)
        assert not any(module.training for module in student.model.modules())
        one, several = student.embed(images(3)[:1]), student.embed(images(3))
        assert several.shape == (3, 6)
        assert not several.requires_grad
        torch.testing.assert_close(one[0], several[0])

    def test_the_rate_falls_to_zero_along_a_cosine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rates: list[float] = []
        words: list[tuple[float, float]] = []
        real = torch.optim.SGD.step

        def step(optimizer: torch.optim.SGD, *arguments: object) -> object:
            (group,) = optimizer.param_groups
            rates.append(group["lr"])
            words.append((group["momentum"], group["weight_decay"]))
            return real(optimizer, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(torch.optim.SGD, "step", step)
        adapted(replace(SETUP, steps=50))
        assert rates == pytest.approx([0.05 * (1 + math.cos(math.pi * number / 50)) for number in range(50)])
        assert rates[-1] < 0.001 * rates[0]
        assert set(words) == {(0.9, 1e-4)}

    def test_body_head_and_projector_are_trained(self) -> None:
        fresh, student = Noting(SETUP), adapted()
        for before, after in ((fresh.model, student.model), (fresh.projector, student.projector)):
            for module, trained in zip(before.modules(), after.modules(), strict=True):
                if isinstance(module, nn.Linear | nn.Conv2d):
                    assert not torch.equal(module.weight, trained.weight)

    def test_same_seed_same_features(self) -> None:
        assert torch.equal(adapted().embed(images(5)), adapted().embed(images(5)))
        other = adapted(replace(SETUP, seed=1))
        assert not torch.equal(other.embed(images(5)), adapted().embed(images(5)))

    def test_a_new_head_leaves_the_body(self) -> None:
        student = ExtremeStudent(SETUP)
        before = {name: tensor.clone() for name, tensor in student.model.state_dict().items()}
        student.new_head()
        changed = {name for name, tensor in student.model.state_dict().items() if not torch.equal(tensor, before[name])}
        assert changed == {"head.weight", "head.bias"}

    def test_views_are_random(self) -> None:
        student = ExtremeStudent(SETUP)
        assert not torch.equal(student.view(images(4)), student.view(images(4)))

    def test_base_loss_is_the_cross_entropy_of_a_view(self) -> None:
        student, twin = ExtremeStudent(SETUP), ExtremeStudent(SETUP)
        labels = torch.tensor([0, 2, 1, 1])
        expected = F.cross_entropy(twin.model(twin.view(images(4))), labels)
        torch.testing.assert_close(student.base_loss(images(4), labels), expected)


def literal_contrast(first: Tensor, second: Tensor, temperature: float) -> float:
    """Equation 1 of Chen et al. 2020, one pair after the other."""
    views = [*first.double(), *second.double()]
    count, total = len(first), 0.0

    def similarity(one: int, other: int) -> float:
        return float(views[one] @ views[other] / views[one].norm() / views[other].norm()) / temperature

    for anchor in range(2 * count):
        partner = (anchor + count) % (2 * count)
        others = sum(math.exp(similarity(anchor, k)) for k in range(2 * count) if k != anchor)
        total -= math.log(math.exp(similarity(anchor, partner)) / others)
    return total / (2 * count)


class TestContrastiveLoss:
    @pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
    @pytest.mark.parametrize("count", [1, 2, 9])
    def test_equals_the_literal_sum(self, count: int, temperature: float) -> None:
        first, second = (3 * torch.randn(count, 5, generator=generator(seed)) for seed in (0, 1))
        expected = literal_contrast(first, second, temperature)
        assert float(contrastive_loss(first, second, temperature)) == pytest.approx(expected, abs=1e-5)

    def test_bounds(self) -> None:
        """All alike: every one of the 2n - 1 others is as good. Orthogonal pairs that agree: nearly no loss."""
        same = torch.ones(8, 16)
        assert float(contrastive_loss(same, same, 0.5)) == pytest.approx(math.log(15), rel=1e-5)
        matched = torch.eye(8, 16)
        assert float(contrastive_loss(matched, matched, 0.05)) < 1e-4
        random = torch.randn(8, 16, generator=generator())
        mismatched = float(contrastive_loss(random, random.roll(1, 0), 0.5))
        assert float(contrastive_loss(random, random, 0.5)) < mismatched

    def test_length_and_order_do_not_matter(self) -> None:
        first, second = (torch.randn(6, 5, generator=generator(seed)) for seed in (0, 1))
        plain = contrastive_loss(first, second, 0.5)
        torch.testing.assert_close(contrastive_loss(7 * first, 0.1 * second, 0.5), plain)
        torch.testing.assert_close(contrastive_loss(second, first, 0.5), plain)
        torch.testing.assert_close(contrastive_loss(first.flip(0), second.flip(0), 0.5), plain)

    def test_it_can_be_followed_downhill(self) -> None:
        first = torch.randn(6, 5, generator=generator()).requires_grad_()
        contrastive_loss(first, torch.randn(6, 5, generator=generator(1)), 0.5).backward()
        assert first.grad is not None
        assert first.grad.isfinite().all()
        assert first.grad.abs().max() > 0
