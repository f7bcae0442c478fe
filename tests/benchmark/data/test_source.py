"""Labelled images from a drawn or a fixed dataset, asked for in the same words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.data.catalogue import DatasetEntry, LabelledImages
from benchmark.data.source import Source
from benchmark.errors import DataError
from tests.benchmark.data.source_stub import Drawn, Fixed, ask, drawn_by, source


@pytest.fixture
def fixed() -> Source:
    return source(Fixed())


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
        assert images(split="test", per_class=2) == images(split="test", per_class=2, salt="fresh")
        assert images() == images(size=100) == images(track="task.other") == images(device="cuda:0")

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

    def test_tracks_and_devices_see_the_same_images(self) -> None:
        for split in ("train", "test"):
            assert self.seed(split=split) == self.seed(split=split, track="task.other", device="cuda:0")

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
        words: dict[str, Any] = {"stream": "train", "classes": (2, 0), "per_class": None, "size": 8}
        words, draw = drawn_by(words | changes)
        return which.pool(words.pop("stream"), **words, draw=draw)

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
        assert images() == images(stream="test"), "they are what there is"

    def test_too_few(self, fixed: Source) -> None:
        with pytest.raises(
            DataError, match="'stub' has 10 images of class 'c', and the track asks for 11; choose a larger"
        ):
            self.pool(fixed, per_class=11)

    def test_drawn_images_come_from_a_stream_each(self) -> None:
        """What contestants learn from knows no salt; what they are judged on does."""

        def seed(**changes: Any) -> int:
            dataset = Drawn()
            self.pool(source(dataset), per_class=3, **changes)
            (seen,) = dataset.seeds
            return seen

        assert len({seed(), seed(stream="test"), seed(stream="test", salt="fresh"), seed(seed=1)}) == 4
        assert seed() == seed(salt="fresh")
        dataset = Drawn()
        ask(source(dataset))
        ask(source(dataset), split="test", salt="fresh")
        assert dataset.seeds == [seed(), seed(stream="test", salt="fresh")]

    def test_drawn_images_need_a_number(self) -> None:
        with pytest.raises(DataError, match="'stub' is drawn: say how many images per class"):
            self.pool(source(Drawn()))


def test_its_code_is_what_its_plugin_reaches(tmp_path: Path) -> None:
    def code(text: str) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.py"
        path.write_text(text)
        entry = DatasetEntry("stub", "Stub", "none", "here", Drawn(), str(path))
        return Source.of(entry).code()

    assert code("x = 1\n") == code('"""What it is."""\n\n# why\nx = 1\n')
    assert code("x = 1\n") != code("x = 2\n")


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
