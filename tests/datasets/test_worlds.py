"""Symbols, drawings, textures and scenes: the same images for the same arguments, learnable but not trivial."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional as F

from benchmark.data.catalogue import LabelledImages, ProceduralDataset, ScriptedDataset, catalogue
from benchmark.data.drawing import worlds
from benchmark.data.drawing.worlds import World
from benchmark.errors import DataError
from benchmark.seeding import generator

WORLDS = {"symbols": 24, "drawings": 40, "textures": 20, "scenes": 30}


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEPTATHLON_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    dataset = catalogue.find(request.param).dataset
    assert isinstance(dataset, ProceduralDataset)
    assert isinstance(dataset, World)
    assert dataset.name == request.param
    return dataset


def equal(one: LabelledImages, other: LabelledImages) -> bool:
    return torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)


def by_class(drawn: LabelledImages, label: int) -> set[bytes]:
    return {image.numpy().tobytes() for image in drawn.images[drawn.labels == label]}


def test_classes(world: World) -> None:
    assert len(set(world.classes)) == len(world.classes) == WORLDS[world.name]


@pytest.mark.parametrize("size", [8, 20, 33, 84])
def test_shapes_types_and_labels(world: World, size: int) -> None:
    drawn = world.draw(classes=[12, 3, 19], per_class=4, size=size, seed=0)
    assert drawn.images.shape == (12, 1, size, size)
    assert drawn.images.dtype == torch.uint8
    assert drawn.labels.bincount().tolist() == [4, 4, 4]
    assert drawn.classes == tuple(world.classes[index] for index in (12, 3, 19))
    assert drawn.labels.tolist() != sorted(drawn.labels.tolist())


def test_same_arguments_same_images(world: World) -> None:
    def draw(seed: int) -> LabelledImages:
        return world.draw(classes=range(5), per_class=7, size=16, seed=seed)

    assert equal(draw(3), draw(3))
    assert not torch.equal(draw(3).images, draw(4).images)
    assert len(by_class(draw(3), 2)) == 7


def test_threads_change_nothing(world: World) -> None:
    before, drawn = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            drawn.append(world.draw(classes=range(16, 20), per_class=50, size=28, seed=5))
    finally:
        torch.set_num_threads(before)
    assert equal(drawn[0], drawn[1])
    assert equal(drawn[0], drawn[2])


def test_the_global_generator_is_left_alone(world: World) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    world.draw(classes=[0], per_class=3, size=8, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_a_class_looks_the_same_among_others(world: World) -> None:
    alone = world.draw(classes=[17], per_class=400, size=9, seed=1)
    among = world.draw(classes=[1, 0, 17, 5], per_class=400, size=9, seed=1)
    assert by_class(alone, 0) == by_class(among, 2)


def test_the_size_of_a_block_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = range(len(world.classes))
    whole = world.draw(classes=classes, per_class=20, size=13, seed=2)
    monkeypatch.setattr(worlds, "BLOCK", 7)
    assert equal(whole, world.draw(classes=classes, per_class=20, size=13, seed=2))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"classes": [0, 9999]}, "no class 9999"),
        ({"classes": [-1]}, "no class -1; choose indices from 0"),
        ({"classes": [4, 2, 4]}, "listed twice"),
        ({"classes": []}, "no classes"),
        ({"per_class": 0}, "per_class is 0"),
        ({"size": 7}, "size is 7"),
    ],
)
def test_bad_input_is_refused(world: World, change: dict[str, object], what: str) -> None:
    arguments = {"classes": [0], "per_class": 1, "size": 8, "seed": 0, **change}
    with pytest.raises(DataError, match=what):
        world.draw(**arguments)  # type: ignore[arg-type]


def test_fingerprint_follows_the_ranges(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.fingerprint()
    assert before == world.fingerprint()
    assert len(before) == 32
    monkeypatch.setattr(type(world), "look", type(world.look)(noise=(0.5, 0.6)))
    assert world.fingerprint() != before


def centred(images: torch.Tensor) -> torch.Tensor:
    """Pixels of each image less their mean, over their deviation: (n, pixels)."""
    pixels = images.flatten(1).double()
    pixels -= pixels.mean(1, keepdim=True)
    return pixels / pixels.std(1, keepdim=True)


def random_features(images: torch.Tensor) -> torch.Tensor:
    """Rectified responses of random 5 x 5 filters, averaged over a 5 x 5 grid: (n, 1600)."""
    filters = torch.randn(32, 1, 5, 5, generator=generator(0, "filters"))
    filters -= filters.mean((2, 3), keepdim=True)
    responses = F.conv2d(centred(images).float().view_as(images), filters)
    # of both signs, else what is averaged is that of a linear filter
    return F.adaptive_avg_pool2d(torch.cat([responses.relu(), (-responses).relu()], dim=1), 5).flatten(1).double()


def test_learnable_but_not_trivial(world: World) -> None:
    """Two slow-witted learners that train in closed form, on 60 images of each class; chance is 2.5 to 5 %.

    The nearest class mean of pixels gets 10 to 40 %, ridge regression on random convolutional features 73 to 88 %.
    """
    count = len(world.classes)
    train, test = (world.draw(classes=range(count), per_class=n, size=20, seed=n) for n in (60, 20))
    means = torch.stack([centred(train.images)[train.labels == label].mean(0) for label in range(count)])
    nearest = torch.cdist(centred(test.images), means).argmin(1)
    features, unseen = random_features(train.images), random_features(test.images)
    middle = features.mean(0)
    features, unseen = features - middle, unseen - middle
    gram = features.T @ features + 0.1 * len(features) * features.var(0).mean() * torch.eye(features.shape[1])
    ridge = (unseen @ torch.linalg.solve(gram, features.T @ F.one_hot(train.labels).double())).argmax(1)
    accuracies = [float((guess == test.labels).double().mean()) for guess in (nearest, ridge)]
    assert accuracies[0] < 0.55
    assert accuracies[1] > 0.6


def test_worlds_differ_in_brightness_from_characters_on_black(world: World) -> None:
    drawn = world.draw(classes=range(20), per_class=20, size=20, seed=0).images.double() / 255
    border = torch.cat([drawn[:, :, 0], drawn[:, :, -1]], dim=2)
    assert border.mean() > 0.3
    if world.name in {"drawings", "scenes"}:  # dark on bright
        assert border.mean() > 0.6
        assert (drawn[:, :, 4:16, 4:16].mean((1, 2, 3)) < border.mean((1, 2))).double().mean() > 0.85


def test_scenes_show_characters_that_glyphs_has() -> None:
    scenes, glyphs = (catalogue.find(name).dataset for name in ("scenes", "glyphs"))
    assert isinstance(scenes, World)
    assert isinstance(glyphs, ScriptedDataset)
    assert set(scenes.classes) <= set(glyphs.classes)
    scripts = [name.partition("/")[0] for name in scenes.classes]
    assert scripts == ["arabic"] * 10 + ["lao"] * 10 + ["syllabics"] * 10


@pytest.mark.parametrize("instead", [None, "drawings"])
def test_scenes_without_glyphs_are_refused(instead: str | None, registries: None) -> None:
    scenes = catalogue.find("scenes").dataset
    assert isinstance(scenes, World)
    other = catalogue.find(instead) if instead else None
    del catalogue.entries["glyphs"]
    if other:
        catalogue.entries["glyphs"] = other
    for attempt in (scenes.fingerprint, lambda: scenes.draw(classes=[0], per_class=1, size=8, seed=0)):
        with pytest.raises(DataError, match="scenes are drawn from"):
            attempt()


def test_no_two_symbols_or_drawings_are_alike() -> None:
    """Rendered without pose, no two shapes correlate by 0.95, no two characters' control points by 0.7."""
    symbols, drawings = (sys.modules[type(catalogue.find(name).dataset).__module__] for name in ("symbols", "drawings"))
    for tensor, most in ((symbols._cells(), 0.95), (drawings._control_points(), 0.7)):
        alike = torch.corrcoef(tensor.flatten(1).double()).fill_diagonal_(0)
        assert alike.max() < most


def test_draw_speed(world: World, benchmark: pytest.FixtureRequest) -> None:
    drawn = benchmark(world.draw, classes=range(20), per_class=100, size=20, seed=0)  # type: ignore[operator]
    assert len(drawn.images) == 2_000
