"""Blood cells, VOC and COCO: where they lie, what is missing, how they are fetched, and the real blood cells."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from benchmark.data.boxes.files import BoxFiles
from benchmark.data.catalogue import catalogue
from benchmark.data.images.image_folder import register_folders
from benchmark.data.kinds import kind_of
from benchmark.data.source import Source
from benchmark.errors import DataError
from benchmark.seeding import Draw
from tests.benchmark.data.boxes.layouts import annotation, coco_content, packed, thing, write_coco, write_voc

NAMES = ("blood-cells", "voc2007", "voc2012", "coco2017")


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None: ...


def boxes(name: str) -> BoxFiles:
    dataset = catalogue.find(name).dataset
    assert isinstance(dataset, BoxFiles)
    return dataset


@pytest.mark.parametrize("name", NAMES)
def test_nothing_there(name: str, tmp_path: Path) -> None:
    dataset = boxes(name)
    assert kind_of(dataset) == "boxes"
    absent = str(dataset.missing(tmp_path))
    assert str(tmp_path) in absent
    assert "http" in absent
    with pytest.raises(DataError, match="incomplete"):
        dataset.fingerprint(tmp_path)
    with pytest.raises(DataError, match="incomplete"):
        dataset.boxed("train", root=tmp_path, size=(8, 8), count=1, seed=0, spread=1.0)


@pytest.mark.parametrize("place", ["BCCD", "bccd.zip"])
def test_blood_cells(place: str, tmp_path: Path) -> None:
    where = write_voc(
        tmp_path / "BCCD", train={"a": annotation(thing("WBC"), thing("Platelets"))}, test={"b": annotation()}
    )
    if place == "bccd.zip":
        packed(where, tmp_path / place, below="BCCD_Dataset-master/BCCD/")
        shutil.rmtree(where)
    found = boxes("blood-cells").boxed("train", root=tmp_path, size=(8, 12), count=None, seed=0, spread=1.0)
    assert found.classes == ("RBC", "WBC", "Platelets")
    assert found.labels.tolist() == [1, 2]


@pytest.mark.parametrize("year", ["2007", "2012"])
def test_voc(year: str, tmp_path: Path) -> None:
    where = write_voc(
        tmp_path / "VOCdevkit" / f"VOC{year}",
        train={"a": annotation(thing("tvmonitor")), "b": annotation(thing("aeroplane"))},
        test={"c": annotation(thing("dog"))},
    )
    if year == "2012":
        lists = where / "ImageSets" / "Main"
        (lists / "trainval.txt").rename(lists / "train.txt")
        (lists / "test.txt").rename(lists / "val.txt")
    dataset = boxes(f"voc{year}")
    assert dataset.missing(tmp_path) is None
    assert len(dataset.categories(tmp_path)) == 20
    found = [
        dataset.boxed(split, root=tmp_path, size=(8, 8), count=None, seed=0, spread=1.0) for split in ("train", "test")
    ]
    assert [each.labels.tolist() for each in found] == [[19, 0], [11]]


def test_coco(tmp_path: Path) -> None:
    where = write_coco(tmp_path / "coco", coco_content())
    (where / "annotations").mkdir()
    for folder, split in (("left", "train2017"), ("right", "val2017")):
        (where / folder).rename(where / split)
        (where / f"{folder}.json").rename(where / "annotations" / f"instances_{split}.json")
    dataset = boxes("coco2017")
    assert dataset.missing(tmp_path) is None
    assert dataset.categories(tmp_path) == ("cat", "dog")
    found = dataset.boxed("train", root=tmp_path, size=(8, 8), count=1, seed=0, spread=1.0)
    assert len(found.images) == 1


def test_blood_cells_are_fetched_as_the_repositorys_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_voc(tmp_path / "source", train={"a": annotation(thing("RBC"))}, test={"b": annotation()})
    archive = packed(source, tmp_path / "archive.zip", below="BCCD_Dataset-master/BCCD/")
    dataset = boxes("blood-cells")
    monkeypatch.setattr(type(dataset), "archive", archive.as_uri())
    dataset.fetch(tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["bccd.zip"]
    assert dataset.missing(tmp_path / "new") is None
    monkeypatch.setattr(type(dataset), "archive", (tmp_path / "gone.zip").as_uri())
    with pytest.raises(
        DataError, match=r"could not download BCCD from https.*by hand: download file.*save it as .*bccd\.z"
    ):
        dataset.fetch(tmp_path / "other")


@pytest.mark.parametrize("name", ["voc2007", "voc2012"])
def test_voc_is_fetched_through_torchvision(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def note(url: str, root: str, **_: object) -> None:
        asked.append(Path(url).name)
        write_voc(Path(root) / "VOCdevkit" / name.upper(), train={"a": annotation()}, test={"b": annotation()})

    monkeypatch.setattr("torchvision.datasets.voc.download_and_extract_archive", note)
    boxes(name).fetch(tmp_path)
    assert tuple(asked) == boxes(name).archives  # type: ignore[attr-defined]

    def fail(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torchvision.datasets.voc.download_and_extract_archive", fail)
    with pytest.raises(DataError, match=r"no network.*; by hand: download VOCtrainval.*which gives .*VOCdevkit/VOC20"):
        boxes(name).fetch(tmp_path / "new")


def test_coco_says_what_to_download(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"19 GB.*train2017\.zip.*val2017\.zip.*annotations_trainval2017\.zip"
    ) as caught:
        boxes("coco2017").fetch(tmp_path)
    assert str(tmp_path / "coco") in str(caught.value)


def test_they_are_no_image_folders(tmp_path: Path, registries: None) -> None:
    packed(write_voc(tmp_path / "BCCD", train={"a": annotation()}), tmp_path / "bccd.zip", below="BCCD/")
    before = dict(catalogue.entries)
    register_folders(tmp_path, catalogue)
    assert catalogue.entries == before


@pytest.mark.real_data
def test_the_real_blood_cells(real_data: Path) -> None:
    dataset = boxes("blood-cells")
    absent = dataset.missing(real_data)
    if absent:
        pytest.skip(absent)
    train, test = (dataset.annotated(split, root=real_data) for split in ("train", "test"))
    assert (len(train.names), len(test.names)) == (292, 72)
    assert [count for _, count, _ in train.tally()] == [3348, 301, 292]
    assert [count for _, count, _ in test.tally()] == [805, 71, 69]
    assert (train.dropped.sum(), test.dropped.sum()) == (2, 0)
    assert not train.ignored.any()
    source = Source(catalogue.find("blood-cells"), real_data)
    found = source.boxed("train", size=(60, 80), count=8, draw=Draw("t", 0, "s", "cpu"))
    assert found.images.shape == (8, 3, 60, 80)
    # white cells' nuclei are the darkest of all: green is lower inside of their boxes than in the rest of the image
    inside, whole = [], []
    for index in range(8):
        boxes_here, labels, _ = found.of(index)
        for x1, y1, x2, y2 in boxes_here[labels == 1].round().int().tolist():
            inside.append(found.images[index, 1, y1:y2, x1:x2].float().mean())
            whole.append(found.images[index, 1].float().mean())
    assert len(inside) >= 4
    assert bool((torch.stack(inside) < torch.stack(whole)).all())
