"""torchvision's detectors, as `network.Network`: from scratch, or from weights of the user's; nothing downloads."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from benchmark.errors import DataError
from benchmark.tasks.small_objects.network import Found, Network

NAMES = ("ssdlite320_mobilenet_v3_large", "fcos_resnet50_fpn", "retinanet_resnet50_fpn")
_HALVINGS = 5
"""Of the backbone, by which the even size goes: the maps that halve the side further have a few cells alone."""


class TorchvisionDetector(Network):
    """A detector of torchvision with its own loss. Images keep their size: no resizing, no filling up to multiples
    of 32, both of which would undo what a method says of size and padding. Class 0 is torchvision's background.
    """

    halvings = _HALVINGS

    def __init__(
        self,
        name: str,
        classes: int,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        generator: torch.Generator,
        weights: str = "",
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # torchvision draws initial weights from the global stream
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
            make = getattr(detection, name)
            self.model: Any = make(weights=None, weights_backbone=None, num_classes=classes + 1)
        self.model.transform = _AsGiven(1, 1, list(mean), list(std), size_divisible=1)
        if isinstance(self.model.anchor_generator, DefaultBoxGenerator):
            levels = len(self.model.anchor_generator.aspect_ratios)
            self.model.anchor_generator.steps = [2 ** (4 + level) for level in range(levels)]
        else:
            old = self.model.anchor_generator
            self.model.anchor_generator = _Aligned(old.sizes, old.aspect_ratios)
        if weights:
            _load(self.model, weights)

    @property
    def body(self) -> nn.Module:
        """See `Network.body`."""
        found: nn.Module = self.model.backbone
        return found

    def loss(self, images: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
        """See `Network.loss`: the sum of the model's own losses."""
        targets = [
            {"boxes": box[label >= 0], "labels": label[label >= 0] + 1}
            for box, label in zip(boxes, labels, strict=True)
        ]
        return torch.stack(list(self.model(list(images), targets).values())).sum()

    @torch.no_grad()
    def found(self, images: Tensor, most: int) -> list[Found]:
        """See `Network.found`: the model's own suppression, highest scores first."""
        return [
            (each["boxes"][:most], each["labels"][:most] - 1, each["scores"][:most])
            for each in self.model(list(images))
        ]

    def levels(self, images: Tensor) -> list[Tensor]:
        """See `Network.levels`: the backbone's."""
        transformed, _ = self.model.transform(list(images))
        return list(self.model.backbone(transformed.tensors).values())


def _load(model: nn.Module, weights: str) -> None:
    """Take a state dict from a file, of the whole detector or of its backbone; heads for other classes are left out.

    Raises DataError if it cannot be read as one, or nothing in it fits.
    """
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        own = model.state_dict()
        fitting = {
            name: value
            for key, value in state.items()
            for name in (key, f"backbone.{key}", f"backbone.body.{key}")
            if name in own and own[name].shape == value.shape
        }
    except (OSError, RuntimeError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        raise DataError(
            f"cannot read weights from {weights}: {error}; give a state dict as torch.save writes it"
        ) from None
    if not fitting:
        raise DataError(f"no weight in {weights} fits {type(model).__name__}; give a state dict of it or its backbone")
    model.load_state_dict(fitting, strict=False)


class _AsGiven(GeneralizedRCNNTransform):  # type: ignore[misc]
    """Standardises and stacks, and leaves the size."""

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        return image, target


class _Aligned(AnchorGenerator):  # type: ignore[misc]
    """Anchors at multiples of the level's stride, a power of two; torchvision divides the sizes, which gives 29 in
    place of 32 for a map of 11 cells of an image of 321 pixels, and moves the last anchor by a whole cell."""

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        image = image_list.tensors
        strides = [
            [
                image.new_tensor(2 ** round(math.log2(size / cells)), dtype=torch.int64)
                for size, cells in zip(image.shape[2:], each.shape[2:], strict=True)
            ]
            for each in feature_maps
        ]
        self.set_cell_anchors(image.dtype, image.device)
        anchors = torch.cat(self.grid_anchors([each.shape[-2:] for each in feature_maps], strides))
        return [anchors for _ in image_list.image_sizes]
