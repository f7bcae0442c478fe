"""Batch statistics mixed with the source's. Schneider, Rusak, Eck, Bringmann, Brendel, Bethge: Improving robustness
against common corruptions by covariate shift adaptation, NeurIPS 2020, arXiv:2006.16971.

The source counts as N images beside the n of the batch: small batches lean on it, large ones on themselves.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.adaptation import CorruptionModel, norms
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup


@corruption.track.method(
    "batch-norm-mixed", role="baseline", paper="arXiv:2006.16971", tiers=("smoke", "standard", "paper")
)
class MixedStatistics(CorruptionModel):
    """prior: N of equation 3, in images (the paper, ImageNet: 16 for batches of 8 to 32; there 0 is best from some
    hundred on)."""

    def __init__(self, setup: AdaptationSetup, *, prior: float = 16.0) -> None:
        super().__init__(setup)
        self._prior = prior

    def use(self, model: nn.Module, weights: dict[str, Tensor], images: Tensor) -> None:
        """See `CorruptionModel.use`."""
        super().use(model, weights, images)
        for layer in norms(model):
            if isinstance(layer, nn.BatchNorm2d):
                layer.register_forward_hook(self._mixed)

    def _mixed(self, layer: nn.BatchNorm2d, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        (x,) = inputs
        assert layer.running_mean is not None
        assert layer.running_var is not None
        share = self._prior / (self._prior + len(x))
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        mean, variance = mean.lerp(layer.running_mean, share), variance.lerp(layer.running_var, share)
        return F.batch_norm(x, mean, variance, layer.weight, layer.bias, eps=layer.eps)
