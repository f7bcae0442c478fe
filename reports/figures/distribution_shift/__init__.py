"""Figures of `distribution_shift`."""
