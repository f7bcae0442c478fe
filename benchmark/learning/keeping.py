"""What the harness trains once and keeps: networks and features, found again by all that decides them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark import identity
from benchmark.data.cache import digest, kept_array
from benchmark.machine import locks
from benchmark.processes import wire

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from torch import Tensor


def kept(
    kind: str,
    recipe: DataclassInstance,
    content: str,
    make: Callable[[], dict[str, Tensor]],
    *,
    by: Callable[..., Any],
    device: str,
) -> dict[str, Tensor]:
    """Tensors made once from a recipe and content; another judge that wants the same ones waits for them.

    kind: a word for the folder;  content: a hash of the data;  by: the function that makes them, whose code counts;
    device: where they are made, whose kind counts.
    """
    import numpy as np
    import torch

    code = identity.digest_of(Path(inspect.getfile(by)), by.__name__)
    decided_by = [asdict(recipe), content, device.partition(":")[0], torch.__version__, code]
    name = f"{kind}/{digest(json.dumps(decided_by).encode())}"
    with locks.one_at_a_time(name):
        packed = kept_array(name, lambda: np.frombuffer(wire.encode(make()), dtype=np.uint8))
    tensors: dict[str, Tensor] = wire.decode(packed.tobytes())
    return tensors
