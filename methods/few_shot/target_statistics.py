"""Batch-norm statistics of the target alone: a control for whatever adapts by training.

The backbone keeps every weight; only the means and variances by which batch-norm normalises are computed anew, on the
unlabelled images (Li et al. 2016, Revisiting Batch Normalization For Practical Domain Adaptation, arXiv:1603.04779).
What a method gains beyond this, it gains by what its training taught.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.learning.training import predict
from benchmark.tasks.few_shot import extreme
from benchmark.tasks.few_shot.extreme import TransferSetup


@extreme.track.method("target-statistics", role="baseline", paper="arXiv:1603.04779")
class TargetStatistics:
    """As `transfer`, with the target's statistics."""

    def __init__(self, setup: TransferSetup) -> None:
        self._model = setup.model()

    def adapt(
        self, weights: dict[str, Tensor], base_images: Tensor, base_labels: Tensor, target_images: Tensor
    ) -> None:
        """See `Adapter.adapt`: keep the weights; average the statistics of large batches of the target."""
        self._model.load_state_dict(weights)
        for module in self._model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.momentum = None  # the plain mean over batches
        self._model.train()
        with torch.no_grad():
            for batch in target_images.chunk(-(-len(target_images) // 1000)):  # of nearly one size: each weighs alike
                self._model.body(batch)
        self._model.eval()

    def embed(self, images: Tensor) -> Tensor:
        """See `Adapter.embed`."""
        return predict(self._model.body, images)
