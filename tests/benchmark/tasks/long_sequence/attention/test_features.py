"""What random features promise: unbiased kernels, the papers' variances, and less of it for orthogonal rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from benchmark.seeding import generator
from benchmark.tasks.long_sequence.attention import features, linear
from benchmark.tasks.long_sequence.attention.features import Exponential, FeatureMap, Rectified, Trigonometric
from benchmark.tasks.long_sequence.attention.softmax import exact
from tests.benchmark.tasks.long_sequence.attention.attention_reference import drawn
from tests.rounding import EPS, truth

DIM = 8
Draw = Callable[..., Tensor]


def estimates(
    make: Callable[[Tensor], FeatureMap], x: Tensor, y: Tensor, *, draws: int, rows: int, draw: Draw
) -> Tensor:
    """The kernel of x (n, dim) and y (n, dim) by each of so many draws of so many rows: (draws, n), float64."""
    projection = draw(rows, DIM, heads=draws, generator=generator(0, "features", rows))
    feature_map = make(projection)

    def full(tokens: Tensor) -> Tensor:
        tokens = tokens.expand(draws, -1, -1).contiguous()
        out = torch.empty(draws, tokens.shape[1], feature_map.width(DIM))
        logs = feature_map(tokens, out)
        return out.double() if logs is None else out.double() * logs.double().exp().unsqueeze(2)

    return (full(x) * full(y)).sum(2) / rows


def pairs(scale: float = 0.8) -> tuple[Tensor, Tensor]:
    return drawn(6, DIM, name="x", scale=scale), drawn(6, DIM, name="y", scale=scale)


def softmax_kernel(x: Tensor, y: Tensor) -> Tensor:
    return ((x.double() * y.double()).sum(1) / math.sqrt(DIM)).exp()


def unit_kernel(x: Tensor, y: Tensor) -> Tensor:
    """Of RFA: exp(-|x - y|^2 / 2) of unit vectors."""
    return (torch.cosine_similarity(x.double(), y.double()) - 1).exp()


def arc_cosine_kernel(x: Tensor, y: Tensor) -> Tensor:
    """Of degree 1, of unit vectors (Cho & Saul 2009): E[relu(w x) relu(w y)]."""
    angle = torch.cosine_similarity(x.double(), y.double()).acos()
    return (angle.sin() + (math.pi - angle) * angle.cos()) / (2 * math.pi)


KERNELS: dict[str, tuple[Callable[[Tensor], FeatureMap], Callable[[Tensor, Tensor], Tensor]]] = {
    "positive": (Exponential, softmax_kernel),
    "hyperbolic": (lambda w: Exponential(w, hyperbolic=True), lambda x, y: 2 * softmax_kernel(x, y)),
    "trigonometric": (lambda w: Trigonometric(w, temperature=math.sqrt(DIM)), softmax_kernel),
    "RFA": (lambda w: Trigonometric(w, unit=True), unit_kernel),
    "arc-cosine": (lambda w: Rectified(w, unit=True), arc_cosine_kernel),
}


@pytest.mark.parametrize("draw", [features.orthogonal, features.independent], ids=["orthogonal", "independent"])
@pytest.mark.parametrize("name", KERNELS)
def test_features_are_unbiased_and_converge_at_the_rate_of_a_mean(name: str, draw: Draw) -> None:
    make, kernel = KERNELS[name]
    x, y = pairs()
    found = estimates(make, x, y, draws=8000, rows=16, draw=draw)
    error = found - kernel(x, y)
    standard = error.std(0) / math.sqrt(len(error))
    assert bool((error.mean(0).abs() < 4 * standard).all())
    spread = [error.view(-1, together, 6).mean(1).square().mean().sqrt() for together in (1, 100)]
    assert 8 < float(spread[0] / spread[1]) < 12.5


def test_variances_of_independent_rows_are_those_of_the_paper() -> None:
    """arXiv:2009.14794, lemma 2 and appendix F.3, with x and y scaled by dim^(-1/4); of products."""
    x, y = pairs(0.4)  # longer ones have tails too heavy to measure a variance
    rows, sm = 8, softmax_kernel(x, y)
    a, b = (part.double() * DIM**-0.25 for part in (x, y))
    together, apart = (a + b).square().sum(1), (a - b).square().sum(1)
    positive = together.exp() * sm**2 * (1 - (-together).exp()) / rows
    expected = {
        "positive": positive,
        "hyperbolic": positive / 2 * (1 - (-together).exp()),
        "trigonometric": together.exp() / sm**2 * (1 - (-apart).exp()) ** 2 / (2 * rows),
    }
    for name, variance in expected.items():
        scale = 2 if name == "hyperbolic" else 1
        found = estimates(KERNELS[name][0], x, y, draws=40_000, rows=rows, draw=features.independent) / scale
        assert float(((found - sm).square().mean(0) / variance).log().abs().mean()) < 0.15, name


def test_orthogonal_rows_reduce_the_variance_at_least_as_the_paper_says() -> None:
    """arXiv:2009.14794, theorem 2, for as many rows as dimensions."""
    x, y = pairs(0.4)
    sm = softmax_kernel(x, y)
    errors = [
        (estimates(Exponential, x, y, draws=40_000, rows=DIM, draw=draw) - sm).square().mean(0)
        for draw in (features.independent, features.orthogonal)
    ]
    a, b = (part.double() * DIM**-0.25 for part in (x, y))
    less = 2 * (DIM - 1) / (DIM * (DIM + 2)) * (sm - (-(a.square() + b.square()).sum(1) / 2).exp()) ** 2
    assert float((errors[0] - errors[1]).sum()) > 0.9 * float(less.sum())


def test_regular_features_stay_below_the_kernel() -> None:
    """arXiv:2009.14794, theorem 1: rows of length sqrt(dim) underestimate, and less so in more dimensions."""
    x, y = pairs()

    def regular(rows: int, dim: int, *, heads: int, generator: torch.Generator) -> Tensor:
        return features.orthogonal(rows, dim, heads=heads, sqrt_norms=True, generator=generator)

    ratio = estimates(Exponential, x, y, draws=8000, rows=16, draw=regular).mean(0) / softmax_kernel(x, y)
    assert bool((ratio < 1.01).all())
    assert bool((ratio > 1 - 2 * DIM ** (-1 / 3)).all())
    assert float(ratio.min()) < 0.995


def test_attention_has_less_error_with_orthogonal_rows_and_with_more_of_them() -> None:
    """Outputs against exact attention, at inputs for which features serve (dim 16, scale 0.5), over 15 draws."""
    q, k, v = (drawn(1, 15, 256, 16, name=name, scale=scale) for name, scale in (("q", 0.5), ("k", 0.5), ("v", 1.0)))
    expected = exact(q, k, v)

    def error(make: Callable[[Tensor], FeatureMap], rows: int, draw: Draw) -> float:
        projection = draw(rows, 16, heads=15, generator=generator(1, "features", rows))
        off = (linear.attend(q, k, v, make(projection)) - expected).square().sum((2, 3))
        return float((off / expected.square().sum((2, 3))).median())

    def trigonometric(projection: Tensor) -> FeatureMap:
        return Trigonometric(projection, temperature=4.0)

    for make, gain in ((trigonometric, 2.0), (Exponential, 1.15)):
        independent, orthogonal = error(make, 64, features.independent), error(make, 64, features.orthogonal)
        assert orthogonal * gain < independent
        assert error(make, 256, features.orthogonal) < 0.6 * orthogonal


def test_rows_are_orthogonal_in_blocks_and_as_long_as_gaussians() -> None:
    rows = features.orthogonal(20, DIM, heads=400, generator=generator(0, "rows"))
    assert rows.shape == (400, 20, DIM)
    directions = torch.nn.functional.normalize(rows, dim=2)
    for place in (slice(0, 8), slice(8, 16), slice(16, 20)):
        gram = directions[:, place] @ directions[:, place].mT
        # Reflections lose at most some roundings for each of dim^(3/2) operations (Higham 2002, theorem 19.4).
        assert torch.allclose(gram, torch.eye(gram.shape[1]).expand_as(gram), rtol=0, atol=4 * DIM**1.5 * EPS)
    assert float((directions[:, 0] * directions[:, 8]).sum(1).abs().mean()) > 0.1
    squares = rows.square().sum(2)  # of 8,000 rows: the margins are five standard errors
    assert float(squares.mean()) == pytest.approx(DIM, rel=0.03)
    assert float(squares.var()) == pytest.approx(2 * DIM, rel=0.1)
    # No direction is preferred, which raw Q of a QR decomposition does not give.
    assert float(directions.mean((0, 1)).abs().max()) < 0.03
    regular = features.orthogonal(20, DIM, sqrt_norms=True, generator=generator(0, "rows"))
    assert torch.allclose(regular.norm(dim=2), torch.full((1, 20), math.sqrt(DIM)))


def test_exact_attention_is_the_textbooks() -> None:
    q, k, v = (drawn(2, 3, 70, 16, name=name) for name in "qkv")

    def textbook(q: Tensor, k: Tensor, v: Tensor, *, causal: bool) -> Tensor:
        scores = q @ k.mT / 4
        future = torch.ones(70, 70, dtype=torch.bool).triu(1)
        return (scores.masked_fill(future, -torch.inf) if causal else scores).softmax(3) @ v

    for causal in (False, True):
        expected = truth(partial(textbook, causal=causal), q, k, v)
        for plain in (False, True):
            assert expected.excess(exact(q, k, v, causal=causal, plain=plain)) <= 1
