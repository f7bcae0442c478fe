"""CAGrad. Liu, Liu, Jin, Stone, Liu: Conflict-Averse Gradient Descent for Multi-task Learning, NeurIPS 2021,
arXiv:2110.14048.

Of all directions no farther than c |g_0| from the mean gradient g_0, the one along which the task that gains least
gains most. It is g_0 + sqrt(phi) / |g_w| g_w, where the weights w on the simplex minimise g_w g_0 + sqrt(phi) |g_w|,
and phi = c^2 |g_0|^2 (algorithm 1): a problem in m numbers, which the inner products settle.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from benchmark.tasks.forgetting import multilingual
from benchmark.tasks.forgetting.translation.gram import SHORTEST
from benchmark.tasks.forgetting.translation.interface import MultilingualSetup
from benchmark.tasks.forgetting.translation.learner import PerTaskLearner


@multilingual.track.method("cagrad", role="baseline", paper="arXiv:2110.14048", tiers=("smoke", "standard"))
class CAGrad(PerTaskLearner):
    """c: how far from the mean gradient, over its length (tuned)."""

    def __init__(self, setup: MultilingualSetup, *, c: float = 0.6) -> None:
        super().__init__(setup)
        self._c = c

    def combined(self, gradients: Tensor, losses: Tensor) -> Tensor:
        """See `PerTaskLearner.combined`."""
        gram = (gradients @ gradients.T).double().cpu().numpy()
        return torch.from_numpy(conflict_averse(gram, self._c)).to(gradients) @ gradients


def conflict_averse(gram: np.ndarray, c: float) -> np.ndarray:
    """The coefficients (m,) of the tasks' gradients with inner products `gram` (m, m)."""
    m = len(gram)
    even = np.full(m, 1 / m)
    scale = np.trace(gram) / m
    if scale < SHORTEST**2:
        return even
    gram = gram / scale  # so that the solver's tolerances mean the same at every length
    reach = c * np.sqrt(max(even @ gram @ even, 0.0))

    def worst(w: np.ndarray) -> tuple[float, np.ndarray]:
        product = gram @ w
        length = np.sqrt(max(w @ product, SHORTEST))
        return float(product @ even + reach * length), gram @ even + reach * product / length

    simplex = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones_like(w)}
    w = minimize(worst, even, jac=True, bounds=[(0, 1)] * m, constraints=simplex, method="SLSQP").x
    length = np.sqrt(max(w @ gram @ w, 0.0))
    return even + (reach / length) * w if length > SHORTEST else even
