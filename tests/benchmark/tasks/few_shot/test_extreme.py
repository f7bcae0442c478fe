"""The rules of `few_shot.extreme`: what an adapter is sent, what it may answer, what becomes of its images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark.data.catalogue import DatasetEntry, LabelledImages, catalogue
from benchmark.data.source import Source
from benchmark.errors import ContestantError, DataError
from benchmark.learning import pretraining
from benchmark.learning.pretraining import ClassifierRecipe
from benchmark.machine.meters import Clock
from benchmark.seeding import Draw
from benchmark.tasks.few_shot import episodes, extreme
from benchmark.tasks.few_shot.extreme import Extreme
from benchmark.tasks.rules import Outcome
from tests.benchmark.tasks.contestant_stub import StubContestant

BUDGET = extreme.track.budget("smoke")
WAYS, QUERIES, CLASSES = 5, 15, 8


class Adapter(StubContestant):
    """Embeds by a function, and remembers what it was sent."""

    spent = 0.5

    def __init__(self, embed: Callable[[Tensor], Any]) -> None:
        self._embed = embed
        self.calls: list[tuple[str, tuple[Any, ...], str | None]] = []

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        self.calls.append((name, arguments, phase))
        return self._embed(*arguments) if name == "embed" else None


def labelled(classes: int = CLASSES, per_class: int = 24, *, channels: int = 1, size: int = 12) -> LabelledImages:
    """Images whose first row says the class, in mixed order."""
    labels = torch.arange(classes).repeat(per_class)
    rng = torch.Generator().manual_seed(channels)
    images = torch.randint(0, 60, (len(labels), channels, size, size), generator=rng, dtype=torch.uint8)
    images[torch.arange(len(labels)), :, 0, labels] = 255
    return LabelledImages(images, labels, tuple(f"class {label}" for label in range(classes)))


def data() -> Extreme:
    base, pool = labelled(4, 10), labelled()
    recipe = ClassifierRecipe.of(base, seed=0, widths=(4,), epochs=1, batch_size=8, learning_rate=1e-3, augment=False)
    rng = torch.Generator().manual_seed(3)
    drawn = episodes.draw(pool.labels, episodes=12, ways=WAYS, shots=5, queries=QUERIES, generator=rng)
    return Extreme(recipe, {"w": torch.ones(2)}, base, labelled(6, 3).images, pool, drawn, True)


def judge(embed: Callable[[Tensor], Any], given: Extreme | None = None) -> tuple[Outcome, Adapter]:
    adapter = Adapter(embed)
    return extreme.track.rules.judge(adapter, BUDGET, given or data(), Clock()), adapter


def first_row(images: Tensor) -> Tensor:
    return images[:, 0, 0].clone()


def accuracies(outcome: Outcome) -> list[float]:
    return [outcome.metrics[name].value for name in ("accuracy_1_shot", "accuracy_5_shot")]


class TestJudge:
    def test_features_that_say_the_class_and_features_that_say_nothing(self) -> None:
        outcome, _ = judge(first_row)
        assert accuracies(outcome) == [100, 100]
        assert outcome.rates == {"embedded images/s": 2 * CLASSES * 24}
        nothing, _ = judge(lambda images: torch.ones(len(images), 3))
        assert accuracies(nothing) == [20, 20]

    def test_the_scale_of_features_does_not_matter(self) -> None:
        def noisy(images: Tensor) -> Tensor:
            return images.flatten(1)[:, 3:40]  # without half of the classes' marks

        raw = [judge(lambda images, c=c: c * noisy(images))[0].metrics["accuracy_1_shot"].raw for c in (1, 1024)]
        assert raw[0] == raw[1]
        assert 20 < sum(raw[0]) / len(raw[0]) < 100

    def test_what_is_sent(self) -> None:
        """Weights, the base with its labels, target images without any; then the pool, none of it with labels."""
        given = data()
        _, adapter = judge(first_row, given)
        assert [(name, phase) for name, _, phase in adapter.calls] == [
            ("adapt", None),
            ("embed", None),
            ("embed", "check"),
        ]
        weights, base, labels, target = adapter.calls[0][1]
        standardise = given.recipe.standardise
        assert weights is given.weights
        assert torch.equal(base, standardise(given.base.images))
        assert torch.equal(labels, given.base.labels)
        assert torch.equal(target, standardise(given.unlabelled))
        (pool,) = adapter.calls[1][1]
        (some,) = adapter.calls[2][1]
        assert torch.equal(pool, standardise(given.pool.images))
        assert len(some) >= 30
        assert all(any(torch.equal(image, other) for other in pool) for image in some)

    @pytest.mark.parametrize(
        "embed",
        [
            lambda images: first_row(images) - first_row(images).mean(0),
            lambda images: torch.nn.functional.batch_norm(first_row(images), None, None, training=True),
            lambda images: first_row(images).flip(0),
            lambda images: first_row(images) + torch.rand(len(images), 1),
        ],
        ids=["centred", "batch-norm", "reordered", "random"],
    )
    def test_features_of_other_images_are_found_out(self, embed: Callable[[Tensor], Tensor]) -> None:
        with pytest.raises(
            ContestantError, match=r"other features in another batch .* batch-norm in evaluation"
        ) as error:
            judge(embed)
        assert error.value.status == "invalid_output"

    def test_rounding_is_forgiven(self) -> None:
        outcome, _ = judge(lambda images: first_row(images) * (1 + 1e-6 * (len(images) % 7)))
        assert accuracies(outcome) == [100, 100]

    @pytest.mark.parametrize(
        ("embed", "message"),
        [
            (lambda images: None, r"embed\(\) returned NoneType; return a float tensor \(192, d\)"),
            (lambda images: first_row(images).long(), "torch.int64"),
            (lambda images: images, r"shape \(192, 1, 12, 12\)"),
            (lambda images: first_row(images)[1:], r"shape \(191, 12\)"),
            (lambda images: images.new_zeros(len(images), 0), r"shape \(192, 0\)"),
            (lambda images: first_row(images).log(), "NaN or infinity for [0-9]+ of 192 inputs"),
            (lambda images: first_row(images).double() * 1e300, "NaN or infinity"),  # in float32
        ],
    )
    def test_bad_features(self, embed: Callable[[Tensor], Any], message: str) -> None:
        with pytest.raises(ContestantError, match=message) as error:
            judge(embed)
        assert error.value.status == "invalid_output"

    def test_setup(self) -> None:
        setup = extreme.track.setup(
            seed=1, track="few_shot.extreme", device_name="cpu", **extreme.track.rules.tell(BUDGET, data())
        )
        assert (setup.image_shape, setup.base_classes, setup.steps) == ((1, 12, 12), 4, BUDGET.student_steps)
        one, again = (setup.model().state_dict() for _ in range(2))
        assert all(torch.equal(one[name], again[name]) for name in one)


class Held:
    """A fixed dataset in memory, other images in each split."""

    def __init__(self, train: LabelledImages, test: LabelledImages) -> None:
        self.splits = {"train": train, "test": test}

    def missing(self, root: Path) -> None: ...

    def fingerprint(self, root: Path) -> str:
        return "held"

    def load(self, split: str, *, root: Path) -> LabelledImages:
        return self.splits[split]

    def fetch(self, root: Path) -> None: ...


def prepare(target: LabelledImages | None = None, *, salt: str = "local") -> Extreme:
    """Target images of three values more in the test split, so that the two can be told apart."""
    source = Source.of(catalogue.find("drawings"))
    if target is not None:
        test = LabelledImages(target.images.clamp(max=250) + 3, target.labels, target.classes)
        source = Source(DatasetEntry("held", "Held", "none", "here", Held(target, test), __file__), Path("/nowhere"))
    return extreme.track.rules.prepare(BUDGET, source, Draw(extreme.track.name, 0, salt, "cpu"))


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretraining, "pretrained", lambda recipe, images, *, device: {})


@pytest.mark.usefixtures("untrained")
class TestPrepare:
    def test_drawn(self) -> None:
        prepared = prepare()
        assert prepared.pool.images.shape == (40 * BUDGET.novel, 1, 12, 12)
        assert prepared.unlabelled.shape == (40 * BUDGET.unlabelled, 1, 12, 12)
        seen = {image.numpy().tobytes() for image in prepared.unlabelled}
        assert not seen & {image.numpy().tobytes() for image in prepared.pool.images}
        assert len(prepared.base.classes) == len(prepared.base.labels.unique()) == prepared.recipe.classes
        assert not any(name.startswith(("armenian", "lao")) for name in prepared.base.classes), "base classes only"

    def test_only_the_episodes_and_their_images_depend_on_the_salt(self) -> None:
        one, other = prepare(), prepare(salt="fresh")
        assert torch.equal(one.base.images, other.base.images)
        assert torch.equal(one.unlabelled, other.unlabelled)
        assert not torch.equal(one.pool.images, other.pool.images)
        assert not torch.equal(one.episodes.queries, other.episodes.queries)

    @pytest.mark.parametrize(("channels", "size"), [(1, 12), (3, 12), (1, 20), (3, 31)])
    def test_target_images_become_like_the_base(self, channels: int, size: int) -> None:
        prepared = prepare(labelled(channels=channels, size=size))
        for images in (prepared.unlabelled, prepared.pool.images):
            assert images.shape[1:] == (1, 12, 12)
            assert images.dtype == torch.uint8
        marked = prepared.pool.images[:, 0, 0].float()
        if size == 12:  # the mark is where it was
            assert torch.equal(marked.argmax(1), prepared.pool.labels)
        assert prepared.unlabelled.float().mean() == pytest.approx(
            float(labelled(channels=channels, size=size).images.float().mean()), rel=0.05
        )

    def test_a_grey_target_gets_the_colours_of_the_base(self, monkeypatch: pytest.MonkeyPatch) -> None:
        colour = labelled(6, 10, channels=3, size=12)
        monkeypatch.setattr(Source, "pool", lambda self, stream, **words: colour)
        prepared = prepare(labelled(size=12))
        assert prepared.pool.images.shape[1:] == (3, 12, 12)
        assert torch.equal(prepared.pool.images[:, 0], prepared.pool.images[:, 2])
        assert torch.equal(prepared.pool.images[:, 0, 0].argmax(1), prepared.pool.labels)

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            (labelled(channels=4), "base images have 1 channels, the target's 4; tracks need 1 or 3"),
            (labelled(4), "5-way episodes from a pool of 4 classes"),
            (labelled(8, 19), "dataset 'held' has 19 images of class 'class 0', and the track asks for 20"),
        ],
    )
    def test_a_target_that_will_not_do(self, target: LabelledImages, message: str) -> None:
        with pytest.raises(DataError, match=message):
            prepare(target)

    def test_what_it_needs(self) -> None:
        source = Source.of(catalogue.find("drawings"))
        assert extreme.track.rules.needs(BUDGET) == ("glyphs",)
        assert extreme.track.rules.compared(BUDGET, source) == {}
