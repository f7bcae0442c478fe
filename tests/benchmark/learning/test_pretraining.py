"""Backbones are trained once per recipe and data, the same bit for bit, whatever happens to those who wait for them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import Tensor

from benchmark.data.catalogue import LabelledImages
from benchmark.errors import HeptathlonError
from benchmark.learning import pretraining
from benchmark.learning.pretraining import ClassifierRecipe
from benchmark.processes import aside

Weights = dict[str, Tensor]


def world(count: int = 20, *, seed: int = 0, channels: int = 1) -> LabelledImages:
    """Four classes, each a pattern of its own under noise."""
    rng = torch.Generator().manual_seed(99)
    patterns = torch.rand(4, channels, 8, 8, generator=rng)
    labels = torch.arange(4).repeat(count)
    noise = torch.randn(len(labels), channels, 8, 8, generator=torch.Generator().manual_seed(seed))
    images = (patterns[labels] + 0.2 * noise).mul(255).clamp(0, 255).to(torch.uint8)
    return LabelledImages(images, labels, tuple("abcd"))


def recipe(images: LabelledImages, **changes: Any) -> ClassifierRecipe:
    words: dict[str, Any] = {"seed": 0, "widths": (8, 8), "epochs": 1, "batch_size": 16, "learning_rate": 1e-2}
    return ClassifierRecipe.of(images, **{**words, "augment": False, **changes})


WORLD = world()
RECIPE = recipe(WORLD)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the functions that were really run."""
    real, names = aside.run, []

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        names.append(function.__name__)
        return real(function, *arguments)

    monkeypatch.setattr(aside, "run", run)
    return names


def train(plan: ClassifierRecipe = RECIPE, images: LabelledImages = WORLD) -> Weights:
    return pretraining.pretrained(plan, images, device="cpu")


def equal(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def kept(cache: Path, kind: str = "backbone") -> list[Path]:
    return sorted((cache / kind).iterdir()) if (cache / kind).exists() else []


def test_trained_once(runs: list[str], cache: Path) -> None:
    first = train()
    assert equal(first, train())
    assert runs == ["train_here"]
    assert len(kept(cache)) == 1


def test_features_are_made_once(runs: list[str], cache: Path) -> None:
    weights = train()
    features = pretraining.features(RECIPE, weights, WORLD.images, device="cpu")
    assert features.shape == (len(WORLD.images), 8)
    assert features.dtype == torch.float32
    assert features.isfinite().all()
    assert (features >= 0).all()
    assert features.std(0).max() > 0
    assert torch.equal(features, pretraining.features(RECIPE, weights, WORLD.images, device="cpu"))
    assert runs.count("embed_here") == 1
    half = pretraining.features(RECIPE, weights, WORLD.images[::2], device="cpu")
    torch.testing.assert_close(half, features[::2])
    assert len(kept(cache, "features")) == 2
    model = RECIPE.build()
    model.load_state_dict(weights)
    torch.testing.assert_close(features, model.eval().body(RECIPE.standardise(WORLD.images)).detach())


@pytest.mark.parametrize(
    ("plan", "images"),
    [
        (replace(RECIPE, seed=1), WORLD),
        (replace(RECIPE, learning_rate=2e-2), WORLD),
        (replace(RECIPE, augment=True), WORLD),
        (replace(RECIPE, widths=(8, 9)), WORLD),
        (RECIPE, world(seed=1)),
        (RECIPE, LabelledImages(WORLD.images, WORLD.labels.flip(0), WORLD.classes)),
    ],
    ids=["seed", "rate", "views", "widths", "images", "labels"],
)
def test_whatever_decides_the_weights_is_part_of_the_name(
    plan: ClassifierRecipe, images: LabelledImages, cache: Path
) -> None:
    before, other = train(), train(plan, images)
    assert not equal(before, other)
    assert len(kept(cache)) == 2


def test_other_weights_have_other_features() -> None:
    weights = train()
    changed = {name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    first, second = (pretraining.features(RECIPE, each, WORLD.images, device="cpu") for each in (weights, changed))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("augment", [False, True])
def test_bit_for_bit_the_same(augment: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = recipe(WORLD, augment=augment, epochs=2)
    first = train(plan)
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path / "another"))
    assert equal(first, train(plan))


def test_learns() -> None:
    plan, unseen = recipe(WORLD, epochs=10), world(seed=5)
    model = plan.build()
    model.load_state_dict(train(plan))
    guesses = model.eval()(plan.standardise(unseen.images)).argmax(1)
    assert float((guesses == unseen.labels).double().mean()) > 0.8  # chance is 0.25


def test_images_are_standardised_by_the_training_images() -> None:
    images = world(channels=3)
    plan = recipe(images)
    standard = plan.standardise(images.images)
    assert plan.channels == 3
    assert standard.mean((0, 2, 3)).abs().max() < 1e-4
    assert (standard.std((0, 2, 3)) - 1).abs().max() < 1e-3
    flat = LabelledImages(torch.zeros_like(WORLD.images), WORLD.labels, WORLD.classes)
    assert recipe(flat).standardise(flat.images).isfinite().all()


@pytest.mark.parametrize("damage", [lambda old: b"", lambda old: old[: len(old) // 2], lambda old: old[:-1] + b"?"])
def test_a_damaged_file_is_made_again(damage: Callable[[bytes], bytes], runs: list[str], cache: Path) -> None:
    first = train()
    (file,) = kept(cache)
    file.write_bytes(damage(file.read_bytes()))
    assert equal(first, train())
    assert len(runs) == 2
    assert equal(first, train())
    assert len(runs) == 2, "and kept again"


def test_two_at_once_train_once(runs: list[str]) -> None:
    together = threading.Barrier(2)

    def wait_and_train(_: int) -> Weights:
        together.wait(30)
        return train()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(wait_and_train, range(2))
    assert equal(first, second)
    assert len(runs) == 1


def test_nowhere_to_keep_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path / "file" / "cache"))
    assert equal(train(), train())
    assert len(runs) == 2


def test_one_that_is_killed_leaves_nothing_half_done(cache: Path) -> None:
    plan = recipe(WORLD, epochs=100)
    caught: list[BaseException] = []

    def attempt() -> None:
        try:
            train(plan)
        except HeptathlonError as error:
            caught.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    deadline, here = time.monotonic() + 30, psutil.Process()
    while not (workers := [each for each in here.children(recursive=True) if each.ppid() != here.pid]):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(workers[0].pid, 9)
    thread.join(30)
    assert "benchmark.learning.pretraining:train_here was ended before it was done" in str(caught[0])
    assert kept(cache) == []
    weights = train(plan)
    assert len(kept(cache)) == 1
    assert equal(weights, train(plan))
