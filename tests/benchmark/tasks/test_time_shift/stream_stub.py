"""Contestants of `test_time_shift.corruption` whose errors are known beforehand, and a world without training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmark.data.catalogue import LabelledImages
from benchmark.learning.pretraining import ClassifierRecipe
from benchmark.machine.meters import Clock
from benchmark.tasks.rules import Outcome
from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup
from benchmark.tasks.test_time_shift.corruptions import NAMES, SEVERITIES
from benchmark.tasks.test_time_shift.streams import Streams
from tests.benchmark.tasks.contestant_stub import StubContestant

CLASSES = 5
BUDGET = replace(
    corruption.track.budget("smoke"), images=25, brief=10, severities=SEVERITIES, short=15, others=NAMES, batch_size=10,
    small_batch=4,
)  # fmt: skip


class Stub(StubContestant):
    """Answers each batch by a function of the images; remembers what it was asked."""

    def __init__(self, answer: Callable[[Tensor], Any], *, reference: bool = False) -> None:
        self.reference = reference
        self._answer = answer
        self.calls: list[tuple[str, str | None, Any]] = []

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        self.calls.append((name, phase, arguments))
        return self._answer(arguments[0]) if name == "adapt" else None

    def asked(self, phase: str) -> list[tuple[str, int]]:
        """Calls of a phase, with the number of images or labels they brought."""
        return [
            (name, len(arguments[0]) if arguments else 0) for name, called, arguments in self.calls if called == phase
        ]


def deployment(**fields: Any) -> Streams:
    """Bright stripes that say the class, which survive no corruption for certain."""
    labels = torch.arange(CLASSES).repeat(6)[torch.randperm(30, generator=torch.Generator().manual_seed(0))]
    images = torch.full((30, 1, 10, 10), 40, dtype=torch.uint8)
    images[torch.arange(30), 0, 2 * labels] = 200
    whole = LabelledImages(images, labels, tuple("abcde"))
    recipe = ClassifierRecipe.of(
        whole, seed=0, widths=(8,), blocks=1, epochs=1, batch_size=8, learning_rate=0.1, augment=False
    )
    test = LabelledImages(images[:25], labels[:25], whole.classes)
    words: dict[str, Any] = {
        "samples": images[:7], "test": test, "learned": whole, "path": (0, "x"), "pictured": False
    }  # fmt: skip
    return Streams(recipe, recipe.build().state_dict(), **(words | fields))


def brightest(images: Tensor) -> Tensor:
    """Scores of the classes, by the brightness of their stripes."""
    return images.mean((1, 3))[:, ::2]


def constant(images: Tensor) -> Tensor:
    """Class 0, for certain."""
    return torch.tensor([100.0, 0, 0, 0, 0]).expand(len(images), -1)


def judge(stub: Stub, data: Streams | None = None, **sizes: Any) -> Outcome:
    """What the track's rules make of a contestant."""
    return corruption.track.rules.judge(stub, replace(BUDGET, **sizes), data or deployment(), Clock())


def setup(**fields: Any) -> AdaptationSetup:
    """A setup for methods, without a job: three channels, a network of two widths."""
    words: dict[str, Any] = {
        "seed": 0, "track": corruption.track.name, "device_name": "cpu", "image_shape": (3, 8, 8), "classes": CLASSES,
        "widths": (8, 16), "blocks": 1, "mean": (0.5,) * 3, "std": (0.3,) * 3, "batch_size": 10,
    }  # fmt: skip
    return AdaptationSetup(**(words | fields))
