"""How the judge of `forgetting.multilingual` asks and scores. Its rules are in the package's docstring."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmark.tasks.answers import Classes, Count, Floats, Maybe
from benchmark.tasks.forgetting.translation import scoring
from benchmark.tasks.forgetting.translation.interface import (
    ACROSS,
    BLEU,
    CHRF,
    CONFLICTS,
    DISTANCE,
    HELD,
    LOW,
    LOW_BLEU,
    STEP,
    WITHIN,
    MultilingualBudget,
    MultilingualSetup,
)
from benchmark.tasks.rules import Outcome, Rules

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.source import Source
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw
    from benchmark.tasks.forgetting.translation.material import Material
    from benchmark.tasks.rules import Contestant

_SHOWN = 10
"""Sentences of each language that a record of drawn data shows."""


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
    layers = torch.stack([cosines(look.double()) for look in looks])[..., one, other]
    places = torch.cartesian_prod(*(torch.arange(size) for size in layers.shape)).T  # of look, layer and pair
    steps = torch.tensor(sizes.look_steps)
    mean, negative = whole.mean(0), 100 * (whole < 0).double().mean(1)
    metrics = {CONFLICTS.name: CONFLICTS.value(float(negative.mean()), raw=negative.tolist(), per="look")}
    curves: dict[str, Any] = {
        "looks": {
            "step": steps.double().tolist(),
            "conflicts": negative.tolist(),
        },
        "pairs": {"one": one.double().tolist(), "other": other.double().tolist(), "cosine": mean.tolist()},
        "cosines": {
            "step": steps[places[0]].double().tolist(),
            "layer": places[1].double().tolist(),
            "one": one[places[2]].double().tolist(),
            "other": other[places[2]].double().tolist(),
            "cosine": layers.flatten().tolist(),
        },
    }
    for metric, word, chosen in ((WITHIN, "within", same), (ACROSS, "across", ~same)):
        if bool(chosen.any()):
            metrics[metric.name] = metric.value(float(mean[chosen].mean()), raw=mean[chosen].tolist(), per="pair")
            curves["looks"][word] = whole[:, chosen].mean(1).tolist()
    if data.distances is not None:
        far = torch.tensor(data.distances)[one, other]
        curves["pairs"]["distance"] = far.tolist()
        if len(far) > 2 and float(far.std()) > 0 and float(mean.std()) > 0:
            metrics[DISTANCE.name] = DISTANCE.value(float(spearmanr(far.numpy(), mean.numpy()).statistic))
    return metrics, curves
