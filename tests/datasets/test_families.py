"""Families: the same images for the same arguments, and kinship that can be measured."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmark.data.catalogue import ProceduralDataset, catalogue
from benchmark.data.drawing.worlds import World
from benchmark.errors import DataError
from benchmark.tasks.few_shot.class_split import class_split

FAMILIES, BASE, NOVEL = 16, 6, 2


@pytest.fixture
def families() -> World:
    dataset = catalogue.find("families").dataset
    assert isinstance(dataset, World)
    assert isinstance(dataset, ProceduralDataset)
    return dataset


def module(world: World) -> Any:
    return sys.modules[type(world).__module__]


def family(name: str) -> str:
    return name.partition("/")[2].partition("-")[0]


def test_classes(families: World) -> None:
    assert len(set(families.classes)) == len(families.classes) == FAMILIES * (BASE + NOVEL)
    split = class_split("families", families.classes)
    for indices, members in ((split.base, BASE), (split.novel, NOVEL)):
        kin = [family(families.classes[index]) for index in indices]
        assert {name: kin.count(name) for name in kin} == {f"{number:02}": members for number in range(FAMILIES)}


@pytest.mark.parametrize("size", [8, 16, 28, 33])
def test_shapes_types_and_labels(families: World, size: int) -> None:
    drawn = families.draw(classes=[127, 0, 60], per_class=4, size=size, seed=0)
    assert drawn.images.shape == (12, 1, size, size)
    assert drawn.images.dtype == torch.uint8
    assert drawn.labels.bincount().tolist() == [4, 4, 4]
    assert drawn.classes == ("novel/15-7", "base/00-0", "base/10-0")
    assert drawn.images.flatten(1).float().std(1).min() > 10, "an empty image"


def test_same_arguments_same_images(families: World) -> None:
    def draw(seed: int) -> torch.Tensor:
        return families.draw(classes=range(90, 100), per_class=5, size=12, seed=seed).images

    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))
    assert len({image.numpy().tobytes() for image in draw(3)}) == 50


def test_threads_change_nothing(families: World) -> None:
    before, drawn = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            drawn.append(families.draw(classes=range(16), per_class=20, size=16, seed=5).images)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*drawn)


def test_a_class_looks_the_same_among_others(families: World) -> None:
    alone = families.draw(classes=[17], per_class=30, size=9, seed=1)
    among = families.draw(classes=[1, 0, 17, 5], per_class=30, size=9, seed=1)
    seen = {image.numpy().tobytes() for image in among.images[among.labels == 2]}
    assert {image.numpy().tobytes() for image in alone.images} == seen


@pytest.mark.parametrize(
    ("change", "what"),
    [({"classes": [0, 128]}, "no class 128"), ({"per_class": 0}, "per_class is 0"), ({"size": 7}, "size is 7")],
)
def test_bad_input_is_refused(families: World, change: dict[str, object], what: str) -> None:
    with pytest.raises(DataError, match=what):
        families.draw(**{"classes": [0], "per_class": 1, "size": 8, "seed": 0, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["REACH", "KINSHIP", "JITTER"])
def test_fingerprint_follows_the_numbers(families: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = families.fingerprint()
    assert before == families.fingerprint()
    monkeypatch.setattr(module(families), name, 0.5)
    assert families.fingerprint() != before


def test_members_differ_less_than_hands_shake_and_families_more(families: World) -> None:
    points = module(families)._control_points()
    assert points.shape == (FAMILIES * (BASE + NOVEL), 3, 4, 2)
    kin = torch.tensor([int(family(name)) for name in families.classes])
    distance = (points[:, None] - points[None]).square().mean((2, 3, 4)).sqrt()
    same = (kin[:, None] == kin[None]) & ~torch.eye(len(kin), dtype=torch.bool)
    assert distance[same].min() > 0
    assert distance[same].max() < module(families).JITTER
    assert distance[kin[:, None] != kin[None]].min() > module(families).JITTER


def accuracy(
    families: World, guess: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], wanted: torch.Tensor
) -> float:
    known, unseen = (families.draw(classes=range(96), per_class=count, size=16, seed=count) for count in (60, 10))
    pixels = [part.images.flatten(1).double() for part in (known, unseen)]
    pixels = [(part - part.mean(1, keepdim=True)) / part.std(1, keepdim=True) for part in pixels]
    means = torch.stack([pixels[0][known.labels == label].mean(0) for label in range(96)])
    return float((guess(pixels[1], means) == wanted[unseen.labels]).double().mean())


def test_the_family_is_easier_to_see_than_the_member(families: World) -> None:
    """Nearest class mean of pixels, on classes that it has learned; chance is 6 and 1 %."""
    kin = torch.arange(96) // BASE

    def nearest(images: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
        return torch.cdist(images, means).argmin(1)

    member = accuracy(families, nearest, torch.arange(96))
    relative = accuracy(families, lambda images, means: kin[nearest(images, means)], kin)
    assert 0.02 < member < 0.25
    assert relative > 0.25
    assert relative > 3 * member
