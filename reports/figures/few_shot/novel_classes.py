"""Figures of `few_shot.novel_classes`, whose methods are compared with `lr`."""

from reports.figures.few_shot.features import features
from reports.figures.few_shot.shots import accuracy_over_shots, difference_to

FIGURES = (accuracy_over_shots, difference_to("lr"), features)
