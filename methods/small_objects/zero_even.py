"""Zero padding at an even size. Alsallakh, Kokhlikyan, Miglani, Yuan, Reblitz-Richardson: Mind the Pad: CNNs Can
Develop Blind Spots, ICLR 2021, arXiv:2010.02178, section 3.

At h = a 2^n + 1 every convolution of stride 2 reads the padding of all sides; at h = a 2^n it leaves the last row and
column unread. Half of what the paper recommends, by itself. Claim: the asymmetry of filters and maps goes, and with it
the blind spots at the bottom and the right.
"""

from __future__ import annotations

from benchmark.tasks.small_objects import padding
from benchmark.tasks.small_objects.learner import EvenlyPadded


@padding.track.method("zero-even", paper="arXiv:2010.02178")
class ZeroEven(EvenlyPadded):
    """Zeros, at the even size."""
