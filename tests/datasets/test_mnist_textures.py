"""MNIST on textures: dark digits on bright grounds that depend on split and index alone, drawn once and kept."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.data.catalogue import FixedDataset, catalogue
from benchmark.errors import DataError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path_factory.mktemp("cache")))


def fixed(name: str) -> FixedDataset:
    dataset = catalogue.find(name).dataset
    assert isinstance(dataset, FixedDataset)
    return dataset


def write_noughts(root: Path, count: int) -> None:
    """MNIST's files, whose images hold a bright square of 8 pixels in the middle; labels count from 0 to 9."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    images = np.zeros((count, 28, 28), dtype=np.uint8)
    images[:, 10:18, 10:18] = 255
    for split in ("train", "t10k"):
        for part, array in (("images-idx3", images), ("labels-idx1", (np.arange(count) % 10).astype(np.uint8))):
            sizes = np.array(array.shape, dtype=">u4").tobytes()
            (raw / f"{split}-{part}-ubyte").write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


def test_dark_on_bright(tmp_path: Path) -> None:
    write_noughts(tmp_path, 300)
    read, plain = (fixed(name).load("train", root=tmp_path) for name in ("mnist-textures", "mnist"))
    assert read.images.shape == (300, 1, 28, 28)
    assert torch.equal(read.labels, plain.labels)
    assert read.classes == plain.classes
    ink = plain.images > 0
    inside, outside = read.images[ink].view(300, -1).double(), read.images[~ink].view(300, -1).double()
    assert (inside.mean(1) < 0.8 * outside.mean(1)).all()
    assert outside.mean() > 130
    assert outside.std(1).min() > 8
    assert len({image.numpy().tobytes() for image in read.images}) == 300


def test_a_texture_depends_on_split_and_index_alone(tmp_path: Path) -> None:
    """1,030 images make a second, short block; 1,100 a longer one."""
    dataset = fixed("mnist-textures")
    for name, count in (("few", 1_030), ("more", 1_100)):
        write_noughts(tmp_path / name, count)
    few, more = (dataset.load("train", root=tmp_path / name).images for name in ("few", "more"))
    assert torch.equal(few, more[:1_030])
    module = sys.modules[type(dataset).__module__]
    noughts = fixed("mnist").load("train", root=tmp_path / "few").images
    assert np.array_equal(module._on_textures(noughts, "train"), few.numpy())
    assert not np.array_equal(module._on_textures(noughts, "test"), few.numpy())


def test_drawn_once_and_follows_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = fixed("mnist-textures")
    module = sys.modules[type(dataset).__module__]
    write_noughts(tmp_path, 20)
    first, before = dataset.load("train", root=tmp_path), dataset.fingerprint(tmp_path)
    assert before != fixed("mnist").fingerprint(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_on_textures", lambda *_: pytest.fail("drawn again"))
        assert torch.equal(first.images, dataset.load("train", root=tmp_path).images)
    with monkeypatch.context() as patch:
        patch.setattr(module, "LOOK", module.Look(depth=(0.1, 0.2)))
        assert dataset.fingerprint(tmp_path) != before
        assert not torch.equal(first.images, dataset.load("train", root=tmp_path).images)
    write_noughts(tmp_path, 21)
    assert dataset.fingerprint(tmp_path) != before


def test_it_misses_what_mnist_misses(tmp_path: Path) -> None:
    absent = fixed("mnist-textures").missing(tmp_path)
    assert absent is not None
    assert absent == fixed("mnist").missing(tmp_path)
    with pytest.raises(DataError, match="train-images"):
        fixed("mnist-textures").load("test", root=tmp_path)


@pytest.mark.real_data
def test_the_real_digits_stay_readable(real_data: Path) -> None:
    """Ink takes away a share of the ground: where a digit has full ink, its image is darker than where it has none."""
    plain, textured = fixed("mnist"), fixed("mnist-textures")
    absent = textured.missing(real_data)
    if absent:
        pytest.skip(absent)
    digits, read = plain.load("test", root=real_data), textured.load("test", root=real_data)
    assert torch.equal(digits.labels, read.labels)
    grey, ink = read.images.float(), digits.images > 200
    dark = (grey * ink).sum((1, 2, 3)) / ink.sum((1, 2, 3)).clamp_min(1)
    bright = (grey * (digits.images == 0)).sum((1, 2, 3)) / (digits.images == 0).sum((1, 2, 3))
    assert (dark < 0.8 * bright).float().mean() > 0.99
