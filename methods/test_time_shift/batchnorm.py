"""Test-time normalisation. Nado et al. 2020, arXiv:2006.10963; Schneider et al., NeurIPS 2020, arXiv:2006.16971.

Normalise by the statistics of the test batch. No parameter changes; most of what adaptation gains is gained here.
"""

from __future__ import annotations

from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.adaptation import CorruptionBatchNorm


@corruption.track.method("batch-norm", role="baseline", paper="arXiv:2006.10963")
class BatchNormStatistics(CorruptionBatchNorm):
    """The statistics of the batch alone (the weight of the source's in arXiv:2006.16971 is N = 0)."""
