"""A call of `long_sequence.encode`, forward or gradients, measured on all contestants of a round by length."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from benchmark.errors import ContestantError
from benchmark.tasks.answers import wrong
from benchmark.tasks.long_sequence import checks, timing
from benchmark.tasks.long_sequence.timing import Timings, Tokens
from benchmark.tasks.rounds import FIRST, Rotation

if TYPE_CHECKING:
    from torch import Tensor

_CURVE = ("length", "tokens_per_second", "exact_tokens_per_second", "speed_up")


class Measured:
    """What was measured of a call. timings: by length;  errors (%), bytes: by contestant and length.

    call: "forward" or "gradients";  turns, patience: at each length, after a turn that warms up, so many at most, and
    no further one after so many seconds.
    """

    def __init__(self, call: str, rotation: Rotation, data: Tokens, *, turns: int, patience: float) -> None:
        self.timings: dict[int, Timings] = {}
        self.errors: dict[str, dict[int, float]] = defaultdict(dict)
        self.bytes: dict[str, dict[int, int]] = defaultdict(dict)
        self._call, self._rotation, self._data = call, rotation, data
        self._turns, self._patience = turns, patience

    def measure(self, length: int, *, only: Collection[str] | None = None) -> list[str]:
        """Warm up, then time the call turn by turn, and look at answers. A method that fails is out of the round.

        only: the methods that take part, at a length that is not ranked, where running out of memory is a result;
        returns those that did.
        """
        self.timings[length] = Timings()
        bursts: dict[str, int] = {}
        lost: list[str] = []
        for turn in self._turns_at_a_length():
            for name in self._rotation.turn():
                is_method = name in self._rotation.methods
                if is_method and only is not None and (name not in only or name in lost):
                    continue
                with self._rotation.trying(name):
                    try:
                        if not turn:
                            bursts[name] = self._first(name, length)
                        elif self.timings[length].wants(name):
                            self._time(name, length, turn=turn, count=bursts[name])
                    except ContestantError as problem:
                        if only is None or problem.status != "out_of_memory" or not is_method:
                            raise
                        lost.append(name)
                        self.timings[length].seconds.pop(name, None)
        return lost

    def beyond(self, lengths: Collection[int], *, longest: float) -> dict[str, dict[str, list[float]]]:
        """Try lengths that are not ranked, while a call of exact attention should take at most `longest` seconds.

        Returns, by method, the lengths that ran "out_of_memory", and those "too_slow" to be tried.
        """
        left_out: dict[str, dict[str, list[float]]] = defaultdict(lambda: {"out_of_memory": [], "too_slow": []})
        for length in lengths:
            names = [name for name in self._rotation.methods if not left_out[name]["out_of_memory"]]
            able = {name for name in names if self._expected(name, length) <= longest}
            if self._expected(FIRST, length) > longest:
                break
            for name in set(names) - able:
                left_out[name]["too_slow"].append(float(length))
            for name in self.measure(length, only=able):
                left_out[name]["out_of_memory"].append(float(length))
        return left_out

    def curve(self, name: str, batch: int) -> dict[str, list[float]]:
        """Tokens per second by length, of a method and of exact attention, and the speed-up."""
        curve: dict[str, list[float]] = {column: [] for column in _CURVE}
        for length, one in sorted(self.timings.items()):
            if one.seconds[name]:
                tokens = batch * length
                row = (length, tokens / one.median(name), tokens / one.anchor, one.speed_up(name))
                for column, value in zip(_CURVE, row, strict=True):
                    curve[column].append(float(value))
        return curve

    def _turns_at_a_length(self) -> Iterator[int]:
        """The first, which warms up, and one or more that are timed."""
        yield 0
        start = time.perf_counter()
        for turn in range(1, 1 + self._turns):
            if turn == 1 or time.perf_counter() - start < self._patience:
                yield turn

    def _expected(self, name: str, length: int) -> float:
        """Seconds that a call at another length takes at most, if its cost grows with the square."""
        last = max(at for at, timings in self.timings.items() if timings.seconds[name])
        return min(self.timings[last].seconds[name]) * (length / last) ** 2

    def _form(self, length: int) -> Any:
        batch, heads, _, dim = self._data.q.shape
        return checks.form(self._call, (batch, heads, length, dim))

    def _first(self, name: str, length: int) -> int:
        """Warm up and measure memory; return how many calls to time at once. A long call is a timing already."""
        contestant, phase = self._rotation[name], f"{self._call}, first"
        arguments = checks.arguments(self._data, self._call, length, "first")
        before = contestant.seconds(phase)
        timing.settle()
        answer, needed = contestant.peak(self._call, *arguments, phase=phase, reply=self._form(length))
        if needed is not None:
            self.bytes[name][length] = needed + sum(x.nbytes for x in arguments)
        taken = contestant.seconds(phase) - before
        if taken >= timing.LONG:
            self.timings[length].seconds[name].append(taken)
            self._look(name, length, arguments, answer)
            return 1
        if taken >= timing.BURST_SECONDS:
            return 1
        contestant.call(self._call, *arguments, reply=self._form(length), phase=phase)  # as fast as later ones
        return timing.burst(contestant.seconds(phase) - before - taken)

    def _time(self, name: str, length: int, *, turn: int, count: int) -> None:
        """Time some calls in a row on fresh inputs, and look at the first's answer."""
        contestant = self._rotation[name]
        calls = [checks.arguments(self._data, self._call, length, turn, place) for place in range(count)]
        before = contestant.seconds(self._call)
        timing.settle()
        answers = contestant.burst(self._call, calls, phase=self._call, reply=self._form(length))
        self.timings[length].seconds[name].append((contestant.seconds(self._call) - before) / count)
        self._look(name, length, calls[0], answers[0])

    def _look(self, name: str, length: int, inputs: tuple[Tensor, ...], answer: Any) -> None:
        """Note how far a timed answer is from exact attention. Raises ContestantError if much further than before."""
        if self._call != "forward":
            return
        off = checks.error(self._data, inputs, answer)
        first = self.errors[name].setdefault(length, off)
        if off > 2 * first + 1:
            raise wrong("forward", f"is {off:.0f} % off in a later call at length {length}, {first:.0f} % at first")
