"""Classes as folders: listed alike from folders and zips, divided by a rule, decoded once, refused with a name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.data.catalogue import FixedDataset
from benchmark.data.images.class_folders import ClassFolders, divided, every_fifth, images_below
from benchmark.data.images.listing import Listing
from benchmark.errors import DataError


class Pets(ClassFolders):
    """Reads `pets/<class>/<images>` or `pets.zip`."""

    size = 4

    def missing(self, root: Path) -> str | None:
        return None if self.place(root).exists() else "no pets; buy some"

    def listing(self, root: Path) -> Listing:
        return divided(self.place(root), images_below(self.place(root), depth=1))

    def fetch(self, root: Path) -> None:
        raise DataError("no shop")

    def place(self, root: Path) -> Path:
        return root / "pets" if (root / "pets").exists() else root / "pets.zip"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path_factory.mktemp("cache")))


def picture(path: Path, shade: int, *, side: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (shade, 0, 255 - shade)).save(path)


def folder(root: Path, *, count: int = 6) -> Path:
    for number, name in enumerate(("cat", "dog")):
        for index in range(count):
            picture(root / name / f"{index}.png", 100 * number + index)
    return root


def test_every_fifth_is_test_and_order_is_alphabetical(tmp_path: Path) -> None:
    folder(tmp_path / "pets", count=11)  # 0 1 10 2 | 3 | 4 5 6 7 | 8 | 9
    dataset = Pets()
    assert isinstance(dataset, FixedDataset)
    train, test = dataset.load("train", root=tmp_path), dataset.load("test", root=tmp_path)
    assert train.classes == test.classes == ("cat", "dog")
    assert test.images[:, 0, 0, 0].tolist() == [3, 8, 103, 108]
    assert test.labels.tolist() == [0, 0, 1, 1]
    assert train.images[:9, 0, 0, 0].tolist() == [0, 1, 10, 2, 4, 5, 6, 7, 9]
    assert train.images[:9, 2, 0, 0].tolist() == [255 - shade for shade in (0, 1, 10, 2, 4, 5, 6, 7, 9)]
    assert train.labels.bincount().tolist() == [9, 9]
    assert [every_fifth(position, "") for position in range(6)] == [False] * 4 + [True, False]


@pytest.mark.parametrize("top", ["", "pets/"])
def test_a_zip_reads_like_its_folder(tmp_path: Path, top: str) -> None:
    folder(tmp_path / "pets")
    (tmp_path / "zipped").mkdir()
    with zipfile.ZipFile(tmp_path / "zipped" / "pets.zip", "w") as archive:
        for name in ("cat", "dog"):
            archive.writestr(f"{top}{name}/", b"")
        for file in sorted((tmp_path / "pets").rglob("*.png")):
            archive.write(file, f"{top}{file.relative_to(tmp_path / 'pets')}")
        archive.writestr(f"__MACOSX/{top}cat/._0.png", b"resource fork")
        archive.writestr(f"{top}cat/.hidden.png", b"no image")
        archive.writestr("README.txt", b"read me")
    for split in ("train", "test"):
        one, other = Pets().load(split, root=tmp_path), Pets().load(split, root=tmp_path / "zipped")
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
        assert one.classes == other.classes


def test_grey_inverted_and_averaged(tmp_path: Path) -> None:
    class Ink(Pets):
        mode, resampling, inverted, size = "L", "BOX", True, 2

    for index in range(5):
        path = tmp_path / "pets" / "cat" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.array([[0, 255], [0, 0]], dtype=np.uint8).repeat(3, 0).repeat(3, 1)).save(path)
    read = Ink().load("train", root=tmp_path)
    assert read.images[0].tolist() == [[[255, 0], [255, 255]]]
    assert Ink().fingerprint(tmp_path) != Pets().fingerprint(tmp_path)


def test_decoded_once_and_again_if_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = Pets()
    folder(tmp_path / "pets")
    first, before = dataset.load("train", root=tmp_path), dataset.fingerprint(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Pets, "_decode", lambda *_: pytest.fail("decoded again"))
        assert torch.equal(first.images, dataset.load("train", root=tmp_path).images)
    picture(tmp_path / "pets" / "cat" / "0.png", 99, side=6)
    assert dataset.fingerprint(tmp_path) != before
    assert dataset.load("train", root=tmp_path).images[0, :, 0, 0].tolist() == [99, 0, 156]


def test_fingerprint_follows_classes(tmp_path: Path) -> None:
    folder(tmp_path / "pets")
    before = Pets().fingerprint(tmp_path)
    (tmp_path / "pets" / "cat").rename(tmp_path / "pets" / "eel")
    assert Pets().fingerprint(tmp_path) != before


def test_what_is_missing_is_raised_by_all(tmp_path: Path) -> None:
    for attempt in (lambda: Pets().load("train", root=tmp_path), lambda: Pets().fingerprint(tmp_path)):
        with pytest.raises(DataError, match="buy some"):
            attempt()


@pytest.mark.parametrize("zipped", [False, True])
def test_an_empty_class_is_refused(tmp_path: Path, zipped: bool) -> None:
    folder(tmp_path / "pets")
    (tmp_path / "pets" / "eel").mkdir()
    if zipped:
        with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
            for path in sorted((tmp_path / "pets").rglob("*")):
                archive.write(path, path.relative_to(tmp_path / "pets"))
        (tmp_path / "pets").rename(tmp_path / "gone")
    with pytest.raises(DataError, match=r"'eel'.* has 0 images"):
        Pets().load("train", root=tmp_path)


def test_a_class_too_small_for_both_splits_is_refused(tmp_path: Path) -> None:
    folder(tmp_path / "pets", count=4)
    with pytest.raises(DataError, match=r"'cat'.* has 4 images and none of them is for 'test'"):
        Pets().load("train", root=tmp_path)


def test_no_classes_at_all(tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    with pytest.raises(DataError, match="no folder of images"):
        Pets().load("train", root=tmp_path)


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    folder(tmp_path / "pets")
    (tmp_path / "pets" / "dog" / "1.png").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"dog/1\.png.*replace it"):
        Pets().load("train", root=tmp_path)


def test_a_zip_cut_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pets.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(DataError, match=r"pets\.zip.*copy it again"):
        Pets().load("train", root=tmp_path)


def test_a_folder_that_vanished_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot list .*absent"):
        images_below(tmp_path / "absent", depth=1)
