"""Sentences of records beside each other, and records that show none, or others."""

from __future__ import annotations

from benchmark.results.ranking import Table, tables
from benchmark.results.record import Record
from reports.tables.sentences import sentences
from tests.reports.figures.forgetting.translation_records import translated


def table(*records: Record) -> Table:
    (found,) = tables(list(records))
    return found


def test_they_are_of_the_first_seed_and_of_all_methods() -> None:
    found = sentences(table(*(translated(method, seed) for method in ("sum", "gradvac") for seed in (1, 2))))
    assert found is not None
    assert found.seed == 1
    assert set(found.methods) == {"sum", "gradvac"}
    assert [(speech.language, speech.family, len(speech.sentences)) for speech in found.speeches] == [
        ("Vela", "Velic", 2),
        ("Velor", "Velic", 1),
        ("Dhur", "Dhuran", 1),
    ]
    first = found.speeches[0].sentences[0]
    assert (first.source, first.gloss, first.reference) == ("a cat sleeps", "cat sleep", "kato sop")
    assert first.translations["sum"] == ("kato sop", 100.0)
    assert found.speeches[1].sentences[0].translations["gradvac"] == ("gradvac", 0.0)


def test_records_without_any_show_none() -> None:
    assert sentences(table(translated("sum", shown=False))) is None


def test_a_record_of_other_sentences_stays_out() -> None:
    other = translated("gradvac")
    other = other.model_copy(update={"names": other.names | {"source": ["w", "x", "y", "z"]}})
    found = sentences(table(translated("a"), other))
    assert found is not None
    assert found.methods == ["a"]


def test_columns_that_do_not_fit_show_none() -> None:
    whole = translated("sum")
    for names in ({"gloss": ["short"]}, {"language": ["Vela"], "family": ["Velic"]}, {"family": []}):
        broken = whole.model_copy(update={"names": whole.names | names})
        assert sentences(table(broken)) is None
    curve = {"examples": {"language": [0.0, 0.0, 1.0, 9.0], "bleu": [1.0] * 4}}
    assert sentences(table(whole.model_copy(update={"curves": whole.curves | curve}))) is None
