"""Associative recall: pairs of a key and a value, then one of the keys; which value came with it?

As in the studies of what attention can do and a state of fixed size cannot (Arora et al. 2024, arXiv:2312.04927), but
key and value share a token, so that one layer may solve it: nothing need be carried from a token to the next. Keys of a
sequence are distinct, values independent of each other, answers equally frequent.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from benchmark.data.catalogue import LabelledSequences, catalogue
from benchmark.errors import DataError
from benchmark.seeding import generator

if TYPE_CHECKING:
    from torch import Tensor

VALUES = 10
KEYS = 2
"""Times as many keys as a sequence shows."""


@catalogue.add(
    "associative-recall",
    title="Associative recall: many pairs of key and value, then a key",
    licence="drawn by this project (Apache-2.0)",
    source="formula in datasets/associative_recall.py",
)
class AssociativeRecall:
    """See `SequenceDataset`. Fields of a token: key, value; the question's value is `VALUES`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """See `SequenceDataset.classes`."""
        return tuple(str(value) for value in range(VALUES))

    def fingerprint(self) -> str:
        """See `SequenceDataset.fingerprint`."""
        return hashlib.blake2b(f"1 {VALUES} {KEYS}".encode(), digest_size=8).hexdigest()

    def fields(self, length: int) -> tuple[int, ...]:
        """See `SequenceDataset.fields`."""
        return KEYS * (length - 1), VALUES + 1

    def sequences(self, *, count: int, length: int, seed: int) -> LabelledSequences:
        """See `SequenceDataset.sequences`: length - 1 pairs and the question."""
        import torch

        if length < 2:
            raise DataError(f"length is {length}; a pair and a question take 2 tokens")
        rng = generator(seed, "associative-recall")
        pairs = length - 1
        keys = torch.rand(count, KEYS * pairs, generator=rng).argsort(dim=1, stable=True)[:, :pairs]
        values = torch.randint(0, VALUES, (count, pairs), generator=rng)
        asked = torch.randint(0, pairs, (count, 1), generator=rng)
        labels = (torch.arange(count) % VALUES)[torch.randperm(count, generator=rng)]
        values.scatter_(1, asked, labels.unsqueeze(1))
        question = torch.stack([keys.gather(1, asked), torch.full((count, 1), VALUES)], 2)
        tokens: Tensor = torch.cat([torch.stack([keys, values], 2), question], 1)
        return LabelledSequences(tokens, labels)
