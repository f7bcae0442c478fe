"""Figures of `few_shot`."""
