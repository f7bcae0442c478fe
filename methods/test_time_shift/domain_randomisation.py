"""Domain randomisation. Tobin et al.: Domain Randomization for Transferring Deep Neural Networks from Simulation to the
Real World, IROS 2017, arXiv:1703.06907.

Train in many looks, so that the next one is nothing new. It must know beforehand what may change: here it saw all kinds
of shift, up to mild, all at once. The paper of PAD compares with it; claim there: PAD, which knows nothing, is better
in most environments.
"""

from __future__ import annotations

from benchmark.tasks.test_time_shift import control
from benchmark.tasks.test_time_shift.policies import ControlPolicy


@control.track.method("domain-randomisation", role="baseline", paper="arXiv:1703.06907")
class DomainRandomisation(ControlPolicy):
    """The network trained on randomised looks, frozen."""

    variant = "randomised"
