"""What a control task says of itself: its physics, what is to be seen of them, and an expert that knows the state.

A task is a dataset plug-in (`benchmark.data.ControlDataset`). Those that this project draws derive from `ControlWorld`;
one drawn elsewhere, as by a simulator, only has to make a `benchmark.control.environment.ControlEnv`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from benchmark.cachefile import digest
from benchmark.control.shifts import Shift
from benchmark.errors import DataError

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from benchmark.control.drawing import Shape
    from benchmark.control.environment import ControlEnv

SMALLEST = 16
"""Side in pixels of the smallest frame that shows what moves."""


class ControlWorld(ABC):
    """A ControlDataset with drawn frames.

    name: of the task;  actions: numbers per action, in [-1, 1];  palette: colours in [0, 1] by part, the ground first;
    levels: per kind of shift what is mild, medium and strong, chosen so that a frozen policy keeps half to three
    quarters of its return under the mild ones;  version: raised when the same numbers make other episodes.
    """

    name: ClassVar[str]
    actions: ClassVar[int]
    palette: ClassVar[Mapping[str, tuple[float, float, float]]]
    levels: ClassVar[Mapping[str, tuple[float, float, float]]]
    version: ClassVar[int]

    @abstractmethod
    def start(self, count: int, horizon: int, rng: Generator) -> dict[str, Tensor]:
        """Draw the initial states of `count` episodes of `horizon` steps: tensors (count, ...) float64 by name, with
        all that is random later on, so that what happens depends on the actions alone.
        """

    @abstractmethod
    def advance(self, state: dict[str, Tensor], actions: Tensor, step: int) -> tuple[dict[str, Tensor], Tensor]:
        """Return the states after actions (n, actions) float64 in the step of that number; rewards (n,) <= 1."""

    @abstractmethod
    def expert(self, state: dict[str, Tensor]) -> Tensor:
        """Actions (n, actions) float64 of one who knows the states."""

    @abstractmethod
    def scenery(self, count: int) -> tuple[Shape, ...]:
        """What stands still, painted over the ground once per episode, from back to front."""

    @abstractmethod
    def shapes(self, state: dict[str, Tensor]) -> tuple[Shape, ...]:
        """What moves, from back to front; numbers in float32."""

    def missing(self) -> str | None:
        """Nothing is needed beyond torch and gymnasium."""
        return None

    def fingerprint(self) -> str:
        """Hash of the numbers and of the code that decide what episodes are and look like."""
        numbers = [self.name, self.version, self.actions, dict(self.palette), dict(self.levels)]
        code = [Path(__file__).parent / f"{name}.py" for name in ("drawing", "environment", "shifts")]
        return digest(json.dumps(numbers).encode(), *(file.read_bytes() for file in code))

    def environment(self, *, count: int, size: int, horizon: int, shift: Shift) -> ControlEnv:
        """Make `count` copies that are stepped together. Raises DataError for sizes that make no sense."""
        from benchmark.control.environment import DrawnEnv

        for word, value, least in (("count", count, 1), ("size", size, SMALLEST), ("horizon", horizon, 1)):
            if value < least:
                raise DataError(f"{word} is {value}; {self.name} needs at least {least}")
        return DrawnEnv(self, count=count, size=size, horizon=horizon, shift=shift)
