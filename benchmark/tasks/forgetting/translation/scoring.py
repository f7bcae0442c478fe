"""Scores of translations, and how far languages lie apart."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one language's translations, from 0 to 100: of the whole, and BLEU of each sentence, smoothed."""

    bleu: float
    chrf: float
    sentences: tuple[float, ...]


def scored(translations: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Score translations against one reference or more each, with sacrebleu."""
    bleu, chrf, by_sentence = _metrics()
    most = max(map(len, references))
    streams = [[ways[place] if place < len(ways) else None for ways in references] for place in range(most)]
    each = [
        by_sentence.sentence_score(one, list(ways)).score for one, ways in zip(translations, references, strict=True)
    ]
    whole, characters = (float(metric.corpus_score(list(translations), streams).score) for metric in (bleu, chrf))
    return Scores(whole, characters, tuple(map(float, each)))


def signature() -> str:
    """How sacrebleu computes: what two scores must share to be compared."""
    bleu, chrf, _ = _metrics()
    for metric in (bleu, chrf):
        metric.corpus_score(["a"], [["a"]])
    return f"BLEU {bleu.get_signature()}; chrF {chrf.get_signature()}"


def distances(lexicons: Sequence[Sequence[str]]) -> list[list[float]] | None:
    """Lexical distance between languages: the normalised Levenshtein distance of their words for the same meanings, in
    the mean (Petroni, Serva 2010, arXiv:0911.3280). None if there are no words."""
    from rapidfuzz.distance import Levenshtein

    if not all(lexicons):
        return None
    far = [[0.0] * len(lexicons) for _ in lexicons]
    for (a, one), (b, other) in itertools.combinations(enumerate(lexicons), 2):
        pairs = zip(one, other, strict=True)
        far[a][b] = far[b][a] = statistics.fmean(Levenshtein.normalized_distance(*pair) for pair in pairs)
    return far


@lru_cache(maxsize=1)
def _metrics() -> tuple[Any, Any, Any]:
    from sacrebleu import BLEU, CHRF

    return BLEU(), CHRF(), BLEU(effective_order=True)
