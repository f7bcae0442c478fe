"""VOC's layout: coordinates, folder and zip, and everything that can be wrong with its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torchvision.datasets import VOCDetection

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.errors import DataError
from tests.benchmark.data.boxes.layouts import CLASSES, Voc, annotation, packed, picture, thing, write_voc


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None: ...


def read(root: Path, split: str = "train") -> BoxedImages:
    return Voc().boxed(split, root=root, size=(8, 12), count=None, seed=0, spread=1.0)  # type: ignore[arg-type]


PETS = {
    "b": annotation(thing("dog", (1, 1, 12, 8)), thing("cat", (3, 2, 3.5, 4), more="<difficult>1</difficult>")),
    "a": annotation(),
    "c": annotation(
        thing("cat", (2, 2, 5, 5), more="<part><name>head</name><bndbox><xmin>9</xmin></bndbox></part>"),
        thing("dog", (6, 6, 7, 7), more="<difficult> 0 </difficult>"),
    ),
}


def test_objects_and_pixels(tmp_path: Path) -> None:
    write_voc(tmp_path / "pets", train=PETS)
    assert Voc().missing(tmp_path) is None
    assert Voc().categories(tmp_path) == CLASSES
    found = read(tmp_path)
    assert found.classes == CLASSES
    assert found.images[:, 0].float().mean((1, 2)).tolist() == pytest.approx([0, 40, 80], abs=3), "in the list's order"
    assert found.counts.tolist() == [2, 0, 2], "an image without objects stays"
    assert found.labels.tolist() == [1, 0, 0, 1]
    assert found.ignored.tolist() == [False, True, False, False]
    # pixels 1 to 12 are all of 12
    assert found.boxes.tolist() == [[0, 0, 12, 8], [2, 1, 3.5, 4], [1, 1, 5, 5], [5, 5, 7, 7]]
    assert found.dropped == 0


def test_it_reads_what_torchvision_reads(tmp_path: Path) -> None:
    write_voc(tmp_path / "VOCdevkit" / "VOC2007", train=PETS)
    (tmp_path / "pets").symlink_to(tmp_path / "VOCdevkit" / "VOC2007")
    found = read(tmp_path)
    theirs = VOCDetection(tmp_path, year="2007", image_set="trainval")
    for index, (image, target) in enumerate(theirs):
        boxes, labels, _ = found.of(index)
        things = target["annotation"]["object"]
        assert [CLASSES[label] for label in labels] == [each["name"] for each in things]
        corners = [[float(each["bndbox"][tag]) for tag in ("xmin", "ymin", "xmax", "ymax")] for each in things]
        assert (boxes + torch.tensor([1, 1, 0, 0])).tolist() == corners
        assert image.size == (12, 8)


@pytest.mark.parametrize("below", ["", "pets/", "repository-master/pets/"])
def test_a_zip_reads_like_its_folder(below: str, tmp_path: Path) -> None:
    write_voc(tmp_path / "one" / "pets", train=PETS)
    packed(tmp_path / "one" / "pets", tmp_path / "pets.zip", below=below)
    for split in ("train", "test"):
        one, other = read(tmp_path / "one", split), read(tmp_path, split)
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.boxes, other.boxes)


def test_boxes_out_of_the_image_and_slips(tmp_path: Path) -> None:
    boxes = [(-3, 2, 4, 30), (0, 1, 4, 4), (13, 1, 20, 5), (5, 5, 5, 5), (6, 6, 4, 8), (12, 8, 13, 9)]
    write_voc(tmp_path / "pets", train={"a": annotation(*(thing("cat", box) for box in boxes))})
    found = read(tmp_path)
    assert found.boxes.tolist() == [[0, 1, 4, 8], [0, 0, 4, 4], [11, 7, 12, 8]]
    assert found.dropped == 3
    assert found.counts.tolist() == [3]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<annotation><size>", r"Annotations/a\.xml in .*pets is no XML: .*restore the file"),
        ("", r"a\.xml in .* is no XML"),
        ("<?xml version='1.0' encoding='none'?><a/>", r"a\.xml in .* is no XML"),
        ("<annotation/>", r"Annotations/a\.xml in .* has no <size/width>; add it"),
        (annotation(size=("", 8)), r"<size/width> of .* is ''; it must be a number"),
        (annotation(size=(0, 0)), r"says that the image has 0 x 0 pixels"),
        (
            annotation(size=(12, 9)),
            r"JPEGImages/a\.jpg in .* has 12 x 8 pixels and its annotation says 12 x 9; restore",
        ),
        (annotation("<object><name>cat</name></object>"), r"object 1 of .*a\.xml in .* has no <bndbox/xmin>"),
        (
            annotation(thing(), "<object><bndbox/></object>"),
            r"object 2 of .* has no <name>; it must be one of cat, dog",
        ),
        (annotation("<object/>"), r"object 1 of .* has no <name>"),
        (annotation(thing("cow")), r"object 1 of .* is of the class 'cow'; it must be one of cat, dog"),
        (annotation(thing(box=(1, "two", 3, 4))), r"<bndbox/ymin> of object 1 of .* is 'two'; it must be a number"),
        (annotation(thing(box=(1, "nan", 3, 4))), r"<bndbox/ymin> of object 1 of .* is 'nan'"),
        (annotation(thing(more="<difficult>hard</difficult>")), r"<difficult> of object 1 .* is 'hard'"),
    ],
)
def test_a_wrong_annotation_is_named(text: str, sentence: str, tmp_path: Path) -> None:
    write_voc(tmp_path / "pets", train={"a": text})
    with pytest.raises(DataError, match=sentence):
        read(tmp_path)


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda where: (where / name).write_text(text)


TRAIN, TEST = "ImageSets/Main/trainval.txt", "ImageSets/Main/test.txt"


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (
            lambda where: (where / "JPEGImages/a.jpg").unlink(),
            r"trainval\.txt names a, and .* has no image JPEGImages/a\.j",
        ),
        (
            lambda where: (where / "Annotations/a.xml").unlink(),
            r"names a, and .* has no annotation Annotations/a\.xml; res",
        ),
        (write(TRAIN, "\n \n"), r"trainval\.txt in .* names no image; restore the list"),
        (write(TEST, ""), r"test\.txt in .* names no image; restore the list"),
        (write(TRAIN, "a\nb\na\n"), r"names a more than once; remove the line"),
        (write(TRAIN, "a\nlast\n"), r"share 1 images, such as last; what is tested must not have been trained"),
        (
            lambda where: (where / TRAIN).write_bytes(b"\xff\xfe\xff"),
            r"cannot read .*trainval\.txt in .*restore the list",
        ),
        (write("JPEGImages/a.jpg", "hello"), r"cannot read the image .*JPEGImages/a\.jpg in .*replace it"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_wrong_list_or_image_is_named(
    harm: Callable[[Path], object], sentence: str, zipped: bool, tmp_path: Path
) -> None:
    where = write_voc(tmp_path / "source" / "pets", train={"a": annotation(thing()), "b": annotation()})
    harm(where)
    if zipped:
        packed(where, tmp_path / "pets.zip", below="pets/")
    with pytest.raises(DataError, match=sentence):
        read(tmp_path if zipped else tmp_path / "source")


def test_a_jpeg_cut_short_is_named(tmp_path: Path) -> None:
    image = write_voc(tmp_path / "pets", train={"a": annotation(thing())}) / "JPEGImages" / "a.jpg"
    image.write_bytes(image.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"cannot read the image JPEGImages/a\.jpg in .*(?i:truncated)"):
        read(tmp_path)


def test_other_suffixes_and_byte_order_marks(tmp_path: Path) -> None:
    where = write_voc(tmp_path / "pets", train={"a": annotation(thing())})
    (where / "JPEGImages" / "a.jpg").unlink()
    picture(where / "JPEGImages" / "a.png", 200)
    (where / TRAIN).write_bytes(b"\xef\xbb\xbfa\r\n")
    assert read(tmp_path).images[0, 0].unique().tolist() == [200]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    absent = str(Voc().missing(tmp_path))
    for part in (tmp_path / "pets", tmp_path / "pets.zip", "JPEGImages/, Annotations/", TRAIN, TEST, "adopt some"):
        assert str(part) in absent
    for attempt in (read, lambda root: Voc().fingerprint(root)):
        with pytest.raises(DataError, match="Pets is incomplete"):
            attempt(tmp_path)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_place_that_is_incomplete_says_what_it_lacks(zipped: bool, tmp_path: Path) -> None:
    where = write_voc(tmp_path / "source" / "pets", train=PETS)
    (where / TEST).unlink()
    for path in (where / "Annotations").iterdir():
        path.unlink()
    if zipped:
        packed(where, tmp_path / "pets.zip", below="pets/")
    root = tmp_path if zipped else tmp_path / "source"
    name = "pets.zip" if zipped else "pets"
    assert f"{root / name} has no Annotations/ and no {TEST}" in str(Voc().missing(root))


def test_a_zip_that_is_none_or_holds_two(tmp_path: Path) -> None:
    (tmp_path / "pets.zip").write_bytes(b"PK\x03\x04")
    assert "copy it again" in str(Voc().missing(tmp_path))
    both = tmp_path / "both"
    for name in ("one", "two"):
        write_voc(both / name, train=PETS)
    packed(both, tmp_path / "pets.zip")
    assert "has several folders with ImageSets/Main/: one/, two/" in str(Voc().missing(tmp_path))
    with pytest.raises(DataError, match="several folders"):
        read(tmp_path)
