"""Which kind a dataset is of, and what is of none."""

from __future__ import annotations

import pytest

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.kinds import KINDS, kind_of
from benchmark.errors import DataError


def test_every_kind_has_a_dataset_of_ours() -> None:
    assert plugins.load_datasets() == []
    assert {kind_of(entry.dataset) for entry in catalogue} == set(KINDS)


def test_what_is_no_dataset_is_refused() -> None:
    with pytest.raises(DataError, match="object is neither a FixedDataset nor a ProceduralDataset nor"):
        kind_of(object())
