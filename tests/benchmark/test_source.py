"""Labelled images from a drawn or a fixed dataset, asked for in the same words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.data import DatasetEntry, LabelledImages
from benchmark.errors import DataError
from benchmark.source import Source


def numbered(counts: list[int]) -> LabelledImages:
    """One image per index, its two pixels say class and number; in an order that mixes the classes."""
    rows = sorted((number, label) for label, count in enumerate(counts) for number in range(count))
    images = torch.tensor([[label, number] for number, label in rows], dtype=torch.uint8)[:, None, None]
    return LabelledImages(images, torch.tensor([label for _, label in rows]), tuple("abcdef"[: len(counts)]))


class Fixed:
    """Four classes of 12, 9, 7 and 12 training images, three test images each."""

    def __init__(self) -> None:
        self.loads = 0

    def missing(self, root: Path) -> str | None:
        return None

    def fingerprint(self, root: Path) -> str:
        return "f1"

    def load(self, split: str, *, root: Path) -> LabelledImages:
        self.loads += 1
        return numbered([12, 9, 7, 12] if split == "train" else [3] * 4)

    def fetch(self, root: Path) -> None: ...


class Drawn:
    """Notes the seeds that it is asked for."""

    classes = tuple("abcdef")

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def fingerprint(self) -> str:
        return "d1"

    def draw(self, *, classes: list[int], per_class: int, size: int, seed: int) -> LabelledImages:
        self.seeds.append(seed)
        labels = torch.arange(len(classes)).repeat(per_class)
        return LabelledImages(torch.zeros(len(labels), 1, size, size, dtype=torch.uint8), labels, self.classes[:3])


def source(dataset: Any) -> Source:
    return Source(DatasetEntry("stub", "Stub", "none", "here", dataset), Path("/nowhere"))


@pytest.fixture
def fixed() -> Source:
    return source(Fixed())


def ask(which: Source, **changes: Any) -> LabelledImages:
    words: dict[str, Any] = {"split": "train", "classes": [2, 0], "per_class": 5, "size": 8, "seed": 0, "salt": "local"}
    words |= changes
    return which.images(words.pop("split"), **words)


class TestFixed:
    def test_balanced_and_labelled_by_place_in_the_list(self, fixed: Source) -> None:
        chosen = ask(fixed)
        assert chosen.classes == ("c", "a")
        assert chosen.labels.bincount().tolist() == [5, 5]
        classes, numbers = chosen.images.flatten(1).unbind(1)
        assert classes.tolist() == [[2, 0][label] for label in chosen.labels]
        for label in (0, 1):
            assert len(set(numbers[chosen.labels == label].tolist())) == 5, "an image was taken twice"

    def test_seeded(self, fixed: Source) -> None:
        def images(**changes: Any) -> list[list[int]]:
            return ask(fixed, **changes).images.flatten(1).tolist()

        assert images() == images()
        assert images() != images(seed=1)
        assert sorted(images()) != sorted(images(seed=1)), "another seed takes other images"
        assert images(per_class=7) != sorted(images(per_class=7)), "the order is shuffled too"
        assert images() == images(salt="fresh"), "images on disk know no salt"
        assert images() == images(size=100)

    def test_the_choice_of_a_class_does_not_depend_on_the_others(self, fixed: Source) -> None:
        def zeros(classes: list[int]) -> set[int]:
            chosen = ask(fixed, classes=classes)
            return {int(number) for label, number in chosen.images.flatten(1) if label == 0}

        assert zeros([0]) == zeros([2, 0]) == zeros([0, 1, 3])

    def test_all_there_are(self, fixed: Source) -> None:
        assert ask(fixed, classes=[0, 1, 2, 3], per_class=None).labels.bincount().tolist() == [12, 9, 7, 12]
        assert ask(fixed, split="test", classes=[1], per_class=None).labels.tolist() == [0, 0, 0]

    def test_too_few_images(self, fixed: Source) -> None:
        with pytest.raises(
            DataError,
            match="dataset 'stub' has 7 images of class 'c', and the track asks for 8; choose a larger dataset or a",
        ):
            ask(fixed, per_class=8)

    def test_too_many_classes(self, fixed: Source) -> None:
        with pytest.raises(DataError, match="dataset 'stub' has 4 classes, and the track asks for class 5; choose"):
            ask(fixed, classes=[0, 4])

    def test_read_once_per_split(self, fixed: Source) -> None:
        for split in ("train", "test", "train", "test"):
            ask(fixed, split=split, per_class=1)
        assert fixed.entry.dataset.loads == 2  # type: ignore[union-attr]

    def test_what_it_says_of_itself(self, fixed: Source) -> None:
        assert (fixed.fingerprint(), fixed.class_count(), fixed.drawn, fixed.missing()) == ("stub:f1", 4, False, None)


class TestDrawn:
    def seed(self, **changes: Any) -> int:
        dataset = Drawn()
        ask(source(dataset), **changes)
        (seed,) = dataset.seeds
        return seed

    def test_only_test_images_depend_on_the_salt(self) -> None:
        assert self.seed() == self.seed(salt="fresh")
        assert self.seed(split="test") != self.seed(split="test", salt="fresh")
        assert len({self.seed(), self.seed(seed=1), self.seed(split="test"), self.seed(split="test", seed=1)}) == 4

    def test_a_number_must_be_said(self) -> None:
        with pytest.raises(DataError, match="'stub' is drawn: say how many images per class"):
            ask(source(Drawn()), per_class=None)

    def test_it_has_nothing_to_read(self) -> None:
        with pytest.raises(DataError, match="'stub' is drawn from a seed and has no 'train' split"):
            source(Drawn()).read("train")

    def test_what_it_says_of_itself(self) -> None:
        drawn = source(Drawn())
        assert (drawn.fingerprint(), drawn.class_count(), drawn.drawn, drawn.missing()) == ("stub:d1", 6, True, None)


class TestPool:
    """Images of some classes whatever their split, for episodes and what comes before them."""

    def pool(self, which: Source, **changes: Any) -> LabelledImages:
        words: dict[str, Any] = {"classes": (2, 0), "per_class": None, "size": 8, "seed": 0}
        return which.pool(**(words | changes))

    def test_classes(self, fixed: Source) -> None:
        assert fixed.classes() == tuple("abcd")
        assert source(Drawn()).classes() == tuple("abcdef")

    def test_both_splits_of_a_fixed_dataset(self, fixed: Source) -> None:
        pooled = self.pool(fixed)
        assert pooled.classes == ("c", "a")
        assert pooled.labels.bincount().tolist() == [7 + 3, 12 + 3]
        classes, numbers = pooled.images.flatten(1).unbind(1)
        assert classes.tolist() == [[2, 0][label] for label in pooled.labels]
        assert numbers[pooled.labels == 0].bincount().tolist() == [2] * 3 + [1] * 4, "numbers 0 to 2 are in both splits"
        assert pooled.labels.tolist() != sorted(pooled.labels.tolist())

    def test_seeded_choice(self, fixed: Source) -> None:
        def images(**changes: Any) -> list[list[int]]:
            return self.pool(fixed, per_class=6, **changes).images.flatten(1).tolist()

        assert len(images()) == 12
        assert images() == images()
        assert sorted(images()) != sorted(images(seed=1))
        assert images() == images(salt="fresh") == images(size=100), "images on disk know no salt"

    def test_too_few(self, fixed: Source) -> None:
        with pytest.raises(
            DataError, match="'stub' has 10 images of class 'c', and the track asks for 11; choose a larger"
        ):
            self.pool(fixed, per_class=11)

    def test_a_salt_makes_drawn_images_evaluation_data(self) -> None:
        def seed(**changes: Any) -> int:
            dataset = Drawn()
            self.pool(source(dataset), per_class=3, **changes)
            (seen,) = dataset.seeds
            return seen

        assert len({seed(), seed(salt="local"), seed(salt="fresh"), seed(seed=1)}) == 4
        dataset = Drawn()
        ask(source(dataset))
        ask(source(dataset), split="test", salt="fresh")
        assert dataset.seeds == [seed(), seed(salt="fresh")]

    def test_drawn_images_need_a_number(self) -> None:
        with pytest.raises(DataError, match="'stub' is drawn: say how many images per class"):
            self.pool(source(Drawn()))


@pytest.mark.parametrize(
    ("kind", "call", "attempt"),
    [
        (Fixed, "missing", lambda which: which.missing()),
        (Fixed, "fingerprint", lambda which: which.fingerprint()),
        (Fixed, "load", ask),
        (Drawn, "fingerprint", lambda which: which.fingerprint()),
        (Drawn, "draw", ask),
    ],
)
def test_whatever_a_plugin_raises_names_it(kind: type, call: str, attempt: Callable[[Source], object]) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("in the plug-in")

    broken = source(type("Broken", (kind,), {call: fail})())
    with pytest.raises(DataError, match="dataset 'stub' failed with ZeroDivisionError: in the plug-in"):
        attempt(broken)


def test_a_plugins_own_error_stays_as_it_is() -> None:
    class Missing(Fixed):
        def load(self, split: str, *, root: Path) -> LabelledImages:
            raise DataError("put the files there")

    with pytest.raises(DataError, match=r"^put the files there$"):
        ask(source(Missing()))
