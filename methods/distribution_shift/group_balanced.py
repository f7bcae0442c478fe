"""Group-balanced cross-entropy: the mean of the majority's and the minority's mean loss, with inferred groups.

What the other group methods add their penalties to; it says how much of their gain is due to the inference alone.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.distribution_shift import spurious
from benchmark.tasks.distribution_shift.grouping import SpuriousGroupLearner, balanced


@spurious.track.method(
    "group-balanced", role="baseline", paper="OpenReview b9PoimzZFJ", tiers=("smoke", "standard", "paper")
)
class GroupBalanced(SpuriousGroupLearner):
    """Section 4 of the paper of PGI, without its penalty."""

    def group_loss(self, features: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """See `SpuriousGroupLearner.group_loss`."""
        return balanced(F.cross_entropy(self.model.head(features), labels, reduction="none"), groups)
