"""Languages: an English-like source and its translations into families of invented languages, from a seed.

What is said is a meaning: who does what to whom, how many of them, of what kind, when and how. A language gives it
words and a form. Its words descend from its family's by regular sound changes, but for those it has made anew; its form
is a word order, articles, endings for number, tense and case, and agreement. So languages of a family share what
related ones share, and unrelated ones nothing but the meanings. Only words are drawn from the seed, with everything
that hangs on them; which languages there are, and their grammar, is written here.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.data.catalogue import Split, catalogue
from benchmark.data.texts.grammar import ENDINGS, TENSES, Clause, Grammar, Meaning, Phrase, Speaker, english
from benchmark.data.texts.parallel import Language, ParallelText
from benchmark.errors import DataError
from benchmark.seeding import derive, numpy_generator

# fmt: off
NOUNS = (
    "apple", "bird", "boat", "cat", "doctor", "dog", "farmer", "horse", "house", "king", "lamp", "painter", "river",
    "sailor", "singer", "star", "stone", "teacher", "tree", "visitor",
)
VERBS = ("call", "clean", "follow", "greet", "guard", "help", "lift", "need", "paint", "pull", "visit", "want")
ADJECTIVES = ("big", "blue", "happy", "old", "quiet", "red", "small", "young")
ADVERBS = ("again", "alone", "gladly", "here", "often", "slowly", "there", "today")
# fmt: on
LINKS = ("and", "because", "while")
KEPT_BACK = 5
"""Of so many triples of a verb and two nouns, whoever acts, one is for test sentences alone."""


@dataclass(frozen=True, slots=True)
class Family:
    """What its languages have in common: the sounds of its roots."""

    consonants: str
    vowels: str


FAMILIES = {
    "Velic": Family("ptkmnslrv", "aeio"),
    "Dhuran": Family("bdgmnzrjh", "aou"),
    "Quisk": Family("ktqsxcwln", "eiuy"),
    "Mabo": Family("pbmnfwlhy", "aeou"),
}
LOW = 0.1
LANGUAGES = {
    "Vela": Grammar("Velic", "SVO", 0.95, 1, articles=True),
    "Velor": Grammar("Velic", "SVO", 0.9, LOW, (("p", "f"),), adjective_first=False),
    "Vinu": Grammar("Velic", "VSO", 0.8, 1, (("k", "h"), ("e", "i")), agreement=True),
    "Dhur": Grammar("Dhuran", "SOV", 0.95, 1, case=True),
    "Durat": Grammar("Dhuran", "SOV", 0.9, LOW, (("b", "p"),), case=True, agreement=True),
    "Zoran": Grammar("Dhuran", "free", 0.8, 1, (("d", "t"), ("u", "o")), adjective_first=False, case=True),
    "Quis": Grammar("Quisk", "VSO", 0.95, 1, articles=True, agreement=True),
    "Kisku": Grammar("Quisk", "VSO", 0.9, LOW, (("x", "s"),)),
    "Cuyen": Grammar("Quisk", "SOV", 0.8, 1, (("t", "d"), ("[eiu]$", "")), case=True),
    "Mabo": Grammar("Mabo", "SVO", 0.95, 1, adjective_first=False),
    "Pafu": Grammar("Mabo", "free", 0.9, LOW, (("b", "p"),), case=True),
    "Wale": Grammar("Mabo", "SVO", 0.8, 1, (("h", ""), ("o", "u")), articles=True, agreement=True),
}


class Words(NamedTuple):
    """What may be spoken of."""

    nouns: tuple[str, ...]
    verbs: tuple[str, ...]
    adjectives: tuple[str, ...]
    adverbs: tuple[str, ...]


class Languages:
    """See `ParallelDataset`.

    count: of the languages, in their order: 3, 6, 9 or 12 are whole families;  nouns: how many, and verbs, adjectives
    and adverbs in proportion;  clauses: in a sentence at most
    """

    drawn = True

    def __init__(self, *, count: int, nouns: int, clauses: int) -> None:
        self._names = tuple(LANGUAGES)[:count]
        part = nouns / len(NOUNS)
        self._words = Words(*(each[: round(part * len(each))] for each in (NOUNS, VERBS, ADJECTIVES, ADVERBS)))
        self._clauses = clauses

    def missing(self, root: Path) -> str | None:
        """See `Stored.missing`: nothing ever is."""
        return None

    def fetch(self, root: Path) -> None:
        """See `Stored.fetch`: there is nothing to fetch."""

    def fingerprint(self, root: Path) -> str:
        """See `Stored.fingerprint`."""
        grammar = (self._names, self._words, self._clauses, LINKS, TENSES, ENDINGS, KEPT_BACK, FAMILIES, LANGUAGES)
        return hashlib.blake2b(f"1 {grammar!r}".encode(), digest_size=8).hexdigest()

    def languages(self, root: Path) -> tuple[Language, ...]:
        """See `ParallelDataset.languages`."""
        return tuple(Language(name, LANGUAGES[name].family, LANGUAGES[name].share) for name in self._names)

    def lexicon(self, root: Path, *, language: int, world: int) -> tuple[str, ...]:
        """See `ParallelDataset.lexicon`: nouns, verbs, adjectives, adverbs, in that order."""
        roots = _roots(self._names[language], world)
        return tuple(roots[concept] for each in self._words for concept in each)

    def parallel(
        self, split: Split, *, root: Path, language: int, count: int | None, seed: int, world: int
    ) -> ParallelText:
        """See `ParallelDataset.parallel`."""
        if count is None:
            raise DataError("these languages are drawn: say how many sentences")
        name = self._names[language]
        speaker = Speaker(LANGUAGES[name], _roots(name, world))
        meanings = list(_meanings(count, self._words, self._clauses, seed=seed, test=split == "test"))
        said = [speaker.all_ways(meaning) for meaning in meanings]
        picks = numpy_generator(seed, "orders").random(count)
        first = [ways[int(pick * len(ways))] for ways, pick in zip(said, picks, strict=True)]
        texts = [
            [" ".join(word for word, _ in way) for way in [chosen, *ways]]
            for chosen, ways in zip(first, said, strict=True)
        ]
        return ParallelText(
            sources=tuple(map(english, meanings)),
            references=tuple(tuple(dict.fromkeys(ways)) for ways in texts),
            glosses=tuple(" ".join(gloss for _, gloss in way) for way in first),
        )


@catalogue.add(
    "languages-small",
    title="Languages: six invented ones of two families, with few words, beside an English-like source",
    licence="drawn by this project (Apache-2.0)",
    source="grammars and sound changes in datasets/languages.py",
)
class SmallLanguages(Languages):
    """Of a clause each, with eight nouns."""

    def __init__(self) -> None:
        super().__init__(count=6, nouns=8, clauses=1)


@catalogue.add(
    "languages",
    title="Languages: twelve invented ones of four families, beside an English-like source",
    licence="drawn by this project (Apache-2.0)",
    source="grammars and sound changes in datasets/languages.py",
)
class ManyLanguages(Languages):
    """Of one or two clauses, with all words."""

    def __init__(self) -> None:
        super().__init__(count=12, nouns=len(NOUNS), clauses=2)


def _meanings(count: int, words: Words, clauses: int, *, seed: int, test: bool) -> Iterator[Meaning]:
    """Draw meanings whose triples of a verb and two nouns are all for tests, or all not."""
    rng = numpy_generator(seed, "meanings")
    triples = list(itertools.product(words.nouns, words.verbs, words.nouns))
    triples = [t for t in triples if t[0] != t[2] and (derive("kept back", *sorted(t)) % KEPT_BACK == 0) == test]
    chosen = rng.integers(len(triples), size=(count, clauses))
    tosses = rng.random((count, clauses, 9)).tolist()
    lengths = rng.integers(1, clauses + 1, size=count).tolist()

    def clause(place: int, toss: list[float]) -> Clause:
        subject, verb, object_ = triples[place]
        return Clause(
            Phrase(subject, toss[0] < 0.4, _maybe(words.adjectives, toss[1], 0.4), toss[2] < 0.6),
            verb,
            list(TENSES)[int(len(TENSES) * toss[3])],
            Phrase(object_, toss[4] < 0.4, _maybe(words.adjectives, toss[5], 0.4), toss[6] < 0.6),
            _maybe(words.adverbs, toss[7], 0.5),
            LINKS[int(toss[8] * len(LINKS))],
        )

    for places, rows, length in zip(chosen.tolist(), tosses, lengths, strict=True):
        yield tuple(map(clause, places[:length], rows))


def _maybe(words: Sequence[str], toss: float, chance: float) -> str | None:
    """One of the words with that chance, by a number in [0, 1), else None."""
    return words[int(toss / chance * len(words))] if toss < chance else None


@lru_cache(maxsize=64)
def _roots(name: str, world: int) -> dict[str, str]:
    """A language's roots by concept and its endings: the family's after the sound changes, or its own."""
    grammar = LANGUAGES[name]
    family = FAMILIES[grammar.family]
    old, new = numpy_generator(world, "family", grammar.family), numpy_generator(world, "language", name)
    taken: set[str] = set()
    words: dict[str, str] = {}
    for concept in NOUNS + VERBS + ADJECTIVES + ADVERBS + LINKS + ENDINGS:
        short = concept in ENDINGS
        word = _changed(_root(family, old, short), grammar)
        kept = new.random() < grammar.kept or short
        while not kept or word in taken:
            word, kept = _changed(_root(family, new, short), grammar), True
        taken.add(word)
        words[concept] = word
    return words


def _root(family: Family, rng: Any, short: bool) -> str:
    """Two or three open syllables, or the short form of an ending."""
    syllables = 1 if short else int(rng.integers(2, 4))
    return "".join(_one(family.consonants, rng) + _one(family.vowels, rng) for _ in range(syllables))


def _one(sounds: str, rng: Any) -> str:
    return sounds[int(rng.integers(len(sounds)))]


def _changed(word: str, grammar: Grammar) -> str:
    for what, to in grammar.changes:
        word = re.sub(what, to, word)
    return word
