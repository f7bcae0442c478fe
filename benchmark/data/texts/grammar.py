"""What is said, and the grammars that say it: a meaning becomes an English-like sentence, or one of a language's own.

A `Speaker` has a grammar and words; both are the dataset's to give. A word and its gloss come together, in the manner
of the Leipzig glossing rules: the meaning of the root, then of each ending.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

ORDERS = ("SVO", "SOV", "VSO", "VOS", "OSV", "OVS")
TENSES = {"PRS": ("s", ""), "PST": ("ed", "ed"), "FUT": ("", "")}
"""The source's endings of a verb whose subject is one, and whose subject is many."""
ENDINGS = ("PL", "PST", "FUT", "ACC", "NOM", "DEF")
"""What families have endings for; a language uses those that its grammar calls for."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """One language.

    order: "free" marks who acts by endings and has all six;  kept: share of words that descend from the family's;
    changes: its sound changes in their order, (what, to what) as regular expressions;  share: of the training
    sentences that a language with plenty has
    """

    family: str
    order: str
    kept: float
    share: float
    changes: tuple[tuple[str, str], ...] = ()
    adjective_first: bool = True
    articles: bool = False
    case: bool = False
    agreement: bool = False


class Phrase(NamedTuple):
    """A noun with its number, kind and article; an adjective of None is none."""

    noun: str
    many: bool
    adjective: str | None
    definite: bool


class Clause(NamedTuple):
    """Who does what to whom, when and how; `link` joins it to the clause before it."""

    subject: Phrase
    verb: str
    tense: str
    object: Phrase
    adverb: str | None
    link: str


Meaning = tuple[Clause, ...]


def english(meaning: Meaning) -> str:
    """The source sentence."""

    def phrase(it: Phrase) -> list[str]:
        said = [*([it.adjective] if it.adjective else []), it.noun + "s" * it.many]
        indefinite = [] if it.many else ["an" if said[0][0] in "aeiou" else "a"]
        return ["the", *said] if it.definite else [*indefinite, *said]

    words: list[str] = []
    for clause in meaning:
        verb = clause.verb + TENSES[clause.tense][clause.subject.many]
        words += [clause.link] if words else []
        words += [*phrase(clause.subject), *(["will"] if clause.tense == "FUT" else []), verb, *phrase(clause.object)]
        words += [clause.adverb] if clause.adverb else []
    return " ".join(words)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says meanings in one language, as lists of (word, gloss)."""

    grammar: Grammar
    words: Mapping[str, str]

    def all_ways(self, meaning: Meaning) -> list[list[tuple[str, str]]]:
        """Every right translation: more than one where the order is free."""
        orders = list(ORDERS) if self.grammar.order == "free" else [self.grammar.order]
        return [
            [word for clause, order in zip(meaning, chosen, strict=True) for word in self._clause(clause, order)][1:]
            for chosen in itertools.product(orders, repeat=len(meaning))
        ]

    def _clause(self, clause: Clause, order: str) -> list[tuple[str, str]]:
        endings = [clause.tense] if clause.tense != "PRS" else []
        endings += ["PL"] if self.grammar.agreement and clause.subject.many else []
        parts = {
            "S": self._phrase(clause.subject, ["NOM"] if self.grammar.order == "free" else []),
            "V": [self._word(clause.verb, endings)],
            "O": self._phrase(clause.object, ["ACC"] if self.grammar.case else []),
        }
        said = [word for part in order for word in parts[part]]
        said += [self._word(clause.adverb, [])] if clause.adverb else []
        return [self._word(clause.link, []), *said]

    def _phrase(self, it: Phrase, case: list[str]) -> list[tuple[str, str]]:
        number = ["PL"] if it.many else []
        noun = self._word(it.noun, number + case)
        adjective = [self._word(it.adjective, number * self.grammar.agreement)] if it.adjective else []
        article = [self._word("DEF", [])] if self.grammar.articles and it.definite else []
        return [*article, *([*adjective, noun] if self.grammar.adjective_first else [noun, *adjective])]

    def _word(self, concept: str, endings: list[str]) -> tuple[str, str]:
        return self.words[concept] + "".join(self.words[e] for e in endings), "-".join([concept, *endings])
