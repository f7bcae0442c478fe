"""What `few_shot.novel_classes` makes of a dataset: features of base and novel classes, and episodes on the latter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark.data.catalogue import DatasetEntry, LabelledImages, catalogue
from benchmark.data.source import Source
from benchmark.errors import DataError, HeptathlonError
from benchmark.learning import pretraining
from benchmark.learning.pretraining import ClassifierRecipe
from benchmark.seeding import Draw
from benchmark.tasks.few_shot import novel_classes
from benchmark.tasks.few_shot.novel_classes import NovelClasses

BUDGET = novel_classes.track.budget("smoke")


def labelled(classes: int, per_class: int = 24, *, channels: int = 1, size: int = 12) -> LabelledImages:
    """Images that say the class in one pixel, in mixed order."""
    labels = torch.arange(classes).repeat(per_class)
    rng = torch.Generator().manual_seed(classes)
    images = torch.randint(0, 60, (len(labels), channels, size, size), generator=rng, dtype=torch.uint8)
    images.flatten(2)[torch.arange(len(labels)), :, labels] = 255
    return LabelledImages(images, labels, tuple(f"class {label}" for label in range(classes)))


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features are pixels."""
    monkeypatch.setattr(pretraining, "pretrained", lambda recipe, images, *, device: {})
    monkeypatch.setattr(
        pretraining, "features", lambda recipe, weights, images, *, device: images.flatten(1).float() + 1
    )


def prepare(**changes: Any) -> NovelClasses:
    source = changes.get("source") or Source.of(catalogue.find("families"))
    draw = Draw(novel_classes.track.name, changes.get("seed", 0), changes.get("salt", "local"), "cpu")
    return novel_classes.track.rules.prepare(changes.get("budget", BUDGET), source, draw)


class Held:
    """A fixed dataset in memory."""

    def __init__(self, images: LabelledImages) -> None:
        self.images = images

    def missing(self, root: Path) -> None: ...

    def fingerprint(self, root: Path) -> str:
        return "held"

    def load(self, split: str, *, root: Path) -> LabelledImages:
        return self.images

    def fetch(self, root: Path) -> None: ...


def held(images: LabelledImages) -> Source:
    return Source(DatasetEntry("held", "Held", "none", "here", Held(images), __file__), Path("/nowhere"))


@pytest.mark.usefixtures("untrained")
class TestPrepare:
    def test_features_have_root_mean_square_one_on_the_base(self) -> None:
        data = prepare()
        assert float(data.base.square().mean()) == pytest.approx(1)
        assert data.base.shape == (96 * 10, 144)
        assert data.base_labels.bincount().tolist() == [10] * 96
        assert data.novel.shape == (32 * 20, 144)
        assert len(data.episodes) == BUDGET.episodes
        assert float(data.novel.square().mean()) == pytest.approx(1, abs=0.2), "by the same number"

    def test_only_what_is_novel_depends_on_the_salt(self) -> None:
        one, again, other = prepare(), prepare(), prepare(salt="fresh")
        assert torch.equal(one.novel, again.novel)
        assert torch.equal(one.episodes.queries, again.episodes.queries)
        assert torch.equal(one.base, other.base)
        assert torch.equal(one.base_labels, other.base_labels)
        assert not torch.equal(one.novel, other.novel)
        assert not torch.equal(one.episodes.queries, other.episodes.queries)
        assert not torch.equal(one.base, prepare(seed=1).base)

    def test_base_and_novel_classes_share_no_image(self) -> None:
        data = prepare(source=held(labelled(20)), budget=replace(BUDGET, base=20, novel=40))
        counts = data.base_labels.bincount()
        assert len(counts) + int(data.episodes.classes.max()) >= 16
        assert torch.cdist(data.base, data.novel).min() > 1e-3

    @pytest.mark.parametrize(
        ("images", "changes", "message"),
        [
            (
                labelled(3),
                {},
                "dataset 'held' has 2 base and 1 novel classes; few-shot tracks need two or more of each",
            ),
            (
                labelled(8),
                {},
                "5-way episodes from a pool of 3 classes; choose a dataset with more classes or fewer ways",
            ),
            (labelled(20), {"novel": 49}, "dataset 'held' has 48 images of class .* asks for 49; choose a larger"),
            (labelled(20), {"base": 49}, "dataset 'held' has 48 images of class .* asks for 49"),
            (labelled(20), {"novel": None, "queries": 44}, "has 48 images; 5 shots and 44 queries need 49"),
        ],
    )
    def test_too_small_a_dataset(self, images: LabelledImages, changes: dict[str, Any], message: str) -> None:
        budget = replace(BUDGET, **{"base": 20, "novel": 40, **changes})
        with pytest.raises(DataError, match=message):
            prepare(source=held(images), budget=budget)

    def test_a_broken_backbone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(recipe: ClassifierRecipe, weights: dict[str, Tensor], images: Tensor, *, device: str) -> Tensor:
            return torch.full((len(images), 4), torch.nan)

        monkeypatch.setattr(pretraining, "features", broken)
        with pytest.raises(HeptathlonError, match="NaN"):
            prepare()

    def test_the_division_of_classes_is_compared(self) -> None:
        one, other = (novel_classes.track.rules.compared(BUDGET, held(labelled(n))) for n in (20, 21))
        assert one.keys() == other.keys() == {"classes"}
        assert one != other
        assert novel_classes.track.rules.needs(BUDGET) == ()


def test_with_a_real_backbone() -> None:
    """All of it, in the size of the smoke tier: features from a network that was trained in passing."""
    data = prepare()
    assert data.base.shape == (960, 16)
    assert data.base.isfinite().all()
    assert (data.base >= 0).all()
    drawn = data.episodes
    support, labels = drawn.shots(5)
    nearest = torch.cdist(data.novel[drawn.queries], data.novel[support]).argmin(2)
    assert (labels.gather(1, nearest) == drawn.query_labels).double().mean() > 0.25  # chance is 0.2
