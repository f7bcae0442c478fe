"""Interface, sizes, judging and metrics of `forgetting.multilingual`. Its rules are in the package's docstring."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.tasks.answers import Classes, Count, Floats, Maybe
from benchmark.tasks.forgetting.translation import scoring
from benchmark.tasks.rules import Budget, Outcome, Rules, Setup
from benchmark.tasks.track import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw
    from benchmark.tasks.forgetting.translation.material import Material
    from benchmark.tasks.forgetting.translation.network import Shape
    from benchmark.tasks.rules import Contestant

BLEU = Metric("bleu", "BLEU", True, "of test sentences (sacrebleu, 0 to 100); mean over languages")
CHRF = Metric("chrf", "chrF", True, "character n-gram F-score (sacrebleu, 0 to 100); mean over languages")
LOW_BLEU = Metric(
    "low_resource_bleu", "BLEU", True, "mean over the languages with less than half of the most sentences"
)
CONFLICTS = Metric(
    "conflicts", "%", False, "pairs of tasks whose gradients point apart; mean over the looks in training"
)
WITHIN = Metric(
    "cosine_within", "", True, "of two tasks' gradients, languages of one family; mean over pairs and looks"
)
ACROSS = Metric("cosine_across", "", True, "of two tasks' gradients, languages of different families; the same mean")
DISTANCE = Metric("distance_correlation", "", False, "Spearman's, of a pair's cosine with its lexical distance")
STEP = Metric("step", "ms", False, "training time per step", measured=True)
HELD = Metric("held_floats", "floats", False, "floats of gradients and targets held in a step, besides one gradient")
METRICS = (BLEU, CHRF, LOW_BLEU, CONFLICTS, WITHIN, ACROSS, DISTANCE, STEP, HELD)

LOW = 0.5
"""Languages with less than this share of the richest one's sentences are low-resource."""
_SHOWN = 10
"""Sentences of each language that a record of drawn data shows."""


class MultilingualLearner(Protocol):
    """What a method of this track implements. Built once per job as `Method(setup)`."""

    def begin(self, sources: list[Tensor], targets: list[Tensor]) -> None:
        """Take the training sentences of each language, and initial weights.

        sources, targets: (n, length) int64 each, PAD after the end; targets from BEGIN to END
        """

    def train(self, until: int) -> None:
        """Train until so many steps are made in all."""

    def products(self, sources: Tensor, targets: Tensor) -> Tensor | None:
        """Inner products (layers, m, m) of the m tasks' gradients at the present weights, by layer, or None if the
        tasks share no weights. sources, targets: (m, n, length)"""

    def translate(self, language: int, sources: Tensor) -> Tensor:
        """Return translations (n, setup.length) int64 of sources (n, length) up to END, each by itself."""

    def held(self) -> int:
        """Return how many floats of gradients and the like are held in a step, besides one gradient of all weights."""


@dataclass(frozen=True, slots=True)
class MultilingualSetup(Setup):
    """What the contestant is told. vocabulary: tokens of all languages, the source's too;  languages: tasks;  length:
    of the longest sentence, in tokens;  batch_size: sentences of each language in a step."""

    languages: int
    vocabulary: int
    length: int
    width: int
    heads: int
    layers: int
    steps: int
    batch_size: int
    learning_rate: float

    def shape(self) -> Shape:
        """Of the standard network."""
        from benchmark.tasks.forgetting.translation.network import Shape

        return Shape(self.vocabulary, self.languages, self.width, self.heads, self.layers, self.length)


@dataclass(frozen=True, slots=True)
class MultilingualBudget(Budget):
    """Sizes of a tier. train, test: sentences of a language with plenty, and of each (of text on disk all are trained
    on);  vocabulary, length: tokens at most;  looks: how often the tasks' gradients are looked at, at the end and at a
    half of the steps, a quarter and so on, as gradients change most at first;  probe: sentences of each language in a
    look."""

    train: int
    test: int
    vocabulary: int
    length: int
    width: int
    heads: int
    layers: int
    steps: int
    batch_size: int
    learning_rate: float
    looks: int
    probe: int

    @property
    def look_steps(self) -> list[int]:
        """After how many steps."""
        return [max(1, self.steps // 2**halvings) for halvings in reversed(range(self.looks))]


class MultilingualRules(Rules):
    """The protocol."""

    def compared(self, sizes: MultilingualBudget, source: Source) -> dict[str, str]:
        """See `Rules.compared`."""
        return {"scores": scoring.signature()}

    def prepare(self, sizes: MultilingualBudget, source: Source, draw: Draw) -> Material:
        """See `Rules.prepare`."""
        from benchmark.tasks.forgetting.translation.material import material

        return material(sizes, source, draw)

    def tell(self, sizes: MultilingualBudget, data: Material) -> dict[str, Any]:
        """See `Rules.tell`."""
        shared = {k: v for k, v in asdict(sizes).items() if k in MultilingualSetup.__dataclass_fields__}
        return {
            **shared,
            "languages": len(data.languages),
            "vocabulary": len(data.tokens),
            "length": data.length,
        }

    def judge(self, contestant: Contestant, sizes: MultilingualBudget, data: Material, clock: Clock) -> Outcome:
        """See `Rules.judge`."""
        contestant.call("begin", data.sources, data.targets, phase="train")
        m = len(data.languages)
        looks = []
        for step in sizes.look_steps:
            contestant.call("train", step, phase="train")
            form = Maybe(Floats(len(data.layers), m, m))
            looks.append(contestant.call("products", *data.probe, reply=form))
        translations = []
        for language, rows in enumerate(data.questions):
            written = Classes(len(data.tokens), len(rows), data.length)
            answers = contestant.call("translate", language, rows, reply=written)
            with clock.running("data"):
                translations.append(data.tokens.sentences(answers))
        return _outcome(contestant, sizes, data, translations, [look for look in looks if look is not None])


def _outcome(
    contestant: Contestant,
    sizes: MultilingualBudget,
    data: Material,
    translations: list[list[str]],
    looks: list[Tensor],
) -> Outcome:
    scores = [scoring.scored(answers, text.references) for answers, text in zip(translations, data.tests, strict=True)]
    bleu, chrf = [each.bleu for each in scores], [each.chrf for each in scores]
    low = [value for value, language in zip(bleu, data.languages, strict=True) if language.share < LOW]
    seconds = contestant.seconds("train")
    metrics = {
        BLEU.name: BLEU.value(statistics.fmean(bleu), raw=bleu, per="language"),
        CHRF.name: CHRF.value(statistics.fmean(chrf), raw=chrf, per="language"),
        STEP.name: STEP.value(1000 * seconds / sizes.steps),
        HELD.name: HELD.value(float(contestant.call("held", reply=Count("floats")))),
    }
    if low:
        metrics[LOW_BLEU.name] = LOW_BLEU.value(statistics.fmean(low), raw=low, per="low-resource language")
    curves = {"languages": {"bleu": bleu, "chrf": chrf, "share": [each.share for each in data.languages]}}
    names = {"language": [each.name for each in data.languages], "family": [each.family for each in data.languages]}
    if looks:
        found, more = _seen(looks, sizes, data)
        metrics |= found
        curves |= more
        names["layer"] = list(data.layers)
    if data.drawn:
        rows = [(language, row) for language in range(len(scores)) for row in range(_SHOWN)]
        curves["examples"] = {
            "language": [float(language) for language, _ in rows],
            "bleu": [scores[language].sentences[row] for language, row in rows],
        }
        names |= {
            "source": [data.tests[language].sources[row] for language, row in rows],
            "reference": [data.tests[language].references[row][0] for language, row in rows],
            "gloss": [data.tests[language].glosses[row] for language, row in rows],
            "translation": [translations[language][row] for language, row in rows],
        }
    count = sizes.steps * sizes.batch_size * len(data.languages)
    return Outcome(metrics, curves, {"training sentences/s": count / seconds}, names=names)


def _seen(looks: list[Tensor], sizes: MultilingualBudget, data: Material) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metrics and curves of what the looks found: inner products (layers, m, m) each."""
    import torch
    from scipy.stats import spearmanr

    from benchmark.tasks.forgetting.translation.gram import cosines

    m = len(data.languages)
    one, other = torch.triu_indices(m, m, 1)
    same = torch.tensor(
        [data.languages[a].family == data.languages[b].family for a, b in itertools.combinations(range(m), 2)]
    )
    whole = torch.stack([cosines(look.double().sum(0, keepdim=True))[0] for look in looks])[:, one, other]
    layers = torch.stack([cosines(look.double()) for look in looks])[..., one, other].mean(0)
    mean, negative = whole.mean(0), 100 * (whole < 0).double().mean(1)
    metrics = {CONFLICTS.name: CONFLICTS.value(float(negative.mean()), raw=negative.tolist(), per="look")}
    curves: dict[str, Any] = {
        "looks": {
            "step": [float(step) for step in sizes.look_steps],
            "conflicts": negative.tolist(),
        },
        "pairs": {"one": one.tolist(), "other": other.tolist(), "cosine": mean.tolist()},
        "layers": {"layer": [float(place) for place in range(len(layers))]},
    }
    for metric, word, chosen in ((WITHIN, "within", same), (ACROSS, "across", ~same)):
        if bool(chosen.any()):
            metrics[metric.name] = metric.value(float(mean[chosen].mean()), raw=mean[chosen].tolist(), per="pair")
            curves["looks"][word] = whole[:, chosen].mean(1).tolist()
            curves["layers"][word] = layers[:, chosen].mean(1).tolist()
    if data.distances is not None:
        far = torch.tensor(data.distances)[one, other]
        curves["pairs"]["distance"] = far.tolist()
        if len(far) > 2 and float(far.std()) > 0 and float(mean.std()) > 0:
            metrics[DISTANCE.name] = DISTANCE.value(float(spearmanr(far.numpy(), mean.numpy()).statistic))
    return metrics, curves
