"""What contestants of the timing tracks are told."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.tasks.rules import Setup


@dataclass(frozen=True, slots=True)
class EncodeSetup(Setup):
    """What the contestant is told: the sizes that do not change."""

    batch: int
    heads: int
    dim: int


@dataclass(frozen=True, slots=True)
class DecodeSetup(Setup):
    """What the contestant is told. longest: so many tokens come at most."""

    batch: int
    heads: int
    dim: int
    longest: int
