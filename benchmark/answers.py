"""What contestants return, checked before it is scored: type, shape, values, with errors that name what is wanted."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.errors import ContestantError


def floats(answer: object, call: str, *shape: int | str) -> Tensor:
    """Return the answer as a float32 tensor; a word in the shape, such as "d", stands for any size but 0.

    Raises ContestantError unless it is a tensor of finite floats of that shape.
    """
    wanted = f"float tensor ({', '.join(map(str, shape))})"
    tensor = _tensor(answer, call, shape, wanted)
    if not tensor.is_floating_point():
        raise _wrong(call, f"{tensor.dtype} of shape {tuple(tensor.shape)}", wanted)
    tensor = tensor.float()  # before the look at its values: a float64 may be finite and too large
    bad = int((~tensor.isfinite()).reshape(len(tensor), -1).any(1).sum())
    if bad:
        raise _wrong(call, f"NaN or infinity for {bad} of {len(tensor)} inputs", f"finite {wanted}")
    return tensor


def classes(answer: object, call: str, count: int, *shape: int | str) -> Tensor:
    """Return the answer, classes in [0, count). Raises ContestantError unless it is an int64 tensor of that shape."""
    wanted = f"int64 tensor ({', '.join(map(str, shape))}) of classes in [0, {count})"
    tensor = _tensor(answer, call, shape, wanted)
    if tensor.dtype != torch.int64:
        raise _wrong(call, f"{tensor.dtype} of shape {tuple(tensor.shape)}", wanted)
    if not bool(((tensor >= 0) & (tensor < count)).all()):
        raise _wrong(call, f"classes from {int(tensor.min())} to {int(tensor.max())}", wanted)
    return tensor


def _tensor(answer: object, call: str, shape: tuple[int | str, ...], wanted: str) -> Tensor:
    if not isinstance(answer, Tensor):
        raise _wrong(call, type(answer).__name__, wanted)
    fits = len(shape) == answer.ndim and all(
        size == have if isinstance(size, int) else have > 0 for size, have in zip(shape, answer.shape, strict=True)
    )
    if not fits:
        raise _wrong(call, f"{answer.dtype} of shape {tuple(answer.shape)}", wanted)
    return answer


def _wrong(call: str, what: str, wanted: str) -> ContestantError:
    return ContestantError("invalid_output", f"{call}() returned {what}; return a {wanted}")
