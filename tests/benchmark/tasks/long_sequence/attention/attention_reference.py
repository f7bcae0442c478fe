"""Linear attention the slow and obvious way: features of all tokens, and every weight written out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.long_sequence.attention import features
from benchmark.tasks.long_sequence.attention.features import FeatureMap

DIM, WIDTH, HEADS = 16, 24, 3

Formula = Callable[[Tensor], Tensor]


def drawn(*shape: int, name: str = "x", scale: float = 1.0) -> Tensor:
    return scale * torch.randn(shape, generator=generator(0, "attention", name, *shape))


def projection(heads: int = 1, *, sqrt_norms: bool = False) -> Tensor:
    rng = generator(0, "attention", "projection", heads)
    return features.orthogonal(WIDTH, DIM, heads=heads, sqrt_norms=sqrt_norms, generator=rng)


def maps() -> dict[str, tuple[FeatureMap, Formula]]:
    """Every feature map, and its formula on x (batch, heads, length, dim)."""
    shared, own, regular = projection(), projection(HEADS), projection(sqrt_norms=True)

    def turned(x: Tensor, w: Tensor) -> Tensor:
        return x @ w.to(x.dtype).mT

    def positive(x: Tensor, w: Tensor) -> Tensor:
        x = x * DIM**-0.25
        return torch.exp(turned(x, w) - x.square().sum(3, keepdim=True) / 2)

    def both_signs(x: Tensor) -> Tensor:
        return torch.cat([positive(x, shared), positive(x, -shared)], 3)

    def waves(x: Tensor, w: Tensor) -> Tensor:
        return torch.cat([turned(x, w).sin(), turned(x, w).cos()], 3)

    def unit(x: Tensor) -> Tensor:
        return x / x.norm(dim=3, keepdim=True)

    return {
        "elu + 1": (features.EluPlusOne(), lambda x: torch.nn.functional.elu(x) + 1),
        "positive": (features.Exponential(shared), lambda x: positive(x, shared)),
        "positive, per head": (features.Exponential(own), lambda x: positive(x, own)),
        "regular": (features.Exponential(regular), lambda x: positive(x, regular)),
        "hyperbolic": (features.Exponential(shared, hyperbolic=True), both_signs),
        "trigonometric": (
            features.Trigonometric(shared, temperature=4.0),
            lambda x: waves(x / 2, shared) * torch.exp(x.square().sum(3, keepdim=True) / 8),
        ),
        "RFA": (features.Trigonometric(own, unit=True), lambda x: waves(unit(x), own)),
        "ReLU": (features.Rectified(shared, offset=1e-3), lambda x: turned(x, shared).relu() + 1e-3),
        "arc-cosine": (features.Rectified(own, unit=True), lambda x: turned(unit(x), own).relu()),
    }


MAPS = list(maps())


def attend(
    q: Tensor, k: Tensor, v: Tensor, formula: Formula, *, causal: bool = False, log_weights: Tensor | None = None
) -> Tensor:
    """The weights of all pairs, masked if causal, normalised, times the values; in the precision of the values."""
    scores = formula(q) @ formula(k).mT
    if log_weights is not None:
        # Relative to the largest that a query sees, which cancels: float32 holds no e^300.
        top = log_weights.detach().cummax(2).values if causal else log_weights.detach().amax(2, keepdim=True)
        relative = log_weights.unsqueeze(2) - top.unsqueeze(3)
        scores = scores * (relative.tril() if causal else relative).exp().to(scores.dtype)
    if causal:
        scores = scores.tril()
    return scores / scores.sum(3, keepdim=True) @ v
