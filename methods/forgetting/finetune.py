"""Fine-tuning: train on each task in turn and do nothing about forgetting. The bound from below."""

from benchmark.tasks.forgetting import permuted, split
from benchmark.tasks.forgetting.learner import SequentialForgettingLearner


@permuted.track.method("finetune", role="baseline")
@split.track.method("finetune", role="baseline")
class Finetune(SequentialForgettingLearner):
    """The sequential learner as it is."""
