"""The networks that tracks hand out: trained by the harness once per (data, seed), and kept by content."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.data.cache import digest
from benchmark.data.catalogue import LabelledImages
from benchmark.learning.augmentation import Views, cropped, mirrored
from benchmark.learning.keeping import kept
from benchmark.learning.models.backbone import Backbone
from benchmark.learning.models.resnet import ResNet
from benchmark.learning.training import Schedule, predict, train
from benchmark.machine.backends import backend
from benchmark.processes import aside
from benchmark.seeding import generator


@dataclass(frozen=True, slots=True)
class ClassifierRecipe:
    """How a network is built and trained, on random views of the images if `augment`.

    mean, std: per channel, by which images in [0, 1] are standardised;  blocks: 0 is a Backbone, trained by Adam at a
    constant rate; otherwise a ResNet of that many blocks per width, by SGD whose rate rises and falls once (Smith and
    Topin 2018, arXiv:1708.07120) up to `learning_rate`, in mixed precision (Micikevicius et al. 2018, arXiv:1710.03740)
    on a device that gains by it. Its views are crops of images padded by an eighth of the side;  mirror: half of them
    are mirror images
    """

    channels: int
    size: int
    widths: tuple[int, ...]
    classes: int
    epochs: int
    batch_size: int
    learning_rate: float
    augment: bool
    seed: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    blocks: int = 0
    mirror: bool = False

    @classmethod
    def of(cls, images: LabelledImages, *, seed: int, **rest: Any) -> ClassifierRecipe:
        """The recipe for square training images, with their own statistics."""
        pixels = images.images.float().div_(255)
        return cls(
            channels=pixels.shape[1],
            size=pixels.shape[2],
            classes=len(images.classes),
            seed=seed,
            mean=tuple(pixels.mean((0, 2, 3)).tolist()),
            std=tuple(pixels.std((0, 2, 3)).clamp_min(1e-6).tolist()),
            **rest,
        )

    def build(self) -> Backbone | ResNet:
        """The network with its initial weights."""
        rng = generator(self.seed, "backbone", "weights")
        if not self.blocks:
            return Backbone(self.channels, self.size, self.widths, self.classes, generator=rng)
        return ResNet(
            self.channels,
            self.widths,
            self.classes,
            blocks=self.blocks,
            mean=self.mean,
            std=self.std,
            generator=rng,
        )

    def inputs(self, images: Tensor) -> Tensor:
        """What the network takes of images (n, c, h, w) uint8: float32; a ResNet standardises them itself."""
        return images.float().div_(255) if self.blocks else self.standardise(images)

    def standardise(self, images: Tensor) -> Tensor:
        """Images (n, c, h, w) uint8 -> float32, by the training images' statistics."""
        mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (self.mean, self.std))
        return (images.float().div_(255) - mean) / std


def pretrained(recipe: ClassifierRecipe, images: LabelledImages, *, device: str) -> dict[str, Tensor]:
    """Weights of the network, trained on images (n, c, h, w) with labels; kept for the next call."""
    content = digest(images.images.numpy().tobytes(), images.labels.numpy().tobytes())

    def make() -> dict[str, Tensor]:
        made: dict[str, Tensor] = aside.run(train_here, asdict(recipe), images.images, images.labels, device)
        return made

    return kept("backbone", recipe, content, make, by=train_here, device=device)


def features(recipe: ClassifierRecipe, weights: dict[str, Tensor], images: Tensor, *, device: str) -> Tensor:
    """Features (n, d) float32 of images (n, c, h, w) uint8; kept for the next call."""
    content = digest(*(weights[name].numpy().tobytes() for name in sorted(weights)), images.numpy().tobytes())

    def make() -> dict[str, Tensor]:
        return {"features": aside.run(embed_here, asdict(recipe), weights, images, device)}

    return kept("features", recipe, content, make, by=embed_here, device=device)["features"]


def train_here(recipe: dict[str, Any], images: Tensor, labels: Tensor, device: str) -> dict[str, Tensor]:
    """Train a network in this process. Arguments as they cross: fields of a recipe, uint8 images, labels, device."""
    plan = ClassifierRecipe(**recipe)
    rng = generator(plan.seed, "backbone", "order")
    views = partial(cropped, by=plan.size // 8) if plan.blocks else Views()
    model = plan.build().to(device)
    if plan.blocks:
        model = model.to(memory_format=torch.channels_last)  # half as fast again
    mixed = bool(plan.blocks) and backend(device).fast_bfloat16(device)  # up to twice as fast

    def viewed(batch: Tensor) -> Tensor:
        if not plan.augment:
            return batch
        seen = views(batch, generator=rng)
        return mirrored(seen, rng) if plan.mirror else seen

    def loss(batch: Tensor, batch_labels: Tensor) -> Tensor:
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=mixed):
            scores = model(viewed(batch))
        return F.cross_entropy(scores.float(), batch_labels)

    train(
        model,
        plan.inputs(images).to(device),
        labels.to(device),
        loss=loss,
        schedule=Schedule(plan.epochs, plan.batch_size, plan.learning_rate),
        generator=rng,
        optimizer=one_cycle(plan.epochs * -(-len(labels) // plan.batch_size)) if plan.blocks else torch.optim.Adam,
    )
    return {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}


def embed_here(recipe: dict[str, Any], weights: dict[str, Tensor], images: Tensor, device: str) -> Tensor:
    """Features of images in this process; arguments as for `train_here`."""
    plan = ClassifierRecipe(**recipe)
    model = plan.build()
    assert isinstance(model, Backbone), "only a backbone has a body that gives features"
    model.load_state_dict(weights)
    model.eval().to(device)
    return predict(model.body, plan.standardise(images).to(device)).cpu()


def one_cycle(steps: int) -> Callable[..., torch.optim.Optimizer]:
    """Return a maker of SGD with Nesterov's momentum whose rate rises for 30 % of the steps, then falls to none."""

    def make(parameters: Iterable[nn.Parameter], *, lr: float, fused: bool) -> torch.optim.Optimizer:
        stepper = torch.optim.SGD(parameters, lr=lr, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=fused)
        rate = torch.optim.lr_scheduler.OneCycleLR(stepper, max_lr=lr, total_steps=steps, cycle_momentum=False)
        left = iter(range(steps - 1))
        stepper.register_step_post_hook(lambda *_: rate.step() if next(left, None) is not None else None)
        return stepper

    return make
