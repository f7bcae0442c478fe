"""Figures of `long_sequence.decode`."""

from reports.figures.long_sequence.timing import decoding

FIGURES = (decoding,)
