"""Datasets of a user's plug-ins answer from a process of their own, in the words of ours."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.control.shifts import Shift
from benchmark.data.kinds import kind_of
from benchmark.data.source import Source
from benchmark.data.texts.parallel import ParallelSource
from benchmark.errors import DataError
from benchmark.plugins import loading
from benchmark.seeding import Draw
from tests.benchmark.plugins.test_loading import Write

pytestmark = pytest.mark.usefixtures("registries")

TEXT = """
import torch
from benchmark.data.boxes.boxed import BoxedImages
from benchmark.data.catalogue import LabelledImages, LabelledSequences, catalogue
from benchmark.errors import DataError

@catalogue.add("dots", title="Dots", licence="none", source="here")
class Dots:
    classes = ("few", "many")
    def fingerprint(self):
        return "1"
    def draw(self, *, classes, per_class, size, seed):
        if size < 4:
            raise DataError("dots need 4 pixels")
        labels = torch.arange(len(classes)).repeat(per_class)
        images = torch.full((len(labels), 1, size, size), seed % 200, dtype=torch.uint8)
        return LabelledImages(images, labels, tuple(self.classes[index] for index in classes))

@catalogue.add("files", title="Files", licence="none", source="here")
class Files:
    def missing(self, root):
        return None if (root / "here").exists() else f"put a file at {root / 'here'}"
    def fingerprint(self, root):
        return (root / "here").read_text()
    def load(self, split, *, root):
        return LabelledImages(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]), ("a", split))
    def fetch(self, root):
        (root / "here").write_text("fetched")

@catalogue.add("words", title="Words", licence="none", source="here")
class Words:
    classes = ("a",)
    def fingerprint(self):
        return "2"
    def fields(self, length):
        return (length, 2)
    def sequences(self, *, count, length, seed):
        tokens = torch.zeros(count, length, 2, dtype=torch.int64)
        return LabelledSequences(tokens, torch.zeros(count, dtype=torch.int64))

@catalogue.add("vectors", title="Vectors", licence="none", source="here")
class Vectors:
    def fingerprint(self):
        return "3"
    def vectors(self, *, batch, heads, length, dim, seed):
        return tuple(torch.full((batch, heads, length, dim), float(part)) for part in range(3))

@catalogue.add("boxes", title="Boxes", licence="none", source="here")
class Boxes:
    drawn = True
    def missing(self, root):
        return None
    def fingerprint(self, root):
        return f"4 {root}"
    def categories(self, root):
        return ["a", "b"]
    def fetch(self, root): ...
    def boxed(self, split, *, root, size, count, seed, spread):
        height, width = size
        boxes = torch.tensor([[0.0, 0.0, width * spread, height]]).expand(count, 4)
        ones = torch.ones(count, dtype=torch.int64)
        images = torch.full((count, 3, height, width), seed % 200, dtype=torch.uint8)
        return BoxedImages(images, boxes, ones, ones, ones == 1, ("a", split), dropped=7)
"""


@pytest.fixture
def read(write: Write) -> Path:
    path = write("data.py", TEXT)
    assert plugins.read_paths([path]) == []
    return path


def test_a_procedural_one_draws_from_its_process(read: Path) -> None:
    source = Source.of(catalogue.find("dots"))
    assert (source.drawn, source.classes(), source.fingerprint()) == (True, ("few", "many"), "dots:1")
    found = source.images("train", classes=[1, 0], per_class=2, size=5, draw=Draw("t", 0, "s", "cpu"))
    assert (found.images.shape, found.classes) == ((4, 1, 5, 5), ("many", "few"))
    with pytest.raises(DataError, match=r"^dots need 4 pixels$"):
        source.images("train", classes=[0], per_class=1, size=3, draw=Draw("t", 0, "s", "cpu"))
    assert source.code() == Source.of(catalogue.find("files")).code() != ""


def test_a_fixed_one(read: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPTATHLON_DATA", str(tmp_path))
    source = Source.of(catalogue.find("files"))
    assert source.missing() == f"put a file at {tmp_path / 'here'}"
    catalogue.find("files").dataset.fetch(tmp_path)  # type: ignore[union-attr]
    assert (source.missing(), source.fingerprint()) == (None, "files:fetched")
    assert source.read("test").classes == ("a", "test")


def test_sequences_and_vectors(read: Path) -> None:
    words: Any = catalogue.find("words").dataset
    assert words.fields(3) == (3, 2)
    assert words.sequences(count=4, length=3, seed=0).tokens.shape == (4, 3, 2)
    vectors: Any = catalogue.find("vectors").dataset
    assert [float(x.mean()) for x in vectors.vectors(batch=1, heads=1, length=2, dim=2, seed=0)] == [0, 1, 2]


def test_boxes(read: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPTATHLON_DATA", str(tmp_path))
    source = Source.of(catalogue.find("boxes"))
    assert kind_of(source.entry.dataset) == "boxes"
    assert (source.missing(), source.fingerprint()) == (None, f"boxes:4 {tmp_path}")
    assert (source.drawn, source.classes()) == (True, ("a", "b"))
    found = source.boxed("test", size=(4, 6), count=2, draw=Draw("t", 0, "s", "cpu"), spread=0.5)
    assert found.boxes.tolist() == [[0, 0, 3, 4]] * 2
    assert (found.images.shape, found.classes, found.dropped) == ((2, 3, 4, 6), ("a", "test"), 7)
    assert found.ignored.tolist() == [True, True]
    with pytest.raises(DataError, match="empty or reaches out"):
        source.boxed("test", size=(4, 6), count=2, draw=Draw("t", 0, "s", "cpu"), spread=2.0)


def test_an_environment_steps_as_ours_does(write: Write) -> None:
    ours = (loading.bundled("datasets") / "reacher.py").read_text()
    path = write("mine.py", ours.replace('    "reacher",', '    "mine",').replace('name = "reacher"', 'name = "mine"'))
    assert plugins.read_paths([path]) == []
    worlds: list[Any] = [catalogue.find(name).dataset for name in ("reacher", "mine")]
    envs = [world.environment(count=2, size=16, horizon=3, shift=Shift("lighting", "strong")) for world in worlds]
    frames = [env.reset(seed=5)[0] for env in envs]
    assert frames[0].shape == frames[1].shape
    for _ in range(3):
        steps = [env.step(env.expert()) for env in envs]
        assert steps[1][0].dtype == torch.uint8
    assert bool(steps[1][3].all())


def test_it_is_not_in_this_process(write: Write) -> None:
    text = TEXT.split("@catalogue")[0] + "import os\n"
    text += TEXT[TEXT.index('@catalogue.add("dots"') : TEXT.index('@catalogue.add("files"')]
    assert plugins.read_paths([write("data.py", text.replace('return "1"', "return str(os.getpid())"))]) == []
    assert Source.of(catalogue.find("dots")).fingerprint() != f"dots:{os.getpid()}"


def test_parallel_text_speaks_as_ours_does(write: Write, tmp_path: Path) -> None:
    ours = (loading.bundled("datasets") / "languages.py").read_text()
    path = write(
        "mine.py", ours.replace('    "languages-small",', '    "mine",').replace('    "languages",', '    "more",')
    )
    assert plugins.read_paths([path]) == []
    one, other = (
        ParallelSource(Source.of(catalogue.find(name)), Draw("t", 3, "s", "cpu"))
        for name in ("languages-small", "mine")
    )
    assert kind_of(other.source.entry.dataset) == "parallel"
    assert other.source.drawn
    assert other.source.fingerprint().removeprefix("mine") == one.source.fingerprint().removeprefix("languages-small")
    assert other.languages() == one.languages()
    assert other.lexicon(4) == one.lexicon(4)
    assert other.text("test", 5, 7) == one.text("test", 5, 7)
    with pytest.raises(DataError, match="say how many sentences"):
        other.text("train", 0, None)
