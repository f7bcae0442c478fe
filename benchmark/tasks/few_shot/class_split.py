"""Which classes of a dataset are base classes, learned from many images, and which are novel, met in episodes only.

The division is fixed per dataset, never drawn: published where there is a published one. Classes may be grouped by
their names, "latin/a" belonging to the group "latin"; a dataset may divide itself by naming its groups "base" and
"novel", or "train" and "test". A dataset that says nothing is divided by the order of its names' hashes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.errors import DataError

_NOVEL_SHARE = 0.4
"""Of the classes of a dataset that says nothing."""


@dataclass(frozen=True, slots=True)
class Division:
    """Names of classes, or of groups of them. Classes that are named in neither are base classes."""

    novel: tuple[str, ...]
    left_out: tuple[str, ...] = ()


DIVISIONS: dict[str, tuple[Division, ...]] = {
    # Alphabets that share a look with the base: lines and bowls of a serif face, one character to a box.
    "glyphs": (
        Division(
            novel=("armenian", "georgian", "asomtavruli"),
            left_out=("digits", "hebrew", "arabic", "lao", "syllabics"),
        ),
    ),
    # Lake et al. 2015: 30 alphabets to learn from and 20 to evaluate on; of the five alphabets of "small 1", two.
    "omniglot": (
        Division(
            novel=(
                *("Angelic", "Atemayar_Qelisayer", "Atlantean", "Aurek-Besh", "Avesta", "Ge_ez", "Glagolitic"),
                *("Gurmukhi", "Kannada", "Keble", "Malayalam", "Manipuri", "Mongolian"),
                *("Old_Church_Slavonic_(Cyrillic)", "Oriya", "Sylheti", "Syriac_(Serto)", "Tengwar", "Tibetan", "ULOG"),
            ),
        ),
        Division(novel=("Early_Aramaic", "Latin")),
    ),
    # CIFAR-FS (Bertinetto et al. 2019, arXiv:1805.08136): 64 base, 16 validation and 20 novel classes.
    "cifar100": (
        Division(
            novel=(
                *("baby", "bed", "bicycle", "chimpanzee", "fox", "leopard", "man", "pickup_truck", "plain", "poppy"),
                *(
                    "rocket",
                    "rose",
                    "snail",
                    "sweet_pepper",
                    "table",
                    "telephone",
                    "wardrobe",
                    "whale",
                    "woman",
                    "worm",
                ),
            ),
            left_out=(
                *("beaver", "beetle", "butterfly", "camel", "cattle", "crab", "crocodile", "flatfish", "lamp"),
                *("maple_tree", "motorcycle", "otter", "sea", "shark", "television", "tractor"),
            ),
        ),
    ),
}
_BY_NAME = (Division(novel=("novel",), left_out=("validation", "val")), Division(("test",), ("validation", "val")))
"""For datasets whose groups say it: base and novel, or train, val and test as in miniImageNet's layout."""


@dataclass(frozen=True, slots=True)
class ClassSplit:
    """Indices of classes. fingerprint: hash of the names on either side."""

    base: tuple[int, ...]
    novel: tuple[int, ...]
    fingerprint: str


def class_split(dataset: str, classes: Sequence[str]) -> ClassSplit:
    """Divide the classes of a dataset. Raises DataError if fewer than two would be left on either side."""
    for division in (*DIVISIONS.get(dataset, ()), *_BY_NAME):
        novel = {index for index, name in enumerate(classes) if _named(name, division.novel)}
        if novel:
            base = {index for index, name in enumerate(classes) if not _named(name, division.left_out)} - novel
            break
    else:
        order = sorted(range(len(classes)), key=lambda index: hashlib.blake2b(classes[index].encode()).digest())
        count = round(_NOVEL_SHARE * len(classes))
        novel, base = set(order[:count]), set(order[count:])
    if min(len(base), len(novel)) < 2:
        raise DataError(
            f"dataset {dataset!r} has {len(base)} base and {len(novel)} novel classes; few-shot tracks need two or "
            "more of each: choose a dataset with more classes"
        )
    sides = [sorted(classes[index] for index in side) for side in (base, novel)]
    digest = hashlib.blake2b(json.dumps(sides).encode(), digest_size=8).hexdigest()
    return ClassSplit(tuple(sorted(base)), tuple(sorted(novel)), digest)


def _named(name: str, chosen: Sequence[str]) -> bool:
    return name in chosen or ("/" in name and name.partition("/")[0] in chosen)
