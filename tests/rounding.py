"""How far float32 may miss: as far as the plain form of the same computation does, which the test measures on the spot.

How large rounding errors get differs between CPUs (vector width, fused products, the order of sums), and how far they
carry depends on the inputs, so that a tolerance seen on one machine fails on another. Here the truth is a formula in
float64; what it may be missed by is what the same formula misses it by in float32, on inputs a rounding error away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

EPS = torch.finfo(torch.float32).eps
TIMES = 10
"""Of the plain form's usual error: the largest of a million normal ones is five times that, and another order of sums
may double it."""


@dataclass(frozen=True, eq=False)
class Truth:
    """exact: float64;  error: the usual one of float32, a number for each row, that is along the last dimension."""

    exact: Tensor
    error: Tensor

    def excess(self, found: Tensor) -> float:
        """The largest error of what was found, in parts of what is allowed: at most 1 if all is well."""
        assert found.shape == self.exact.shape
        off = (found.detach().double() - self.exact).abs()
        assert bool(off.isfinite().all())
        return float((off / (TIMES * self.error)).max())


def truths(formula: Callable[..., Any], *inputs: Tensor, draws: int = 8) -> list[Truth]:
    """What a formula gives, each part of it with the error that float32 makes.

    formula: works in the precision of its inputs and returns tensors;  inputs: float32 ones are taken in both
    precisions, all others as they are.
    """
    with torch.no_grad():
        exact = _several(formula(*(x.double() if x.dtype == torch.float32 else x for x in inputs)))
        rng = torch.Generator().manual_seed(0)
        squares = [torch.zeros_like(part) for part in exact]
        for _ in range(draws):
            rounded = (_nudged(x, rng) if x.dtype == torch.float32 else x for x in inputs)
            for total, part, plain in zip(squares, exact, _several(formula(*rounded)), strict=True):
                total += (plain.double() - part).square() / draws
    return [Truth(part, _error(part, square)) for part, square in zip(exact, squares, strict=True)]


def truth(formula: Callable[..., Tensor], *inputs: Tensor) -> Truth:
    """The same of a formula that gives one tensor."""
    (found,) = truths(formula, *inputs)
    return found


def with_gradients(formula: Callable[..., Tensor], push: Tensor) -> Callable[..., tuple[Tensor, ...]]:
    """The formula that gives the output of another and the gradients of all inputs, where `push` is the output's."""

    def both(*inputs: Tensor) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            leaves = [x.detach().requires_grad_() for x in inputs]
            out = formula(*leaves)
            return out.detach(), *torch.autograd.grad(out, leaves, push.to(out.dtype))

    return both


def _several(found: Any) -> list[Tensor]:
    return [part.double() for part in found] if isinstance(found, tuple | list) else [found.double()]


def _nudged(x: Tensor, rng: torch.Generator) -> Tensor:
    return x * (1 + EPS * (2 * torch.rand(x.shape, generator=rng) - 1))


def _error(exact: Tensor, square: Tensor) -> Tensor:
    """Of rows, so that no entry counts as exact which float32 hit by chance; at least a rounding of the largest entry:
    a small one may be a difference of such, which the plain form happens to take without any error."""
    rows = square.mean(-1, keepdim=True) if exact.ndim else square
    return rows.sqrt() + EPS * exact.abs().max()
