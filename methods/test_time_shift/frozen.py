"""The policy as it was trained, without adaptation.

What deployment costs a policy that does not learn on: the measure of the methods that do, each beside the frozen
network that it starts from.
"""

from __future__ import annotations

from benchmark.deployment import Policy
from benchmark.tasks.test_time_shift import control


@control.method("frozen", role="baseline", paper="arXiv:2007.04309")
class Frozen(Policy):
    """Trained together with inverse dynamics ("SAC+IDM" in the paper's tables)."""


@control.method("frozen-rotation", role="baseline", paper="arXiv:2007.04309")
class FrozenRotation(Policy):
    """Trained together with the prediction of rotations."""

    variant = "rotation"
