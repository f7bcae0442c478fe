"""Scores against sacrebleu's own functions and by hand; distances of words."""

from __future__ import annotations

import pytest
import sacrebleu

from benchmark.errors import DataError
from benchmark.tasks.forgetting.translation.network import BEGIN, END, PAD
from benchmark.tasks.forgetting.translation.scoring import distances, scored, signature
from benchmark.tasks.forgetting.translation.tokens import Tokens

SAID = ["the cat sat on the mat today", "a dog barks at the moon tonight", "birds sing in the tree"]
WAYS = [["the cat sat on the mat today"], ["a dog barked at the moon tonight"], ["birds sang in a tree"]]


def test_scores_are_sacrebleus() -> None:
    found = scored(SAID, WAYS)
    streams = [[ways[0] for ways in WAYS]]
    assert found.bleu == pytest.approx(sacrebleu.corpus_bleu(SAID, streams).score)
    assert found.chrf == pytest.approx(sacrebleu.corpus_chrf(SAID, streams).score)
    assert 0 < found.bleu < 100
    assert found.sentences[0] == pytest.approx(100)
    assert found.sentences[2] < found.sentences[1] < 100


def test_any_reference_will_do_and_there_may_be_more_for_one_sentence_than_for_another() -> None:
    both = [["today the cat sat on the mat", *WAYS[0]], WAYS[1], [SAID[2], "birds sang in a tree"]]
    assert scored(SAID, both).bleu > scored(SAID, WAYS).bleu
    assert scored(SAID, [[one] for one in SAID]).bleu == pytest.approx(100)
    assert scored(["", "", ""], WAYS).bleu == 0


def test_the_signature_names_what_decides() -> None:
    for word in ("BLEU", "chrF", "tok:13a", "smooth:exp", "version:"):
        assert word in signature()


def test_distances() -> None:
    found = distances([["abcd", "xy"], ["abcf", "xy"], ["mnop", "zz"]])
    assert found == [[0, 0.125, 1], [0.125, 0, 1], [1, 1, 0]]
    assert distances([["a"], []]) is None


@pytest.fixture
def tokens() -> Tokens:
    return Tokens([*SAID, *(way for ways in WAYS for way in ways)] * 3, 60)


class TestTokens:
    def test_sentences_come_back(self, tokens: Tokens) -> None:
        rows = tokens.rows(SAID, framed=True, length=40)
        assert tokens.sentences(rows[:, 1:]) == SAID
        assert (rows[:, 0] == BEGIN).all()
        assert ((rows == END).sum(1) == 1).all()
        assert tokens.sentences(tokens.rows(SAID, framed=False, length=40)) == SAID

    def test_long_ones_are_cut(self, tokens: Tokens) -> None:
        rows = tokens.rows(SAID, framed=True, length=5)
        assert (rows[:, -1] == END).all()
        assert SAID[0].startswith(tokens.sentences(rows)[0])

    def test_nothing_after_the_end_is_said(self, tokens: Tokens) -> None:
        rows = tokens.rows(SAID[:1], framed=True, length=40)
        rows[0, -1] = rows[0, 1]
        assert tokens.sentences(rows) == SAID[:1]
        assert tokens.sentences(rows[:, :0]) == [""]
        assert tokens.longest(SAID) == int((tokens.rows(SAID, framed=True, length=40) != PAD).sum(1).max())

    def test_too_large_a_vocabulary_is_what_there_is(self) -> None:
        assert 4 < len(Tokens(["ab ab", "ba"], 500)) < 500

    def test_no_text(self) -> None:
        with pytest.raises(DataError, match="no vocabulary of 50 sub-words can be made of the text"):
            Tokens([], 50)
