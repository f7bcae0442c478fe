"""Heptathlon's harness: tasks, tracks, judge, contestants, records. Methods and datasets are plug-ins beside it."""

__version__ = "0.1.0"
