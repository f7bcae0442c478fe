"""No padding: maps shrink, from an image that is mirrored outwards once so far that the output keeps its size.

Nothing is made up between layers: a control of what padding inside the network does. It costs what the wider image
costs, several times as much for a deep network on small images.
"""

from __future__ import annotations

from benchmark.tasks.small_objects import padding
from benchmark.tasks.small_objects.learner import PaddingLearner


@padding.track.method("none", role="baseline", tiers=("smoke", "standard"))
class NoPadding(PaddingLearner):
    """The image mirrored once. Not for torchvision's detectors, which add maps to what they convolve."""

    fill = "none"
