"""Zero padding at a larger size that is as uneven as the given one: a control for the even size.

What images of 65 pixels gain over images of 64 may be due to one more cell per map, to larger objects, to more compute.
Here maps are as large as at the even size or larger, and the last row and column stay unread.
"""

from __future__ import annotations

import math

from benchmark.tasks.small_objects import padding
from benchmark.tasks.small_objects.learner import PaddingLearner


@padding.track.method("zero-larger", role="baseline")
class ZeroLarger(PaddingLearner):
    """Zeros, at the next multiple of 2^n, which has as many cells as the even size on the coarsest map."""

    def resolution(self) -> list[int]:
        """See `Detector.resolution`."""
        step = 2**self.model.halvings
        return [(math.ceil((size - 1) / step) + 1) * step for size in (self.setup.height, self.setup.width)]
