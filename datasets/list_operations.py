"""List operations: nested MIN, MAX, MED and SUM_MOD of digits, as ListOps (Nangia, Bowman 2018, arXiv:1804.06028) and,
longer, Long Range Arena (Tay et al. 2020, arXiv:2011.04006, section 2.2.1) have them: [MAX 4 [MED 1 5 2 ] 0 ] is 4.

An own generator. Operations, their number of elements and how lists nest are theirs. Unlike theirs, sequences have a
given length, of which expressions fill a half or more; the outermost list has as many elements as that takes; and
answers are equally frequent, so that one guess in ten is right. All expressions of a batch are written, and worked out,
together from left to right, with a stack that counts digits.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from benchmark.data.catalogue import LabelledSequences, catalogue
from benchmark.errors import DataError
from benchmark.seeding import generator

if TYPE_CHECKING:
    from torch import Generator, Tensor

DIGITS = 10
OPERATIONS = ("MIN", "MAX", "MED", "SUM_MOD")
CLOSE = DIGITS + len(OPERATIONS)
PADDING, ANSWER = CLOSE + 1, CLOSE + 2
VOCABULARY = (*map(str, range(DIGITS)), *(f"[{name}" for name in OPERATIONS), "]", " ", "=")
"""Tokens, written out: digits, an operation with its bracket, its end, what fills the rest, where the answer goes."""
DEPTH = 10
"""Lists within lists, at most."""
NEST = 0.25
"""How often an element is a list."""
LEAST, MOST = 2, 10
"""Elements of a list but the outermost, uniform: fewer if the sequence ends."""
SHORTEST = 0.5
"""Of the room, what the shortest expressions take; lengths are uniform from there on."""


@catalogue.add(
    "list-operations",
    title="List operations: nested minima, maxima, medians and sums of digits",
    licence="drawn by this project (Apache-2.0)",
    source="grammar in datasets/list_operations.py",
)
class ListOperations:
    """See `benchmark.data.catalogue.SequenceDataset`. Tokens have one field: their place in `VOCABULARY`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """See `SequenceDataset.classes`."""
        return VOCABULARY[:DIGITS]

    def fingerprint(self) -> str:
        """See `SequenceDataset.fingerprint`."""
        decided_by = f"1 {VOCABULARY} {DEPTH} {NEST} {LEAST} {MOST} {SHORTEST}"
        return hashlib.blake2b(decided_by.encode(), digest_size=8).hexdigest()

    def fields(self, length: int) -> tuple[int, ...]:
        """See `SequenceDataset.fields`."""
        return (len(VOCABULARY),)

    def sequences(self, *, count: int, length: int, seed: int) -> LabelledSequences:
        """See `SequenceDataset.sequences`: an expression, padding, and the token that asks for its value."""
        import torch

        if int(SHORTEST * (length - 1)) < LEAST + 2:
            raise DataError(f"length is {length}; the shortest expressions need {int((LEAST + 2) / SHORTEST) + 1}")
        rng = generator(seed, "list-operations")
        lacking = [count // DIGITS + (digit < count % DIGITS) for digit in range(DIGITS)]
        found, labels = [], []
        while any(lacking):
            tokens = write(2 * count + DIGITS, length - 1, rng)
            values = work_out(tokens)
            for digit, wanted in enumerate(lacking):
                chosen = tokens[values == digit][:wanted]
                lacking[digit] -= len(chosen)
                found.append(chosen)
                labels.append(torch.full((len(chosen),), digit))
        order = torch.randperm(count, generator=rng)
        asking = torch.full((count, 1), ANSWER, dtype=torch.uint8)
        whole = torch.cat([torch.cat(found)[order], asking], 1)
        return LabelledSequences(whole.unsqueeze(2), torch.cat(labels)[order])


def write(count: int, room: int, rng: Generator) -> Tensor:
    """Write expressions (count, room) uint8, padded at the end.

    Of each list on the stack it is known how many elements it has and is to have. `needed` is the least number of
    tokens that ends all open lists; once no more are left, each list is filled to its least and closed.
    """
    import torch

    ends = torch.randint(int(SHORTEST * room), room + 1, (count,), generator=rng)
    tokens = torch.full((room, count), PADDING, dtype=torch.uint8)
    elements, wanted = (torch.zeros(DEPTH + 1, count, dtype=torch.int64) for _ in range(2))
    depth, needed = (torch.zeros(count, dtype=torch.int64) for _ in range(2))
    for place in range(room):
        left = ends - place
        here = depth.unsqueeze(0)
        has = elements.gather(0, here).squeeze(0)
        short = ((has < LEAST) & (depth > 0)).long()
        tight = left <= needed
        full = torch.where(depth > 1, has >= wanted.gather(0, here).squeeze(0), False)
        close = (depth > 0) & (full | (tight & (short == 0)))
        deeper = torch.rand(count, generator=rng) < NEST
        deeper &= (depth < DEPTH) & (left - 1 >= needed - short + LEAST + 1)
        opens = (depth == 0) | (deeper & ~close)
        digit = torch.randint(0, DIGITS, (count,), generator=rng)
        operation = DIGITS + torch.randint(0, len(OPERATIONS), (count,), generator=rng)
        token = torch.where(close, CLOSE, torch.where(opens, operation, digit))
        writing = left > 0
        tokens[place] = torch.where(writing, token, PADDING)
        opens, close = opens & writing, close & writing
        elements.scatter_add_(0, here, (writing & ~close).long().unsqueeze(0))
        needed += (opens * (LEAST + 1)) - (writing & ~close) * short - close.long()
        depth += opens.long() - close.long()
        here = depth.unsqueeze(0)
        chosen = torch.randint(LEAST, MOST + 1, (1, count), generator=rng)
        wanted.scatter_(0, here, torch.where(opens, chosen, wanted.gather(0, here)))
        elements.scatter_(0, here, torch.where(opens, 0, elements.gather(0, here)))
    return tokens.T.contiguous()


def work_out(tokens: Tensor) -> Tensor:
    """Values (n,) int64 of well-formed expressions (n, room), padded or not."""
    import torch

    count = len(tokens)
    rows = torch.arange(count)
    counts = torch.zeros(count, DEPTH + 1, DIGITS, dtype=torch.int64)  # of the elements of each open list
    operations = torch.zeros(count, DEPTH + 1, dtype=torch.int64)
    depth = torch.zeros(count, dtype=torch.int64)
    for token in tokens.long().unbind(1):
        opens, closes = (token >= DIGITS) & (token < CLOSE), token == CLOSE
        value = torch.where(closes, _value(operations[rows, depth], counts[rows, depth]), token)
        depth += opens.long() - closes.long()
        counts[rows, depth] *= (~opens).long().unsqueeze(1)
        operations[rows, depth] = torch.where(opens, token - DIGITS, operations[rows, depth])
        counts[rows, depth, value.clamp(max=DIGITS - 1)] += (value < DIGITS).long()
    return counts[:, 0].argmax(1)


def _value(operation: Tensor, counts: Tensor) -> Tensor:
    """Apply operations (n,) to multisets of digits, counts (n, DIGITS)."""
    import torch

    below = counts.cumsum(1)
    total = below[:, -1:]
    middle = [(below <= (total - odd) // 2).sum(1) for odd in (1, 0)]  # for odd totals, twice the same
    found = (
        (below == 0).sum(1),
        (below < total).sum(1),
        (middle[0] + middle[1]) // 2,
        (counts * torch.arange(DIGITS)).sum(1) % DIGITS,
    )
    return torch.stack(found, 1).gather(1, operation.unsqueeze(1)).squeeze(1)
