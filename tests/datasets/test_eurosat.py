"""EuroSAT in the layout that torchvision unpacks: order, splits, what is absent, failed downloads."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
from PIL import Image

from benchmark.data.catalogue import FixedDataset, catalogue
from benchmark.errors import DataError

CLASSES = (
    *("AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial"),
    *("Pasture", "PermanentCrop", "Residential", "River", "SeaLake"),
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def eurosat() -> FixedDataset:
    dataset = catalogue.find("eurosat").dataset
    assert isinstance(dataset, FixedDataset)
    return dataset


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six images of each class; the i-th of class c has the colour (20 c, 30 i, 200)."""
    for number, name in enumerate(CLASSES):
        (tmp_path / "eurosat" / "2750" / name).mkdir(parents=True)
        for index in range(6):
            image = Image.new("RGB", (64, 64), (20 * number, 30 * index, 200))
            image.save(tmp_path / "eurosat" / "2750" / name / f"{name}_{index + 1}.jpg", quality=95)
    return tmp_path


def test_classes_and_splits(eurosat: FixedDataset, root: Path) -> None:
    assert eurosat.missing(root) is None
    train, test = eurosat.load("train", root=root), eurosat.load("test", root=root)
    assert train.classes == test.classes == CLASSES
    assert train.images.shape == (50, 3, 64, 64)
    assert test.images.shape == (10, 3, 64, 64)
    assert test.labels.tolist() == list(range(10))
    assert train.labels.bincount().tolist() == [5] * 10
    # JPEG keeps colours to about two levels
    assert test.images[:, 0, 0, 0].tolist() == pytest.approx([20 * number for number in range(10)], abs=3)
    assert test.images[:, 1, 0, 0].tolist() == pytest.approx([120] * 10, abs=3)
    assert train.images[:5, 1, 0, 0].tolist() == pytest.approx([0, 30, 60, 90, 150], abs=3)
    assert len(eurosat.fingerprint(root)) == 32


def test_absent_classes_are_named(eurosat: FixedDataset, root: Path) -> None:
    (root / "eurosat" / "2750" / "River").rename(root / "Stream")
    absent = str(eurosat.missing(root))
    assert "folders River into" in absent
    assert f"remove {root / 'eurosat' / '2750'}" in absent
    assert "heptathlon data fetch eurosat" in absent
    for attempt in (lambda: eurosat.load("train", root=root), lambda: eurosat.fingerprint(root)):
        with pytest.raises(DataError, match="River"):
            attempt()


def test_nothing_there(eurosat: FixedDataset, tmp_path: Path) -> None:
    absent = str(eurosat.missing(tmp_path))
    assert ", ".join(CLASSES) in absent
    assert str(tmp_path / "eurosat" / "2750") in absent
    assert "remove" not in absent


def test_a_folder_beside_the_classes_is_no_class(eurosat: FixedDataset, root: Path) -> None:
    (root / "eurosat" / "2750" / "Thumbnails").mkdir()
    assert eurosat.load("test", root=root).classes == CLASSES


def test_a_class_with_too_few_images_is_refused(eurosat: FixedDataset, root: Path) -> None:
    for index in (1, 2):
        (root / "eurosat" / "2750" / "Forest" / f"Forest_{index}.jpg").unlink()
    with pytest.raises(DataError, match=r"'Forest'.* has 4 images"):
        eurosat.load("train", root=root)


def test_a_damaged_image_is_named(eurosat: FixedDataset, root: Path) -> None:
    image = root / "eurosat" / "2750" / "SeaLake" / "SeaLake_2.jpg"
    image.write_bytes(image.read_bytes()[:100])
    with pytest.raises(DataError, match=r"SeaLake/SeaLake_2\.jpg.*replace it"):
        eurosat.load("train", root=root)


def test_a_failed_download_says_what_to_do(
    eurosat: FixedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torchvision.datasets.eurosat.download_and_extract_archive", fail)
    with pytest.raises(DataError, match=r"no network.*by hand: download EuroSAT\.zip"):
        eurosat.fetch(tmp_path / "new")
