"""Multinomial logistic regression for many small problems at once: the linear head of few-shot episodes.

Each episode minimises, over weights W (classes, d) and unpenalised biases b (classes,),
  1/2 ||W||^2 + C sum_i CE(W x_i + b, y_i),
which is scikit-learn's `LogisticRegression(C=C)`, by L-BFGS (`descent`), preconditioned by Boehning's bound on the
Hessian (1992, "Multinomial logistic regression algorithm"). Episodes are taken in blocks that stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.errors import UsageError
from benchmark.tasks.few_shot.descent import solve

_BLOCK_BYTES = 4 * 2**20
"""Features of a block; out of the cache a pass over them takes twice as long."""

Part = TypeVar("Part")
Solved = TypeVar("Solved")


@dataclass(frozen=True, slots=True)
class Heads:
    """Fitted heads. weights: (E, classes, d);  biases: (E, classes);  converged: (E,) bool."""

    weights: Tensor
    biases: Tensor
    converged: Tensor

    def scores(self, features: Tensor) -> Tensor:
        """Scores (E, n, classes) of features (E, n, d); their softmax is the predicted probability."""
        return torch.baddbmm(self.biases.unsqueeze(1), features, self.weights.mT)

    def predict(self, features: Tensor) -> Tensor:
        """Most probable class, (E, n) int64, of features (E, n, d)."""
        return self.scores(features).argmax(2)


def fit(
    features: Tensor,
    labels: Tensor,
    *,
    classes: int,
    strength: float = 1.0,
    tolerance: float = 1e-6,
    passes: int = 1000,
) -> Heads:
    """Fit one head per episode.

    features: (E, n, d) float;  labels: (E, n) int64 in [0, classes);  strength: C above, larger regularises less;
    tolerance: largest entry of the gradient, divided by C n, at which an episode is done (scikit-learn's `tol`, 1e-4 by
    default there), or what the precision allows;  passes: over the features, at most.
    Raises UsageError for shapes that do not fit, features that are not finite, or an episode that lacks a class.
    """
    _check(features, labels, classes, strength)
    count, dimension = features.shape[1:]
    if count < dimension:  # the optimum lies in the span of the examples (representer theorem)
        basis, coordinates = torch.linalg.qr(features.mT)
        inside = fit(coordinates.mT, labels, classes=classes, strength=strength, tolerance=tolerance, passes=passes)
        return Heads(inside.weights @ basis.mT, inside.biases, inside.converged)
    size = features.element_size() * dimension * max(count, classes * dimension)
    block = max(1, _BLOCK_BYTES // size)
    parts = list(zip(features.split(block), labels.split(block), strict=True))
    solved = each(lambda part: solve(_Rows(*part, classes, strength), tolerance, passes), parts)
    weights = torch.cat([weights for weights, _ in solved])
    return Heads(weights[..., :-1], weights[..., -1], torch.cat([converged for _, converged in solved]))


def each(solve: Callable[[Part], Solved], parts: Sequence[Part]) -> list[Solved]:
    """Solve blocks of episodes, on a CPU as many at once as torch may use threads.

    One thread to a block: inside a block operations are so short that threads would spend their time waiting for each
    other, the more so on a busy machine.
    """
    threads = torch.get_num_threads()
    if min(threads, len(parts)) < 2:
        return [solve(part) for part in parts]
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(min(threads, len(parts))) as pool:
            return list(pool.map(solve, parts))
    finally:
        torch.set_num_threads(threads)


class _Rows:
    """Examples that lie in memory (`descent.Problem`).

    inputs: (E, n, d + 1), the last column ones;  inverse: (E, d + 1, d + 1), the preconditioner
    """

    scaled = False  # Boehning's bound may be far above the Hessian

    def __init__(self, features: Tensor, labels: Tensor, classes: int, strength: float) -> None:
        self.inputs = F.pad(features, (0, 1), value=1.0)
        episodes, self.count, width = self.inputs.shape
        chosen = labels.unsqueeze(1) == torch.arange(classes, device=labels.device).unsqueeze(1)
        self.target = chosen.to(features.dtype) @ self.inputs / self.count
        self.ridge = features.new_full((width,), 1 / (strength * self.count))
        self.ridge[-1] = 0
        self.inverse, largest = self._bound()
        self.floor = 4 * torch.finfo(features.dtype).eps * largest
        self.start = features.new_zeros(episodes, classes, width)

    def gradient(self, weights: Tensor) -> Tensor:
        """See `descent.Problem.gradient`."""
        # Examples last: softmax over the few classes then runs along contiguous memory, and both products are wide.
        probability = torch.softmax(weights @ self.inputs.mT, dim=1)
        gradient = torch.baddbmm(weights * self.ridge - self.target, probability, self.inputs, alpha=1 / self.count)
        return centred(gradient)

    def preconditioned(self, vector: Tensor) -> Tensor:
        """See `descent.Problem.preconditioned`: Boehning's bound."""
        return vector @ self.inverse

    def keep(self, chosen: Tensor) -> None:
        """See `descent.Problem.keep`."""
        for name in ("inputs", "target", "inverse", "floor"):
            setattr(self, name, getattr(self, name)[chosen])

    def _bound(self) -> tuple[Tensor, Tensor]:
        """Inverse of Boehning's bound, half the inputs' Gram matrix plus the ridge; largest root mean square (E,)."""
        gram = self.inputs.mT @ self.inputs * (0.5 / self.count)
        diagonal = gram.diagonal(dim1=1, dim2=2)
        squares = diagonal.amax(1, keepdim=True)
        diagonal += self.ridge + 10 * torch.finfo(gram.dtype).eps * squares
        return torch.cholesky_inverse(torch.linalg.cholesky(gram)), (2 * squares.squeeze(1)).sqrt()


def centred(gradient: Tensor) -> Tensor:
    """The gradient (E, classes, d + 1) less its mean over classes, in place.

    Over classes it sums to 0 but for rounding, which no step may follow: a common shift of all scores changes nothing,
    so that nothing would hold the biases back from running away.
    """
    return gradient.sub_(gradient.mean(1, keepdim=True))


def _check(features: Tensor, labels: Tensor, classes: int, strength: float) -> None:
    if features.ndim != 3 or labels.shape != features.shape[:2] or not features.is_floating_point():
        raise UsageError(
            f"features {tuple(features.shape)} {features.dtype} with labels {tuple(labels.shape)}; logistic regression "
            "takes floats (episodes, examples, dimensions) with labels (episodes, examples)"
        )
    if classes < 2 or not strength > 0:
        raise UsageError(f"{classes} classes at strength {strength}; give two classes or more and a positive strength")
    finite = features.sum((1, 2)).isfinite()  # a sum shows what a look at each would, in a tenth of the time
    if not bool(finite.all()):
        raise UsageError(
            f"episode {int((~finite).nonzero()[0])} has features that are NaN or infinite; check what computed them "
            "(a power of a negative number, a division by zero)"
        )
    if not bool(((labels >= 0) & (labels < classes)).all()):
        raise UsageError(
            f"labels from {int(labels.min())} to {int(labels.max())}; with {classes} classes 0 to {classes - 1}"
        )
    lacking = (~(labels.unsqueeze(2) == torch.arange(classes, device=labels.device)).any(1)).nonzero()
    if len(lacking):
        raise UsageError(
            f"episode {int(lacking[0, 0])} has no example of class {int(lacking[0, 1])}; every class needs one"
        )
