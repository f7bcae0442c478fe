"""Corrections of conflicting gradients, worked out on their inner products.

A task's corrected gradient is a combination of all tasks' gradients, p_i = sum_k C[i, k] g_k. What corrections ask for,
inner products and lengths, follows from C and the Gram matrix Q = G G^T: so they cost m^3 numbers for m tasks, and the
gradients themselves, which are long, are read twice, for Q and for the sum. All is done at once for every group of
weights that is corrected by itself, and for every i, in float64.
"""

from __future__ import annotations

import torch
from torch import Tensor

SHORTEST = 1e-12
"""Gradients shorter than this are left alone."""
LIMIT = 1 - 1e-6
"""Targets are kept within this of 0: at 1 a correction is infinite."""


def cosines(gram: Tensor) -> Tensor:
    """Cosines (groups, m, m) of vectors with the inner products `gram` (groups, m, m); 0 where one has no length."""
    lengths = gram.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()
    both = lengths.unsqueeze(-1) * lengths.unsqueeze(-2)
    return torch.where(both > SHORTEST**2, gram / both.clamp(min=SHORTEST**2), 0.0).clamp(-1, 1)


def orders(m: int, generator: torch.Generator) -> Tensor:
    """For each of m tasks the others in random order (m, m - 1)."""
    keys = torch.rand(m, m, generator=generator).fill_diagonal_(2.0)
    return keys.argsort(1)[:, :-1]


def corrected(gram: Tensor, order: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients C and the cosines that were met, both (groups, m, m), after every task has met all others.

    Task i meets the others in `order` (m, m - 1). Where the cosine between p_i, as corrected so far, and the original
    g_j is below `targets` (groups, m, m)[:, i, j], as much of g_j is added as brings it there (Gradient Vaccine,
    section 3.1): p_i += w g_j with

        w = (t sqrt(|p|^2 |g|^2 - (p g)^2) / sqrt(1 - t^2) - p g) / |g|^2,

    which is the paper's formula multiplied out, has no division by a sine, and for a target t of 0 is PCGrad's
    projection to the last bit.
    """
    gram = gram.double()
    groups, m, _ = gram.shape
    targets = targets.double().clamp(-LIMIT, LIMIT)
    made = torch.eye(m, dtype=torch.float64, device=gram.device).expand(groups, m, m).clone()
    met = torch.eye(m, dtype=torch.float64, device=gram.device).expand(groups, m, m).clone()
    squares = gram.diagonal(dim1=1, dim2=2)
    rows = torch.arange(m, device=gram.device)
    for j in order.to(gram.device).T:
        products = made @ gram
        dot = products[:, rows, j]
        own = (products * made).sum(2).clamp(min=0)
        other = squares[:, j]
        target = targets[:, rows, j]
        lengths = (own * other).sqrt()
        long = (own > SHORTEST**2) & (other > SHORTEST**2)
        across = (own * other - dot.square()).clamp(min=0)
        weight = (target * (across / (1 - target.square())).sqrt() - dot) / other.clamp(min=SHORTEST**2)
        made[:, rows, j] += torch.where(long & (dot < target * lengths), weight, 0.0)
        met[:, rows, j] = torch.where(long, dot / lengths.clamp(min=SHORTEST**2), 0.0).clamp(-1, 1)
    return made, met
