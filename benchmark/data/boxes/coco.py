"""The layout of COCO: folders of images, and a JSON file of instances for each (Lin et al. 2014, arXiv:1405.0312).

The JSON has "images" (id, file_name, width, height), "categories" (id, name) and "annotations" (image_id, category_id,
bbox, iscrowd), of which `bbox` is x, y, width, height in pixels as areas between whole numbers from 0. Labels follow
the ids of categories, images their ids. An object with "iscrowd" stands for many and is ignored.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.data.boxes.annotated import Annotated, Notes
from benchmark.data.boxes.files import BoxFiles
from benchmark.data.catalogue import Split
from benchmark.data.images.listing import SPLITS, SUFFIXES
from benchmark.errors import DataError


class CocoFiles(BoxFiles):
    """A dataset in COCO's layout.

    folder: below the data root;  images, instances: names below it of each split's folder of images and JSON file
    """

    folder: str
    images: Mapping[Split, str]
    instances: Mapping[Split, str]
    remedy: str
    """How to get what is missing: the end of a sentence."""

    def missing(self, root: Path) -> str | None:
        """Return None if both splits are there, else a sentence that names what is not."""
        where = self.where(root)
        absent = [str(where / self.images[split]) for split in SPLITS if not (where / self.images[split]).is_dir()]
        absent += [str(path) for path in (where / self.instances[split] for split in SPLITS) if not path.is_file()]
        return f"{self.title} is incomplete: there is no {' and no '.join(absent)}; {self.remedy}" if absent else None

    def where(self, root: Path) -> Path:
        """The folder below which everything lies."""
        return root / self.folder

    def categories(self, root: Path) -> tuple[str, ...]:
        """Names of all classes, as the smaller split's file has them."""
        return self.annotated("test", root=root).classes

    def decisive(self) -> list[object]:
        """Which folders and files are which split."""
        return [[self.images[split], self.instances[split]] for split in SPLITS]

    def files(self, root: Path) -> Sequence[tuple[str, Path]]:
        """The two JSON files and all images in the two folders."""
        where = self.where(root)
        names = [self.instances[split] for split in SPLITS]
        for split in SPLITS:
            names += [f"{self.images[split]}/{name}" for name in sorted(_listed(where / self.images[split]))]
        return [(name, where / name) for name in names]

    def annotations(self, split: Split, root: Path) -> Annotated:
        """Read a split's JSON file. Raises DataError that names what is wrong in it, also if splits' classes differ."""
        where = self.where(root)
        path = where / self.instances[split]
        content = _parsed(path)
        names = {_whole(each, "id", path): str(_value(each, "name", path)) for each in content["categories"]}
        if len(names) < len(content["categories"]) or not names:
            raise DataError(f"{path} has no categories or two of one id; restore the file")
        classes = tuple(names[each] for each in sorted(names))
        if split == "train" and classes != self.categories(root):
            raise DataError(
                f"{path} and {where / self.instances['test']} have different categories; restore one of them"
            )
        label_of = {each: label for label, each in enumerate(sorted(names))}
        objects = _by_image(content, label_of, path)
        present = _listed(where / self.images[split])
        notes = Notes()
        for image in sorted(content["images"], key=lambda each: _whole(each, "id", path)):
            name = str(_value(image, "file_name", path))
            if name not in present:
                folder = where / self.images[split]
                raise DataError(f"{path} names {name}, which {folder} lacks; restore the image or remove its entry")
            height, width = _whole(image, "height", path), _whole(image, "width", path)
            if height < 1 or width < 1:
                raise DataError(f"{path} says that {name} has {width} x {height} pixels; restore the file")
            notes.image(f"{self.images[split]}/{name}", height=height, width=width)
            for corners, label, crowd in objects[image["id"]]:
                notes.box(corners, label=label, ignored=crowd)
        if not notes.names:
            raise DataError(f"{path} names no image; restore the file")
        return notes.done(where, classes)


def _listed(folder: Path) -> frozenset[str]:
    try:
        return frozenset(name for name in os.listdir(folder) if Path(name).suffix.lower() in SUFFIXES)
    except OSError as error:
        raise DataError(f"cannot list {error.filename}: {error.strerror}; restore the folder") from None


def _parsed(path: Path) -> dict[str, list[Any]]:
    """The JSON file, of which the three parts are lists."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot read {path}: {error}; restore the file") from None
    for part in ("images", "categories", "annotations"):
        if not isinstance(content, dict) or not isinstance(content.get(part), list):
            raise DataError(f"{path} has no list {part!r}; it must be a file of instances in COCO's format")
    found: dict[str, list[Any]] = content
    return found


Found = tuple[tuple[float, float, float, float], int, bool]
"""Corners, label, whether it is a crowd."""


def _by_image(content: dict[str, list[Any]], label_of: Mapping[int, int], path: Path) -> dict[int, list[Found]]:
    """Objects of each image by the image's id, in the order of the file."""
    found: dict[int, list[Found]] = {_whole(image, "id", path): [] for image in content["images"]}
    if len(found) < len(content["images"]):
        raise DataError(f"{path} has two images of one id; restore the file")
    for each in content["annotations"]:
        image, category = _whole(each, "image_id", path), _whole(each, "category_id", path)
        if image not in found or category not in label_of:
            what = f"image {image}" if image not in found else f"category {category}"
            raise DataError(
                f"annotation {each.get('id')} in {path} is of {what}, which the file lacks; restore the file"
            )
        box = _value(each, "bbox", path)
        if not (isinstance(box, list) and len(box) == 4 and all(_is_number(number) for number in box)):
            raise DataError(f"annotation {each.get('id')} in {path} has the bbox {box!r}; it must be four numbers")
        x, y, width, height = box
        corners = (float(x), float(y), float(x + width), float(y + height))
        found[image].append((corners, label_of[category], bool(each.get("iscrowd", 0))))
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _value(entry: Any, key: str, path: Path) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise DataError(f"an entry of {path} has no {key!r}: {str(entry)[:200]}; restore the file")
    return entry[key]


def _whole(entry: Any, key: str, path: Path) -> int:
    value = _value(entry, key, path)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(f"an entry of {path} has {key!r} {value!r}, which must be a whole number; restore the file")
    return value
