"""Padding that copies cells of the map, at the given size: replicate, symmetric, reflect, circular.

Replicate repeats the border's cells, symmetric mirrors the map with them, reflect without them, circular takes the
opposite side. On a constant image none leaves a trace of the border. With padding of one cell, as in the standard
detectors, symmetric is replicate to the bit. Compared in arXiv:2010.02178, section 5, by their foveation.
"""

from __future__ import annotations

from benchmark.tasks.small_objects import padding
from benchmark.tasks.small_objects.learner import BESIDE_QUICK, PaddingLearner


@padding.track.method("replicate", role="baseline", paper="arXiv:2010.02178")
class Replicate(PaddingLearner):
    """The nearest cell."""

    fill = "replicate"


@padding.track.method("symmetric", role="baseline", paper="arXiv:2010.02178", tiers=BESIDE_QUICK)
class Symmetric(PaddingLearner):
    """The map mirrored at its edge."""

    fill = "symmetric"


@padding.track.method("reflect", role="baseline", paper="arXiv:2010.02178", tiers=BESIDE_QUICK)
class Reflect(PaddingLearner):
    """The map mirrored at the centre of its outermost cells."""

    fill = "reflect"


@padding.track.method("circular", role="baseline", paper="arXiv:2010.02178", tiers=BESIDE_QUICK)
class Circular(PaddingLearner):
    """The map's opposite side."""

    fill = "circular"
