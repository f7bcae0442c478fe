"""Glyphs: the same images for the same arguments everywhere, distinct shapes, learnable but not trivial."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from benchmark.data.cache import kept_array
from benchmark.data.catalogue import LabelledImages, ScriptedDataset, catalogue
from benchmark.errors import DataError
from benchmark.plugins import load_datasets


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEPTATHLON_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def glyphs() -> ScriptedDataset:
    assert load_datasets() == []
    dataset = catalogue.find("glyphs").dataset
    assert isinstance(dataset, ScriptedDataset)
    return dataset


@pytest.fixture
def module(glyphs: ScriptedDataset) -> Iterator[ModuleType]:
    """The plug-in's module, its memory of rendered cells emptied on both sides of the test."""
    module = sys.modules[type(glyphs).__module__]
    for forget in (module._rendered.cache_clear, module._cells.cache_clear):
        forget()
    yield module
    for forget in (module._rendered.cache_clear, module._cells.cache_clear):
        forget()


def equal(one: LabelledImages, other: LabelledImages) -> bool:
    return torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)


def by_class(drawn: LabelledImages, label: int) -> set[bytes]:
    return {image.numpy().tobytes() for image in drawn.images[drawn.labels == label]}


@pytest.mark.parametrize("size", [4, 8, 14, 20, 28, 33, 128])
def test_shapes_types_and_labels(glyphs: ScriptedDataset, size: int) -> None:
    drawn = glyphs.draw(classes=[12, 3, 200], per_class=4, size=size, seed=0)
    assert drawn.images.shape == (12, 1, size, size)
    assert drawn.images.dtype == torch.uint8
    assert drawn.labels.bincount().tolist() == [4, 4, 4]
    assert drawn.classes == tuple(glyphs.classes[index] for index in (12, 3, 200))
    assert drawn.labels.tolist() != sorted(drawn.labels.tolist())


def test_same_arguments_same_images(glyphs: ScriptedDataset) -> None:
    def draw(seed: int) -> LabelledImages:
        return glyphs.draw(classes=range(5), per_class=7, size=16, seed=seed)

    assert equal(draw(3), draw(3))
    assert not torch.equal(draw(3).images, draw(4).images)


def test_threads_change_nothing(glyphs: ScriptedDataset) -> None:
    before, drawn = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            drawn.append(glyphs.draw(classes=range(7), per_class=211, size=19, seed=5))
    finally:
        torch.set_num_threads(before)
    assert equal(drawn[0], drawn[1])
    assert equal(drawn[0], drawn[2])


def test_the_global_generator_is_left_alone(glyphs: ScriptedDataset) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    glyphs.draw(classes=[0], per_class=3, size=8, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_a_class_looks_the_same_among_others(glyphs: ScriptedDataset) -> None:
    alone = glyphs.draw(classes=[9], per_class=400, size=8, seed=1)
    among = glyphs.draw(classes=[1, 0, 9, 5], per_class=400, size=8, seed=1)
    assert by_class(alone, 0) == by_class(among, 2)


def test_the_size_of_a_block_changes_nothing(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    glyphs = module.Glyphs()
    whole = glyphs.draw(classes=range(4), per_class=20, size=12, seed=2)
    monkeypatch.setattr(module, "BLOCK", 7)
    assert equal(whole, glyphs.draw(classes=range(4), per_class=20, size=12, seed=2))


def test_digits_first_and_scripts_partition_the_classes(glyphs: ScriptedDataset) -> None:
    assert glyphs.classes[:10] == tuple(f"digits/{digit}" for digit in range(10))
    assert list(chain.from_iterable(glyphs.scripts.values())) == list(range(len(glyphs.classes)))
    assert len(set(glyphs.classes)) == len(glyphs.classes) == 404
    for script, indices in glyphs.scripts.items():
        assert len(indices) >= 10
        assert all(glyphs.classes[index].startswith(f"{script}/") for index in indices)


def test_every_class_is_in_at_least_four_faces(module: ModuleType) -> None:
    assert min(len(cells) for cells in module._cells(module.CELL)) >= 4


def test_no_two_classes_look_alike(module: ModuleType) -> None:
    """The documented rule, in numpy: correlations of blurred cells, in DejaVu Sans and averaged over shared faces.

    0.01 is left for other versions of the font renderer.
    """
    cells = module._rendered().astype(np.float64)
    blurred = gaussian_filter(cells, (0, 0, 1.5, 1.5))[:, :, 1::2, 1::2].reshape(*cells.shape[:2], -1)
    blurred -= blurred.mean(axis=2, keepdims=True)
    present = cells.any(axis=(2, 3)).astype(np.float64)
    shape = blurred / np.maximum(np.linalg.norm(blurred, axis=2, keepdims=True), 1e-9)
    alike = np.einsum("afp,bfp->fab", shape, shape, optimize=True)
    upper = np.triu_indices(len(cells), 1)
    assert module.FACES[0] == "DejaVuSans"
    assert alike[0][upper].max() < 0.92 + 0.01
    shared = present @ present.T
    assert (alike.sum(0)[upper] / np.maximum(shared[upper], 1)).max() < 0.90 + 0.01


def test_ink_is_centred_and_not_cut_off(module: ModuleType) -> None:
    cells = module._rendered()
    margin = (module.CELL - module.INK) // 2
    inner = cells[:, :, margin:-margin, margin:-margin]
    assert inner.sum(dtype=np.int64) == cells.sum(dtype=np.int64)


def test_learnable_but_not_trivial(glyphs: ScriptedDataset) -> None:
    """Ridge regression on pixels: 76 % on these twenty classes; chance is 5 %."""
    drawn = glyphs.draw(classes=range(20), per_class=150, size=14, seed=0)
    pixels = drawn.images.flatten(1).double() / 255
    pixels -= pixels.mean(1, keepdim=True)
    train, test = slice(0, 2000), slice(2000, 3000)
    target = torch.nn.functional.one_hot(drawn.labels[train], 20).double()
    gram = pixels[train].T @ pixels[train] + 3 * torch.eye(196, dtype=torch.float64)
    guess = (pixels[test] @ torch.linalg.solve(gram, pixels[train].T @ target)).argmax(1)
    assert 0.55 < (guess == drawn.labels[test]).double().mean() < 0.90


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"classes": [0, 9999]}, "9999"),
        ({"classes": [-1]}, "-1"),
        ({"classes": [4, 2, 4]}, "listed twice"),
        ({"classes": []}, "no classes"),
        ({"per_class": 0}, "per_class is 0"),
        ({"size": 3}, "size is 3"),
    ],
)
def test_bad_input_is_refused(glyphs: ScriptedDataset, change: dict[str, object], what: str) -> None:
    arguments = {"classes": [0], "per_class": 1, "size": 8, "seed": 0, **change}
    with pytest.raises(DataError, match=what):
        glyphs.draw(**arguments)  # type: ignore[arg-type]


def test_fingerprint_follows_the_ranges(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    before = module.Glyphs().fingerprint()
    assert before == module.Glyphs().fingerprint()
    monkeypatch.setattr(module, "LOOK", module.Look(turn=(-1.0, 1.0)))
    assert before != module.Glyphs().fingerprint()


@pytest.mark.parametrize("damage", ["cut short", "one byte", "empty", "other format", "not text"])
def test_a_damaged_kept_file_is_made_again(
    damage: str, tmp_path: Path, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = np.arange(12, dtype=np.uint8).reshape(3, 4)
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "_render", lambda: small)
    assert np.array_equal(module._rendered(), small)
    (kept,) = (tmp_path / "glyphs").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(
        {
            "cut short": whole[:-5],
            "one byte": whole[:-1] + b"\xff",
            "empty": b"",
            "other format": json.dumps([1, 2]).encode() + b"\n",
            "not text": b"\xff\xfe\n123",
        }[damage]
    )
    module._rendered.cache_clear()
    assert np.array_equal(module._rendered(), small)
    assert kept.read_bytes() == whole


def test_a_whole_kept_file_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path))
    made: list[int] = []

    def make() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        made.append(1)
        return np.array([1, 2], dtype=np.uint8)

    for _ in range(2):
        assert kept_array("folder/name", make).tolist() == [1, 2]
    assert len(made) == 1


def test_an_unwritable_cache_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path / "file" / "below"))
    assert kept_array("name", lambda: np.array([7], dtype=np.uint8)).tolist() == [7]


def test_draw_speed(glyphs: ScriptedDataset, benchmark: pytest.FixtureRequest) -> None:
    drawn = benchmark(glyphs.draw, classes=range(20), per_class=500, size=20, seed=0)  # type: ignore[operator]
    assert len(drawn.images) == 10_000
