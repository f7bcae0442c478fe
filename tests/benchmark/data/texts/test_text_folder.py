"""Parallel text of the user's own: how files are read, split and chosen, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.data.catalogue import Catalogue, Split
from benchmark.data.texts.parallel import Language, ParallelText
from benchmark.data.texts.text_folder import TextFolder, register_texts
from benchmark.errors import DataError

Write = Callable[[str, list[str]], Path]
LINES = [f"the  cat number {index}" for index in range(200)]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, lines: list[str]) -> Path:
        path = tmp_path / "Corpus" / f"{name}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    put("source", LINES)
    put("dutch", [line.replace("cat", "kat") for line in LINES])
    put("welsh", [line.replace("cat", "cath") if index < 100 else "" for index, line in enumerate(LINES)])
    return put


def read(root: Path, split: Split, language: int, count: int | None = None, seed: int = 1) -> ParallelText:
    return TextFolder("Corpus").parallel(split, root=root, language=language, count=count, seed=seed, world=0)


@pytest.mark.usefixtures("write")
class TestReading:
    def test_families_are_as_told_and_shares_as_found(self, write: Write, tmp_path: Path) -> None:
        assert TextFolder("Corpus").languages(tmp_path) == (
            Language("dutch", "dutch", 1),
            Language("welsh", "welsh", 0.5),
        )
        write("families", ["welsh celtic", "", "dutch germanic"])
        assert [each.family for each in TextFolder("Corpus").languages(tmp_path)] == ["celtic", "germanic"]

    def test_lines_are_translations_and_no_sentence_is_on_both_sides(self, tmp_path: Path) -> None:
        train, test = read(tmp_path, "train", 0), read(tmp_path, "test", 0)
        assert len(train.sources) + len(test.sources) == 200
        assert set(train.sources).isdisjoint(test.sources)
        assert 5 < len(test.sources) < 50
        for source, ways in zip(train.sources, train.references, strict=True):
            assert ways == (source.replace("cat", "kat"),)
            assert "  " not in source

    def test_an_empty_line_is_a_sentence_less(self, tmp_path: Path) -> None:
        welsh = TextFolder("Corpus").parallel("train", root=tmp_path, language=1, count=None, seed=1, world=0)
        assert {int(source.split()[-1]) for source in welsh.sources} < set(range(100))

    def test_a_count_is_a_choice_by_seed(self, tmp_path: Path) -> None:
        some = read(tmp_path, "train", 0, count=20)
        assert len(set(some.sources)) == 20
        assert some == read(tmp_path, "train", 0, count=20)
        assert some != read(tmp_path, "train", 0, count=20, seed=2)

    def test_its_hash_is_of_all_files(self, write: Write, tmp_path: Path) -> None:
        before = TextFolder("Corpus").fingerprint(tmp_path)
        write("families", ["welsh celtic"])
        assert TextFolder("Corpus").fingerprint(tmp_path) != before

    def test_a_folder_becomes_a_dataset(self, tmp_path: Path) -> None:
        registry = Catalogue()
        (tmp_path / "other").mkdir()
        register_texts(tmp_path, registry)
        assert [entry.name for entry in registry] == ["corpus"]
        register_texts(tmp_path / "none", registry)


class TestRefusals:
    def test_nothing_there(self, tmp_path: Path) -> None:
        absent = TextFolder("Corpus").missing(tmp_path)
        assert absent is not None
        assert "put source.txt and <language>.txt there" in absent
        with pytest.raises(DataError, match="no parallel text at"):
            TextFolder("Corpus").languages(tmp_path)
        with pytest.raises(DataError, match="no parallel text at"):
            TextFolder("Corpus").fetch(tmp_path)

    def test_lines_that_do_not_pair(self, write: Write, tmp_path: Path) -> None:
        write("dutch", LINES[:7])
        with pytest.raises(DataError, match=r"dutch.txt has 7 lines and source.txt 200; give each sentence a line"):
            read(tmp_path, "train", 0)

    def test_too_few(self, write: Write, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"dutch.txt has 1\d\d sentences for train, and the track asks for 500"):
            read(tmp_path, "train", 0, count=500)

    def test_a_language_without_a_sentence(self, write: Write, tmp_path: Path) -> None:
        write("dutch", [""] * 200)
        with pytest.raises(DataError, match=r"dutch.txt has no sentence; remove it or fill it"):
            TextFolder("Corpus").languages(tmp_path)

    def test_bytes_that_are_no_text(self, write: Write, tmp_path: Path) -> None:
        write("dutch", []).write_bytes(b"\xff\xfe\x00")
        with pytest.raises(DataError, match="is not UTF-8"):
            read(tmp_path, "train", 0)

    @pytest.mark.parametrize(
        ("lines", "sentence"),
        [
            (["welsh"], "has the line 'welsh'; a line is a language and its family"),
            (["welsh a", "welsh b"], "names 'welsh' twice"),
            (["breton a"], "names 'breton', of which there is no breton.txt"),
        ],
    )
    def test_families_that_cannot_be(self, write: Write, tmp_path: Path, lines: list[str], sentence: str) -> None:
        write("families", lines)
        with pytest.raises(DataError, match=sentence):
            TextFolder("Corpus").languages(tmp_path)
