"""L-BFGS for many small convex problems at once (Nocedal & Wright 2006, algorithm 7.4), each with its preconditioner.

All episodes take a step per pass over their examples; an episode leaves once it has converged.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

_HISTORY = 8
"""Recent steps whose curvature is remembered; more save few passes, and each costs six operations a step."""
_ENOUGH = 0.8
"""A step is kept if the objective's slope along it has not risen beyond this share of the slope at its start: for a
quadratic, Armijo's condition with constant 0.1, in a form that rounding does not blur (Hager & Zhang 2005, eq. 4.1)."""


class Problem(Protocol):
    """Convex objectives of a block of episodes; "E" is the number of those that have not converged yet.

    start: weights (E, classes, d + 1) to begin with, the bias last;  floor: (E,), below which a gradient's entries are
    rounding errors of the sums that they are;  scaled: whether `preconditioned` knows the Hessian's size, not only its
    shape
    """

    start: Tensor
    floor: Tensor
    scaled: bool

    def gradient(self, weights: Tensor) -> Tensor:
        """Return the gradients (E, classes, d + 1) at weights of that shape."""

    def preconditioned(self, vector: Tensor) -> Tensor:
        """Return vectors (E, classes, d + 1), each times an estimate of the inverse Hessian."""

    def keep(self, chosen: Tensor) -> None:
        """Go on with the chosen episodes only; chosen: (E,) bool."""


def solve(problem: Problem, tolerance: float, passes: int) -> tuple[Tensor, Tensor]:
    """Return the weights (E, classes, d + 1) of all episodes, and which have converged, (E,) bool.

    tolerance: largest entry of the gradient at which an episode is done, or what the precision allows;  passes: at most
    """
    descent = _Descent(problem)
    result = problem.start.clone()
    converged = torch.zeros(len(result), dtype=torch.bool, device=result.device)
    left = torch.arange(len(result), device=result.device)
    for _ in range(passes):
        done = descent.gradient.abs().amax((1, 2)) <= problem.floor.clamp_min(tolerance)
        if 4 * int(done.sum()) >= len(done):  # to move the others together has its price, too
            result[left], converged[left] = descent.weights, done
            left = left[~done]
            descent.keep(~done)
        if not len(left):
            break
        descent.step()
    result[left] = descent.weights
    return result, converged


class _Descent:
    """Where the episodes are.

    weights, gradient: (E, classes, d + 1);  stride: (E, 1), the share of a step that is taken
    pairs: recent changes of weights and of gradients, (E, classes (d + 1)) each, and one over their product, (E, 1)
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.weights = problem.start
        self.gradient = problem.gradient(self.weights)
        self.stride = self.weights.new_ones(len(self.weights), 1)
        self.pairs: list[tuple[Tensor, Tensor, Tensor]] = []

    def step(self) -> None:
        gradient = self.gradient.flatten(1)
        direction = self._direction(gradient)
        move = -self.stride * direction
        weights = self.weights + move.view_as(self.weights)
        new = self.problem.gradient(weights)
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
        if self.pairs and not self.problem.scaled:
            _, bend, inverse_curvature = self.pairs[-1]
            shrink = inverse_curvature * _dot(bend, self._preconditioned(bend))
            direction = direction / torch.where(shrink > 0, shrink, 1)
        for (move, bend, inverse_curvature), first in zip(self.pairs, reversed(along), strict=True):
            direction = torch.addcmul(direction, first - inverse_curvature * _dot(bend, direction), move)
        return direction

    def _preconditioned(self, vector: Tensor) -> Tensor:
        return self.problem.preconditioned(vector.view_as(self.weights)).flatten(1)

    def keep(self, chosen: Tensor) -> None:
        """Go on with the chosen episodes only."""
        self.problem.keep(chosen)
        self.weights, self.gradient, self.stride = (part[chosen] for part in (self.weights, self.gradient, self.stride))
        self.pairs = [(move[chosen], bend[chosen], inverse[chosen]) for move, bend, inverse in self.pairs]


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Inner products of vectors (E, n): (E, 1)."""
    products: Tensor = torch.linalg.vecdot(one, other)
    return products.unsqueeze(1)
