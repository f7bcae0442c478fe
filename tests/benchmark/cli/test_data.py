"""`heptathlon data` with images that have boxes: their kind, what is in them and what could not be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.benchmark.data.boxes.layouts import annotation, thing, write_voc

Command = Callable[..., CompletedProcess[str]]


@pytest.fixture
def root(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEPTATHLON_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def cells(root: Path) -> None:
    """A red cell that is difficult, another 3 pixels high and wide, and a slip; and an image without any."""
    things = [
        thing("RBC", more="<difficult>1</difficult>"), thing("RBC", (1, 1, 3, 3)), thing("WBC", (2, 2, 2, 2)),
    ]  # fmt: skip
    write_voc(root / "BCCD", train={"a": annotation(*things), "b": annotation()}, test={"c": annotation(thing("RBC"))})


def test_described(command: Command, root: Path) -> None:
    cells(root)
    done = command("data", "describe", "blood-cells")
    assert done.returncode == 0
    for line in ("kind: boxes", "train: 2 images, 1 of them without an object", "RBC: 1, median side 3 px", "WBC: 0\n"):
        assert line in done.stdout
    assert "ignored as difficult or crowds: 1" in done.stdout
    assert "left out, as they are empty or outside of their image: 1" in done.stdout


def test_described_in_json(command: Command, root: Path) -> None:
    cells(root)
    found = json.loads(command("data", "describe", "blood-cells", "--json").stdout)
    assert len(found["content"]) == 32
    train = found["splits"]["train"]
    assert train["objects"]["RBC"] == {"count": 1, "median_side_px": 3.0}
    assert train["objects"]["WBC"] == {"count": 0, "median_side_px": None}
    assert (train["images"], train["empty"], train["ignored"], train["dropped"]) == (2, 1, 1, 1)


def test_one_that_is_drawn(command: Command) -> None:
    assert "kind: scripted" in command("data", "describe", "glyphs").stdout


def test_one_that_is_missing(command: Command, root: Path) -> None:
    done = command("data", "describe", "voc2007")
    assert done.returncode == 1
    assert "Pascal VOC 2007 is incomplete" in done.stderr
    assert "unpack VOCtrainval_06-Nov-2007.tar" in done.stderr


def test_listed_and_fetched(command: Command, root: Path) -> None:
    cells(root)
    rows = {row["name"]: row for row in json.loads(command("data", "list", "--json").stdout)["datasets"]}
    assert rows["blood-cells"]["kind"] == rows["coco2017"]["kind"] == "boxes"
    assert len(rows["blood-cells"]["content"]) == 32
    assert rows["coco2017"]["content"] is None
    assert "is in" in command("data", "fetch", "blood-cells").stdout
    refused = command("data", "fetch", "coco2017")
    assert refused.returncode == 1
    assert "train2017.zip" in refused.stderr
