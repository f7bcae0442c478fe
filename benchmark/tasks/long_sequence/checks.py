"""What `long_sequence.encode` sends, and how it checks answers: form, distance from exact attention, whether they are a
function of the inputs, and whether gradients are its slope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.seeding import generator
from benchmark.tasks.answers import Floats, Reply, Several, wrong
from benchmark.tasks.long_sequence import timing
from benchmark.tasks.long_sequence.timing import Tokens

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.tasks.rules import Contestant

SAMPLE = 32
"""Rows per head that are compared with exact attention."""


def error(data: Tokens, inputs: tuple[Tensor, ...], answer: Tensor) -> float:
    """How far a sample of rows is from exact attention, in %."""
    import torch

    from benchmark.tasks.long_sequence.attention.softmax import exact

    q, k, v = inputs
    rows = torch.randperm(q.shape[2], generator=generator(*data.path, "rows", q.shape[2]))[:SAMPLE]
    return timing.error(answer[:, :, rows], exact(q[:, :, rows].double(), k.double(), v.double(), plain=True))


def arguments(data: Tokens, call: str, length: int, *use: int | str) -> tuple[Tensor, ...]:
    """Inputs of a call: queries, keys and values, and for gradients what is pushed back."""
    inputs = data.stretch(length, call, *use)
    return inputs if call == "forward" else (*inputs, data.stretch(length, "push", *use)[2])


def form(call: str, shape: tuple[int, ...]) -> Reply:
    """What a call must return: finite floats of that shape, or three of them."""
    return Floats(*shape) if call == "forward" else Several(3, Floats(*shape), "the gradients of q, k and v")


def check_function(contestant: Contestant, data: Tokens, length: int) -> None:
    """Raise ContestantError unless equal inputs give equal outputs and others give others."""
    first, second = data.stretch(length, "check", 1), data.stretch(length, "check", 2)
    wanted = Floats(*first[2].shape)
    one, again, other = (contestant.call("forward", *x, reply=wanted, phase="check") for x in (first, first, second))
    if timing.error(again, one) > 0.1:
        raise wrong("forward", "gives the same inputs other outputs the second time; draw projections once")
    if timing.error(other, one) < 1:
        raise wrong("forward", "gives other inputs the same outputs")


def check_gradients(contestant: Contestant, data: Tokens, length: int) -> None:
    """Go a little way along the gradient of each input, both ways: outputs must change by as much as it says.

    Raises ContestantError if they do not, to 5 %.
    """
    *inputs, push = arguments(data, "gradients", length, "check")
    shape = tuple(push.shape)
    found = contestant.call("gradients", *inputs, push, reply=form("gradients", shape), phase="check")
    for place, (name, gradient) in enumerate(zip("qkv", found, strict=True)):
        size = float(gradient.double().norm())
        # Where it is 0, outputs must not change any way: whoever sees nothing is right to say so.
        way_to_go = gradient if size else data.stretch(shape[2], "gradients", "elsewhere")[place]
        step = 0.01 * float(inputs[place].norm()) / float(way_to_go.norm())
        sums = []
        for way in (step, -step):
            moved = list(inputs)
            moved[place] = inputs[place] + way * way_to_go
            out = contestant.call("forward", *moved, reply=form("forward", shape), phase="check")
            sums.append(float((out.double() * push).sum()))
        slope = (sums[0] - sums[1]) / (2 * step)
        if not abs(slope - size**2) <= 0.05 * size**2:
            raise wrong("gradients", f"is not the slope of forward() in {name}: {size**2:.4g}, not {slope:.4g}")
