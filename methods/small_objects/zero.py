"""Zero padding, as detectors have it by default: the standard detector unchanged.

Its maps differ along the border, and where a convolution of stride 2 leaves the last row and column unread, by side.
"""

from __future__ import annotations

from benchmark.tasks.small_objects import padding
from benchmark.tasks.small_objects.learner import PaddingLearner


@padding.track.method("zero", role="baseline")
class Zero(PaddingLearner):
    """Zeros, at the given size."""
