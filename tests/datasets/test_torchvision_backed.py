"""MNIST, Fashion-MNIST and CIFAR: small files in the true layouts, failing downloads, real data where present."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.data.catalogue import FixedDataset, catalogue
from benchmark.errors import DataError
from benchmark.plugins import load_datasets

IDX = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
CIFAR = {"cifar10": "CIFAR10", "cifar100": "CIFAR100"}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path_factory.mktemp("cache")))


def fixed(name: str) -> FixedDataset:
    assert load_datasets() == []
    dataset = catalogue.find(name).dataset
    assert isinstance(dataset, FixedDataset)
    return dataset


def write_idx(path: Path, array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


def write_mnist(root: Path, folder: str) -> None:
    for split, count in (("train", 12), ("t10k", 5)):
        images = np.arange(count * 784, dtype=np.uint32).astype(np.uint8).reshape(count, 28, 28)
        write_idx(root / folder / "raw" / f"{split}-images-idx3-ubyte", images)
        write_idx(root / folder / "raw" / f"{split}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8))


@pytest.mark.parametrize("name", IDX)
def test_idx_files(name: str, tmp_path: Path) -> None:
    dataset = fixed(name)
    write_mnist(tmp_path, IDX[name])
    assert dataset.missing(tmp_path) is None
    train, test = dataset.load("train", root=tmp_path), dataset.load("test", root=tmp_path)
    assert train.images.shape == (12, 1, 28, 28)
    assert train.images.flatten()[:300].tolist() == [value % 256 for value in range(300)]
    assert train.labels.tolist() == [*range(10), 0, 1]
    assert train.labels.dtype == torch.int64
    assert test.images.shape == (5, 1, 28, 28)
    assert len(train.classes) == 10


@pytest.mark.parametrize("name", IDX)
def test_absent_idx_files_are_named(name: str, tmp_path: Path) -> None:
    dataset = fixed(name)
    write_mnist(tmp_path, IDX[name])
    (tmp_path / IDX[name] / "raw" / "t10k-labels-idx1-ubyte").unlink()
    absent = dataset.missing(tmp_path)
    assert absent is not None
    assert "t10k-labels-idx1-ubyte" in absent
    assert "train-images" not in absent
    assert str(tmp_path / IDX[name] / "raw") in absent
    assert f"heptathlon data fetch {name}" in absent
    for attempt in (lambda: dataset.load("train", root=tmp_path), lambda: dataset.fingerprint(tmp_path)):
        with pytest.raises(DataError, match="t10k-labels"):
            attempt()


@pytest.mark.parametrize("keep", [0, 3, 1000])
def test_damaged_idx_file(keep: int, tmp_path: Path) -> None:
    write_mnist(tmp_path, "MNIST")
    images = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:keep])
    with pytest.raises(DataError, match="damaged"):
        fixed("mnist").load("train", root=tmp_path)


def test_fingerprint_follows_the_content_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = fixed("mnist")
    write_mnist(tmp_path, "MNIST")
    before = dataset.fingerprint(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))
        assert dataset.fingerprint(tmp_path) == before
    labels = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\x07")
    os.utime(labels, ns=(1, 1))
    assert dataset.fingerprint(tmp_path) != before


def test_a_damaged_kept_hash_is_made_again(tmp_path: Path) -> None:
    write_mnist(tmp_path, "MNIST")
    before = fixed("mnist").fingerprint(tmp_path)
    (kept,) = (Path(os.environ["HEPTATHLON_CACHE"]) / "hashes").iterdir()
    kept.write_text(before[:9])
    assert fixed("mnist").fingerprint(tmp_path) == before


@pytest.mark.parametrize("name", [*IDX, *CIFAR, "mnist-textures"])
@pytest.mark.parametrize("error", [URLError("no network"), RuntimeError("all mirrors failed"), TimeoutError()])
def test_a_failed_download_says_what_to_do(
    name: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    dataset = fixed(name)
    for module in ("mnist", "cifar"):
        monkeypatch.setattr(f"torchvision.datasets.{module}.download_and_extract_archive", fail)
    with pytest.raises(DataError, match="by hand: download") as caught:
        dataset.fetch(tmp_path / "new")
    assert "http" in str(caught.value)
    assert str(tmp_path / "new") in str(caught.value)


@pytest.mark.parametrize("name", CIFAR)
def test_cifar_batches(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = fixed(name)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda path, *_: Path(path).is_file())
    rng, fine = np.random.default_rng(0), name == "cifar100"
    folder = tmp_path / ("cifar-100-python" if fine else "cifar-10-batches-py")
    folder.mkdir()
    train = ["train"] if fine else [f"data_batch_{number}" for number in range(1, 6)]
    pixels = {
        file: rng.integers(0, 256, (2, 3072), dtype=np.uint8) for file in [*train, "test" if fine else "test_batch"]
    }
    for file, data in pixels.items():
        (folder / file).write_bytes(pickle.dumps({"data": data, "fine_labels" if fine else "labels": [1, 0]}))
    assert "meta" in str(dataset.missing(tmp_path))
    names = {"fine_label_names" if fine else "label_names": ["one", "two"]}
    (folder / ("meta" if fine else "batches.meta")).write_bytes(pickle.dumps(names))
    assert dataset.missing(tmp_path) is None
    read = dataset.load("train", root=tmp_path)
    expected = np.concatenate([pixels[file] for file in train]).reshape(-1, 3, 32, 32)
    assert np.array_equal(read.images.numpy(), expected)
    assert read.labels.tolist() == [1, 0] * len(train)
    assert read.classes == ("one", "two")
    assert len(dataset.load("test", root=tmp_path).images) == 2


def test_cifar_with_a_wrong_checksum(tmp_path: Path) -> None:
    (tmp_path / "cifar-100-python").mkdir()
    for file in ("train", "test", "meta"):
        (tmp_path / "cifar-100-python" / file).write_bytes(b"something else")
    with pytest.raises(DataError, match="damaged"):
        fixed("cifar100").load("test", root=tmp_path)


@pytest.mark.parametrize("place", ["cifar10", "cifar10-jpeg"])
def test_cifar_from_pictures(place: str, tmp_path: Path) -> None:
    dataset = fixed("cifar10")
    assert "cifar10-jpeg.zip" in str(dataset.missing(tmp_path))
    for split in ("train", "test"):
        for shade, name in enumerate(("cat", "dog")):
            (tmp_path / place / split / name).mkdir(parents=True)
            Image.new("RGB", (32, 32), (shade * 100, 0, 0)).save(tmp_path / place / split / name / "0.png")
    assert dataset.missing(tmp_path) is None
    read = dataset.load("test", root=tmp_path)
    assert read.images.shape == (2, 3, 32, 32)
    assert read.images[:, 0, 0, 0].tolist() == [0, 100]
    assert len(dataset.fingerprint(tmp_path)) == 32


def real(name: str, root: Path) -> FixedDataset:
    dataset = fixed(name)
    absent = dataset.missing(root)
    if absent:
        pytest.skip(absent)
    return dataset


@pytest.mark.real_data
def test_real_mnist(real_data: Path) -> None:
    dataset = real("mnist", real_data)
    train, test = dataset.load("train", root=real_data), dataset.load("test", root=real_data)
    assert train.images.shape == (60_000, 1, 28, 28)
    assert test.images.shape == (10_000, 1, 28, 28)
    # counts of the digits, as published
    assert train.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


@pytest.mark.real_data
def test_real_cifar10_test_split(real_data: Path) -> None:
    test = real("cifar10", real_data).load("test", root=real_data)
    assert test.images.shape == (10_000, 3, 32, 32)
    assert test.labels.bincount().tolist() == [1000] * 10
    assert test.classes[:3] == ("airplane", "automobile", "bird")


@pytest.mark.slow
@pytest.mark.real_data
def test_real_cifar10_train_split(real_data: Path) -> None:
    train = real("cifar10", real_data).load("train", root=real_data)
    assert train.images.shape == (50_000, 3, 32, 32)
    assert train.labels.bincount().tolist() == [5000] * 10
