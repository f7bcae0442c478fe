"""Contestants of distribution_shift whose scores are known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.machine.meters import Clock
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.distribution_shift.rules import Labelled
from benchmark.tasks.rules import Outcome
from benchmark.tasks.track import Track
from tests.benchmark.tasks.contestant_stub import StubContestant


class Stub(StubContestant):
    """Answers by a function of the images; everything else does as little as it can."""

    def __init__(self, answer: Callable[[Tensor], Tensor], *, reference: bool = False, **replies: Any) -> None:
        self.reference = reference
        self.answer = answer
        self.replies = replies
        self.calls: list[str] = []
        self.labels: list[Tensor] = []
        self.told: Tensor | None = None

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        self.calls.append(name)
        if name == "begin":
            self.labels.append(arguments[1])
        if name == "reveal":
            self.told = arguments[0]
        if name in self.replies:
            return self.replies[name](*arguments)
        defaults: dict[str, Callable[..., Any]] = {
            "scores": self.answer,
            "groups": lambda: torch.zeros(0, dtype=torch.int64),
            "loss_along": lambda distances: distances.square(),
            "attack": lambda images, kind, radius: images,
        }
        return defaults[name](*arguments) if name in defaults else None


def prepare(track: Track[Any], seed: int = 0, salt: str = "local", **sizes: Any) -> Any:
    budget = replace(track.tiers[Tier.SMOKE], **sizes)  # type: ignore[type-var]
    return track.rules.prepare(budget, Source.of(catalogue.find("glyphs")), Draw(track.name, seed, salt, "cpu"))


def judge(track: Track[Any], stub: Stub, **sizes: Any) -> Outcome:
    budget = replace(track.tiers[Tier.SMOKE], **sizes)  # type: ignore[type-var]
    return track.rules.judge(stub, budget, prepare(track, **sizes), Clock())


def values(outcome: Outcome) -> dict[str, float]:
    return {name: metric.value for name, metric in outcome.metrics.items()}


def oracle(*parts: Labelled, classes: int) -> Callable[[Tensor], Tensor]:
    """Scores that know every image of the parts by heart, and give the unknown to class 0."""
    known = {
        image.numpy().tobytes(): int(label)
        for part in parts
        for image, label in zip(part.images, part.labels, strict=True)
    }

    def answer(images: Tensor) -> Tensor:
        labels = torch.tensor([known.get(image.contiguous().numpy().tobytes(), 0) for image in images])
        return 100.0 * F.one_hot(labels, classes).float()

    return answer


def constant(classes: int) -> Callable[[Tensor], Tensor]:
    return lambda images: F.one_hot(torch.zeros(len(images), dtype=torch.int64), classes).float()
