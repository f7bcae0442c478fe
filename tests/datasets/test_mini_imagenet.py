"""mini-ImageNet: both layouts give the same data; lists that disagree with the images are refused by line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmark.data.catalogue import Catalogue, FixedDataset, catalogue
from benchmark.data.images.image_folder import register_folders
from benchmark.errors import DataError

PARTS = {"train": ("n02", "n01"), "val": ("n03",), "test": ("n04",)}
CLASSES = ("train/n01", "train/n02", "val/n03", "test/n04")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def mini() -> FixedDataset:
    dataset = catalogue.find("mini-imagenet").dataset
    assert isinstance(dataset, FixedDataset)
    return dataset


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (50, 30), (shade, 2 * shade, 0)).save(path)


def as_folders(root: Path) -> Path:
    for part, names in PARTS.items():
        for name in names:
            for index in range(5):
                picture(root / "mini-imagenet" / part / name / f"{name}{index}.png", 10 * int(name[1:]) + index)
    return root / "mini-imagenet"


def as_lists(root: Path) -> Path:
    where = root / "mini-imagenet"
    for part, names in PARTS.items():
        rows = [f"{name}{index}.png,{name}" for name in names for index in range(5)]
        for row in rows:
            picture(where / "images" / row.partition(",")[0], 10 * int(row[-2:]) + int(row[3]))
        (where / f"{part}.csv").write_text("\n".join(["filename,label", *rows]) + "\n")
    return where


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_both_layouts_give_the_same(mini: FixedDataset, tmp_path: Path) -> None:
    as_folders(tmp_path / "a")
    as_lists(tmp_path / "b")
    for split, count in (("train", 16), ("test", 4)):
        one, other = (mini.load(split, root=tmp_path / name) for name in "ab")
        assert one.classes == other.classes == CLASSES
        assert one.images.shape == (count, 3, 84, 84)
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
    assert one.images[:, 0, 40, 40].tolist() == [14, 24, 34, 44]
    assert one.images[:, 1, 40, 40].tolist() == [28, 48, 68, 88]
    assert mini.fingerprint(tmp_path / "a") == mini.fingerprint(tmp_path / "b")


def test_nothing_there(mini: FixedDataset, tmp_path: Path) -> None:
    absent = str(mini.missing(tmp_path))
    assert str(tmp_path / "mini-imagenet") in absent
    assert "train.csv, val.csv, test.csv (filename,label)" in absent
    with pytest.raises(DataError, match="no mini-ImageNet"):
        mini.load("train", root=tmp_path)


def test_an_incomplete_layout_says_what_there_is(mini: FixedDataset, tmp_path: Path) -> None:
    (as_lists(tmp_path) / "val.csv").unlink()
    assert "(only images, train.csv, test.csv there)" in str(mini.missing(tmp_path))


def test_it_cannot_be_downloaded(mini: FixedDataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"terms forbid redistribution.*train\.csv") as caught:
        mini.fetch(tmp_path)
    assert str(tmp_path / "mini-imagenet") in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("n012.png,", "n019.png,", r"line 9 of .*train\.csv names n019\.png, which .*images lacks"),
        ("n012.png,", "n011.png,", r"line 9 of .* names n011\.png a second time"),
        ("n012.png,n01", "n012.png", r"line 9 of .* is 'n012\.png'"),
        ("n012.png,n01", "n012.png,", "must hold a file name and a class"),
        ("filename,label", "image,class", "begins with 'image,class'; its first line must be filename,label"),
        ("n01\n", "n03\n", "class n03 .* is in both train and val"),
    ],
)
def test_a_wrong_list_is_refused(mini: FixedDataset, old: str, new: str, what: str, tmp_path: Path) -> None:
    replace(as_lists(tmp_path) / "train.csv", old, new)
    with pytest.raises(DataError, match=what):
        mini.load("train", root=tmp_path)


@pytest.mark.parametrize("text", [b"", b"filename,label\n", b"\xff\xfe\x00"])
def test_an_empty_or_unreadable_list_is_refused(mini: FixedDataset, text: bytes, tmp_path: Path) -> None:
    (as_lists(tmp_path) / "val.csv").write_bytes(text)
    with pytest.raises(DataError, match=r"val\.csv"):
        mini.load("train", root=tmp_path)


def test_a_class_in_two_parts_is_refused(mini: FixedDataset, tmp_path: Path) -> None:
    where = as_folders(tmp_path)
    (where / "val" / "n03").rename(where / "val" / "n01")
    with pytest.raises(DataError, match=r"class n01 .* is in both train and val"):
        mini.load("test", root=tmp_path)


def test_a_part_without_classes_is_refused(mini: FixedDataset, tmp_path: Path) -> None:
    where = as_folders(tmp_path)
    (where / "val" / "n03").rename(where / "train" / "n03")
    with pytest.raises(DataError, match="has no class in val"):
        mini.load("test", root=tmp_path)


def test_a_damaged_image_is_named(mini: FixedDataset, tmp_path: Path) -> None:
    (as_folders(tmp_path) / "val" / "n03" / "n031.png").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"val/n03/n031\.png.*replace it"):
        mini.load("train", root=tmp_path)


def test_the_plug_in_goes_before_the_folder_of_its_name(mini: FixedDataset, tmp_path: Path) -> None:
    as_folders(tmp_path)
    found = Catalogue()
    register_folders(tmp_path, found)
    assert found.find("mini-imagenet").gives_way
    found.add("mini-imagenet", title="", licence="", source="plug-in")(type(mini))
    assert found.find("mini-imagenet").source == "plug-in"
