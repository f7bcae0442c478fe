"""The layout of Pascal VOC, as a folder or inside a zip, which is read without unpacking (Everingham et al. 2010,
"The Pascal Visual Object Classes Challenge", IJCV 88, and its development kit).

- `JPEGImages/<id>.jpg`, or another suffix of an image;
- `Annotations/<id>.xml`: <size> with <width> and <height>, then for each object an <object> with <name>, <bndbox> and
  perhaps <difficult>;
- `ImageSets/Main/<list>.txt`: the ids of a split, one a line. One list is "train", another "test".

Coordinates count pixels from 1 and include the last: xmin = 1, xmax = 2 are two pixels. Here pixels are areas between
whole numbers from 0, so that (xmin, ymin, xmax, ymax) is read as (xmin - 1, ymin - 1, xmax, ymax). By that letter a box
with xmin = xmax would be one pixel wide; those who draw boxes leave such ones by a click, so it counts as empty.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from benchmark.data.boxes.annotated import Annotated, Notes
from benchmark.data.boxes.files import BoxFiles
from benchmark.data.catalogue import Split
from benchmark.data.images.decoding import UNREADABLE
from benchmark.data.images.listing import SPLITS, SUFFIXES, Opener, opened, zip_members
from benchmark.errors import DataError

IMAGES, NOTES, LISTS = "JPEGImages/", "Annotations/", "ImageSets/Main/"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or zip in VOC's layout. prefix: what stands before `JPEGImages/` in all names;  members: all files."""

    where: Path
    prefix: str
    members: frozenset[str]

    def inside(self, folder: str) -> dict[str, str]:
        """Files of one of the three folders: names below `where` by names without suffix."""
        begin = self.prefix + folder
        found = sorted(name[len(begin) :] for name in self.members if name.startswith(begin))
        return {Path(file).stem: begin + file for file in found if file and "/" not in file and file[0] != "."}

    def absent(self, lists: Sequence[str]) -> list[str]:
        """What of the layout is not there."""
        found = [folder for folder in (IMAGES, NOTES) if not self.inside(folder)]
        needed = [f"{LISTS}{name}.txt" for name in lists]
        return found + [name for name in needed if self.prefix + name not in self.members]


class VocFiles(BoxFiles):
    """A dataset in VOC's layout, in the first of some places that has all of it.

    places: names below the data root, a folder or a zip, in which all may lie below further folders;
    classes: in the order of labels;  lists: name of the list that is "train", and of the one that is "test"
    """

    places: tuple[str, ...]
    classes: tuple[str, ...]
    lists: Mapping[Split, str] = {"train": "trainval", "test": "test"}
    remedy: str
    """How to get what is missing: the end of a sentence."""

    def missing(self, root: Path) -> str | None:
        """Return None if one of the places has the layout, else a sentence that says what each place lacks."""
        lists = [self.lists[split] for split in SPLITS]
        there = []
        for path in (root / name for name in self.places):
            if not path.exists():
                continue
            try:
                absent = _place(path).absent(lists)
            except DataError as error:
                return str(error)
            if not absent:
                return None
            there.append(f"{path} has no {' and no '.join(absent)}")
        begun = "; ".join(there) or f"there is no {' and no '.join(str(root / name) for name in self.places)}"
        layout = f"{IMAGES}, {NOTES} and {' and '.join(f'{LISTS}{name}.txt' for name in lists)}"
        return f"{self.title} is incomplete: {begun}; a place needs {layout}; {self.remedy}"

    def categories(self, root: Path) -> tuple[str, ...]:
        """Names of all classes."""
        return self.classes

    def decisive(self) -> list[object]:
        """Classes, which number the labels, and lists."""
        return [self.classes, [self.lists[split] for split in SPLITS]]

    def where(self, root: Path) -> Path:
        """The folder or zip that is read."""
        return self._found(root).where

    def files(self, root: Path) -> Sequence[tuple[str, Path]]:
        """The zip, or the lists with all images and annotations in the folder."""
        place = self._found(root)
        if place.where.is_file():
            return [(place.where.name, place.where)]
        lists = [f"{place.prefix}{LISTS}{self.lists[split]}.txt" for split in SPLITS]
        names = [*lists, *place.inside(IMAGES).values(), *place.inside(NOTES).values()]
        return [(name, place.where / name) for name in names]

    def annotations(self, split: Split, root: Path) -> Annotated:
        """Read the split's list and the annotation of each image on it. Raises DataError that names what is wrong."""
        place = self._found(root)
        images, annotations = place.inside(IMAGES), place.inside(NOTES)
        notes = Notes()
        with opened(place.where) as open_member:
            for name in self._ids(place, split, open_member):
                if Path(images.get(name, "")).suffix.lower() not in SUFFIXES:
                    raise DataError(_absent(place, self.lists[split], name, f"image {IMAGES}{name}.jpg"))
                if Path(annotations.get(name, "")).suffix.lower() != ".xml":
                    raise DataError(_absent(place, self.lists[split], name, f"annotation {NOTES}{name}.xml"))
                file = f"{annotations[name]} in {place.where}"
                _note(
                    _parsed(_read(place, annotations[name], open_member), file), file, images[name], self.classes, notes
                )
        return notes.done(place.where, self.classes)

    def _found(self, root: Path) -> Place:
        for path in (root / name for name in self.places):
            if path.exists() and not (place := _place(path)).absent(list(self.lists.values())):
                return place
        raise DataError(self.missing(root) or f"{self.title} under {root} vanished; put it back")

    def _ids(self, place: Place, split: Split, open_member: Opener) -> list[str]:
        """Ids of a split's images. Raises DataError for a list that is empty or repeats, or shares an image."""
        ids: dict[Split, list[str]] = {}
        for each in SPLITS:
            file = f"{place.prefix}{LISTS}{self.lists[each]}.txt"
            try:
                lines = _read(place, file, open_member).decode("utf-8-sig").splitlines()
            except UnicodeDecodeError as error:
                raise DataError(f"cannot read {file} in {place.where}: {error}; restore the list") from None
            ids[each] = [line.strip() for line in lines if line.strip()]
            if not ids[each]:
                raise DataError(f"{file} in {place.where} names no image; restore the list")
            if len(set(ids[each])) < len(ids[each]):
                twice = next(name for name in ids[each] if ids[each].count(name) > 1)
                raise DataError(f"{file} in {place.where} names {twice} more than once; remove the line")
        shared = sorted(set(ids["train"]) & set(ids["test"]))
        if shared:
            raise DataError(
                f"{LISTS}{self.lists['train']}.txt and {self.lists['test']}.txt in {place.where} share "
                f"{len(shared)} images, such as {shared[0]}; what is tested must not have been trained, remove them "
                "from one"
            )
        return ids[split]


def _place(where: Path) -> Place:
    """List a folder or zip. Raises DataError if it cannot be listed or holds more than one such layout."""
    if where.is_file():
        members = frozenset(name for name in zip_members(where) if not name.startswith("__MACOSX/"))
        prefixes = {name.split(LISTS)[0] for name in members if f"/{LISTS}" in f"/{name}"}
        if len(prefixes) > 1:
            raise DataError(
                f"{where} has several folders with {LISTS}: {', '.join(sorted(prefixes))}; leave one of them"
            )
        return Place(where, next(iter(prefixes), ""), members)
    names: list[str] = []
    try:
        for folder in (IMAGES, NOTES, LISTS):
            if (where / folder).is_dir():
                names += [folder + name for name in os.listdir(where / folder)]
    except OSError as error:
        raise DataError(f"cannot list {error.filename}: {error.strerror}; restore the folder") from None
    return Place(where, "", frozenset(names))


def _absent(place: Place, listed: str, name: str, what: str) -> str:
    return f"{LISTS}{listed}.txt names {name}, and {place.where} has no {what}; restore it or remove the line"


def _read(place: Place, name: str, open_member: Opener) -> bytes:
    try:
        with open_member(name) as file:
            return file.read()
    except UNREADABLE as error:
        raise DataError(f"cannot read {name} in {place.where}: {error}; restore the file") from None


def _parsed(text: bytes, file: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the latter for an encoding that is none
        raise DataError(f"{file} is no XML: {error}; restore the file") from None


def _note(node: ElementTree.Element, file: str, image: str, classes: tuple[str, ...], notes: Notes) -> None:
    """Note an image and its objects. Raises DataError that names the tag."""
    width, height = (_number(node, f"size/{side}", file) for side in ("width", "height"))
    if width < 1 or height < 1 or width % 1 or height % 1:
        raise DataError(
            f"{file} says that the image has {width:g} x {height:g} pixels; write its width and height there"
        )
    notes.image(image, height=int(height), width=int(width))
    for number, thing in enumerate(node.findall("object"), 1):
        which = f"object {number} of {file}"
        name = (thing.findtext("name") or "").strip()
        if name not in classes:
            what = f"is of the class {name!r}" if name else "has no <name>"
            raise DataError(f"{which} {what}; it must be one of {', '.join(classes)}")
        corners = [_number(thing, f"bndbox/{corner}", which) for corner in ("xmin", "ymin", "xmax", "ymax")]
        difficult = thing.find("difficult") is not None and _number(thing, "difficult", which) != 0
        x1, y1, x2, y2 = corners
        first = (x1, y1) if x2 <= x1 or y2 <= y1 else (x1 - 1, y1 - 1)  # an empty box stays empty
        notes.box((*first, x2, y2), label=classes.index(name), ignored=difficult)


def _number(node: ElementTree.Element, tag: str, which: str) -> float:
    text = node.findtext(tag)
    if text is None:
        raise DataError(f"{which} has no <{tag}>; add it, or restore the file")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"<{tag}> of {which} is {text!r}; it must be a number")
    return number
