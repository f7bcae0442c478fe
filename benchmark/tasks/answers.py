"""What contestants return, checked where it is asked for: type, shape, values, with errors that name what is wanted.

contestant.call("predict", images, reply=Floats(len(images), classes))
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.errors import ContestantError

if TYPE_CHECKING:
    from torch import Tensor

Size = int | str
"""A number, or a word such as "d", which stands for any size but 0."""


class Reply(Protocol):
    """A form that a reply must have."""

    def read(self, answer: Any, call: str) -> Any:
        """Return the answer in that form. Raises ContestantError, which names the call, if it has another."""


class Floats:
    """A tensor of finite floats, read as float32."""

    def __init__(self, *shape: Size) -> None:
        self.shape = shape

    def read(self, answer: Any, call: str) -> Tensor:
        """See `Reply.read`."""
        wanted = f"float tensor ({', '.join(map(str, self.shape))})"
        tensor = _tensor(answer, call, self.shape, wanted)
        if not tensor.is_floating_point():
            raise wrong(call, f"returned {tensor.dtype} of shape {tuple(tensor.shape)}; return a {wanted}")
        tensor = tensor.float()  # before the look at its values: a float64 may be finite and too large
        bad = int((~tensor.isfinite()).reshape(len(tensor), math.prod(tensor.shape[1:])).any(1).sum())
        if bad:
            raise wrong(call, f"returned NaN or infinity for {bad} of {len(tensor)} inputs; return a finite {wanted}")
        return tensor


class Classes:
    """An int64 tensor of classes in [0, count)."""

    def __init__(self, count: int, *shape: Size) -> None:
        self.count, self.shape = count, shape

    def read(self, answer: Any, call: str) -> Tensor:
        """See `Reply.read`."""
        import torch

        wanted = f"int64 tensor ({', '.join(map(str, self.shape))}) of classes in [0, {self.count})"
        tensor = _tensor(answer, call, self.shape, wanted)
        if tensor.dtype != torch.int64:
            raise wrong(call, f"returned {tensor.dtype} of shape {tuple(tensor.shape)}; return a {wanted}")
        if not bool(((tensor >= 0) & (tensor < self.count)).all()):
            raise wrong(call, f"returned classes from {int(tensor.min())} to {int(tensor.max())}; return a {wanted}")
        return tensor


class Count:
    """A whole number from 0. what: it counts, as in "floats"."""

    def __init__(self, what: str) -> None:
        self.what = what

    def read(self, answer: Any, call: str) -> int:
        """See `Reply.read`."""
        if not isinstance(answer, int) or isinstance(answer, bool) or answer < 0:
            raise wrong(call, f"returned {answer!r}; return a number of {self.what}")
        return answer


class Word:
    """One of some words."""

    def __init__(self, words: Collection[str]) -> None:
        self.words = words

    def read(self, answer: Any, call: str) -> str:
        """See `Reply.read`."""
        if not isinstance(answer, str) or answer not in self.words:
            raise wrong(call, f"returned {answer!r}; return one of {', '.join(map(repr, self.words))}")
        return answer


class Several:
    """A list of so many replies of one form. what: they are, as in "the gradients of q, k and v"."""

    def __init__(self, count: int, form: Reply, what: str) -> None:
        self.count, self.form, self.what = count, form, what

    def read(self, answer: Any, call: str) -> list[Any]:
        """See `Reply.read`."""
        if not isinstance(answer, list | tuple) or len(answer) != self.count:
            raise wrong(call, f"returned no list of {self.count}; return {self.what}")
        return [self.form.read(one, call) for one in answer]


class Maybe:
    """A reply of one form, or None from a method that has nothing to say."""

    def __init__(self, form: Reply) -> None:
        self.form = form

    def read(self, answer: Any, call: str) -> Any:
        """See `Reply.read`."""
        return None if answer is None else self.form.read(answer, call)


def wrong(call: str, what: str) -> ContestantError:
    """The error of a call whose answer does not do: "forward() gives ..."."""
    return ContestantError("invalid_output", f"{call}() {what}")


def _tensor(answer: Any, call: str, shape: tuple[Size, ...], wanted: str) -> Tensor:
    import torch

    if not isinstance(answer, torch.Tensor):
        raise wrong(call, f"returned {type(answer).__name__}; return a {wanted}")
    fits = len(shape) == answer.ndim and all(
        size == have if isinstance(size, int) else have > 0 for size, have in zip(shape, answer.shape, strict=True)
    )
    if not fits:
        raise wrong(call, f"returned {answer.dtype} of shape {tuple(answer.shape)}; return a {wanted}")
    return answer
