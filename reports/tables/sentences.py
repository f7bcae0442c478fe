"""Sentences that records show: what was to be said in another language, how it is said there, and what methods said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmark.results.ranking import Table
from benchmark.results.record import Record

CURVE = "examples"
_COLUMNS = ("source", "gloss", "reference", "translation")


@dataclass(frozen=True, slots=True)
class Sentence:
    """translations: of each method, with the sentence's BLEU."""

    source: str
    gloss: str
    reference: str
    translations: Mapping[str, tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Speech:
    """A language's sentences in one seed."""

    language: str
    family: str
    sentences: Sequence[Sentence]


@dataclass(frozen=True, slots=True)
class Sentences:
    """Those of the first seed that shows any. methods: in the order of the table."""

    seed: int
    methods: Sequence[str]
    speeches: Sequence[Speech]


def sentences(table: Table) -> Sentences | None:
    """Collect them, or None where records show none. A record that shows other sentences than the first is left out."""
    records = [record for row in table.rows for record in row.records if _shows(record)]
    if not records:
        return None
    seed = min(record.seed for record in records)
    shown = [record for record in records if record.seed == seed]
    first = shown[0]
    same = [record for record in shown if all(record.names[c] == first.names[c] for c in _COLUMNS[:3])]
    rows = []
    for place, language in enumerate(first.curves[CURVE]["language"]):
        said = {
            record.method: (record.names["translation"][place], record.curves[CURVE]["bleu"][place]) for record in same
        }
        source, gloss, reference = (first.names[column][place] for column in _COLUMNS[:3])
        rows.append((int(language), Sentence(source, gloss, reference, said)))
    speeches = [
        Speech(first.names["language"][index], first.names["family"][index], [sentence for _, sentence in members])
        for index, members in groupby(rows, key=lambda row: row[0])
    ]
    return Sentences(seed, [record.method for record in same], speeches)


def _shows(record: Record) -> bool:
    """Whether a record has sentences, of which every column is as long as it must be."""
    curve = record.curves.get(CURVE, {})
    languages = curve.get("language", [])
    known = len(record.names.get("language", []))
    return (
        bool(languages)
        and len(curve.get("bleu", [])) == len(languages)
        and all(len(record.names.get(column, [])) == len(languages) for column in _COLUMNS)
        and len(record.names.get("family", [])) == known
        and all(0 <= index < known for index in languages)
    )
