"""What all layouts share: sizes, seeded choices made before decoding, kept arrays, fingerprints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.data.boxes import files
from benchmark.data.boxes.boxed import BoxedImages
from benchmark.data.catalogue import BoxDataset
from benchmark.data.kinds import kind_of
from benchmark.errors import DataError
from tests.benchmark.data.boxes.layouts import (
    Coco,
    Voc,
    annotation,
    coco_content,
    picture,
    thing,
    write_coco,
    write_voc,
)


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None: ...


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six images with a shade each, of which the k-th has k objects."""
    write_voc(tmp_path / "pets", train={f"i{k}": annotation(*[thing(box=(1, 1, k + 1, 4))] * k) for k in range(6)})
    return tmp_path


def read(root: Path, **changes: Any) -> BoxedImages:
    words: dict[str, Any] = {"split": "train", "size": (8, 12), "count": None, "seed": 0, "spread": 1.0}
    words |= changes
    return Voc().boxed(words.pop("split"), root=root, **words)


def shades(found: BoxedImages) -> list[int]:
    """Places of the images in the list, by their colour."""
    return (found.images[:, 0].float().mean((1, 2)) / 40).round().int().tolist()


def test_they_are_of_the_kind() -> None:
    for dataset in (Voc(), Coco()):
        assert isinstance(dataset, BoxDataset)
        assert kind_of(dataset) == "boxes"
        assert not dataset.drawn


def test_a_size_is_height_and_width_and_boxes_follow(root: Path) -> None:
    small = read(root, size=(4, 36))
    assert small.images.shape == (6, 3, 4, 36)
    expected = read(root).boxes * torch.tensor([3, 0.5, 3, 0.5])
    assert torch.allclose(small.boxes, expected)


def test_a_choice_is_seeded_and_grows(root: Path) -> None:
    def chosen(count: int, seed: int = 0) -> list[int]:
        found = read(root, count=count, seed=seed)
        assert found.counts.tolist() == shades(found), "objects go with their image"
        return shades(found)

    assert chosen(4) == chosen(4)
    assert chosen(2) == chosen(4)[:2]
    assert len({tuple(chosen(4, seed)) for seed in range(6)}) > 1
    assert sorted(chosen(6)) == list(range(6))
    assert shades(read(root)) == list(range(6)), "all are in the list's order"


def test_only_the_chosen_are_decoded(root: Path) -> None:
    (unlucky,) = shades(read(root, count=1))
    for number in range(6):
        if number != unlucky:
            (root / "pets" / "JPEGImages" / f"i{number}.jpg").write_bytes(b"hello")
    assert shades(read(root, count=1)) == [unlucky]
    with pytest.raises(DataError, match="replace it"):
        read(root, count=2)


@pytest.mark.parametrize("count", [0, 7, -1])
def test_too_many_or_none(root: Path, count: int) -> None:
    with pytest.raises(
        DataError, match=rf"Pets has 6 images in its 'train' split, and the track asks for {count}; choose"
    ):
        read(root, count=count)


def test_what_images_on_disk_cannot_be(root: Path) -> None:
    with pytest.raises(
        DataError, match=r"Pets is read from disk, where objects lie as they do; spread is 0\.5, ask for 1"
    ):
        read(root, spread=0.5)
    with pytest.raises(DataError, match="images of 0 x 5 pixels cannot be"):
        read(root, size=(0, 5))


@pytest.mark.parametrize("count", [None, 3])
def test_decoded_once_and_again_if_a_file_changes(
    root: Path, count: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, content = read(root, count=count), Voc().fingerprint(root)
    with monkeypatch.context() as patch:
        patch.setattr(files, "decoded", lambda *_, **__: pytest.fail("decoded again"))
        patch.setattr(Voc, "annotations", lambda *_, **__: pytest.fail("read again"))
        again = read(root, count=count)
        assert torch.equal(before.images, again.images)
        assert torch.equal(before.boxes, again.boxes)
        assert Voc().fingerprint(root) == content
    for number in range(6):
        picture(root / "pets" / "JPEGImages" / f"i{number}.jpg", 200 + number)
    assert Voc().fingerprint(root) != content
    assert not torch.equal(read(root, count=count).images, before.images)


def test_a_fingerprint_follows_annotations_lists_and_classes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {Voc().fingerprint(root)}
    (root / "pets" / "Annotations" / "i1.xml").write_text(annotation(thing("dog")))
    found.add(Voc().fingerprint(root))
    (root / "pets" / "ImageSets" / "Main" / "trainval.txt").write_text("i1\ni2\n")
    found.add(Voc().fingerprint(root))
    monkeypatch.setattr(Voc, "classes", ("dog", "cat"))
    found.add(Voc().fingerprint(root))
    monkeypatch.setattr(files, "READING", 2)
    found.add(Voc().fingerprint(root))
    assert len(found) == 5


def test_a_fingerprint_of_coco(tmp_path: Path) -> None:
    where = write_coco(tmp_path / "coco", coco_content())
    found = {Coco().fingerprint(tmp_path)}
    picture(where / "right" / "b.jpg", 255)
    found.add(Coco().fingerprint(tmp_path))
    (where / "left.json").write_text("{}")
    found.add(Coco().fingerprint(tmp_path))
    assert len(found) == 3
