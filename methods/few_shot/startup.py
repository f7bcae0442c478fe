"""STARTUP. Phoo, Hariharan: Self-training For Few-shot Transfer Across Extreme Task Differences, ICLR 2021,
arXiv:2010.07734.

The trained backbone describes every unlabelled target image as a mixture of base classes. A student that starts from it
learns the base's labels, these mixtures, and by SimCLR to tell target images apart: base classes need not mean anything
in the target for their mixtures to group its images.
Claim: better than transfer on an extreme target, at 1 and at 5 shots; the self-supervised term adds to it.
`startup-no-target` is the control that takes the target away: the same student, which learns the base's labels again
and sees no target image.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from benchmark.learning.training import predict
from benchmark.tasks.few_shot import extreme
from benchmark.tasks.few_shot.extreme import TransferSetup
from benchmark.tasks.few_shot.student import ExtremeStudent, contrastive_loss

_NO_LOGARITHM_OF_ZERO = 1e-6


@extreme.track.method("startup", paper="arXiv:2010.07734")
class Startup(ExtremeStudent):
    """temperature: of SimCLR's similarities;  self_supervision: weight of its term (released code: all weights 1)."""

    def __init__(self, setup: TransferSetup, *, temperature: float = 1.0, self_supervision: float = 1.0) -> None:
        super().__init__(setup)
        self._temperature = temperature
        self._self_supervision = self_supervision

    def label(self, target_images: Tensor) -> Tensor:
        """See `ExtremeStudent.label`: soft labels, made once; not normalised again (released code)."""
        return predict(self.model, target_images).softmax(1) + _NO_LOGARITHM_OF_ZERO

    def start(self) -> None:
        """See `ExtremeStudent.start`: the body is the teacher's, the head is new (released code)."""
        self.new_head()

    def loss(self, base_images: Tensor, base_labels: Tensor, target_images: Tensor, target_labels: Tensor) -> Tensor:
        """See `ExtremeStudent.loss`.

        The batches go through the network one by one, so that each has its own batch-norm statistics, as released.
        """
        supervised = self.base_loss(base_images, base_labels)
        if not self._self_supervision:  # then with one view, as released
            return supervised + self._divergence(self.model.body(self.view(target_images)), target_labels)
        first, second = (self.model.body(self.view(target_images)) for _ in range(2))
        divergence = (self._divergence(first, target_labels) + self._divergence(second, target_labels)) / 2
        contrast = contrastive_loss(self.projector(first), self.projector(second), self._temperature)
        return supervised + divergence + self._self_supervision * contrast

    def _divergence(self, features: Tensor, soft_labels: Tensor) -> Tensor:
        """Mean Kullback-Leibler divergence of the student's prediction from the soft labels."""
        return F.kl_div(self.model.head(features).log_softmax(1), soft_labels, reduction="batchmean")


@extreme.track.method("startup-no-ss", paper="arXiv:2010.07734")
class StartupWithoutSelfSupervision(Startup):
    """Self-training alone ("STARTUP (no SS)")."""

    def __init__(self, setup: TransferSetup) -> None:
        super().__init__(setup, self_supervision=0.0)


@extreme.track.method("startup-no-target", role="baseline", paper="arXiv:2010.07734")
class StartupWithoutTarget(Startup):
    """The same start, views, steps and schedule, and the base's term of the loss alone."""

    def loss(self, base_images: Tensor, base_labels: Tensor, target_images: Tensor, target_labels: Tensor) -> Tensor:
        """See `ExtremeStudent.loss`: nothing of the target goes through the network, nor into its statistics."""
        return self.base_loss(base_images, base_labels)
