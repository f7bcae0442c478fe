"""What the judge of `forgetting.multilingual` asks for and how it scores, with contestants whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark import plugins
from benchmark.data.catalogue import Catalogue, DatasetEntry, catalogue
from benchmark.data.source import Source
from benchmark.data.texts.text_folder import TextFolder
from benchmark.errors import ContestantError, DataError
from benchmark.machine.meters import Clock
from benchmark.results.job import Tier
from benchmark.seeding import Draw
from benchmark.tasks.forgetting.multilingual import track
from benchmark.tasks.forgetting.translation.interface import MultilingualBudget
from benchmark.tasks.forgetting.translation.material import Material
from benchmark.tasks.forgetting.translation.network import END, PAD
from benchmark.tasks.rules import Outcome
from tests.benchmark.tasks.contestant_stub import StubContestant


def sizes() -> MultilingualBudget:
    found = track.tiers[Tier.SMOKE]
    assert isinstance(found, MultilingualBudget)
    return found


def draw(seed: int = 0, salt: str = "a") -> Draw:
    return Draw(track.name, seed, salt, "cpu")


def material(seed: int = 0, salt: str = "a", **changes: Any) -> Material:
    plugins.load_datasets()
    budget = replace(sizes(), **changes)
    found = track.rules.prepare(budget, Source.of(catalogue.find(budget.data)), draw(seed, salt))
    assert isinstance(found, Material)
    return found


class Oracle(StubContestant):
    """Answers as told; its gradients have the inner products `gram`, in the first layer."""

    def __init__(self, data: Material, answer: Callable[[int], Tensor], gram: Tensor | None = None) -> None:
        self.data, self.answer, self.gram = data, answer, gram
        self.asked: list[Any] = []

    def answered(self, name: str, arguments: tuple[Any, ...], phase: str | None) -> Any:
        if name == "train":
            assert phase == "train"
            self.asked.append(arguments[0])
        if name == "products" and self.gram is not None:
            rest = torch.zeros(len(self.data.layers) - 1, *self.gram.shape)
            return torch.cat([self.gram.unsqueeze(0), rest])
        if name == "translate":
            return self.answer(arguments[0])
        return 7 if name == "held" else None


def right(data: Material) -> Callable[[int], Tensor]:
    def answer(language: int) -> Tensor:
        said = [ways[-1] for ways in data.tests[language].references]
        framed = data.tokens.rows(said, framed=True, length=data.length + 1)
        return framed[:, 1:]

    return answer


def judged(contestant: Oracle) -> Outcome:
    outcome = track.rules.judge(contestant, sizes(), contestant.data, Clock())
    assert isinstance(outcome, Outcome)
    return outcome


def test_right_translations_have_all_points_in_any_free_order() -> None:
    data = material(length=200)
    outcome = judged(Oracle(data, right(data)))
    values = {name: metric.value for name, metric in outcome.metrics.items()}
    assert values["bleu"] == pytest.approx(100)
    assert values["chrf"] == pytest.approx(100)
    assert values["low_resource_bleu"] == pytest.approx(100)
    assert values["held_floats"] == 7
    assert len(outcome.metrics["bleu"].raw) == 6
    assert len(outcome.metrics["low_resource_bleu"].raw) == 2
    assert values["step"] == pytest.approx(1000 * 2.0 / sizes().steps)
    assert "conflicts" not in values, "nothing shared, no conflict"


def test_silence_has_none() -> None:
    data = material()

    def silent(language: int) -> Tensor:
        rows = torch.full((len(data.questions[language]), data.length), PAD)
        rows[:, 0] = END
        return rows

    outcome = judged(Oracle(data, silent))
    assert outcome.metrics["bleu"].value == 0
    assert set(outcome.names["translation"]) == {""}


def test_cosines_are_of_the_whole_network_and_by_family() -> None:
    data = material()
    gram = torch.full((6, 6), -0.2)
    gram[:3, :3] = gram[3:, 3:] = 0.5
    gram.fill_diagonal_(1.0)
    outcome = judged(Oracle(data, right(data), 4 * gram))
    values = {name: metric.value for name, metric in outcome.metrics.items()}
    assert values["cosine_within"] == pytest.approx(0.5)
    assert values["cosine_across"] == pytest.approx(-0.2)
    assert values["conflicts"] == pytest.approx(100 * 9 / 15)
    assert values["distance_correlation"] < -0.5
    rows = list(zip(*outcome.curves["cosines"].values(), strict=True))
    assert len(rows) == 2 * len(data.layers) * 15
    for step, layer, a, b, cosine in rows:
        assert step in (4, 8)
        assert cosine == pytest.approx(0.0 if layer else float(gram[int(a), int(b)]))
    assert len(outcome.curves["pairs"]["cosine"]) == len(outcome.curves["pairs"]["distance"]) == 15
    assert outcome.curves["looks"]["step"] == [4.0, 8.0]


def test_what_is_asked() -> None:
    data = material()
    contestant = Oracle(data, right(data))
    outcome = judged(contestant)
    assert contestant.asked == [4, 8]
    examples = outcome.names
    assert len(examples["source"]) == len(examples["translation"]) == len(examples["gloss"]) == 60
    assert outcome.curves["examples"]["language"] == [float(place // 10) for place in range(60)]


def test_answers_of_another_form_are_refused() -> None:
    data = material()
    with pytest.raises(ContestantError, match="translate"):
        judged(Oracle(data, lambda _: torch.zeros(3, data.length, dtype=torch.int64)))
    with pytest.raises(ContestantError, match=r"classes from \d+ to \d+; return a int64"):
        judged(Oracle(data, lambda each: torch.full((len(data.questions[each]), data.length), len(data.tokens))))
    with pytest.raises(ContestantError, match="products"):
        judged(Oracle(data, right(data), torch.zeros(5, 5)))


def test_data_follow_from_the_seed_and_tests_from_the_salt() -> None:
    one, other = material(), material(salt="b")
    assert all(torch.equal(a, b) for a, b in zip(one.sources, other.sources, strict=True))
    assert one.tests != other.tests
    assert material(seed=1).languages == one.languages
    assert material(seed=1).distances != one.distances
    counts = [len(rows) for rows in one.sources]
    assert counts == [max(2, round(each.share * sizes().train)) for each in one.languages]


def test_what_is_told_holds_no_test_sentence() -> None:
    data = material()
    told = track.rules.tell(sizes(), data)
    track.setup(seed=0, track=track.name, device_name="cpu", **told)
    assert told["vocabulary"] == len(data.tokens)
    learned = {sentence for rows in data.sources for sentence in data.tokens.sentences(rows)}
    assert learned.isdisjoint(source for text in data.tests for source in text.sources)


class TestOwnText:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        folder = tmp_path / "own"
        folder.mkdir()
        lines = [f"the {word} is {colour}" for word in ("cat", "dog", "bird", "fish") for colour in range(60)]
        (folder / "source.txt").write_text("\n".join(lines))
        (folder / "a.txt").write_text("\n".join(line.upper() for line in lines))
        (folder / "b.txt").write_text(
            "\n".join(line[::-1] if row % 4 == 0 else "" for row, line in enumerate(lines)) + "\n"
        )
        entry = DatasetEntry("own", "", "", "", TextFolder("own"), __file__)
        Catalogue().put(entry)
        return Source(entry, tmp_path)

    def test_it_is_judged_and_never_shown(self, source: Source) -> None:
        data = track.rules.prepare(sizes(), source, draw())
        assert [len(text.sources) for text in data.tests] <= [sizes().test] * 2
        outcome = judged(Oracle(data, right(data), torch.eye(2)))
        assert outcome.metrics["bleu"].value > 20
        assert set(outcome.names) == {"language", "family", "layer"}
        assert "examples" not in outcome.curves
        assert "cosine_within" not in outcome.metrics, "no family has two"
        assert "distance_correlation" not in outcome.metrics
        assert len(outcome.metrics["low_resource_bleu"].raw) == 1

    def test_one_language_is_no_conflict(self, source: Source) -> None:
        (source.root / "own" / "b.txt").unlink()
        with pytest.raises(DataError, match="dataset 'own' has one language, a; give it two at least"):
            track.rules.prepare(sizes(), source, draw(1))
