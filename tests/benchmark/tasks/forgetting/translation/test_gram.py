"""Corrections on inner products against the papers' formulas written out on the vectors."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from benchmark.tasks.forgetting.translation.gram import LIMIT, corrected, cosines, orders


def vectors(m: int, *, seed: int = 0, size: int = 40) -> Tensor:
    """Gradients of different lengths, (m, size) float64, of which many pairs point apart."""
    rng = torch.Generator().manual_seed(seed)
    lengths = torch.logspace(-2, 2, m, dtype=torch.float64).unsqueeze(1)
    return lengths * torch.randn(m, size, generator=rng, dtype=torch.float64)


def gram_of(vectors: Tensor) -> Tensor:
    return (vectors @ vectors.T).unsqueeze(0)


def order_of(m: int, seed: int = 0) -> Tensor:
    return orders(m, torch.Generator().manual_seed(seed))


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def pcgrad(gradients: Tensor, order: Tensor) -> Tensor:
    """Algorithm 1 of arXiv:2001.06782, vector by vector."""
    rows = []
    for i, others in enumerate(order.tolist()):
        p = gradients[i].clone()
        for j in others:
            if p @ gradients[j] < 0:
                p -= (p @ gradients[j]) / gradients[j].square().sum() * gradients[j]
        rows.append(p)
    return torch.stack(rows)


def gradvac(gradients: Tensor, order: Tensor, targets: Tensor) -> Tensor:
    """Algorithm 1 of arXiv:2010.05874 with equation 3, vector by vector."""
    rows = []
    for i, others in enumerate(order.tolist()):
        p = gradients[i].clone()
        for j in others:
            g, target, phi = gradients[j], float(targets[i, j]), cosine(p, gradients[j])
            if phi < target:
                up = float(p.norm()) * (target * math.sqrt(1 - phi**2) - phi * math.sqrt(1 - target**2))
                p += up / (float(g.norm()) * math.sqrt(1 - target**2)) * g
        rows.append(p)
    return torch.stack(rows)


@pytest.mark.parametrize("m", [2, 3, 8, 16])
@pytest.mark.parametrize("seed", [0, 1, 2])
class TestAgainstVectors:
    def test_of_pcgrad(self, m: int, seed: int) -> None:
        given, order = vectors(m, seed=seed), order_of(m, seed)
        made, _ = corrected(gram_of(given), order, torch.zeros(1, m, m))
        torch.testing.assert_close(made[0] @ given, pcgrad(given, order), rtol=1e-9, atol=1e-9)

    def test_of_gradient_vaccine(self, m: int, seed: int) -> None:
        given, order = vectors(m, seed=seed), order_of(m, seed)
        targets = torch.rand(m, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 1.2 - 0.4
        made, _ = corrected(gram_of(given), order, targets.unsqueeze(0))
        torch.testing.assert_close(made[0] @ given, gradvac(given, order, targets), rtol=1e-8, atol=1e-8)

    def test_a_target_of_zero_is_pcgrad_to_the_last_bit(self, m: int, seed: int) -> None:
        """Both on inner products: PCGrad's step as its authors write it, - (p g) / |g|^2."""
        gram, order = gram_of(vectors(m, seed=seed))[0], order_of(m, seed)
        rows = torch.arange(m)
        expected, products = torch.eye(m, dtype=torch.float64), gram.clone()
        for j in order.T:
            dot = products[rows, j]
            weight = torch.where(dot < 0, -dot / gram.diagonal()[j], 0.0)
            expected[rows, j] += weight
            products += weight.unsqueeze(1) * gram[j]
        made, _ = corrected(gram.unsqueeze(0), order, torch.zeros(1, m, m))
        assert torch.equal(made[0], expected)


@pytest.mark.parametrize("target", [-0.3, 0.0, 0.2, 0.9])
def test_a_corrected_gradient_has_the_cosine_wanted(target: float) -> None:
    given = torch.tensor([[1.0, 2.0, 0.5], [-3.0, 0.4, 0.1]], dtype=torch.float64)
    made, met = corrected(gram_of(given), order_of(2), torch.full((1, 2, 2), target, dtype=torch.float64))
    p = made[0] @ given
    before = cosine(given[0], given[1])
    assert before < -0.3
    assert float(met[0, 0, 1]) == pytest.approx(before)
    for i, j in ((0, 1), (1, 0)):
        assert cosine(p[i], given[j]) == pytest.approx(target, abs=1e-9)
        along = given[j] / given[j].norm()
        across = [x - (x @ along) * along for x in (p[i], given[i])]
        torch.testing.assert_close(*across, msg="what is across the other gradient stays")


def test_what_is_met_is_the_cosine_before_correction_but_after_those_before() -> None:
    given, order = vectors(4, seed=3), order_of(4, 3)
    targets = torch.full((4, 4), 0.4, dtype=torch.float64)
    _, met = corrected(gram_of(given), order, targets.unsqueeze(0))
    for i, others in enumerate(order.tolist()):
        p = given[i].clone()
        for j in others:
            assert float(met[0, i, j]) == pytest.approx(cosine(p, given[j]), abs=1e-9)
            p = gradvac(torch.stack([p, given[j]]), torch.tensor([[1], [0]]), targets[:2, :2])[0]


def test_groups_are_corrected_by_themselves() -> None:
    one, other = vectors(5, seed=1), vectors(5, seed=2)
    order, targets = order_of(5), torch.rand(2, 5, 5, dtype=torch.float64) - 0.3
    both, _ = corrected(torch.cat([gram_of(one), gram_of(other)]), order, targets)
    for place, each in enumerate((one, other)):
        alone, _ = corrected(gram_of(each), order, targets[place : place + 1])
        torch.testing.assert_close(both[place], alone[0])


@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
def test_equal_gradients_are_left_alone(target: float) -> None:
    given = vectors(1).expand(3, -1)
    made, met = corrected(gram_of(given), order_of(3), torch.full((1, 3, 3), min(target, LIMIT)))
    assert torch.equal(made[0], torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(met[0], torch.ones(3, 3, dtype=torch.float64))


@pytest.mark.parametrize("target", [-1.0, 0.0, 0.5, 1.0])
def test_zero_and_opposite_gradients_are_defined(target: float) -> None:
    a = vectors(1)[0]
    for given in (torch.stack([a, -a]), torch.stack([a, 0 * a]), torch.stack([0 * a, 0 * a]), torch.stack([a, -a, a])):
        m = len(given)
        made, met = corrected(gram_of(given), order_of(m), torch.full((1, m, m), target))
        assert made.isfinite().all()
        assert met.isfinite().all()
    made, _ = corrected(gram_of(torch.stack([a, 0 * a])), order_of(2), torch.full((1, 2, 2), target))
    assert torch.equal(made[0], torch.eye(2, dtype=torch.float64))


def test_opposite_gradients_cancel_with_pcgrad() -> None:
    a = vectors(1)[0]
    given = torch.stack([a, -2 * a])
    made, _ = corrected(gram_of(given), order_of(2), torch.zeros(1, 2, 2))
    torch.testing.assert_close(made[0] @ given, torch.zeros_like(given))


def test_everyone_meets_all_others_once_and_never_itself() -> None:
    order = order_of(7)
    for i, others in enumerate(order.tolist()):
        assert sorted(others) == [j for j in range(7) if j != i]
    assert not torch.equal(order, order_of(7, 1))


def test_cosines() -> None:
    given = torch.tensor([[3.0, 0.0], [0.0, 2.0], [-1.0, 1.0], [0.0, 0.0]])
    found = cosines(gram_of(given))[0]
    half = 0.5**0.5
    expected = [[1, 0, -half, 0], [0, 1, half, 0], [-half, half, 1, 0], [0, 0, 0, 0]]
    torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.slow
def test_in_two_dimensions_a_fixed_target_leaves_the_valley_where_the_sum_is_stuck() -> None:
    """The example of arXiv:2001.06782, appendix D: two steep losses that meet in a curved valley."""

    def end(target: float | None) -> list[float]:
        at = torch.tensor([0.5, -3.0], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.Adam([at], lr=1e-3)
        rng = torch.Generator().manual_seed(0)
        for _ in range(100_000):
            a, b = at.detach().tolist()
            tanh = math.tanh(b)
            slope = 1 - tanh**2
            one, other = 0.5 * a + tanh, 0.5 * a - tanh + 2
            rows = [
                [0.5 * 20 / one, slope * 20 / one] if abs(one) > 5e-6 else [0.0, 0.0],
                [0.5 * 25 / other, -slope * 25 / other] if abs(other) > 5e-6 else [0.0, 0.0],
            ]
            given = torch.tensor(rows, dtype=torch.float64)
            if target is not None:
                made, _ = corrected(gram_of(given), orders(2, rng), torch.full((1, 2, 2), target))
                given = made[0] @ given
            at.grad = given.sum(0)
            optimizer.step()
        return at.tolist()

    assert end(0.3)[0] < -1.5
    assert end(None)[0] > 1
