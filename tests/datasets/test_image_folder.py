"""Image folders and zips of them: found cheaply, read in a fixed order, refused with the file's name."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.data.catalogue import Catalogue, FixedDataset
from benchmark.data.images.image_folder import ImageFolder, register_folders
from benchmark.data.images.listing import has_layout
from benchmark.errors import DataError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path_factory.mktemp("cache")))


def picture(path: Path, shade: int, *, mode: str = "RGB", size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, shade if mode in {"L", "I"} else (shade, 0, 255 - shade)).save(path)


def folder(root: Path, *, classes: Sequence[str] = ("cat", "dog"), mode: str = "RGB") -> Path:
    for split in ("train", "test"):
        for number, name in enumerate(classes):
            for index in range(3):
                picture(root / split / name / f"{index}.png", 10 * number + index, mode=mode)
    return root


def packed(source: Path, target: Path, *, top: str = "", folders: bool = False) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        if folders:
            for name in (top, f"{top}/train", f"{top}/test"):
                archive.writestr(f"{name}/", b"")
        for file in sorted(source.rglob("*.png")):
            archive.write(file, str(Path(top) / file.relative_to(source)))
    return target


def test_order_labels_and_pixels(tmp_path: Path) -> None:
    folder(tmp_path / "pets")
    read = ImageFolder(("pets",)).load("train", root=tmp_path)
    assert read.classes == ("cat", "dog")
    assert read.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert read.images.shape == (6, 3, 4, 6)
    assert read.images[:, 0, 0, 0].tolist() == [0, 1, 2, 10, 11, 12]
    assert read.images[:, 2, 0, 0].tolist() == [255, 254, 253, 245, 244, 243]


@pytest.mark.parametrize(("top", "folders"), [("", False), ("pets", False), ("pets", True)])
def test_a_zip_reads_like_its_folder(tmp_path: Path, top: str, folders: bool) -> None:
    source = folder(tmp_path / "pets")
    packed(source, tmp_path / "pets2.zip", top=top, folders=folders)
    assert has_layout(tmp_path / "pets2.zip")
    for split in ("train", "test"):
        one = ImageFolder(("pets",)).load(split, root=tmp_path)
        other = ImageFolder(("pets2.zip",)).load(split, root=tmp_path)
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
        assert one.classes == other.classes


def test_grey_only_if_every_image_is(tmp_path: Path) -> None:
    folder(tmp_path / "grey", mode="L")
    assert ImageFolder(("grey",)).load("train", root=tmp_path).images.shape == (6, 1, 4, 6)
    picture(tmp_path / "grey" / "test" / "dog" / "9.png", 3)
    assert ImageFolder(("grey",)).load("train", root=tmp_path).images.shape == (6, 3, 4, 6)


def test_sizes(tmp_path: Path) -> None:
    folder(tmp_path / "pets")
    picture(tmp_path / "pets" / "test" / "cat" / "0.png", 7, size=(12, 20))
    assert ImageFolder(("pets",)).load("test", root=tmp_path).images.shape == (6, 3, 4, 6)
    resized = ImageFolder(("pets",), size=5).load("test", root=tmp_path)
    assert resized.images.shape == (6, 3, 5, 5)
    assert resized.images[0, 0].unique().tolist() == [7]


def test_decoded_once_and_again_if_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = ImageFolder(("pets",))
    folder(tmp_path / "pets")
    first, before = dataset.load("train", root=tmp_path), dataset.fingerprint(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("benchmark.data.images.image_folder.decoded", lambda *_, **__: pytest.fail("decoded again"))
        assert torch.equal(first.images, dataset.load("train", root=tmp_path).images)
        assert dataset.fingerprint(tmp_path) == before
    picture(tmp_path / "pets" / "train" / "cat" / "0.png", 99, size=(6, 4))
    assert dataset.fingerprint(tmp_path) != before
    assert dataset.load("train", root=tmp_path).images[0, 0, 0, 0] == 99


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    folder(tmp_path / "pets")
    for name in ("Thumbs.db", ".hidden.png", "notes.txt"):
        (tmp_path / "pets" / "train" / "cat" / name).write_text("no image")
    (tmp_path / "pets" / "train" / "README").touch()
    assert len(ImageFolder(("pets",)).load("train", root=tmp_path).images) == 6


def test_classes_must_agree(tmp_path: Path) -> None:
    folder(tmp_path / "pets")
    picture(tmp_path / "pets" / "train" / "eel" / "0.png", 1)
    with pytest.raises(DataError, match=r"no images in test/ for eel"):
        ImageFolder(("pets",)).load("train", root=tmp_path)


def test_an_empty_class_is_refused(tmp_path: Path) -> None:
    folder(tmp_path / "pets")
    for split in ("train", "test"):
        (tmp_path / "pets" / split / "eel").mkdir()
    with pytest.raises(DataError, match=r"no images in train/ for eel"):
        ImageFolder(("pets",)).load("train", root=tmp_path)


@pytest.mark.parametrize("damage", ["cut short", "not an image", "sixteen bits"])
def test_a_damaged_image_is_named(tmp_path: Path, damage: str) -> None:
    broken = folder(tmp_path / "pets") / "train" / "dog" / "1.png"
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    if damage == "cut short":
        Image.fromarray(noise).save(broken)
        broken.write_bytes(broken.read_bytes()[:2000])
    elif damage == "not an image":
        broken.write_bytes(b"hello")
    else:
        Image.fromarray(noise[:, :, 0].astype(np.uint16)).save(broken)
    with pytest.raises(DataError, match=r"train/dog/1\.png.*replace it"):
        ImageFolder(("pets",)).load("train", root=tmp_path)


def test_a_zip_cut_short_is_refused(tmp_path: Path) -> None:
    whole = packed(folder(tmp_path / "pets"), tmp_path / "short.zip")
    whole.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"short\.zip.*copy it again"):
        ImageFolder(("short.zip",)).load("train", root=tmp_path)


def test_missing_names_the_places(tmp_path: Path) -> None:
    dataset = ImageFolder(("pets", "pets.zip"))
    assert str(tmp_path / "pets.zip") in str(dataset.missing(tmp_path))
    with pytest.raises(DataError, match="train/<class>"):
        dataset.load("train", root=tmp_path)
    with pytest.raises(DataError, match="train/<class>"):
        dataset.fetch(tmp_path)


def test_folders_become_datasets(tmp_path: Path) -> None:
    folder(tmp_path / "My Pets")
    packed(folder(tmp_path / ".hidden"), tmp_path / "zipped.zip")
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "half" / "train").mkdir(parents=True)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("scans/Images/0.png", b"")
    found = Catalogue()
    register_folders(tmp_path, found)
    assert sorted(found.entries) == ["my-pets", "zipped"]
    dataset = found.find("my-pets").dataset
    assert isinstance(dataset, FixedDataset)
    assert len(dataset.load("test", root=tmp_path).images) == 6


def test_a_plug_in_goes_before_a_folder_whichever_comes_first(tmp_path: Path) -> None:
    class Plugin(ImageFolder):
        def __init__(self) -> None:
            super().__init__(("elsewhere",))

    folder(tmp_path / "pets")
    for plugin_first in (True, False):
        found = Catalogue()
        if not plugin_first:
            register_folders(tmp_path, found)
        found.add("pets", title="", licence="", source="plug-in")(Plugin)
        register_folders(tmp_path, found)
        assert found.find("pets").source == "plug-in"


def test_no_data_root_no_datasets(tmp_path: Path) -> None:
    found = Catalogue()
    register_folders(tmp_path / "absent", found)
    assert not found.entries
