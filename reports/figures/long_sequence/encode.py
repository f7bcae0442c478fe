"""Figures of `long_sequence.encode`."""

from reports.figures.long_sequence.timing import speed_and_memory, speed_up

FIGURES = (speed_and_memory, speed_up)
