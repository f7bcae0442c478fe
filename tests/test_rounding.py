"""The measure of rounding errors: it lets another order of operations through, and nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.seeding import generator
from tests.rounding import EPS, truth, truths, with_gradients


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=generator(0, "rounding", *shape))


def shares(x: Tensor, v: Tensor) -> Tensor:
    """Weighed means by weights of both signs, whose sums come near 0 here and there."""
    return x / x.sum(1, keepdim=True) @ v


def test_another_order_of_operations_passes() -> None:
    x, v = drawn(500, 60), drawn(60, 8)
    expected = truth(shares, x, v)
    assert expected.exact.dtype == torch.float64
    assert float(expected.exact.abs().max()) > 100, "no sum came near 0, and the test shows nothing"
    for found in ((x @ v) / x.sum(1, keepdim=True), x.flip(1) @ v.flip(0) / x.flip(1).sum(1, keepdim=True)):
        assert 0 < expected.excess(found) <= 1


def test_a_fixed_share_would_not_do() -> None:
    """Rows differ by orders of magnitude in what is lost; those that lose little are held to it."""
    expected = truth(shares, drawn(500, 60), drawn(60, 8))
    assert float(expected.error.max() / expected.error.min()) > 10
    assert float(expected.error.min()) >= EPS * float(expected.exact.abs().max())


def test_a_wrong_entry_is_found() -> None:
    x, v = drawn(50, 60).abs(), drawn(60, 8)
    expected = truth(shares, x, v)
    wrong = shares(x, v)
    assert expected.excess(wrong) <= 1
    wrong[3, 4] += 1e-4
    assert expected.excess(wrong) > 1
    assert expected.excess(shares(x, v.bfloat16().float())) > 1


def test_gradients_too() -> None:
    x, v, push = drawn(50, 60).abs(), drawn(60, 8), drawn(50, 8)
    leaves = [each.clone().requires_grad_() for each in (x, v)]
    out = (leaves[0] @ leaves[1]) / leaves[0].sum(1, keepdim=True)
    found = (out, *torch.autograd.grad(out, leaves, push))
    expected = truths(with_gradients(shares, push), x, v)
    assert [each.exact.shape for each in expected] == [(50, 8), (50, 60), (60, 8)]
    assert all(each.excess(one) <= 1 for each, one in zip(expected, found, strict=True))
    assert expected[2].excess(found[2] * 1.001) > 1


def test_what_is_float64_already_stays() -> None:
    seen: list[list[torch.dtype]] = []

    def formula(x: Tensor, logs: Tensor, index: Tensor) -> Tensor:
        seen.append([x.dtype, logs.dtype, index.dtype])
        return x[index] + logs.to(x.dtype)

    truth(formula, drawn(4), drawn(4).double(), torch.arange(4))
    assert seen[0] == [torch.float64, torch.float64, torch.int64]
    assert seen[1:] == [[torch.float32, torch.float64, torch.int64]] * 8
