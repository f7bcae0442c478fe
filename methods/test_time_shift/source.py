"""The source model, unadapted: what all others start from, and the pace against which adaptation costs."""

from __future__ import annotations

from benchmark.adaptation import SourceModel
from benchmark.tasks.test_time_shift import corruption


@corruption.method("source", role="baseline")
class Source(SourceModel):
    """Evaluation mode: the source's statistics."""
