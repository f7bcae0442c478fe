"""Mind the Pad. Alsallakh, Kokhlikyan, Miglani, Yuan, Reblitz-Richardson: Mind the Pad: CNNs Can Develop Blind Spots,
ICLR 2021, arXiv:2010.02178.

What the paper recommends, together: a size at which padding is applied evenly, h = a 2^n + 1, and mirror padding that
includes the border pixel (symmetric), which on a constant image leaves no trace of the border.
Claim: no asymmetry of maps, no blind spots, higher AP of small objects, most of all near the border.
"""

from __future__ import annotations

from benchmark.tasks.small_objects import padding
from benchmark.tasks.small_objects.learner import EvenlyPadded


@padding.track.method("mind-the-pad", paper="arXiv:2010.02178")
class MindThePad(EvenlyPadded):
    """Symmetric, at the even size."""

    fill = "symmetric"
