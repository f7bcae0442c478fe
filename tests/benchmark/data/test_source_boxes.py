"""Images with boxes in the same words whether drawn or read: seeds, memory between jobs, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.data.catalogue import (
    ControlDataset,
    FixedDataset,
    ProceduralDataset,
    SequenceDataset,
    VectorDataset,
)
from benchmark.data.kinds import kind_of
from benchmark.data.source import Source
from benchmark.errors import DataError
from tests.benchmark.data.source_stub import Drawn, Fixed, drawn_by, source


class Boxes:
    """Notes what it is asked for; an image holds one box."""

    drawn = False

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def missing(self, root: Path) -> str | None:
        return f"put files into {root}"

    def fingerprint(self, root: Path) -> str:
        return f"b1 {root}"

    def categories(self, root: Path) -> tuple[str, ...]:
        return ("cat", root.name)

    def fetch(self, root: Path) -> None: ...

    def boxed(self, split: str, *, root: Path, size: tuple[int, int], count: int | None, **words: Any) -> BoxedImages:
        self.asked.append({"split": split, "root": root, "size": size, "count": count, **words})
        ones = torch.ones(count or 5, dtype=torch.int64)
        images = torch.zeros(len(ones), 3, *size, dtype=torch.uint8)
        return BoxedImages(
            images, torch.tensor([[0.0, 0, 1, 1]]).expand(len(ones), 4), ones, ones, ones == 0, ("a", "b")
        )


class DrawnBoxes(Boxes):
    drawn = True


def boxed(which: Source, **changes: Any) -> BoxedImages:
    words, draw = drawn_by({"split": "train", "size": (4, 6), "count": 3} | changes)
    return which.boxed(words.pop("split"), **words, draw=draw)


def seed(dataset: Boxes, **changes: Any) -> int:
    boxed(source(dataset), **changes)
    found: int = dataset.asked.pop()["seed"]
    return found


def test_what_it_says_of_itself() -> None:
    read, drawn = source(Boxes()), source(DrawnBoxes())
    assert (read.drawn, drawn.drawn) == (False, True)
    assert read.missing() == "put files into /nowhere"
    assert read.fingerprint() == "stub:b1 /nowhere"
    assert read.classes() == ("cat", "nowhere")
    assert read.class_count() == 2


def test_it_is_of_no_other_kind() -> None:
    assert kind_of(Boxes()) == "boxes"
    for other in (FixedDataset, ProceduralDataset, ControlDataset, VectorDataset, SequenceDataset):
        assert not isinstance(Boxes(), other)
    assert kind_of(Fixed()) == "fixed"


def test_seeds() -> None:
    """Images on disk know no salt; of drawn ones those of the test do. Tracks and devices see the same."""
    read, drawn = Boxes(), DrawnBoxes()
    for dataset in (read, drawn):
        assert len({seed(dataset), seed(dataset, seed=1), seed(dataset, split="test")}) == 3
        assert seed(dataset) == seed(dataset, salt="fresh") == seed(dataset, track="other") == seed(dataset, device="x")
    assert seed(read, split="test") == seed(read, split="test", salt="fresh")
    assert seed(drawn, split="test") != seed(drawn, split="test", salt="fresh")


def test_words_are_passed_on() -> None:
    dataset = DrawnBoxes()
    boxed(source(dataset), spread=0.25)
    (asked,) = dataset.asked
    assert {**asked, "seed": 0} == {
        "split": "train", "root": Path("/nowhere"), "size": (4, 6), "count": 3, "seed": 0, "spread": 0.25,
    }  # fmt: skip
    boxed(source(dataset))
    assert dataset.asked[-1]["spread"] == 1.0


def test_all_of_a_split_are_read_once_per_size() -> None:
    dataset = Boxes()
    which = source(dataset)
    first = boxed(which, count=None)
    for changes in ({}, {"seed": 1}, {"salt": "fresh"}):
        assert boxed(which, count=None, **changes) is first
    boxed(which, count=None, split="test")
    boxed(which, count=None, size=(8, 8))
    assert [(each["split"], each["size"]) for each in dataset.asked] == [
        ("train", (4, 6)), ("test", (4, 6)), ("train", (8, 8)),
    ]  # fmt: skip


def test_a_drawn_one_must_be_told_how_many() -> None:
    with pytest.raises(DataError, match="dataset 'stub' is drawn: say how many images"):
        boxed(source(DrawnBoxes()), count=None)


@pytest.mark.parametrize("other", [Fixed, Drawn])
def test_a_dataset_without_boxes_says_which_have_some(other: type) -> None:
    with pytest.raises(
        DataError, match=r"dataset 'stub' has no boxes; choose one of .*blood-cells, .*coco2017, .*voc2007"
    ):
        boxed(source(other()))


def test_it_has_no_labelled_images() -> None:
    with pytest.raises(DataError, match="'stub' is images with boxes and has no 'train' split to read"):
        source(Boxes()).read("train")


@pytest.mark.parametrize(
    ("call", "attempt"),
    [
        ("missing", lambda which: which.missing()),
        ("fingerprint", lambda which: which.fingerprint()),
        ("categories", lambda which: which.classes()),
        ("boxed", boxed),
        ("boxed", lambda which: boxed(which, count=None)),
    ],
)
def test_whatever_a_plugin_raises_names_it(call: str, attempt: Callable[[Source], object]) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("in the plug-in")

    with pytest.raises(DataError, match="dataset 'stub' failed with ZeroDivisionError: in the plug-in"):
        attempt(source(type("Broken", (Boxes,), {call: fail})()))
