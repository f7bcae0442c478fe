"""The rules of distribution_shift.adversarial against stub contestants whose scores and attacks are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.errors import ContestantError
from benchmark.tasks.distribution_shift import adversarial
from benchmark.tasks.distribution_shift.rules import Labelled
from tests.benchmark.tasks.distribution_shift.shift_stub import Stub, constant, judge, oracle, prepare, values


def clean_loss(scores: Callable[[Tensor], Tensor], part: Labelled) -> float:
    return float(F.cross_entropy(scores(part.images).double(), part.labels))


class TestAdversarial:
    def test_attacks_without_effect(self) -> None:
        data = prepare(adversarial.track)
        outcome = judge(adversarial.track, Stub(oracle(data.train, data.test, classes=10)))
        found = values(outcome)
        assert [found[name] for name in ("FGSM_accuracy", "PGD_accuracy", "clean_accuracy")] == [100] * 3
        assert found["generalisation_gap"] == pytest.approx(0, abs=1e-6)
        assert found["calibration_error"] == pytest.approx(0, abs=1e-6)
        assert found["adversarial_loss"] == pytest.approx(0, abs=1e-6)

    def test_a_perfect_attack(self) -> None:
        """The oracle does not know an image that was moved, and takes it for class 0."""
        data = prepare(adversarial.track)

        def attack(images: Tensor, kind: str, radius: float) -> Tensor:
            return (images - 0.9 * radius).clamp(0, 1) + 0.01

        found = values(judge(adversarial.track, Stub(oracle(data.train, data.test, classes=10), attack=attack)))
        assert found["clean_accuracy"] == 100
        assert found["FGSM_accuracy"] == 10

    def test_what_was_wrong_before_is_not_robust_when_the_attack_rights_it(self) -> None:
        data = prepare(adversarial.track)
        moved = Labelled((data.test.images + 0.01).clamp(0, 1), data.test.labels)

        def attack(images: Tensor, kind: str, radius: float) -> Tensor:
            return (images + 0.01).clamp(0, 1)

        found = values(judge(adversarial.track, Stub(oracle(moved, classes=10), attack=attack)))
        assert found["clean_accuracy"] == found["FGSM_accuracy"] == 10

        assert found["adversarial_loss"] == pytest.approx(clean_loss(oracle(moved, classes=10), data.test))

    @pytest.mark.parametrize(
        "attack",
        [
            lambda images, kind, radius: (images + 2 * radius).clamp(0, 1),
            lambda images, kind, radius: images - 0.5 * radius - 1e-3,
            lambda images, kind, radius: torch.full_like(images, float("nan")),
            lambda images, kind, radius: images[:3],
            lambda images, kind, radius: None,
        ],
        ids=["outside the ball", "outside the cube", "nan", "too few", "none"],
    )
    def test_what_is_no_attack(self, attack: Callable[..., Any]) -> None:
        with pytest.raises(ContestantError, match=r"attack\(\) (moved|returned)") as error:
            judge(adversarial.track, Stub(constant(10), attack=attack))
        assert error.value.status == "invalid_output"

    def test_pgd_is_asked_of_the_checked_images_only(self) -> None:
        sizes: list[tuple[str, float, int]] = []

        def attack(images: Tensor, kind: str, radius: float) -> Tensor:
            sizes.append((kind, radius, len(images)))
            return images

        judge(adversarial.track, Stub(constant(10), attack=attack), levels=(0.01, 0.02, 0.03), checked=20)
        assert sizes == [("fgsm", r, 60) for r in (0.01, 0.02, 0.03)] + [("pgd", r, 20) for r in (0.01, 0.02, 0.03)]
