"""Figures of `forgetting.split`."""

from reports.figures.forgetting.accuracy import accuracy_against_forgetting, accuracy_over_time

FIGURES = (accuracy_against_forgetting, accuracy_over_time)
