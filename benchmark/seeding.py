"""Named seeds: each stream of random numbers has a path, so that adding a draw moves no other.

Data depend on (track, seed) and never on the method; what the contestant must not foresee also depends on the
judge's salt.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch

LOCAL_SALT = "local"
"""Evaluation salt of ordinary runs; verification draws a fresh one."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Where the data of one job come from: the names of its random streams, and where the harness may compute.

    track, seed: public, the same for every method;  salt: the judge's own, part of every `secret` stream;
    device: "cpu", "cuda:0".
    """

    track: str
    seed: int
    salt: str
    device: str

    def path(self, *words: int | str) -> tuple[int | str, ...]:
        """The path of a public stream, for `derive` and `generator`."""
        return (self.seed, self.track, *words)

    def secret_path(self, *words: int | str) -> tuple[int | str, ...]:
        """The path of a stream that no contestant can foresee under a secret salt."""
        return (self.seed, self.track, *words, self.salt)

    def generator(self, *words: int | str) -> torch.Generator:
        """Return a generator of a public stream, such as ("permutation", 3)."""
        return generator(*self.path(*words))

    def secret(self, *words: int | str) -> torch.Generator:
        """Return a generator of a secret stream, such as ("episodes",)."""
        return generator(*self.secret_path(*words))


def derive(*path: int | str) -> int:
    """Hash a path such as (seed, "forgetting.permuted", "train") to a seed in [0, 2**63)."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in path)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def generator(*path: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a torch generator on `device`, seeded by the path."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(*path))


def numpy_generator(*path: int | str) -> np.random.Generator:
    """Return a numpy generator, seeded by the path."""
    import numpy as np

    return np.random.default_rng(derive(*path))
