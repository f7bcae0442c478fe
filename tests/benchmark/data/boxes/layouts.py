"""Small datasets in the layouts of VOC and COCO, written for a test."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmark.data.boxes.coco import CocoFiles
from benchmark.data.boxes.voc import VocFiles

CLASSES = ("cat", "dog")


class Voc(VocFiles):
    title, places, classes, remedy = "Pets", ("pets", "pets.zip"), CLASSES, "adopt some"

    def fetch(self, root: Path) -> None: ...


class Coco(CocoFiles):
    title, folder, remedy = "Pets", "coco", "adopt some"
    images = {"train": "left", "test": "right"}  # noqa: RUF012
    instances = {"train": "left.json", "test": "right.json"}  # noqa: RUF012

    def fetch(self, root: Path) -> None: ...


def picture(path: Path, shade: int, *, size: tuple[int, int] = (12, 8)) -> None:
    """A JPEG of one colour, red as `shade` says. size: (width, height)"""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, 0, 255 - shade)).save(path, quality=95)


def thing(name: str = "cat", box: Sequence[object] = (1, 1, 4, 3), *, more: str = "") -> str:
    """An <object> of VOC's."""
    corners = "".join(
        f"<{tag}>{value}</{tag}>" for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name>{more}<bndbox>{corners}</bndbox></object>"


def annotation(*things: str, size: tuple[object, object] = (12, 8)) -> str:
    """A whole XML file. size: (width, height)"""
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    return f"<annotation><filename>wrong.jpg</filename>{sides}{''.join(things)}</annotation>"


def write_voc(where: Path, *, train: Mapping[str, str], test: Mapping[str, str] | None = None) -> Path:
    """Write the layout; each split maps ids to XML. The k-th image of a split is of shade 40 k, from 0."""
    for split, entries in {"trainval": train, "test": {"last": annotation(thing())} if test is None else test}.items():
        (where / "ImageSets" / "Main").mkdir(parents=True, exist_ok=True)
        (where / "Annotations").mkdir(exist_ok=True)
        (where / "ImageSets" / "Main" / f"{split}.txt").write_text("".join(f"{name}\n" for name in entries))
        for number, (name, text) in enumerate(entries.items()):
            picture(where / "JPEGImages" / f"{name}.jpg", 40 * number)
            (where / "Annotations" / f"{name}.xml").write_text(text)
    return where


def packed(source: Path, target: Path, *, below: str = "") -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(source.rglob("*")):
            archive.write(path, below + str(path.relative_to(source)))
        archive.writestr(f"__MACOSX/{below}Annotations/._a.xml", b"resource fork")
        archive.writestr(f"{below}Annotations/.DS_Store", b"")
    return target


def coco_content(**changes: Any) -> dict[str, Any]:
    """Two images, 7 before 30 by id, three boxes, of which the last is a crowd."""
    return {
        "images": [
            {"id": 30, "file_name": "b.jpg", "width": 12, "height": 8},
            {"id": 7, "file_name": "a.jpg", "width": 12, "height": 8},
        ],
        "categories": [{"id": 9, "name": "dog"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 30, "category_id": 9, "bbox": [1.5, 2, 3, 4.25], "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 2, "bbox": [0, 0, 12, 8]},
            {"id": 3, "image_id": 30, "category_id": 2, "bbox": [4, 4, 2, 2], "iscrowd": 1},
        ],
    } | changes


def write_coco(where: Path, train: dict[str, Any] | str, test: dict[str, Any] | None = None) -> Path:
    for folder, content in {"left": train, "right": coco_content() if test is None else test}.items():
        for number, name in enumerate(("a.jpg", "b.jpg")):
            picture(where / folder / name, 40 * number)
        (where / f"{folder}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return where
