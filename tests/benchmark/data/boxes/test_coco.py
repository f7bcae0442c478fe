"""COCO's layout: corners from widths, order and crowds, and everything that can be wrong with its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.errors import DataError
from tests.benchmark.data.boxes.layouts import Coco, coco_content, write_coco


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None: ...


def read(root: Path, split: str = "train") -> BoxedImages:
    return Coco().boxed(split, root=root, size=(8, 12), count=None, seed=0, spread=1.0)  # type: ignore[arg-type]


def test_objects_and_pixels(tmp_path: Path) -> None:
    write_coco(tmp_path / "coco", coco_content())
    assert Coco().missing(tmp_path) is None
    assert Coco().categories(tmp_path) == ("cat", "dog"), "by id"
    found = read(tmp_path)
    assert found.images[:, 0].float().mean((1, 2)).tolist() == pytest.approx([0, 40], abs=3), "by id"
    assert found.counts.tolist() == [1, 2]
    assert found.boxes.tolist() == [[0, 0, 12, 8], [1.5, 2, 4.5, 6.25], [4, 4, 6, 6]]
    assert found.labels.tolist() == [0, 1, 0]
    assert found.ignored.tolist() == [False, False, True]


def test_it_reads_what_torchvision_reads(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    from torchvision.datasets import CocoDetection, wrap_dataset_for_transforms_v2

    where = write_coco(tmp_path / "coco", coco_content())
    theirs = wrap_dataset_for_transforms_v2(
        CocoDetection(where / "left", str(where / "left.json")), target_keys=("boxes", "labels")
    )
    found = read(tmp_path)
    for index, (_, target) in enumerate(theirs):
        boxes, labels, _ = found.of(index)
        assert boxes.tolist() == target["boxes"].tolist()
        assert [{0: 2, 1: 9}[label] for label in labels.tolist()] == target["labels"].tolist()


def test_boxes_out_of_the_image_and_slips(tmp_path: Path) -> None:
    boxes = [[-2, -2, 5, 5], [8, 2, 50, 3], [12, 0, 5, 5], [3, 3, 0, 2], [3, 3, -1, 2]]
    annotations = [{"id": n, "image_id": 7, "category_id": 2, "bbox": box} for n, box in enumerate(boxes)]
    write_coco(tmp_path / "coco", coco_content(annotations=annotations))
    found = read(tmp_path)
    assert found.boxes.tolist() == [[0, 0, 3, 3], [8, 2, 12, 5]]
    assert (found.counts.tolist(), found.dropped) == ([2, 0], 3)


def changed(part: str, **changes: Any) -> dict[str, Any]:
    """The content with one entry of a part changed; None removes a key."""
    content = coco_content()
    entry = content[part][0] | changes
    content[part][0] = {key: value for key, value in entry.items() if value is not None}
    return content


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{'images'", r"cannot read .*left\.json: .*restore the file"),
        ("[" * 100_000, r"cannot read .*left\.json"),
        ("[]", r"left\.json has no list 'images'; it must be a file of instances"),
        (coco_content(annotations={}), r"left\.json has no list 'annotations'"),
        (coco_content(images=[]), r"annotation 1 in .*left\.json is of image 30, which the file lacks"),
        (coco_content(images=[], annotations=[]), r"left\.json names no image"),
        (coco_content(categories=[], annotations=[]), r"left\.json has no categories or two of one id"),
        (coco_content(images=coco_content()["images"] * 2), r"left\.json has two images of one id"),
        (coco_content(images=["a"]), r"an entry of .*left\.json has no 'id': a; restore"),
        (changed("categories", name="cow"), r"left\.json and .*right\.json have different categories"),
        (changed("images", file_name=None), r"an entry of .*left\.json has no 'file_name': \{'id': 30"),
        (changed("images", file_name="c.jpg"), r"left\.json names c\.jpg, which .*left lacks; restore the image"),
        (changed("images", file_name="../right/a.jpg"), r"left\.json names \.\./right/a\.jpg, which .*left lacks"),
        (changed("images", width="12"), r"has 'width' '12', which must be a whole number"),
        (changed("images", width=0), r"left\.json says that b\.jpg has 0 x 8 pixels"),
        (changed("images", width=13), r"left/b\.jpg in .* has 12 x 8 pixels and its annotation says 13 x 8"),
        (changed("annotations", bbox=None), r"an entry of .*left\.json has no 'bbox'"),
        (
            changed("annotations", bbox=[1, 2, 3]),
            r"annotation 1 in .* has the bbox \[1, 2, 3\]; it must be four numbers",
        ),
        (changed("annotations", bbox=[1, 2, 3, "4"]), r"annotation 1 in .*four numbers"),
        (changed("annotations", bbox=[1, 2, 3, float("nan")]), r"annotation 1 in .*four numbers"),
        (changed("annotations", category_id=5), r"annotation 1 in .* is of category 5, which the file lacks"),
        (changed("annotations", image_id=True), r"has 'image_id' True, which must be a whole number"),
    ],
)
def test_a_wrong_file_is_named(content: dict[str, Any] | str, sentence: str, tmp_path: Path) -> None:
    write_coco(tmp_path / "coco", content)
    with pytest.raises(DataError, match=sentence):
        read(tmp_path)


def test_a_jpeg_cut_short_is_named(tmp_path: Path) -> None:
    image = write_coco(tmp_path / "coco", coco_content()) / "left" / "b.jpg"
    image.write_bytes(image.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"cannot read the image left/b\.jpg in .*(?i:truncated)"):
        read(tmp_path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    where = write_coco(tmp_path / "coco", coco_content())
    (where / "left.json").unlink()
    absent = str(Coco().missing(tmp_path))
    assert f"there is no {where / 'left.json'}; adopt some" in absent
    nothing = str(Coco().missing(tmp_path / "elsewhere"))
    for part in ("left", "right", "left.json", "right.json"):
        assert str(tmp_path / "elsewhere" / "coco" / part) in nothing
    with pytest.raises(DataError, match=r"there is no .*left\.json"):
        read(tmp_path)
