"""Parallel text: what it must hold, and how a job's random numbers reach a dataset."""

from __future__ import annotations

import pytest

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.data.texts.parallel import ParallelSource, ParallelText
from benchmark.errors import DataError
from benchmark.seeding import Draw


def source(name: str = "languages-small", *, seed: int = 0, salt: str = "a") -> ParallelSource:
    plugins.load_datasets()
    return ParallelSource(Source.of(catalogue.find(name)), Draw("t", seed, salt, "cpu"))


def test_a_sentence_without_translation_is_refused() -> None:
    with pytest.raises(DataError, match="the sentence 'b' has no translation"):
        ParallelText(("a", "b"), (("x",), ()))
    with pytest.raises(DataError, match="2 sentences, 1 translations and 0 glosses"):
        ParallelText(("a", "b"), (("x",),))
    with pytest.raises(DataError, match="1 sentences, 1 translations and 2 glosses"):
        ParallelText(("a",), (("x",),), ("g", "h"))


def test_another_kind_of_dataset_is_refused() -> None:
    with pytest.raises(DataError, match="dataset 'glyphs' has no parallel text; choose one of languages"):
        source("glyphs").languages()


def test_languages_follow_from_the_seed_alone_and_tests_from_the_salt() -> None:
    assert source().lexicon(1) == source(salt="b").lexicon(1) != source(seed=1).lexicon(1)
    assert source().text("train", 1, 9) == source(salt="b").text("train", 1, 9)
    assert source().text("test", 1, 9) != source(salt="b").text("test", 1, 9)
    assert source().text("train", 1, 9).sources != source().text("train", 2, 9).sources
