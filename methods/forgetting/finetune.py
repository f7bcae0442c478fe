"""Fine-tuning: train on each task in turn and do nothing about forgetting. The bound from below."""

from benchmark.continual import SequentialLearner
from benchmark.tasks.forgetting import permuted, split


@permuted.method("finetune", role="baseline")
@split.method("finetune", role="baseline")
class Finetune(SequentialLearner):
    """The sequential learner as it is."""
