"""PCGrad. Yu, Kumar, Gupta, Levine, Hausman, Finn: Gradient Surgery for Multi-Task Learning, NeurIPS 2020,
arXiv:2001.06782.

A task's gradient that points against another's loses its part along it, one other task after the other in random order;
the results are summed (algorithm 1). Compared is with the others' original gradients, of what all tasks share.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.tasks.forgetting import multilingual
from benchmark.tasks.forgetting.translation.gram import corrected, orders
from benchmark.tasks.forgetting.translation.learner import PerTaskLearner


@multilingual.track.method("pcgrad", role="baseline", paper="arXiv:2001.06782")
class PCGrad(PerTaskLearner):
    """The mean stands for the sum, as it does for every method here."""

    def combined(self, gradients: Tensor, losses: Tensor) -> Tensor:
        """See `PerTaskLearner.combined`."""
        m = len(gradients)
        gram = (gradients @ gradients.T).unsqueeze(0)
        made, _ = corrected(gram, orders(m, self.picks), torch.zeros(1, m, m))
        return made[0].mean(0).to(gradients) @ gradients
