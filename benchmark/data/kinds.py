"""All kinds of datasets, and which one a dataset is of: for listings and proxies. Code that decides a number knows its
own kind alone."""

from __future__ import annotations

from typing import Any

from benchmark.data.catalogue import (
    BoxDataset,
    ControlDataset,
    FixedDataset,
    ProceduralDataset,
    ScriptedDataset,
    SequenceDataset,
    VectorDataset,
)
from benchmark.data.texts.parallel import ParallelDataset
from benchmark.errors import DataError

KINDS: dict[str, Any] = {
    "fixed": FixedDataset, "scripted": ScriptedDataset, "procedural": ProceduralDataset, "control": ControlDataset,
    "vectors": VectorDataset, "sequences": SequenceDataset, "boxes": BoxDataset, "parallel": ParallelDataset,
}  # fmt: skip
"""The Protocol of each kind, the narrower before the wider."""


def kind_of(dataset: object) -> str:
    """The word for a dataset's kind, one of `KINDS`. Raises DataError if it is of none."""
    found = next((kind for kind, protocol in KINDS.items() if isinstance(dataset, protocol)), None)
    if found is None:
        names = " nor a ".join(kind.__name__ for kind in KINDS.values() if kind is not ScriptedDataset)
        raise DataError(f"{type(dataset).__name__} is neither a {names}")
    return found
