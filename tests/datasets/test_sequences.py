"""Sequences to learn from: what the questions ask for, worked out slowly, and that answers are as frequent as said."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from benchmark.data.catalogue import LabelledSequences, SequenceDataset, catalogue
from benchmark.errors import DataError

NAMES = ["associative-recall"]


def dataset(name: str) -> Any:
    found = catalogue.find(name).dataset
    assert isinstance(found, SequenceDataset)
    return found


def module(name: str) -> Any:
    return sys.modules[type(dataset(name)).__module__]


@pytest.mark.parametrize("name", NAMES)
class TestBoth:
    def test_shapes_and_ranges(self, name: str) -> None:
        drawn = dataset(name).sequences(count=203, length=40, seed=100)
        fields = dataset(name).fields(40)
        assert drawn.tokens.shape == (203, 40, len(fields))
        for values, count in zip(drawn.tokens.unbind(2), fields, strict=True):
            assert 0 <= int(values.min()) <= int(values.max()) < count
        assert drawn.labels.dtype == torch.int64

    def test_answers_are_equally_frequent_and_in_no_order(self, name: str) -> None:
        labels = dataset(name).sequences(count=203, length=40, seed=100).labels
        counts = labels.bincount(minlength=len(dataset(name).classes))
        assert len(counts) == 10
        assert int(counts.max()) - int(counts.min()) == 1
        assert int((labels[1:] < labels[:-1]).sum()) > 40, "sorted labels never fall"

    def test_the_seed_decides(self, name: str) -> None:
        one, again, other = (dataset(name).sequences(count=30, length=40, seed=seed) for seed in (100, 100, 101))
        assert torch.equal(one.tokens, again.tokens)
        assert torch.equal(one.labels, again.labels)
        assert not torch.equal(one.tokens, other.tokens)

    def test_the_last_token_is_no_answer(self, name: str) -> None:
        """It asks; where it is all that is seen, classes cannot be told."""
        drawn = dataset(name).sequences(count=2000, length=24, seed=100)
        last = drawn.tokens[:, -1].long()
        assert len(last[:, -1].unique()) == 1
        groups = (last[:, 0] * 10 + drawn.labels).bincount(minlength=10 * (int(last[:, 0].max()) + 1)).view(-1, 10)
        share = float(groups.amax(1).sum()) / 2000
        assert share < 0.25, "46 keys, 43 sequences each: chance"

    def test_too_short_a_length_is_refused(self, name: str) -> None:
        with pytest.raises(DataError, match="length is 1"):
            dataset(name).sequences(count=10, length=1, seed=100)


class TestAssociativeRecall:
    def test_the_label_is_the_value_that_came_with_the_key(self) -> None:
        drawn = dataset("associative-recall").sequences(count=50, length=33, seed=100)
        for sequence, label in zip(drawn.tokens.tolist(), drawn.labels.tolist(), strict=True):
            pairs = dict(sequence[:-1])
            assert len(pairs) == 32, "distinct keys"
            assert pairs[sequence[-1][0]] == label
            assert sequence[-1][1] == module("associative-recall").VALUES

    def test_any_pair_is_asked_for_and_most_values_are_others(self) -> None:
        drawn = dataset("associative-recall").sequences(count=4000, length=9, seed=100)
        places = (drawn.tokens[:, :-1, 0] == drawn.tokens[:, -1:, 0]).long().argmax(1)
        assert places.bincount(minlength=8).tolist() == pytest.approx([500] * 8, rel=0.2)
        same = drawn.tokens[:, :-1, 1] == drawn.labels.unsqueeze(1)
        assert float(same.double().mean()) == pytest.approx(1 / 8 + 7 / 8 / 10, abs=0.01), "no hint in how many"


def test_sequences_of_another_form_are_refused() -> None:
    labels = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(DataError, match=r"tokens are \(3, 5\) torch.int64"):
        LabelledSequences(torch.zeros(3, 5, dtype=torch.int64), labels)
    with pytest.raises(DataError, match="float32"):
        LabelledSequences(torch.zeros(3, 5, 1), labels)
    with pytest.raises(DataError, match="4 sequences but labels"):
        LabelledSequences(torch.zeros(4, 5, 1, dtype=torch.uint8), labels)
