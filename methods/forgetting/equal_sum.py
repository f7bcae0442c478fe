"""The sum of all tasks' losses: what multi-task training is without any care for conflicts.

Every language has the same number of sentences in a step, and the same weight, as much or as little of it as there is.
"""

from __future__ import annotations

from benchmark.tasks.forgetting import multilingual
from benchmark.tasks.forgetting.translation.learner import JointLearner


@multilingual.track.method("sum", role="baseline", paper="arXiv:1611.04558")
class EqualSum(JointLearner):
    """Johnson et al. 2017: one model and a tag for the language wanted. The mean stands for the sum."""
