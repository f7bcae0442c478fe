"""The source model, unadapted: what all others start from, and the pace against which adaptation costs."""

from __future__ import annotations

from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.adaptation import CorruptionModel


@corruption.track.method("source", role="baseline")
class Source(CorruptionModel):
    """Evaluation mode: the source's statistics."""
