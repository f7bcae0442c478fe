"""The track `forgetting.multilingual`: one network translates into several languages, whose gradients conflict."""

from __future__ import annotations

from typing import Any

from benchmark.results.job import Tier
from benchmark.tasks.forgetting.translation.interface import (
    METRICS,
    MultilingualBudget,
    MultilingualLearner,
    MultilingualSetup,
)
from benchmark.tasks.forgetting.translation.rules import MultilingualRules
from benchmark.tasks.track import Track


def _budget(data: str, *, seconds: float, **sizes: Any) -> MultilingualBudget:
    defaults: dict[str, Any] = {"heads": 4, "layers": 1, "length": 64, "learning_rate": 8e-3}
    return MultilingualBudget(data, seconds, **(defaults | sizes))


track: Track[MultilingualLearner] = Track(
    "forgetting.multilingual",
    question="One small Transformer for all languages, whose gradients conflict: how well does it translate into each?",
    version=1,
    protocol=MultilingualLearner,
    setup=MultilingualSetup,
    metrics=METRICS,
    rules=MultilingualRules(),
    tiers={
        Tier.SMOKE: _budget(
            "languages-small", seconds=0.3, train=40, test=10, vocabulary=200, width=16, steps=8, batch_size=2,
            looks=2, probe=2,
        ),
        Tier.QUICK: _budget(
            "languages-small", seconds=2.2, train=600, test=60, vocabulary=500, width=64, steps=260, batch_size=4,
            looks=5, probe=48,
        ),
        Tier.STANDARD: _budget(
            "languages", seconds=70, train=3000, test=200, vocabulary=2000, width=64, layers=2, steps=700,
            batch_size=6, learning_rate=6e-3, looks=6, probe=48,
        ),
    },
)  # fmt: skip
