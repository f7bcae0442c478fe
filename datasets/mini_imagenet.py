"""mini-ImageNet: 100 classes of ImageNet with 600 images each, 84x84 RGB, in three parts of disjoint classes.

Vinyals et al. 2016, arXiv:1606.04080; the parts of 64, 16 and 20 classes are those of Ravi and Larochelle 2017,
"Optimization as a model for few-shot learning". Classes are named "train/n01532829"; the part is the group by which
few-shot tracks divide classes. Two layouts are read, under `mini-imagenet/`:
- `train/<class>/<images>`, and `val`, `test` likewise;
- `images/<images>` beside `train.csv`, `val.csv`, `test.csv` with the columns filename,label.

There is no published split within a class: here every fifth image, in alphabetical order, is "test" and the others are
"train"; tracks that divide classes use both together. All images are decoded at the first load, which takes minutes.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

from benchmark.data.catalogue import catalogue
from benchmark.data.images.class_folders import ClassFolders, divided, images_below
from benchmark.data.images.listing import Listing
from benchmark.errors import DataError

PAGE = "https://www.image-net.org"
PARTS = ("train", "val", "test")
FOLDER = "mini-imagenet"
COLUMNS = ["filename", "label"]


@catalogue.add(
    "mini-imagenet",
    title="mini-ImageNet: a hundred classes for few-shot learning",
    licence="ImageNet's terms of access: non-commercial research, no redistribution",
    source=PAGE,
)
class MiniImageNet(ClassFolders):
    """A hundred classes, those of "train" first, then "val" and "test"; (n, 3, 84, 84)."""

    size = 84

    def missing(self, root: Path) -> str | None:
        """Return None if one of the layouts is there, else a sentence that describes both."""
        where = root / FOLDER
        as_lists = [where / "images", *(where / f"{part}.csv" for part in PARTS)]
        if self._has_folders(where) or (as_lists[0].is_dir() and all(path.is_file() for path in as_lists[1:])):
            return None
        begun = [path for path in (*(where / part for part in PARTS), *as_lists) if path.exists()]
        there = f" (only {', '.join(path.name for path in begun)} there)" if begun else ""
        return (
            f"no mini-ImageNet at {where}{there}; put the folders train, val and test with <class>/<images> there, "
            f"or the folder images with {', '.join(f'{part}.csv' for part in PARTS)} ({','.join(COLUMNS)})"
        )

    def listing(self, root: Path) -> Listing:
        """List the images of either layout. Raises DataError for lists that disagree with the images or each other."""
        where = root / FOLDER
        images: dict[str, list[str]] = {}
        if self._has_folders(where):
            found = images_below(where, depth=2)
            for part in PARTS:
                images |= {name: names for name, names in found.items() if name.startswith(f"{part}/")}
        else:
            present = frozenset(os.listdir(where / "images"))
            for part in PARTS:
                images |= _listed(where, part, present)
        _refuse_shared_classes(where, images)
        return divided(where, images)

    def fetch(self, root: Path) -> None:
        """Raise DataError: ImageNet's terms forbid passing its images on."""
        where = root / FOLDER
        lists = ", ".join(f"{where / part}.csv" for part in PARTS)
        raise DataError(
            "mini-ImageNet cannot be downloaded here, as ImageNet's terms forbid redistribution; get ImageNet from "
            f"{PAGE}, then put the images into {where}/<train, val or test>/<class>/, "
            f"or into {where / 'images'} with the lists {lists} of Ravi and Larochelle"
        )

    def _has_folders(self, where: Path) -> bool:
        return all((where / part).is_dir() for part in PARTS)


def _listed(where: Path, part: str, present: frozenset[str]) -> dict[str, list[str]]:
    """Read one part's list: names below `where` of each class. Raises DataError that names the line."""
    path = where / f"{part}.csv"
    images: dict[str, list[str]] = {}
    seen: set[str] = set()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            if header != COLUMNS:
                raise DataError(f"{path} begins with {','.join(header)!r}; its first line must be {','.join(COLUMNS)}")
            for row in rows:
                line = f"line {rows.line_num} of {path}"
                if len(row) != len(COLUMNS) or not all(row):
                    raise DataError(f"{line} is {','.join(row)!r}; it must hold a file name and a class")
                file_name, label = row
                if file_name not in present:
                    remedy = "restore the image or remove the line"
                    raise DataError(f"{line} names {file_name}, which {where / 'images'} lacks; {remedy}")
                if file_name in seen:
                    raise DataError(f"{line} names {file_name} a second time; remove the line")
                seen.add(file_name)
                images.setdefault(f"{part}/{label}", []).append(f"images/{file_name}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}; restore the list") from None
    if not images:
        raise DataError(f"{path} names no image; restore the list")
    return dict(sorted(images.items()))


def _refuse_shared_classes(where: Path, images: dict[str, list[str]]) -> None:
    """Raise DataError if a class is in two parts, or a part has none: what is tested must not have been trained."""
    part_of: dict[str, str] = {}
    for name in images:
        part, _, label = name.partition("/")
        if label in part_of:
            raise DataError(
                f"class {label} in {where} is in both {part_of[label]} and {part}; the parts need different classes, "
                "remove it from one"
            )
        part_of[label] = part
    absent = [part for part in PARTS if part not in part_of.values()]
    if absent:
        raise DataError(f"{where} has no class in {', '.join(absent)}; each part needs at least one")
