"""The registry of datasets: names, origins, and what a dataset must be."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmark.data.catalogue import Catalogue, DatasetEntry, LabelledImages, LabelledSequences, catalogue
from benchmark.errors import DataError, DuplicateNameError, UnknownNameError, UsageError
from benchmark.identity import registering_from

WORDS = {"title": "Stub", "licence": "none", "source": "here"}


class Stub:
    """Draws nothing, but could."""

    classes = ("a",)

    def fingerprint(self) -> str:
        return "1"

    def draw(self, **_: Any) -> LabelledImages:
        raise NotImplementedError


def entry(name: str, **changes: Any) -> DatasetEntry:
    return DatasetEntry(**({"name": name, **WORDS, "dataset": Stub(), "origin": "here.py"} | changes))


def test_a_class_is_registered_under_its_name() -> None:
    registry = Catalogue()
    assert registry.add("stub", **WORDS)(Stub) is Stub
    found = registry.find("stub")
    assert (found.name, found.title, found.licence, found.source) == ("stub", "Stub", "none", "here")
    assert isinstance(found.dataset, Stub)
    assert not found.gives_way


def test_its_origin_is_the_plugin_that_registers_it() -> None:
    registry = Catalogue()
    registry.add("one", **WORDS)(Stub)
    with registering_from("/plugins/two.py"):
        registry.add("two", **WORDS)(Stub)
    assert [registry.find(name).origin for name in ("one", "two")] == [__name__, "/plugins/two.py"]


def test_ours_come_from_a_file_each() -> None:
    assert len(catalogue.entries) > 10
    for each in catalogue:
        assert each.origin.endswith(".py"), each.name
        assert each.name == catalogue.find(each.name).name


@pytest.mark.parametrize("name", ["", "Upper", "a b", "../up", "a/b", "-a", "ä", "a.b", "a@b", "a\n", 7])
def test_a_name_must_fit_a_file_name(name: Any) -> None:
    registry = Catalogue()
    with pytest.raises(UsageError, match=r"dataset name .*: use lower-case letters, digits, '-' and '_'"):
        registry.put(entry(name))
    with pytest.raises(UsageError, match="dataset name"):
        registry.add(name, **WORDS)(Stub)
    assert registry.entries == {}


def test_a_name_is_taken_once() -> None:
    registry = Catalogue()
    first = entry("mnist")
    registry.put(first)
    with pytest.raises(DuplicateNameError, match="dataset 'mnist' is registered already; choose another name"):
        registry.put(entry("mnist", origin="other.py"))
    assert registry.find("mnist") is first


def test_one_that_gives_way_does() -> None:
    registry = Catalogue()
    registry.put(entry("mnist", gives_way=True))
    second = entry("mnist", origin="other.py")
    registry.put(second)
    assert registry.find("mnist") is second


def test_an_unknown_name_brings_the_nearest() -> None:
    registry = Catalogue()
    registry.put(entry("mnist"))
    with pytest.raises(UnknownNameError, match="no dataset 'minst'; did you mean 'mnist'"):
        registry.find("minst")


def test_they_are_listed_by_name() -> None:
    registry = Catalogue()
    for name in ("c", "a", "b"):
        registry.put(entry(name))
    assert [each.name for each in registry] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        (
            torch.zeros(2, 1, 3, 3),
            torch.zeros(2),
            r"images are \(2, 1, 3, 3\) torch.float32; a dataset must give",
        ),
        (torch.zeros(2, 3, 3, dtype=torch.uint8), torch.zeros(2), r"images are \(2, 3, 3\) torch.uint8"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(3), r"2 images but labels of shape \(3,\)"),
    ],
)
def test_images_of_another_form(images: torch.Tensor, labels: torch.Tensor, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        LabelledImages(images, labels, ("a",))


@pytest.mark.parametrize(
    ("tokens", "labels", "sentence"),
    [
        (torch.zeros(2, 5, 1), torch.zeros(2), r"tokens are \(2, 5, 1\) torch.float32; a dataset must give uint8 or"),
        (torch.zeros(2, 5, dtype=torch.int64), torch.zeros(2), r"tokens are \(2, 5\) torch.int64"),
        (torch.zeros(2, 5, 1, dtype=torch.uint8), torch.zeros(2, 1), r"2 sequences but labels of shape \(2, 1\)"),
    ],
)
def test_sequences_of_another_form(tokens: torch.Tensor, labels: torch.Tensor, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        LabelledSequences(tokens, labels)
