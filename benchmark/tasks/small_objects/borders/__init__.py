"""What a convolution finds beyond the border of its map: fills by name, and what they do to a network.

Alsallakh et al. 2020, Mind the Pad, arXiv:2010.02178.
"""
