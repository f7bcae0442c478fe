"""Partial convolution as padding. Liu, Shih, Wang, Reda, Sapra, Yu, Tao, Catanzaro: Partial Convolution based Padding,
2018, arXiv:1811.11718.

Zeros, and the response near the border is multiplied by the kernel's taps over those of them that lie on the map.
Claim: responses near the border keep their size. They keep a trace of the border all the same: taps are unequal.
"""

from __future__ import annotations

from benchmark.tasks.small_objects import padding
from benchmark.tasks.small_objects.learner import BESIDE_QUICK, PaddingLearner


@padding.track.method("partial", role="baseline", paper="arXiv:1811.11718", tiers=BESIDE_QUICK)
class PartialConvolution(PaddingLearner):
    """Zeros that do not count."""

    fill = "partial"
