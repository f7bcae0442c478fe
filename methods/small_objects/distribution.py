"""Distribution padding. Nguyen, Choi, Kim, Ahn, Kim, Kang: Distribution Padding in Convolutional Neural Networks,
ICIP 2019.

The border is taken from the map, stretched bilinearly to the padded size, so that mean and variance match the map's.
"""

from __future__ import annotations

from benchmark.tasks.small_objects import padding
from benchmark.tasks.small_objects.learner import BESIDE_QUICK, PaddingLearner


@padding.track.method("distribution", role="baseline", paper="ICIP 2019", tiers=BESIDE_QUICK)
class Distribution(PaddingLearner):
    """Interpolated; near replicate, which is in all tiers."""

    fill = "distribution"
