"""Drawn control tasks as datasets: `benchmark.data.catalogue.ControlDataset`, of a `Physics`.

One drawn elsewhere, as by a simulator, only has to make a `benchmark.data.control.environment.ControlEnv`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmark.data.cache import digest
from benchmark.data.control.physics import Physics
from benchmark.data.control.shifts import Shift
from benchmark.errors import DataError

if TYPE_CHECKING:
    from benchmark.data.control.environment import ControlEnv

DRAWING = 1
"""Raise when the drawing, the shifts or the stepping of environments make other frames of the same numbers."""
_PUBLISHED = {
    "cf264974b5847e24114a16813dfc84d3": "5d85382b0a1bbb49ea204316a222651f",  # reacher
    "2b394eedce36b0493f8f08c8bcb281d3": "dc9b5c99ae2ff78bf8b3f67f9dd6078a",  # cartpole
}
"""Hashes of worlds, and those under which records of them were published when the bytes of the drawing code, comments
included, were part of the hash. Raising a number ends their use."""
SMALLEST = 16
"""Side in pixels of the smallest frame that shows what moves."""


class ControlWorld(Physics):
    """A ControlDataset with drawn frames."""

    def missing(self) -> str | None:
        """Nothing is needed beyond torch and gymnasium."""
        return None

    def fingerprint(self) -> str:
        """Hash of the numbers that decide what episodes are and look like."""
        numbers = [DRAWING, self.name, self.version, self.actions, dict(self.palette), dict(self.levels)]
        found = digest(json.dumps(numbers).encode())
        return _PUBLISHED.get(found, found)

    def environment(self, *, count: int, size: int, horizon: int, shift: Shift) -> ControlEnv:
        """Make `count` copies that are stepped together. Raises DataError for sizes that make no sense."""
        from benchmark.data.control.environment import DrawnEnv

        for word, value, least in (("count", count, 1), ("size", size, SMALLEST), ("horizon", horizon, 1)):
            if value < least:
                raise DataError(f"{word} is {value}; {self.name} needs at least {least}")
        return DrawnEnv(self, count=count, size=size, horizon=horizon, shift=shift)
