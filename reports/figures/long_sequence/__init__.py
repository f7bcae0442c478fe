"""Figures of `long_sequence`."""
