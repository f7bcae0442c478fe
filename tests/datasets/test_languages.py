"""The invented languages: what families share, what a sentence says, and that tests are of other content."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest
from rapidfuzz.distance import Levenshtein

from benchmark import plugins
from benchmark.data.catalogue import Split, catalogue
from benchmark.data.texts.parallel import ParallelDataset, ParallelText
from benchmark.errors import DataError

HERE = Path("/nowhere")


@pytest.fixture(scope="module", params=["languages", "languages-small"])
def dataset(request: pytest.FixtureRequest) -> ParallelDataset:
    plugins.load_datasets()
    found = catalogue.find(request.param).dataset
    assert isinstance(found, ParallelDataset)
    return found


def text(
    dataset: ParallelDataset, language: int, split: Split = "train", *, seed: int = 1, world: int = 1
) -> ParallelText:
    return dataset.parallel(split, root=HERE, language=language, count=80, seed=seed, world=world)


def test_they_follow_from_their_seeds(dataset: ParallelDataset) -> None:
    assert text(dataset, 1) == text(dataset, 1)
    assert text(dataset, 1).sources == text(dataset, 1, world=2).sources
    assert set(text(dataset, 1).references).isdisjoint(text(dataset, 1, world=2).references)
    assert text(dataset, 1).sources != text(dataset, 1, seed=2).sources
    assert dataset.drawn
    assert dataset.missing(HERE) is None


def test_languages_of_a_family_are_nearer_to_each_other_than_to_any_other(dataset: ParallelDataset) -> None:
    languages = dataset.languages(HERE)
    words = [dataset.lexicon(HERE, language=index, world=3) for index in range(len(languages))]
    for one, own in enumerate(languages):
        far = {True: [0.0], False: [1.0]}
        for other, its in enumerate(languages):
            if one != other:
                pairs = zip(words[one], words[other], strict=True)
                far[own.family == its.family].append(fmean(Levenshtein.normalized_distance(a, b) for a, b in pairs))
        assert max(far[True]) < min(far[False])


def test_half_of_a_family_is_rich(dataset: ParallelDataset) -> None:
    shares = [language.share for language in dataset.languages(HERE)]
    assert {1.0} < set(shares)
    assert 0 < sum(share < 0.5 for share in shares) <= len(shares) / 2


def test_words_of_a_language_are_distinct(dataset: ParallelDataset) -> None:
    for index in range(len(dataset.languages(HERE))):
        words = dataset.lexicon(HERE, language=index, world=5)
        assert len(set(words)) == len(words)
        assert all(word.isalpha() for word in words)


def test_tests_are_of_other_content(dataset: ParallelDataset) -> None:
    """No combination of subject, verb and object of a test clause is in any training clause, of any language."""

    def contents(split: Split) -> set[tuple[str, ...]]:
        found = set()
        for language in range(len(dataset.languages(HERE))):
            for gloss in text(dataset, language, split).glosses:
                roots = [word.split("-")[0] for word in gloss.split()]
                found.add(tuple(sorted(root for root in roots if root != "DEF")))
        return found

    assert contents("train").isdisjoint(contents("test"))


def test_a_free_order_has_all_of_its_orders_as_references() -> None:
    plugins.load_datasets()
    dataset = catalogue.find("languages-small").dataset
    assert isinstance(dataset, ParallelDataset)
    free = text(dataset, [language.name for language in dataset.languages(HERE)].index("Zoran"))
    assert {len(ways) for ways in free.references} == {6}
    for ways in free.references:
        assert len({tuple(sorted(way.split())) for way in ways}) == 1
    assert {len(ways) for ways in text(dataset, 0).references} == {1}


def test_a_sentence_and_its_gloss_say_the_same() -> None:
    plugins.load_datasets()
    dataset = catalogue.find("languages-small").dataset
    assert isinstance(dataset, ParallelDataset)
    told = text(dataset, 3)
    for source, ways, gloss in zip(told.sources, told.references, told.glosses, strict=True):
        assert len(ways[0].split()) == len(gloss.split())
        for root in (word.split("-")[0] for word in gloss.split()):
            assert root in source
        assert ("will" in source) == ("FUT" in gloss)


def test_a_number_of_sentences_is_needed(dataset: ParallelDataset) -> None:
    with pytest.raises(DataError, match="say how many sentences"):
        dataset.parallel("train", root=HERE, language=0, count=None, seed=1, world=1)
