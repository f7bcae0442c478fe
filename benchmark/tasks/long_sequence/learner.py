"""What methods of `long_sequence.recall` share: the training of the small Transformer, to which they add attention."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.learning.training import predict
from benchmark.tasks.long_sequence.recall import RecallSetup
from benchmark.tasks.long_sequence.transformer import Attention, SequenceClassifier

WARM_UP = 0.1
"""Of all steps: the learning rate rises linearly, and falls linearly to 0 from there."""
BETAS = (0.9, 0.98)
"""Of AdamW, as in Long Range Arena's configurations and the Performers' (arXiv:2009.14794, appendix)."""
WEIGHT_DECAY = 0.01
LONGEST_GRADIENT = 1.0
_SCORED = 100  # sequences at once


class RecallLearner(ABC):
    """AdamW on the mean cross-entropy; a method says which attention.

    Attributes: setup; model; optimizer; step (number of the next) and steps (in all) of the present exercise; pace, the
    method's highest learning rate over the setup's.
    """

    pace = 1.0

    def __init__(self, setup: RecallSetup) -> None:
        self.setup = setup

    @abstractmethod
    def attention(self, exercise: str, layer: int) -> Attention:
        """Make the attention of a layer of the exercise's new model."""

    def begin(self, exercise: str) -> None:
        """See `Reader.begin`."""
        self.model: SequenceClassifier = self.setup.model(exercise, lambda layer: self.attention(exercise, layer))
        rates: dict[float, list[nn.Parameter]] = {}
        for module in self.model.modules():
            rate = self.pace * getattr(module, "rate", 1.0)
            rates.setdefault(rate, []).extend(module.parameters(recurse=False))
        groups = [{"params": parameters, "rate": rate} for rate, parameters in rates.items() if parameters]
        self.optimizer = torch.optim.AdamW(groups, betas=BETAS, weight_decay=WEIGHT_DECAY, fused=True)
        self.step, self.steps = 0, self.setup.steps_of(exercise)

    def learn(self, tokens: Tensor, labels: Tensor) -> None:
        """See `Reader.learn`."""
        self.model.train()
        size = self.setup.batch_size
        for batch, answers in zip(tokens.split(size), labels.split(size), strict=True):
            rate = self.setup.learning_rate * schedule(self.step, self.steps)
            for group in self.optimizer.param_groups:
                group["lr"] = group["rate"] * rate
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(batch), answers).backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), LONGEST_GRADIENT)
            self.optimizer.step()
            self.step += 1

    def classify(self, tokens: Tensor) -> Tensor:
        """See `Reader.classify`."""
        self.model.eval()
        return predict(self.model, tokens, batch_size=_SCORED)


class Fixed(Attention):
    """An attention without parameters or state: attend(q, k, v)."""

    def __init__(self, attend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self._attend = attend

    def forward(self, q: Tensor, k: Tensor, v: Tensor, tokens: Tensor) -> Tensor:
        """See `Attention.forward`."""
        return self._attend(q, k, v)


def schedule(step: int, steps: int) -> float:
    """The learning rate of a step, counted from 0, over the highest."""
    warm = max(1.0, WARM_UP * steps)
    return min((step + 1) / warm, (steps - step) / max(1.0, steps - warm))
