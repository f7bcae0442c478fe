"""How `linear` goes through tokens: tiles of sequences, blocks of tokens, sums over the past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.tasks.long_sequence.attention.features import LOWEST, FeatureMap

CACHED = {"cpu": 2**18, "cuda": 2**26}
"""Features of a block: a megabyte stays in the second-level cache of a CPU; a GPU wants to be filled."""
TOKENS = {"cpu": 512, "cuda": 4096}
"""Tokens of a block, at most."""
CHUNK = 128
"""Tokens of a causal block, at most: within one every query meets every key."""
NOTHING = -1e30
"""Stands for the logarithm of no weight where -inf would give inf - inf."""


@dataclass(frozen=True, slots=True)
class State:
    """All that causal attention remembers of its past, whatever its length.

    sums: (sequences, width, value + 1), of phi(k)^T [v, 1], relative to exp(top);  top: (sequences,) float64, the
    largest logarithm of a weight so far. Both change in place.
    """

    sums: Tensor
    top: Tensor

    @classmethod
    def empty(cls, sequences: int, width: int, value: int, device: torch.device) -> State:
        """The state before the first token."""
        sums = torch.zeros(sequences, width, value + 1, device=device)
        return cls(sums, torch.full((sequences,), NOTHING, dtype=torch.float64, device=device))

    @property
    def nbytes(self) -> int:
        """Bytes it takes."""
        return self.sums.nbytes + self.top.nbytes

    def part(self, sequences: slice) -> State:
        """The same memory, of some sequences."""
        return State(self.sums[sequences], self.top[sequences])

    def add(self, keys: Keys) -> None:
        """Take a block of keys in."""
        values = keys.values
        if keys.logs is not None:
            top = torch.maximum(self.top, keys.logs.amax(1))
            self.sums.mul_(shrink(self.top - top).view(-1, 1, 1))
            self.top.copy_(top)
            values = values * shrink(keys.logs - top.unsqueeze(1)).unsqueeze(2)
        self.sums.baddbmm_(keys.phi.mT, values)


@dataclass(frozen=True, slots=True)
class Keys:
    """A block of keys. phi: (n, t, width);  values: (n, t, value + 1), the last column ones;  logs: (n, t) float64 of
    their weights, None where all are 1."""

    phi: Tensor
    values: Tensor
    logs: Tensor | None

    def factors(self, top: Tensor) -> Tensor | None:
        """Weights (n, t, 1) relative to exp(top), for top (n,)."""
        return None if self.logs is None else shrink(self.logs - top.unsqueeze(1)).unsqueeze(2)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Queries and keys of the same tokens. phi: (n, t, width) of the queries;  before: top of the state before;
    tops: (n, t) float64, the largest logarithm of a weight up to each token, None where weights are 1."""

    phi: Tensor
    keys: Keys
    before: Tensor
    tops: Tensor | None

    def weigh(self, scores: Tensor) -> Tensor:
        """Scores (n, t, t), in place, times the keys' weights relative to each query's top; 0 for keys after it."""
        if self.tops is not None and self.keys.logs is not None:
            first = self.tops[:, :1]  # of the chunk's tops the one that no token's future decides
            keys, tops = (self.keys.logs - first).float(), (self.tops - first).float()
            scores.mul_((keys.unsqueeze(1) - tops.unsqueeze(2)).clamp_(min=LOWEST).exp_())
        return scores.tril_()

    @property
    def carry(self) -> Tensor | None:
        """Factors (n, t, 1) of what queries read of the past."""
        return None if self.tops is None else shrink(self.before.unsqueeze(1) - self.tops).unsqueeze(2)


@dataclass(frozen=True, slots=True)
class Tile:
    """Some sequences and their features, with memory for three blocks of features that is used again and again."""

    sequences: slice
    features: FeatureMap
    tokens: int
    width: int
    buffers: Tensor

    def blocks(self, length: int) -> list[slice]:
        """The places of all tokens, block by block."""
        return [slice(start, min(start + self.tokens, length)) for start in range(0, length, self.tokens)]

    def queries(self, place: slice, q: Tensor) -> Tensor:
        """Features (n, t, width) of the queries there."""
        x = q[self.sequences, place].float()
        phi = self._buffer(0, x)
        self.features(x, phi)
        return phi

    def keys(self, place: slice, k: Tensor, v: Tensor, weights: Tensor | None) -> Keys:
        """The keys there with their values and weights."""
        x = k[self.sequences, place].float()
        phi = self._buffer(1, x)
        logs = self.features(x, phi)
        logs = None if logs is None else logs.double()
        if weights is not None:
            given = weights[self.sequences, place].double()
            logs = given if logs is None else logs + given
        return Keys(phi, torch.nn.functional.pad(v[self.sequences, place].float(), (0, 1), value=1.0), logs)

    def chunk(self, place: slice, q: Tensor, k: Tensor, v: Tensor, weights: Tensor | None, before: Tensor) -> Chunk:
        """Queries and keys there; before: (n,), top of the state that holds all earlier keys."""
        keys = self.keys(place, k, v, weights)
        tops = None if keys.logs is None else torch.maximum(keys.logs.cummax(1).values, before.unsqueeze(1))
        return Chunk(self.queries(place, q), keys, before, tops)

    def spare(self, phi: Tensor) -> Tensor:
        """Memory for gradients of features of that shape."""
        return self._buffer(2, phi)

    def _buffer(self, which: int, like: Tensor) -> Tensor:
        shape = (*like.shape[:2], self.width)
        return self.buffers[which, : shape[0] * shape[1] * shape[2]].view(shape)


def tiles(features: FeatureMap, x: Tensor, *, length: int, tokens: int) -> Iterator[Tile]:
    """Cut sequences x (n, t, dim) so that a block of at most `tokens` of `length` tokens fits the cache."""
    width, kind = features.width(x.shape[2]), x.device.type
    tokens = max(1, min(tokens, length))
    together = min(len(x), max(1, CACHED[kind] // (tokens * width)))
    buffers = torch.empty(3, together * tokens * width, device=x.device)
    for start in range(0, len(x), together):
        sequences = slice(start, min(start + together, len(x)))
        yield Tile(sequences, features.part(sequences), tokens, width, buffers)


def shrink(logs: Tensor) -> Tensor:
    """exp of logarithms of at most 0, float32."""
    return logs.clamp(min=LOWEST).float().exp_()
