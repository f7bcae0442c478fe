"""SimCLR on the target. Chen, Kornblith, Norouzi, Hinton: A Simple Framework for Contrastive Learning of Visual
Representations, ICML 2020, arXiv:2002.05709.

Two views of an image shall be more alike than views of different images. `simclr` sees the target alone and starts from
random weights; `transfer-simclr` starts from the trained backbone and learns the base's labels beside it, which is
STARTUP without its self-training part.
"""

from __future__ import annotations

from torch import Tensor

from benchmark.tasks.few_shot import extreme
from benchmark.tasks.few_shot.extreme import TransferSetup
from benchmark.tasks.few_shot.student import ExtremeStudent, contrastive_loss


@extreme.track.method("simclr", role="baseline", paper="arXiv:2002.05709", tiers=("smoke", "standard", "paper"))
class SimCLR(ExtremeStudent):
    """temperature: of the similarities (Chen et al., appendix B.9: 0.5 for small images);  learning_rate: lower than of
    those that start from the trained backbone (docs/tuning/few_shot.md)."""

    def __init__(self, setup: TransferSetup, *, temperature: float = 0.5, learning_rate: float = 0.03) -> None:
        super().__init__(setup, learning_rate=learning_rate)
        self._temperature = temperature

    def start(self) -> None:
        """See `ExtremeStudent.start`: weights that have seen nothing."""
        self.model.load_state_dict(self.setup.model().state_dict())

    def loss(self, base_images: Tensor, base_labels: Tensor, target_images: Tensor, target_labels: Tensor) -> Tensor:
        """See `ExtremeStudent.loss`."""
        first, second = (self.projector(self.model.body(self.view(target_images))) for _ in range(2))
        return contrastive_loss(first, second, self._temperature)


@extreme.track.method("transfer-simclr", role="baseline", paper="arXiv:2010.07734")
class TransferSimCLR(ExtremeStudent):
    """temperature: as in STARTUP's released code, so that the two differ in self-training alone."""

    def __init__(self, setup: TransferSetup, *, temperature: float = 1.0) -> None:
        super().__init__(setup)
        self._temperature = temperature

    def start(self) -> None:
        """See `ExtremeStudent.start`."""
        self.new_head()

    def loss(self, base_images: Tensor, base_labels: Tensor, target_images: Tensor, target_labels: Tensor) -> Tensor:
        """See `ExtremeStudent.loss`."""
        supervised = self.base_loss(base_images, base_labels)
        first, second = (self.projector(self.model.body(self.view(target_images))) for _ in range(2))
        return supervised + contrastive_loss(first, second, self._temperature)
