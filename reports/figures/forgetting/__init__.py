"""Figures of `forgetting`."""
