"""Figures of `sample_efficiency`."""
