"""Base and novel classes: the published divisions, and what is done where there is none."""

from __future__ import annotations

import itertools
import random

import pytest

from benchmark.data.catalogue import ProceduralDataset, catalogue
from benchmark.errors import DataError
from benchmark.tasks.few_shot.class_split import DIVISIONS, class_split

_NAMES = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle "
    "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant "
    "flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man "
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree "
    "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper "
    "snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train "
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)
CIFAR100 = _NAMES.split()
"""The fine labels, in the order of the released files."""


def names(dataset: str, classes: list[str] | tuple[str, ...]) -> tuple[set[str], set[str]]:
    split = class_split(dataset, classes)
    assert set(split.base).isdisjoint(split.novel)
    assert list(split.base) == sorted(set(split.base))
    assert list(split.novel) == sorted(set(split.novel))
    return {classes[index] for index in split.base}, {classes[index] for index in split.novel}


def groups(chosen: set[str]) -> set[str]:
    return {name.partition("/")[0] for name in chosen}


def test_no_division_names_a_class_twice() -> None:
    for division in itertools.chain(*DIVISIONS.values()):
        words = (*division.novel, *division.left_out)
        assert len(set(words)) == len(words)


def test_cifar_fs() -> None:
    assert len(CIFAR100) == 100
    (division,) = DIVISIONS["cifar100"]
    assert {*division.novel, *division.left_out} <= set(CIFAR100)
    base, novel = names("cifar100", CIFAR100)
    assert (len(base), len(division.left_out), len(novel)) == (64, 16, 20)
    assert novel == set(division.novel)
    assert base == set(CIFAR100) - novel - set(division.left_out)
    assert {"baby", "woman", "worm"} <= novel
    assert {"apple", "wolf"} <= base
    assert not {"beaver", "tractor"} & (base | novel)


def test_glyphs() -> None:
    glyphs = catalogue.find("glyphs").dataset
    assert isinstance(glyphs, ProceduralDataset)
    base, novel = names("glyphs", glyphs.classes)
    assert groups(novel) == {"armenian", "georgian", "asomtavruli"}
    assert not groups(base) & {"digits", "hebrew", "arabic", "lao", "syllabics"}, "their characters are elsewhere"
    assert {"latin", "greek"} <= groups(base)
    assert min(len(base), len(novel)) >= 50


def test_families() -> None:
    families = catalogue.find("families").dataset
    assert isinstance(families, ProceduralDataset)
    base, novel = names("families", families.classes)
    assert (len(base), len(novel)) == (96, 32)
    assert groups(base) == {"base"}
    assert groups(novel) == {"novel"}


@pytest.mark.parametrize(("form", "alphabets"), [(0, 20), (1, 2)])
def test_omniglot(form: int, alphabets: int) -> None:
    """As released, and the small form of five alphabets, which has none of the evaluation's twenty."""
    division = DIVISIONS["omniglot"][form]
    assert len(set(division.novel)) == alphabets
    assert not set(DIVISIONS["omniglot"][0].novel) & set(DIVISIONS["omniglot"][1].novel)
    others = ("Balinese", "Greek", "Korean")
    classes = [f"{alphabet}/character{number:02}" for alphabet in (*division.novel, *others) for number in range(3)]
    if form == 0:  # there its small form's novel alphabets are among the base
        classes.append("Latin/character01")
    base, novel = names("omniglot", classes)
    assert groups(novel) == set(division.novel)
    assert groups(base) == {*others, *(("Latin",) if form == 0 else ())}


@pytest.mark.parametrize(("train", "held_out", "test"), [("train", "val", "test"), ("base", "validation", "novel")])
def test_a_dataset_may_divide_itself(train: str, held_out: str, test: str) -> None:
    classes = [
        f"{group}/n{number}" for group, count in ((test, 3), (train, 5), (held_out, 2)) for number in range(count)
    ]
    base, novel = names("mini-imagenet", classes)
    assert (groups(base), len(base)) == ({train}, 5)
    assert (groups(novel), len(novel)) == ({test}, 3)


def test_a_group_is_a_folder_and_no_part_of_a_name() -> None:
    base, novel = names("somebodys", ["novel/a", "novel/b", "novelty/a", "anovel", "old/novel", "b"])
    assert novel == {"novel/a", "novel/b"}
    assert base == {"novelty/a", "anovel", "old/novel", "b"}


class TestDatasetsThatSayNothing:
    CLASSES = tuple(f"thing {number}" for number in range(30))

    def test_two_in_five_are_novel_and_none_is_ignored(self) -> None:
        base, novel = names("things", self.CLASSES)
        assert len(novel) == 12
        assert base | novel == set(self.CLASSES)

    def test_the_order_of_the_classes_does_not_matter(self) -> None:
        shuffled = random.Random(0).sample(self.CLASSES, 30)
        assert shuffled != list(self.CLASSES)
        assert names("things", shuffled) == names("things", self.CLASSES)
        assert class_split("things", shuffled).fingerprint == class_split("things", self.CLASSES).fingerprint

    def test_names_decide_and_not_the_dataset(self) -> None:
        assert class_split("things", self.CLASSES) == class_split("others", self.CLASSES)
        assert class_split("things", self.CLASSES).novel != tuple(range(12)), "not simply the first"

    def test_pinned(self) -> None:
        """Records are compared across machines and versions: the same names are divided alike for ever."""
        assert names("letters", list("abcdefghij"))[1] == {"a", "c", "d", "h"}


def test_the_fingerprint_follows_the_division() -> None:
    classes = ["base/a", "base/b", "novel/a", "novel/b"]
    prints = [
        class_split("any", [*classes, *more]).fingerprint for more in ([], ["base/c"], ["novel/c"], ["validation/c"])
    ]
    assert len(set(prints)) == 3
    assert prints[0] == prints[3], "what is left out is on neither side"
    assert class_split("any", classes[::-1]).fingerprint == prints[0]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["a", "b", "c"], "dataset 'few' has 2 base and 1 novel classes; few-shot tracks need two or more of each"),
        ([], "0 base and 0 novel"),
        (["novel/a", "novel/b", "base/a"], "1 base and 2 novel"),
        (["novel/a", "base/a", "base/b"], "2 base and 1 novel classes"),
        (["test/a", "test/b", "val/a", "val/b"], "0 base and 2 novel"),
    ],
)
def test_too_few_classes(classes: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        class_split("few", classes)
