"""Multinomial logistic regression for many small problems at once: the linear head of few-shot episodes.

Each episode minimises, over weights W (classes, d) and unpenalised biases b (classes,),
  1/2 ||W||^2 + C sum_i CE(W x_i + b, y_i),
which is scikit-learn's `LogisticRegression(C=C)`. All episodes take a step per pass over the features: L-BFGS (Nocedal
& Wright 2006, algorithm 7.4), preconditioned by Boehning's bound on the Hessian (1992, "Multinomial logistic regression
algorithm"). An episode leaves once it has converged. Episodes are taken in blocks that stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.errors import UsageError

_BLOCK_BYTES = 4 * 2**20
"""Features of a block; out of the cache a pass over them takes twice as long."""
_HISTORY = 8
"""Recent steps whose curvature is remembered; more save few passes, and each costs six operations a step."""
_ENOUGH = 0.8
"""A step is kept if the objective's slope along it has not risen beyond this share of the slope at its start: for a
quadratic, Armijo's condition with constant 0.1, in a form that rounding does not blur (Hager & Zhang 2005, eq. 4.1)."""


_Part = tuple[Tensor, Tensor]
_Solved = tuple[Tensor, Tensor]


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
    solved = _each(lambda part: _Solver(*part, classes, strength).run(tolerance, passes), parts)
    weights = torch.cat([weights for weights, _ in solved])
    return Heads(weights[..., :-1], weights[..., -1], torch.cat([converged for _, converged in solved]))


def _each(solve: Callable[[_Part], _Solved], parts: Sequence[_Part]) -> list[_Solved]:
    """Solve the blocks, on a CPU as many at once as torch may use threads.

    One thread to a block: inside a block operations are so short that threads would spend their time waiting for each
    other, the more so on a busy machine.
    """
    threads = torch.get_num_threads()
    if min(threads, len(parts)) < 2 or parts[0][0].is_cuda:
        return [solve(part) for part in parts]
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(min(threads, len(parts))) as pool:
            return list(pool.map(solve, parts))
    finally:
        torch.set_num_threads(threads)


class _Solver:
    """The state of one block; "E" below is the number of episodes that have not converged yet.

    weights, gradient: (E, classes, d + 1), the bias last;  stride: (E, 1), the share of a step that is taken
    pairs: recent changes of weights and of gradients, (E, classes (d + 1)) each, and one over their product, (E, 1)
    inverse: (E, d + 1, d + 1), the preconditioner
    """

    def __init__(self, features: Tensor, labels: Tensor, classes: int, strength: float) -> None:
        self.inputs = F.pad(features, (0, 1), value=1.0)
        episodes, self.count, width = self.inputs.shape
        chosen = labels.unsqueeze(1) == torch.arange(classes, device=labels.device).unsqueeze(1)
        self.target = chosen.to(features.dtype) @ self.inputs / self.count
        self.ridge = features.new_full((width,), 1 / (strength * self.count))
        self.ridge[-1] = 0
        self.inverse, largest = self._bound()
        # Below this, the gradient's entries are rounding errors of the sums that they are.
        self.floor = 4 * torch.finfo(features.dtype).eps * largest
        self.weights = features.new_zeros(episodes, classes, width)
        self.gradient = self._gradient(self.weights)
        self.stride = features.new_ones(episodes, 1)
        self.pairs: list[tuple[Tensor, Tensor, Tensor]] = []

    def run(self, tolerance: float, passes: int) -> tuple[Tensor, Tensor]:
        """Return the weights of all episodes, and which have converged."""
        result = self.weights.clone()
        converged = torch.zeros(len(result), dtype=torch.bool, device=result.device)
        left = torch.arange(len(result), device=result.device)
        for _ in range(passes):
            done = self.gradient.abs().amax((1, 2)) <= self.floor.clamp_min(tolerance)
            if 4 * int(done.sum()) >= len(done):  # to move the others together has its price, too
                result[left], converged[left] = self.weights, done
                left = left[~done]
                self._keep(~done)
            if not len(left):
                break
            self._step()
        result[left] = self.weights
        return result, converged

    def _step(self) -> None:
        gradient = self.gradient.flatten(1)
        direction = self._direction(gradient)
        move = -self.stride * direction
        weights = self.weights + move.view_as(self.weights)
        new = self._gradient(weights)
        kept = -_dot(new.flatten(1), direction) <= _ENOUGH * _dot(gradient, direction)
        # A step that is not kept has still measured the curvature along it, which shortens the next.
        bend = new.flatten(1) - gradient
        curvature = _dot(move, bend)
        inverse_curvature = torch.where(curvature > 0, 1 / curvature, 0).nan_to_num(posinf=0.0)
        self.pairs = [*self.pairs, (move, bend, inverse_curvature)][-_HISTORY:]
        self.stride = torch.where(kept, 1.0, self.stride / 2)
        self.weights = torch.where(kept.unsqueeze(2), weights, self.weights)
        self.gradient = torch.where(kept.unsqueeze(2), new, self.gradient)

    def _direction(self, gradient: Tensor) -> Tensor:
        """The gradient times the estimated inverse Hessian, (E, classes (d + 1)): the two-loop recursion."""
        direction, along = gradient, []
        for move, bend, inverse_curvature in reversed(self.pairs):
            along.append(inverse_curvature * _dot(move, direction))
            direction = torch.addcmul(direction, along[-1], bend, value=-1)
        direction = self._preconditioned(direction)
        if self.pairs:
            _, bend, inverse_curvature = self.pairs[-1]
            shrink = inverse_curvature * _dot(bend, self._preconditioned(bend))
            direction = direction / torch.where(shrink > 0, shrink, 1)
        for (move, bend, inverse_curvature), first in zip(self.pairs, reversed(along), strict=True):
            direction = torch.addcmul(direction, first - inverse_curvature * _dot(bend, direction), move)
        return direction

    def _preconditioned(self, vector: Tensor) -> Tensor:
        return (vector.view_as(self.weights) @ self.inverse).flatten(1)

    def _gradient(self, weights: Tensor) -> Tensor:
        # Examples last: softmax over the few classes then runs along contiguous memory, and both products are wide.
        probability = torch.softmax(weights @ self.inputs.mT, dim=1)
        gradient = torch.baddbmm(weights * self.ridge - self.target, probability, self.inputs, alpha=1 / self.count)
        # Over classes it sums to 0 but for rounding, which no step may follow: a common shift of all scores changes
        # nothing, so that nothing would hold the biases back from running away.
        return gradient.sub_(gradient.mean(1, keepdim=True))

    def _bound(self) -> tuple[Tensor, Tensor]:
        """Inverse of Boehning's bound, half the inputs' Gram matrix plus the ridge; largest root mean square (E,)."""
        gram = self.inputs.mT @ self.inputs * (0.5 / self.count)
        diagonal = gram.diagonal(dim1=1, dim2=2)
        squares = diagonal.amax(1, keepdim=True)
        diagonal += self.ridge + 10 * torch.finfo(gram.dtype).eps * squares
        return torch.cholesky_inverse(torch.linalg.cholesky(gram)), (2 * squares.squeeze(1)).sqrt()

    def _keep(self, chosen: Tensor) -> None:
        """Go on with the chosen episodes only."""
        for name in ("inputs", "target", "inverse", "weights", "gradient", "stride", "floor"):
            setattr(self, name, getattr(self, name)[chosen])
        self.pairs = [(move[chosen], bend[chosen], inverse[chosen]) for move, bend, inverse in self.pairs]


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Inner products of vectors (E, n): (E, 1)."""
    products: Tensor = torch.linalg.vecdot(one, other)
    return products.unsqueeze(1)


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
