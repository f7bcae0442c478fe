"""Figures of `test_time_shift`."""
