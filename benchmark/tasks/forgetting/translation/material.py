"""What a job of `forgetting.multilingual` reads: sentences of every language, and their sub-words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from benchmark.data.source import Source
from benchmark.data.texts.parallel import Language, ParallelSource, ParallelText
from benchmark.errors import DataError
from benchmark.seeding import Draw
from benchmark.tasks.forgetting.translation import scoring
from benchmark.tasks.forgetting.translation.interface import MultilingualBudget
from benchmark.tasks.forgetting.translation.network import Shape, Translator
from benchmark.tasks.forgetting.translation.tokens import Tokens


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Of one job.

    drawn: whether it may be shown;  distances: lexical, between languages, if known;  length: of the longest sentence,
    in tokens;  sources, targets: training sentences (n, length) of each language;  probe: equally many of both (m, n,
    length);  tests, questions: test text and the rows (n, length) to translate;  layers: of the network
    """

    languages: tuple[Language, ...]
    drawn: bool
    distances: list[list[float]] | None
    tokens: Tokens
    length: int
    sources: list[Tensor]
    targets: list[Tensor]
    probe: tuple[Tensor, Tensor]
    tests: list[ParallelText]
    questions: list[Tensor]
    layers: tuple[str, ...]


@lru_cache(maxsize=8)
def material(sizes: MultilingualBudget, source: Source, draw: Draw) -> Material:
    """Make it. Raises DataError for data of another kind, or of a single language."""
    asked = ParallelSource(source, draw)
    languages = asked.languages()
    if len(languages) < 2:
        raise DataError(f"dataset {source.entry.name!r} has one language, {languages[0].name}; give it two at least")
    train, tests = [], []
    for index, language in enumerate(languages):
        count = max(2, round(language.share * sizes.train))
        train.append(asked.text("train", index, count if source.drawn else None))
        tests.append(_some(asked.text("test", index, sizes.test if source.drawn else None), sizes.test, draw))
    said = [sentence for text in train for sentence in (*text.sources, *(ways[0] for ways in text.references))]
    tokens = Tokens(said, sizes.vocabulary)
    length = min(sizes.length, tokens.longest(said))
    sources = [tokens.rows(text.sources, framed=False, length=length) for text in train]
    targets = [tokens.rows([ways[0] for ways in text.references], framed=True, length=length) for text in train]
    picks = [
        torch.randint(len(rows), (sizes.probe,), generator=draw.generator("probe", index))
        for index, rows in enumerate(sources)
    ]
    return Material(
        languages=languages,
        drawn=source.drawn,
        distances=scoring.distances([asked.lexicon(index) for index in range(len(languages))]),
        tokens=tokens,
        length=length,
        sources=sources,
        targets=targets,
        probe=(
            torch.stack([rows[pick] for rows, pick in zip(sources, picks, strict=True)]),
            torch.stack([rows[pick] for rows, pick in zip(targets, picks, strict=True)]),
        ),
        tests=tests,
        questions=[tokens.rows(text.sources, framed=False, length=length) for text in tests],
        layers=Translator(Shape(len(tokens), len(languages), sizes.width, sizes.heads, sizes.layers, length)).layers,
    )


def _some(text: ParallelText, count: int, draw: Draw) -> ParallelText:
    """A text's sentences, or a choice of so many."""
    if len(text.sources) <= count:
        return text
    places = torch.randperm(len(text.sources), generator=draw.generator("test sentences"))[:count].tolist()
    return ParallelText(
        tuple(text.sources[place] for place in places), tuple(text.references[place] for place in places)
    )
