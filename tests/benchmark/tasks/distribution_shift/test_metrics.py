"""Average precision and calibration error of distribution_shift against loops written out."""

from __future__ import annotations

import pytest
import torch

from benchmark.seeding import generator
from benchmark.tasks.distribution_shift import adversarial, spurious


class TestStatistics:
    def test_average_precision_equals_scikit_learns_definition(self) -> None:
        """The sum over thresholds of (recall step) x precision, threshold by threshold."""
        rng = generator(0, "anomaly")
        unseen, known = (torch.randn(n, 4, generator=rng).mul(2).round() for n in (30, 50))  # with ties
        strangeness = [-part.double().softmax(1).amax(1) for part in (unseen, known)]
        together = torch.cat(strangeness)
        expected, last = 0.0, 0.0
        for threshold in together.unique().flip(0):
            hits, false = (float((part >= threshold).sum()) for part in strangeness)
            expected += (hits / 30 - last) * hits / (hits + false)
            last = hits / 30
        assert spurious._anomaly(unseen, known) == pytest.approx(100 * expected)

    def test_average_precision_of_perfect_separation(self) -> None:
        sure, unsure = 9 * torch.eye(4), torch.zeros(5, 4)
        assert spurious._anomaly(unsure, sure) == pytest.approx(100)

    def test_calibration_error_equals_a_loop_over_bins(self) -> None:
        rng = generator(0, "calibration")
        scores, labels = 2 * torch.randn(200, 5, generator=rng), torch.randint(5, (200,), generator=rng)
        confidence, answer = scores.double().softmax(1).max(1)
        expected = 0.0
        for index in range(15):
            inside = (confidence >= index / 15) & (confidence < (index + 1) / 15)
            if inside.any():
                accuracy = (answer == labels)[inside].double().mean()
                expected += float(inside.double().mean() * (accuracy - confidence[inside].mean()).abs())
        assert adversarial._calibration_error(scores, labels) == pytest.approx(100 * expected)
