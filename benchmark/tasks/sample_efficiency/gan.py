"""A small generative adversarial network (Goodfellow et al. 2014, arXiv:1406.2661): images of at most d dimensions.

The harness trains one per data and keeps it; all seeds share it, as the paper used one BigGAN for all. Setting latent
entries to 0 bounds the dimension of what it generates; whether it uses all that are left nobody knows.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.data.cache import digest
from benchmark.learning.keeping import kept
from benchmark.learning.training import minibatches, predict
from benchmark.processes import aside
from benchmark.seeding import generator

SIDE = 16
"""Pixels a side of its images."""


@dataclass(frozen=True, slots=True)
class GanRecipe:
    """How a generator is trained, by Adam against a critic.

    latent: entries of a latent vector;  width: channels of the widest maps of both networks;  average: decay of the
    running mean of weights that is kept, which gives better images than the last ones (arXiv:1806.04498)
    """

    seed: int
    latent: int = 64
    width: int = 32
    steps: int = 800
    batch_size: int = 32
    learning_rate: float = 2e-3
    average: float = 0.99


def trained(recipe: GanRecipe, images: Tensor, *, device: str) -> dict[str, Tensor]:
    """Weights of a generator of images like these (n, 1, SIDE, SIDE) uint8; kept for the next call."""

    def make() -> dict[str, Tensor]:
        made: dict[str, Tensor] = aside.run(train_here, asdict(recipe), images, device)
        return made

    return kept("gan", recipe, digest(images.numpy().tobytes()), make, by=train_here, device=device)


def generated(recipe: GanRecipe, weights: dict[str, Tensor], latents: Tensor) -> Tensor:
    """Images (n, 1, SIDE, SIDE) in [0, 1] of latent vectors (n, latent)."""
    model = _generator(recipe)
    model.load_state_dict(weights)
    return predict(model.eval(), latents) / 2 + 0.5


def train_here(recipe: dict[str, Any], images: Tensor, device: str) -> dict[str, Tensor]:
    """Train a generator in this process. Arguments as they cross: fields of a recipe, uint8 images, device."""
    plan = GanRecipe(**recipe)
    rng = generator(plan.seed, "gan", "train")
    maker, critic = _generator(plan).to(device), _critic(plan).to(device)
    mean = copy.deepcopy(maker)
    real = (images.float() / 127.5 - 1).to(device)
    for_maker, for_critic = (
        torch.optim.Adam(each.parameters(), lr=plan.learning_rate, betas=(0.5, 0.99), fused=True)
        for each in (maker, critic)
    )
    done = 0
    while done < plan.steps:
        for (batch,) in minibatches(real, batch_size=plan.batch_size, generator=rng):
            latents = torch.randn(len(batch), plan.latent, generator=rng).to(device)
            fakes = maker(latents)
            _step(for_critic, F.softplus(-critic(batch)).mean() + F.softplus(critic(fakes.detach())).mean())
            _step(for_maker, F.softplus(-critic(fakes)).mean())
            with torch.no_grad():
                for kept_mean, now in zip(mean.state_dict().values(), maker.state_dict().values(), strict=True):
                    kept_mean.lerp_(now, 1 - plan.average)
            done += 1
            if done == plan.steps:
                break
    return {name: tensor.cpu().contiguous() for name, tensor in mean.state_dict().items()}


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _generator(plan: GanRecipe) -> nn.Sequential:
    w = plan.width
    return _initial(
        plan,
        "generator",
        [
            nn.Linear(plan.latent, w * 16),
            nn.Unflatten(1, (w, 4, 4)),
            nn.ReLU(),
            nn.ConvTranspose2d(w, w // 2, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(w // 2, w // 4, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(w // 4, 1, 3, 1, 1),
            nn.Tanh(),
        ],
    )


def _critic(plan: GanRecipe) -> nn.Sequential:
    w = plan.width
    return _initial(
        plan,
        "critic",
        [
            nn.Conv2d(1, w // 2, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(w // 2, w, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(w * 16, 1),
        ],
    )


def _initial(plan: GanRecipe, name: str, layers: Sequence[nn.Module]) -> nn.Sequential:
    """The layers with weights as by He et al. 2015 (arXiv:1502.01852), drawn from the recipe's seed, and no biases."""
    rng = generator(plan.seed, "gan", name)
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=rng)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)
