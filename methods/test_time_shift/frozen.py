"""The policy as it was trained, without adaptation.

What deployment costs a policy that does not learn on: the measure of the methods that do, each beside the frozen
network that it starts from.
"""

from __future__ import annotations

from benchmark.tasks.test_time_shift import control
from benchmark.tasks.test_time_shift.policies import ControlPolicy


@control.track.method("frozen", role="baseline", paper="arXiv:2007.04309")
class Frozen(ControlPolicy):
    """Trained together with inverse dynamics ("SAC+IDM" in the paper's tables)."""


@control.track.method(
    "frozen-rotation", role="baseline", paper="arXiv:2007.04309", tiers=("smoke", "standard", "paper")
)
class FrozenRotation(ControlPolicy):
    """Trained together with the prediction of rotations."""

    variant = "rotation"
