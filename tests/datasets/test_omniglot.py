"""Omniglot: both layouts, drawers as splits, what is absent or damaged, and the real small set."""

from __future__ import annotations

import zipfile
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from PIL import Image

from benchmark.data.catalogue import Catalogue, FixedDataset, catalogue
from benchmark.data.images.image_folder import register_folders
from benchmark.errors import DataError

SMALL = "images_background_small1"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def omniglot() -> FixedDataset:
    dataset = catalogue.find("omniglot").dataset
    assert isinstance(dataset, FixedDataset)
    return dataset


def draw(folder: Path, characters: list[str], *, drawings: int = 20) -> Path:
    """One-bit drawings on white: drawer d of the c-th character, from 0, inks 5 d rows of 15 (c + 1) pixels."""
    for number, character in enumerate(characters):
        (folder / character).mkdir(parents=True)
        for drawer in range(1, drawings + 1):
            image = Image.new("1", (105, 105), 1)
            image.paste(0, (0, 0, 15 * (number + 1), 5 * drawer))
            image.save(folder / character / f"{number:04}_{drawer:02}.png")
    return folder


@pytest.fixture
def full(tmp_path: Path, omniglot: FixedDataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torchvision's layout, with three and one characters."""
    folder = tmp_path / "omniglot-py"
    draw(folder / "images_background", ["Tagalog/character01", "Greek/character02", "Greek/character01"])
    draw(folder / "images_evaluation", ["Atlantean/character01"])
    monkeypatch.setattr(type(omniglot), "characters", {"images_background": 3, "images_evaluation": 1})
    return tmp_path


def test_torchvisions_layout(omniglot: FixedDataset, full: Path) -> None:
    assert omniglot.missing(full) is None
    train, test = omniglot.load("train", root=full), omniglot.load("test", root=full)
    names = ("Greek/character01", "Greek/character02", "Tagalog/character01", "Atlantean/character01")
    assert train.classes == test.classes == names
    assert train.images.shape == (60, 1, 28, 28)
    assert test.images.shape == (20, 1, 28, 28)
    assert train.labels.tolist() == [label for label in range(4) for _ in range(15)]
    # drawers 3, 6, .. 15, then 18: 15 pixels are 4 pixels of the smaller image, all ink and bright
    assert (train.images[-13::3].double().sum((1, 2, 3)) / 255).tolist() == [16, 32, 48, 64, 80]
    assert test.images[-3].double().sum() / 255 == 96
    assert train.images[0, 0, 0, 0] == 255
    assert train.images[0, 0, -1, -1] == 0


@pytest.mark.parametrize("place", [SMALL, f"omniglot-background-small1/{SMALL}", "omniglot-background-small1", "zip"])
def test_the_small_set(omniglot: FixedDataset, place: str, tmp_path: Path) -> None:
    characters = ["Latin/character01", "Korean/character01"]
    if place == "zip":
        source = draw(tmp_path / "source" / SMALL, characters)
        with zipfile.ZipFile(tmp_path / "omniglot-background-small1.zip", "w") as archive:
            for path in sorted(source.parent.rglob("*")):
                archive.write(path, path.relative_to(source.parent))
            archive.writestr(f"__MACOSX/{SMALL}/Latin/character01/._0000_01.png", b"resource fork")
            archive.writestr(f"{SMALL}/Latin/.DS_Store", b"")
    else:
        draw(tmp_path / place, characters)
    assert omniglot.missing(tmp_path) is None
    read = omniglot.load("test", root=tmp_path)
    assert read.classes == ("Korean/character01", "Latin/character01")
    assert read.labels.bincount().tolist() == [5, 5]
    assert len(omniglot.fingerprint(tmp_path)) == 32


def test_the_full_set_goes_first(omniglot: FixedDataset, full: Path) -> None:
    draw(full / SMALL, ["Latin/character01"])
    assert len(omniglot.load("test", root=full).classes) == 4


def test_what_is_absent_is_named(omniglot: FixedDataset, tmp_path: Path) -> None:
    (tmp_path / "omniglot-py" / "images_background").mkdir(parents=True)
    absent = str(omniglot.missing(tmp_path))
    for part in (
        "images_evaluation.zip",
        str(tmp_path / "omniglot-py"),
        "omniglot-background-small1.zip",
        "data fetch",
    ):
        assert part in absent
    assert "images_background.zip" not in absent
    for attempt in (lambda: omniglot.load("train", root=tmp_path), lambda: omniglot.fingerprint(tmp_path)):
        with pytest.raises(DataError, match=r"images_evaluation\.zip"):
            attempt()


def test_characters_that_are_absent_are_counted(omniglot: FixedDataset, full: Path) -> None:
    (full / "omniglot-py" / "images_background" / "Greek").rename(full / "elsewhere")
    with pytest.raises(DataError, match=r"images_background has drawings of 1 characters, and Omniglot has 3"):
        omniglot.load("train", root=full)


def test_an_empty_character_is_refused(omniglot: FixedDataset, tmp_path: Path) -> None:
    (draw(tmp_path / SMALL, ["Latin/character01"]) / "Latin" / "character02").mkdir()
    with pytest.raises(DataError, match=r"Latin/character02.* has 0 images"):
        omniglot.load("train", root=tmp_path)


def test_a_character_without_later_drawers_is_refused(omniglot: FixedDataset, tmp_path: Path) -> None:
    draw(tmp_path / SMALL, ["Latin/character01"], drawings=15)
    with pytest.raises(DataError, match="has 15 images and none of them is for 'test'"):
        omniglot.load("train", root=tmp_path)


@pytest.mark.parametrize("name", ["0000_21.png", "0000_00.png", "copy.png"])
def test_a_drawing_without_a_drawer_is_named(omniglot: FixedDataset, name: str, tmp_path: Path) -> None:
    folder = draw(tmp_path / SMALL, ["Latin/character01"]) / "Latin" / "character01"
    (folder / "0000_07.png").rename(folder / name)
    with pytest.raises(DataError, match=f"Latin/character01/{name}.*01 to 20"):
        omniglot.load("train", root=tmp_path)


def test_a_damaged_drawing_is_named(omniglot: FixedDataset, tmp_path: Path) -> None:
    draw(tmp_path / SMALL, ["Latin/character01"])
    (tmp_path / SMALL / "Latin" / "character01" / "0000_03.png").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"Latin/character01/0000_03\.png.*replace it"):
        omniglot.load("train", root=tmp_path)


def test_a_failed_download_says_what_to_do(
    omniglot: FixedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torchvision.datasets.omniglot.download_and_extract_archive", fail)
    with pytest.raises(DataError, match=r"by hand: download images_background\.zip and images_evaluation\.zip"):
        omniglot.fetch(tmp_path / "new")


def test_it_is_no_image_folder(full: Path) -> None:
    draw(full / SMALL, ["Latin/character01"])
    found = Catalogue()
    register_folders(full, found)
    assert not found.entries


@pytest.mark.real_data
def test_the_real_small_set(omniglot: FixedDataset, real_data: Path) -> None:
    absent = omniglot.missing(real_data)
    if absent:
        pytest.skip(absent)
    train, test = omniglot.load("train", root=real_data), omniglot.load("test", root=real_data)
    assert len(train.classes) in {136, 1623}
    assert set(train.labels.bincount().tolist()) == {15}
    assert set(test.labels.bincount().tolist()) == {5}
    assert train.images.shape[1:] == test.images.shape[1:] == (1, 28, 28)
    # ink is bright and little of the ground; the corners are nearly always empty
    images = torch.cat([train.images, test.images]).double() / 255
    assert 0.03 < images.mean() < 0.15
    assert images[:, :, ::27, ::27].mean() < 0.01
    if len(train.classes) == 136:
        alphabets = {name.partition("/")[0] for name in train.classes}
        assert alphabets == {"Balinese", "Early_Aramaic", "Greek", "Korean", "Latin"}
