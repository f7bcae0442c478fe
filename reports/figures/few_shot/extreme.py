"""Figures of `few_shot.extreme`, whose methods are compared with `transfer`."""

from reports.figures.few_shot.features import features
from reports.figures.few_shot.shots import accuracy_over_shots, difference_to

FIGURES = (accuracy_over_shots, difference_to("transfer"), features)
