"""Transfer: take the backbone as it is. What adapting to the target gains, it gains over this."""

from __future__ import annotations

from torch import Tensor

from benchmark.learning.training import predict
from benchmark.tasks.few_shot import extreme
from benchmark.tasks.few_shot.extreme import TransferSetup


@extreme.track.method("transfer", role="baseline", paper="arXiv:2010.07734")
class Transfer:
    """The baseline of Phoo & Hariharan, section 4.2."""

    def __init__(self, setup: TransferSetup) -> None:
        self._model = setup.model()

    def adapt(
        self, weights: dict[str, Tensor], base_images: Tensor, base_labels: Tensor, target_images: Tensor
    ) -> None:
        """See `Adapter.adapt`: keep the weights."""
        self._model.load_state_dict(weights)
        self._model.eval()

    def embed(self, images: Tensor) -> Tensor:
        """See `Adapter.embed`."""
        return predict(self._model.body, images)
