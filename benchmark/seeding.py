"""Named seeds: each stream of random numbers has a path, so that adding a draw moves no other.

Data depend on (track, seed) and never on the method; what the contestant must not foresee also depends on the
judge's salt.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch

LOCAL_SALT = "local"
"""Evaluation salt of ordinary runs; verification draws a fresh one."""


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
