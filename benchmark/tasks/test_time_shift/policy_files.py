"""Policies of `test_time_shift.control` that come with the harness, so that the first seeds of a tier need no training.

A file holds the policies of one environment and seed in half precision, and the recipes that they were trained by; it
is data only. `make policies` makes the files anew (docs/policies.py). Seeds without a file are trained when they are
first needed, by the same recipe.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.data.cache import digest
from benchmark.errors import DataError
from benchmark.tasks.test_time_shift.deployment import VARIANTS, DeploymentBudget, architecture

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.seeding import Draw
    from benchmark.tasks.test_time_shift.policy_training import PolicyRecipe

FOLDER = Path(__file__).parent / "trained"
SEEDS, SHIPPED = (0, 1, 2), ("inverse",)
"""What is shipped: for these seeds, the networks that methods of the quick tier ask for."""
VERSION = 1
"""Raise when training makes other weights of the same recipe, so that older files are refused."""
_WORDS, _SIGNED = "recipes", "digest"


def policy(sizes: DeploymentBudget, source: Source, draw: Draw, variant: str, number: int) -> dict[str, Tensor]:
    """Weights of one policy, without a dimension of copies: from its file, else trained here and kept.

    variant: of `VARIANTS`;  number: of the policy, in [0, sizes.policies). Raises DataError for a file that is damaged,
    or made by other settings than the present ones.
    """
    from benchmark.tasks.test_time_shift import policy_training

    wanted = recipe(sizes, source, seed=draw.seed, variant=variant, number=number)
    shipped = read(file_of(source.entry.name, draw.seed), wanted, source, variant)
    return policy_training.trained(wanted, source, device=draw.device) if shipped is None else shipped


def recipe(sizes: DeploymentBudget, source: Source, *, seed: int, variant: str, number: int) -> PolicyRecipe:
    """How that policy is trained."""
    from benchmark.data.catalogue import ControlDataset
    from benchmark.data.control.shifts import Shift
    from benchmark.tasks.test_time_shift.policy_training import PolicyRecipe

    world = source.entry.dataset
    assert isinstance(world, ControlDataset)
    actions = world.environment(count=1, size=sizes.size, horizon=1, shift=Shift()).actions
    return PolicyRecipe(
        architecture(sizes, actions=actions),
        VARIANTS[variant],
        sizes.looks if variant == "randomised" else "none",
        sizes.demonstrations,
        sizes.horizon,
        sizes.steps,
        sizes.batch_size,
        sizes.learning_rate,
        seed,
        number,
    )


def file_of(world: str, seed: int) -> Path:
    """Where the policies of an environment and seed lie, if they are shipped."""
    return FOLDER / f"{world}-{seed}.npz"


def read(path: Path, wanted: PolicyRecipe, source: Source, variant: str) -> dict[str, Tensor] | None:
    """Weights by that recipe, or None: there is no file, or its policies are of another architecture or variant.

    Raises DataError for a file that is damaged, or made by other settings.
    """
    import torch

    if not path.is_file():
        return None
    arrays, recipes = _opened(path)
    found, asked = recipes.get(variant), _words(wanted, source)
    if found is None or found["plan"] != asked["plan"]:
        return None
    pairs = {name: (found.get(name), value) for name, value in asked.items()}
    changed = [f"{name} {then!r}, now {now!r}" for name, (then, now) in pairs.items() if then != now]
    if changed:
        raise DataError(
            f"policies in {path} were trained by other settings: {'; '.join(changed)}. Train them anew with `make "
            "policies`, or delete the file: then they are trained when they are needed"
        )
    name = f"{variant}/{wanted.number}/"
    parts = {key: array for key, array in arrays.items() if key.startswith(name)}
    if not parts:
        return None
    return {key.removeprefix(name): torch.from_numpy(array).float() for key, array in parts.items()}


def write(path: Path, policies: dict[str, list[tuple[PolicyRecipe, dict[str, Tensor]]]], source: Source) -> None:
    """Write policies (recipe, weights) by variant, in the order of their numbers."""
    import numpy as np

    arrays = {
        f"{variant}/{number}/{name}": tensor.half().numpy()
        for variant, made in policies.items()
        for number, (_, weights) in enumerate(made)
        for name, tensor in weights.items()
    }
    recipes = {variant: _words(made[0][0], source) for variant, made in policies.items()}
    words = json.dumps(recipes, sort_keys=True).encode()
    path.parent.mkdir(exist_ok=True)
    signed = _signature(words, arrays).encode()
    extra = {name: np.frombuffer(value, np.uint8) for name, value in ((_WORDS, words), (_SIGNED, signed))}
    every: dict[str, Any] = {**arrays, **extra}
    np.savez_compressed(path, **every)


def fingerprint(world: str) -> str:
    """Hash of the files of an environment, "" if there are none: results of other policies do not compare."""
    files = sorted(FOLDER.glob(f"{world}-[0-9]*.npz"))
    return digest(*(part for path in files for part in (path.name.encode(), path.read_bytes()))) if files else ""


def _opened(path: Path) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, dict[str, Any]]]:
    """Arrays of a file by name, and its recipes by variant."""
    import io
    import zipfile

    import numpy as np

    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as opened:
            arrays = {name: opened[name] for name in opened.files}
        words, signed = (arrays.pop(name).tobytes() for name in (_WORDS, _SIGNED))
        whole = signed.decode() == _signature(words, arrays)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read ({error}); make it anew with `make policies`, or delete it") from None
    if not whole:
        raise DataError(f"{path} is damaged: its hash is another one; make it anew with `make policies`, or delete it")
    recipes: dict[str, dict[str, Any]] = json.loads(words)
    return arrays, recipes


def _words(wanted: PolicyRecipe, source: Source) -> dict[str, Any]:
    """What decides weights, for all numbers of a variant, as JSON gives it back."""
    from benchmark.tasks.test_time_shift.policy_training import NOISE

    words = asdict(wanted) | {"noise": NOISE, "world": source.fingerprint(), "version": VERSION}
    del words["number"]
    found: dict[str, Any] = json.loads(json.dumps(words))
    return found


def _signature(words: bytes, arrays: dict[str, np.ndarray[Any, Any]]) -> str:
    parts = (part for name in sorted(arrays) for part in (name.encode(), arrays[name].tobytes()))
    return digest(words, *parts)
