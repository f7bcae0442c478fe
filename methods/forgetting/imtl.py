"""IMTL-G. Liu, Li, Kuang, Xue, Chen, Yang, Liao, Zhang: Towards Impartial Multi-task Learning, ICLR 2021,
OpenReview IMPnRXEWpvr.

The one combination of the gradients, with weights that sum to 1, whose projection onto every task's direction is
equally long (section 3.1, equation 4): no task is preferred for the length of its gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.tasks.forgetting import multilingual
from benchmark.tasks.forgetting.translation.gram import SHORTEST
from benchmark.tasks.forgetting.translation.learner import PerTaskLearner


@multilingual.track.method("imtl", role="baseline", paper="OpenReview IMPnRXEWpvr", tiers=("smoke", "standard"))
class Imtl(PerTaskLearner):
    """Gradients of one network that all tasks share as a whole."""

    def combined(self, gradients: Tensor, losses: Tensor) -> Tensor:
        """See `PerTaskLearner.combined`."""
        return impartial((gradients @ gradients.T).double()).to(gradients) @ gradients


def impartial(gram: Tensor) -> Tensor:
    """Weights (m,) of the gradients with inner products `gram` (m, m); equal ones where there is no solution."""
    m = len(gram)
    lengths = gram.diagonal().clamp(min=0).sqrt()
    even = torch.full_like(lengths, 1 / m)
    if bool((lengths < SHORTEST).any()):
        return even
    projections = gram / lengths  # [k, i]: of g_k onto the direction of task i
    system = torch.cat([(projections[:, :1] - projections[:, 1:]).T, torch.ones_like(even).unsqueeze(0)])
    wanted = torch.zeros_like(even)
    wanted[-1] = 1
    solution, info = torch.linalg.solve_ex(system, wanted)
    return solution if int(info) == 0 and bool(solution.isfinite().all()) else even
