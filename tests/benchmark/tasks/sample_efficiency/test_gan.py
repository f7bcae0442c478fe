"""The network that generates images: trained once, kept, and of no more dimensions than its latent entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.data.catalogue import catalogue
from benchmark.tasks.sample_efficiency import clouds, gan
from benchmark.tasks.sample_efficiency.gan import GanRecipe

TINY = GanRecipe(seed=0, latent=8, width=8, steps=3, batch_size=8)


def images(count: int = 20) -> torch.Tensor:
    return torch.randint(256, (count, 1, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_it_is_trained_once_for_a_recipe_and_images(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = []

    def here(function: Callable[..., Any], *arguments: Any) -> Any:
        trainings.append(arguments)
        return function(*arguments)

    monkeypatch.setattr("benchmark.processes.aside.run", here)
    weights = gan.trained(TINY, images(), device="cpu")
    kept = gan.trained(TINY, images(), device="cpu")
    assert all(torch.equal(kept[name], weights[name]) for name in weights)
    assert len(trainings) == 1
    gan.trained(TINY, images(19), device="cpu")
    gan.trained(replace(TINY, steps=2), images(), device="cpu")
    assert len(trainings) == 3


def test_generated_images_have_no_more_dimensions_than_free_entries() -> None:
    weights = gan.train_here(asdict(TINY), images(), "cpu")
    latents = clouds.latents(3, 5, torch.Generator().manual_seed(1), most=8, scale=1.0)
    made = gan.generated(TINY, weights, latents)
    assert made.shape == (5, 1, 16, 16)
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1
    steps = torch.cat([latents[:1] + 1e-2 * sign * torch.eye(8)[-3:] for sign in (1, -1)])
    ends = gan.generated(TINY, weights, steps).flatten(1).double()
    assert int(torch.linalg.matrix_rank(ends[:3] - ends[3:], rtol=1e-2)) == 3


def test_training_moves_it_towards_the_images() -> None:
    drawn = catalogue.find("glyphs").dataset.draw(classes=[0, 1], per_class=100, size=16, seed=0).images  # type: ignore[union-attr]
    latents = torch.randn(200, 8, generator=torch.Generator().manual_seed(1))
    away = []
    for steps in (1, 120):
        recipe = GanRecipe(seed=0, latent=8, width=8, steps=steps, batch_size=16, average=0.9)
        made = gan.generated(recipe, gan.train_here(asdict(recipe), drawn, "cpu"), latents)
        away.append(float((made.mean(0) - drawn.float().mean(0) / 255).square().mean()))
    assert away[1] < away[0] / 4
