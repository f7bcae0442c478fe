"""Multinomial logistic regression on draws from Gaussians, many small problems at once.

The objective is that of `logistic`; its examples are some points and, for each of them, draws F z + m from a Gaussian
of mean m and covariance F F^T. Scores of draws are (W F) z + W m, so that the draws themselves are never formed: the
standard normal numbers z are shared by all episodes of a block (common random numbers; every episode's draws are as
random as with numbers of its own), and one wide product serves them all.

The preconditioner is the Hessian near the optimum, as far as it follows from examples being Gaussian. With A the
covariance of the predicted class, the Hessian is the mean of A (x) x x^T; A depends on an example through its scores
alone, and what is left of x, given the scores, is independent of them. The start is linear discriminant analysis.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.few_shot.descent import solve
from benchmark.tasks.few_shot.logistic import Heads, centred

_SHRINKAGE = 0.1
"""Of the start's covariance, in shares of its mean variance: any start will do, and this one saves passes."""
_FEWEST = 100
"""Draws of a point, if there are as many, from which the Hessian is estimated."""
_STEEPEST = 8.0
"""Largest score of a class's mean at the start."""


@dataclass(frozen=True, slots=True)
class Clouds:
    """Examples of a block of episodes: G points each, and draws around each of them.

    points: (E, G, d), examples themselves;  labels: (E, G);  means: (E, G, d) and factors: (E, G, d, d) of the
    Gaussians;  noise: (G, d, n) standard normal numbers
    """

    points: Tensor
    labels: Tensor
    means: Tensor
    factors: Tensor
    noise: Tensor


def fit(clouds: Clouds, *, classes: int, strength: float = 1.0, tolerance: float = 1e-6, passes: int = 1000) -> Heads:
    """Fit one head per episode; words as in `logistic.fit`, which gives the same on the same examples."""
    weights, converged = solve(_Drawn(clouds, classes, strength), tolerance, passes)
    return Heads(weights[..., :-1], weights[..., -1], converged)


class _Drawn:
    """The problem of one block (`descent.Problem`); n draws for each of G points.

    anchors: (E, 2 G, d + 1), the means, which count as often as there are draws, and the points
    wide: (E, d, G d), the factors side by side
    hessian: (E, (classes - 1) (d + 1), same), its Cholesky factor, in the space of scores whose sum is 0
    """

    scaled = True

    def __init__(self, clouds: Clouds, classes: int, strength: float) -> None:
        points, means = clouds.points, clouds.means
        self.noise = clouds.noise
        groups, dimension, draws = self.noise.shape
        self.classes, self.draws = classes, draws
        self.count = groups * (1 + draws)
        self.anchors = F.pad(torch.cat([means, points], dim=1), (0, 1), value=1.0)
        self.wide = clouds.factors.permute(0, 2, 1, 3).reshape(len(points), dimension, groups * dimension)
        self.ridge = points.new_full((dimension + 1,), 1 / (strength * self.count))
        self.ridge[-1] = 0
        chosen = (clouds.labels.unsqueeze(1) == torch.arange(classes, device=points.device).unsqueeze(1)).to(points)
        noise_sums = self.noise.sum(2)
        drawn = (chosen.unsqueeze(3) * noise_sums).flatten(2) @ self.wide.mT
        anchored = torch.cat([draws * chosen, chosen], dim=2) @ self.anchors
        self.target = (anchored + F.pad(drawn, (0, 1))) / self.count
        basis = torch.linalg.qr(torch.cat([points.new_ones(classes, 1), torch.eye(classes).to(points)], dim=1))[0]
        self.basis = basis[:, 1:classes]
        middle = noise_sums / draws
        spread = self.noise @ self.noise.mT / draws - middle.unsqueeze(2) * middle.unsqueeze(1)
        covariances = clouds.factors @ spread @ clouds.factors.mT  # of the draws, not of what they are drawn from
        centres = means + (clouds.factors @ middle.unsqueeze(2)).squeeze(3)
        self.start = self._discriminant(centres, covariances, chosen)
        self.hessian = self._gaussian_hessian(centres, covariances, middle)
        squares = (self.anchors.square().mean((1, 2)), covariances.diagonal(dim1=2, dim2=3).amax((1, 2)))
        self.floor = 4 * torch.finfo(points.dtype).eps * (squares[0] + squares[1]).sqrt()

    def gradient(self, weights: Tensor) -> Tensor:
        """See `descent.Problem.gradient`."""
        probability, anchored = self._probabilities(weights, self.noise)
        episodes, classes = weights.shape[:2]
        groups, dimension, _ = self.noise.shape
        drawn = (probability.flatten(1, 2) @ self.noise.mT).view(groups, episodes, classes, dimension)
        mass = torch.cat([probability.sum(3).permute(1, 2, 0), anchored], dim=2)
        gradient = torch.baddbmm(weights * self.ridge - self.target, mass, self.anchors, alpha=1 / self.count)
        seen = drawn.permute(1, 2, 0, 3).reshape(episodes, classes, -1) @ self.wide.mT
        gradient[..., :-1].add_(seen, alpha=1 / self.count)
        return centred(gradient)

    def preconditioned(self, vector: Tensor) -> Tensor:
        """See `descent.Problem.preconditioned`."""
        inside = self.basis.T @ vector
        # cholesky_solve does the same, and copies its factor first, which takes three times as long
        half = torch.linalg.solve_triangular(self.hessian, inside.flatten(1).unsqueeze(2), upper=False)
        solved = torch.linalg.solve_triangular(self.hessian.mT, half, upper=True)
        result: Tensor = self.basis @ solved.view_as(inside)
        return result

    def keep(self, chosen: Tensor) -> None:
        """See `descent.Problem.keep`."""
        for name in ("anchors", "wide", "hessian", "target", "floor"):
            setattr(self, name, getattr(self, name)[chosen])

    def _probabilities(self, weights: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Of the draws by some of the noise, (G, E, classes, n), and of the points, (E, classes, G)."""
        episodes, classes = weights.shape[:2]
        groups, dimension, _ = noise.shape
        projected = (weights[..., :-1] @ self.wide).view(episodes, classes, groups, dimension)
        projected = projected.permute(2, 0, 1, 3).reshape(groups, episodes * classes, dimension)
        anchored = weights @ self.anchors.mT
        offset = anchored[..., :groups].permute(2, 0, 1).reshape(groups, episodes * classes, 1)
        scores = torch.baddbmm(offset, projected, noise).view(groups, episodes, classes, -1)
        return torch.softmax(scores, dim=2), torch.softmax(anchored[..., groups:], dim=1)

    def _discriminant(self, centres: Tensor, covariances: Tensor, chosen: Tensor) -> Tensor:
        """Linear discriminant analysis of the draws: weights (E, classes, d + 1)."""
        means = chosen @ centres / chosen.sum(2, keepdim=True)
        apart = centres - chosen.mT @ means  # of a class's draws around its points
        within = covariances.mean(1) + apart.mT @ apart / apart.shape[1]
        diagonal = within.diagonal(dim1=1, dim2=2)
        diagonal += _SHRINKAGE * diagonal.mean(1, keepdim=True) + 1e-6
        weights = torch.cholesky_solve(means.mT, torch.linalg.cholesky(within)).mT
        start = centred(torch.cat([weights, -0.5 * (weights * means).sum(2, keepdim=True)], dim=2))
        # Where classes hardly overlap, so steep a start would see no curvature at all.
        steepest = (start @ F.pad(means, (0, 1), value=1.0).mT).abs().amax((1, 2))
        return start * (_STEEPEST / steepest.clamp_min(_STEEPEST)).view(-1, 1, 1)

    def _gaussian_hessian(self, centres: Tensor, covariances: Tensor, middle: Tensor) -> Tensor:
        """Cholesky factor of the estimated Hessian at the start.

        Of a draw x with mean c and covariance S, and its scores t = V x in the basis, less their mean: given t, x is
        c + L^T t plus what is independent of t and has covariance S - L^T V S, where L = (V S V^T)^-1 V S.
        """
        noise = self.noise[..., : max(_FEWEST, self.draws // 4)]  # moments of a few scores need no more
        probability, _ = self._probabilities(self.start, noise)
        groups, episodes, classes, _ = probability.shape
        free = classes - 1
        inside = self.basis.T @ self.start[..., :-1]  # V, (E, free, d)
        reach = inside.unsqueeze(1) @ covariances  # V S, (E, G, free, d)
        seen = reach @ inside.mT.unsqueeze(1)
        lift = torch.cholesky_solve(reach, _factor(seen))
        rest = covariances - lift.mT @ reach
        # [1, t] of every draw, and A in the basis
        unmixed = (inside @ self.wide).view(episodes, free, groups, -1).permute(2, 0, 1, 3)
        scores = unmixed.flatten(1, 2) @ (noise - middle.unsqueeze(2))
        known = F.pad(scores.view(groups, episodes, free, -1), (0, 0, 1, 0), value=1.0)
        turned = self.basis.T @ probability
        # A = sum_k p_k b_k b_k^T - (B p) (B p)^T
        pairs = (self.basis.unsqueeze(2) * self.basis.unsqueeze(1)).flatten(1).T @ probability
        curvature = pairs - (turned.unsqueeze(3) * turned.unsqueeze(2)).flatten(2, 3)
        products = (known.unsqueeze(3) * known.unsqueeze(2)).flatten(2, 3)
        moments = (curvature @ products.mT).permute(1, 0, 2, 3)  # (E, G, free free, classes classes)
        moments = moments * (self.draws / (self.count * noise.shape[2]))
        frame = torch.cat([F.pad(centres, (0, 1), value=1.0).unsqueeze(2), F.pad(lift, (0, 1))], dim=2)
        # mean over examples of A (x) x x^T, from A (x) [1, t] [1, t]^T
        half = torch.einsum("egpij,egjy->epigy", moments.unflatten(3, (classes, classes)), frame)
        low = half.permute(0, 1, 4, 3, 2).flatten(3).flatten(1, 2) @ frame.flatten(1, 2)
        mean = moments[..., 0].mT  # of A
        full = mean @ F.pad(rest, (0, 1, 0, 1)).flatten(2)
        width = frame.shape[3]
        hessian = low.view(episodes, free, free, width, width) + full.view(episodes, free, free, width, width)
        hessian = hessian.permute(0, 1, 3, 2, 4).reshape(episodes, free * width, free * width)
        hessian.diagonal(dim1=1, dim2=2).add_(self.ridge.repeat(free))
        return _factor(hessian)


def _factor(matrices: Tensor) -> Tensor:
    """Cholesky factors of matrices (..., n, n) that are positive semi-definite but for rounding, moved a little off."""
    diagonal = matrices.diagonal(dim1=-2, dim2=-1)
    largest = diagonal.amax(-1, keepdim=True).clamp_min(1e-12)
    for more in (1e-6, 1e-4, 1e-2):
        diagonal += more * largest
        factors, failed = torch.linalg.cholesky_ex(matrices)
        if not bool(failed.any()):
            break
    result: Tensor = factors
    return result
