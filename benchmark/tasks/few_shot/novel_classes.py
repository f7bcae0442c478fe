"""The track `few_shot.novel_classes`: features of novel classes, and what base classes say about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.errors import DataError
from benchmark.results.job import Tier
from benchmark.tasks.answers import Classes
from benchmark.tasks.few_shot.class_split import class_split
from benchmark.tasks.few_shot.rules import METRICS, SHOTS, SIZES, FewShotBudget, draw_episodes, recipe, score
from benchmark.tasks.rules import Contestant, Network, Outcome, Rules, Setup
from benchmark.tasks.track import Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.catalogue import LabelledImages
    from benchmark.data.source import Source
    from benchmark.learning.pretraining import ClassifierRecipe
    from benchmark.machine.meters import Clock
    from benchmark.seeding import Draw
    from benchmark.tasks.few_shot.episodes import Episodes

_SHOWN_EPISODE = 0
_CHUNK = 500
"""Episodes sent at once: in the paper's sizes, more would not fit a message."""


class EpisodeClassifier(Protocol):
    """What a method of `few_shot.novel_classes` implements. Built once per job as `Method(setup)`."""

    def observe(self, features: Tensor, labels: Tensor) -> None:
        """Take note of the base classes. features: (n, d) float32, not negative;  labels: (n,) in [0, base_classes)."""

    def classify(self, support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
        """Return the classes (E, Q) int64 of the queries of E episodes.

        support: (E, ways * K, d) float32;  labels: (E, ways * K) int64 in [0, ways);  queries: (E, Q, d) float32
        """


@dataclass(frozen=True, slots=True)
class EpisodeSetup(Setup):
    """What a contestant of `novel_classes` is told. dimensions: d;  base_classes: in `observe`."""

    ways: int
    dimensions: int
    base_classes: int


@dataclass(frozen=True, slots=True)
class NovelClasses:
    """base, novel: features (n, d) with labels (n,);  episodes: on the novel ones;  drawn: from a seed, not real."""

    base: Tensor
    base_labels: Tensor
    novel: Tensor
    episodes: Episodes
    drawn: bool


def _backbone(
    sizes: FewShotBudget, source: Source, draw: Draw
) -> tuple[LabelledImages, ClassifierRecipe, dict[str, Tensor]]:
    """The base images, and the network that learned them."""
    from benchmark.learning import pretraining

    split = class_split(source.entry.name, source.classes())
    base = source.pool("train", classes=split.base, per_class=sizes.base, size=sizes.size, draw=draw)
    plan = recipe(sizes, base, draw.seed)
    return base, plan, pretraining.pretrained(plan, base, device=draw.device)


class _NovelClassesRules(Rules):
    def compared(self, sizes: FewShotBudget, source: Source) -> dict[str, str]:
        return {"classes": class_split(source.entry.name, source.classes()).fingerprint}

    def networks(self, sizes: FewShotBudget, source: Source, draw: Draw) -> tuple[Network, ...]:
        return (Network("backbone", sizes.seconds, partial(_backbone, sizes, source, draw)),)

    def prepare(self, sizes: FewShotBudget, source: Source, draw: Draw) -> NovelClasses:
        from benchmark.learning import pretraining

        split = class_split(source.entry.name, source.classes())
        base, plan, weights = _backbone(sizes, source, draw)
        novel = source.pool("test", classes=split.novel, per_class=sizes.novel, size=sizes.size, draw=draw)
        known, unknown = (
            pretraining.features(plan, weights, part.images, device=draw.device) for part in (base, novel)
        )
        if not bool(known.isfinite().all() and unknown.isfinite().all()):
            raise DataError(
                f"the backbone trained on {source.entry.name!r} gives features that are NaN or infinite; its training "
                f"diverged: lower the tier's learning rate of {sizes.learning_rate:g}"
            )
        scale = known.square().mean().sqrt().clamp_min(1e-12)
        return NovelClasses(
            known / scale, base.labels, unknown / scale, draw_episodes(sizes, novel, draw), source.drawn
        )

    def tell(self, sizes: FewShotBudget, data: NovelClasses) -> dict[str, Any]:
        return {
            "ways": sizes.ways,
            "dimensions": data.base.shape[1],
            "base_classes": int(data.base_labels.max()) + 1,
        }

    def judge(self, contestant: Contestant, sizes: FewShotBudget, data: NovelClasses, clock: Clock) -> Outcome:
        import torch

        contestant.call("observe", data.base, data.base_labels)
        episodes = data.episodes
        answered: dict[int, Tensor] = {}
        rates = {}
        for shots in SHOTS:
            support, labels = episodes.shots(shots)
            phase = f"{shots}-shot"
            parts = zip(support.split(_CHUNK), labels.split(_CHUNK), episodes.queries.split(_CHUNK), strict=True)
            replies = [
                contestant.call(
                    "classify",
                    data.novel[some],
                    known,
                    data.novel[asked],
                    reply=Classes(sizes.ways, *asked.shape),
                    phase=phase,
                )
                for some, known, asked in parts
            ]
            answered[shots] = torch.cat(replies)
            rates[f"{phase} episodes/s"] = len(episodes) / contestant.seconds(phase)
        right = {shots: answered[shots] == episodes.query_labels for shots in SHOTS}
        picture = {"features": _episode_picture(data, answered[SHOTS[0]])} if data.drawn else {}
        return score(right, rates, picture)


def _episode_picture(data: NovelClasses, answers: Tensor) -> dict[str, list[float]]:
    """One 1-shot episode in the plane of its classes' means: kind 0 base class, 1 support, 2 query."""
    import torch

    from benchmark.tasks.few_shot.projection import plane

    episode = _SHOWN_EPISODE
    support, labels = (part[episode] for part in data.episodes.shots(1))
    queries, classes = data.episodes.queries[episode], data.episodes.query_labels[episode]
    count = int(data.base_labels.max()) + 1
    sums = torch.zeros(count, data.base.shape[1]).index_add_(0, data.base_labels, data.base)
    means = sums / torch.bincount(data.base_labels, minlength=count).unsqueeze(1)
    points = torch.cat([means, data.novel[support], data.novel[queries]])
    x, y = plane(points, data.novel[queries], classes)
    kinds = [0] * count + [1] * len(support) + [2] * len(queries)
    none = [-1.0] * count
    return {
        "x": x,
        "y": y,
        "kind": [float(kind) for kind in kinds],
        "class": none + [float(label) for label in (*labels.tolist(), *classes.tolist())],
        "answer": none + [float(label) for label in (*labels.tolist(), *answers[episode].tolist())],
    }


def _novel(data: str, *, seconds: float, **sizes: Any) -> FewShotBudget:
    """A budget of `novel_classes`: a small Conv-4 unless it says otherwise."""
    return FewShotBudget(data, seconds, **(SIZES | sizes))


track: Track[EpisodeClassifier] = Track(
    "few_shot.novel_classes",
    question="One or five images of a class never seen, described by features of other classes: which is which?",
    version=2,
    protocol=EpisodeClassifier,
    setup=EpisodeSetup,
    metrics=METRICS,
    rules=_NovelClassesRules(),
    tiers={
        Tier.SMOKE: _novel("families", seconds=0.3, base=10, novel=20, size=12, widths=(8, 16), epochs=1, episodes=12),
        Tier.QUICK: _novel("families", seconds=3, base=60, novel=30, epochs=6, widths=(16, 32, 32, 32)),
        Tier.STANDARD: _novel(
            "omniglot", seconds=60, widths=(64, 64, 64, 64), size=28, epochs=30, augment=True, episodes=2000
        ),
    },
)
