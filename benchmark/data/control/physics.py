"""What a drawn control task says of itself: physics, what is seen of them, and an expert that knows the state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from benchmark.data.control.raster import Shape


class Physics(ABC):
    """One task.

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
