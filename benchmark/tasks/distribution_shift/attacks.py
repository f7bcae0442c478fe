"""Adversarial perturbations in the l_inf ball around an image: FGSM and projected gradient descent with restarts.

Without labels: what is attacked is the class that the model itself gives to the clean image, which for an image that it
classifies rightly is the true one. Radii are in raw pixel units, images in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Model = Callable[[Tensor], Tensor]
"""Raw images (n, c, h, w) in [0, 1] -> scores (n, classes); standardising belongs to it."""


def fgsm(model: Model, images: Tensor, radius: float) -> Tensor:
    """One step of the sign of the gradient (Goodfellow et al. 2015, arXiv:1412.6572, section 4): (n, c, h, w)."""
    return _inside(images + radius * _ascent(model, images, _answer(model, images)).sign(), images, radius)


def pgd(
    model: Model,
    images: Tensor,
    radius: float,
    *,
    steps: int,
    restarts: int,
    generator: torch.Generator,
    labels: Tensor | None = None,
) -> Tensor:
    """The worst of several runs of projected gradient ascent (Madry et al. 2018, arXiv:1706.06083, section 2.1).

    Each restart begins at a uniform random point of the ball and takes steps of 2.5 radius / steps; per image, the
    point of the highest loss among the image itself and the ends of all restarts is returned, (n, c, h, w).
    labels: (n,) to attack in place of the model's own answers, for training against it.
    """
    labels = _answer(model, images) if labels is None else labels
    worst, highest = images.clone(), _losses(model, images, labels)
    for _ in range(restarts):
        noise = torch.rand(images.shape, generator=generator).to(images.device)
        point = _inside(images + radius * (2 * noise - 1), images, radius)
        for _ in range(steps):
            point = _inside(point + 2.5 * radius / steps * _ascent(model, point, labels).sign(), images, radius)
        losses = _losses(model, point, labels)
        higher = losses > highest
        worst[higher], highest[higher] = point[higher], losses[higher]
    return worst


@torch.no_grad()
def _answer(model: Model, images: Tensor) -> Tensor:
    return model(images).argmax(1)


@torch.no_grad()
def _losses(model: Model, images: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(model(images), labels, reduction="none")


def _ascent(model: Model, images: Tensor, labels: Tensor) -> Tensor:
    """Gradient of the loss with respect to each image."""
    with torch.enable_grad():
        point = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(point), labels, reduction="sum"), point)
    return gradient


def _inside(point: Tensor, images: Tensor, radius: float) -> Tensor:
    """Back into the ball and into [0, 1]."""
    return torch.minimum(torch.maximum(point, images - radius), images + radius).clamp(0, 1)
