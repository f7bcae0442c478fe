"""Domain randomisation. Tobin et al.: Domain Randomization for Transferring Deep Neural Networks from Simulation to the
Real World, IROS 2017, arXiv:1703.06907.

Train in many looks, so that the next one is nothing new. Here it saw kinds of shift that are not judged, all at once
(`benchmark.data.control.shifts.HELD_OUT`): it does not know beforehand what will change. The paper of PAD compares with
one that saw milder shifts of the kind that was tested; claim there: PAD, which knows nothing, is better in most
environments.
"""

from __future__ import annotations

from benchmark.tasks.test_time_shift import control
from benchmark.tasks.test_time_shift.policies import ControlPolicy


@control.track.method(
    "domain-randomisation", role="baseline", paper="arXiv:1703.06907", tiers=("smoke", "standard", "paper")
)
class DomainRandomisation(ControlPolicy):
    """The network trained on randomised looks, frozen."""

    variant = "randomised"
