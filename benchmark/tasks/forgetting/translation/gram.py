"""Corrections of conflicting gradients, worked out on their inner products.

A task's corrected gradient is a combination of all tasks' gradients, p_i = sum_k C[i, k] g_k. What corrections ask for,
inner products and lengths, follows from C and the Gram matrix Q = G G^T: so they cost m^3 numbers for m tasks, and the
gradients themselves, which are long, are read twice, for Q and for the sum. All is done at once for every group of
weights that is corrected by itself, and for every i, in float64; with numpy, as numbers are few and turns many.
"""

from __future__ import annotations

import numpy as np
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
    q, wanted, others = (each.detach().cpu().numpy() for each in (gram.double(), targets.double(), order))
    groups, m, _ = q.shape
    rows = np.arange(m)[:, None]
    squares = q[:, rows[:, 0], rows[:, 0]].clip(min=0)
    square, target = squares[:, others], wanted[:, rows, others].clip(-LIMIT, LIMIT)
    tangent = target / np.sqrt(1 - target**2)
    made = np.broadcast_to(np.eye(m), (groups, m, m)).copy()
    met = made.copy()
    products, own = q.copy(), squares.copy()  # of every p with all gradients, and with itself
    for turn in range(m - 1):
        j, other = others[:, turn], square[:, :, turn]
        dot, both = products[:, rows[:, 0], j], own * other
        long = (own > SHORTEST**2) & (other > SHORTEST**2)
        divisor = np.where(long, other, 1.0)
        length = np.sqrt(both)
        weight = (tangent[:, :, turn] * np.sqrt((both - dot**2).clip(min=0)) - dot) / divisor
        weight = np.where(long & (dot < target[:, :, turn] * length), weight, 0.0)
        met[:, rows[:, 0], j] = np.where(long, dot, 0.0) / np.where(long, length, 1.0)
        made[:, rows[:, 0], j] += weight
        products += weight[:, :, None] * q[:, j]
        own = (own + weight * (2 * dot + weight * other)).clip(min=0)
    return torch.from_numpy(made).to(gram.device), torch.from_numpy(met.clip(-1, 1)).to(gram.device)
