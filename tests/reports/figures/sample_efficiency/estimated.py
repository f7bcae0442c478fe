"""Synthetic records of `sample_efficiency.intrinsic_dimension`."""

from __future__ import annotations

from typing import Any

from benchmark.results.record import MetricValue, Record
from tests.reports.factory import record
from tests.reports.figures.sample_efficiency.searched import add

CLOUDS = {"linear 4": 4, "decoder 4": 4, "decoder 64": 64, "gan 16": 16, "mnist": -1, "glyphs": -1}
KS = (3.0, 5.0, 20.0)
IMAGES = 12.0
"""What everybody finds of images, times a method's factor."""


def estimated(
    method: str, seed: int = 0, *, factor: float = 1.0, growth: float = 0.0, bound: float = 0.0, **fields: Any
) -> Record:
    """A run that estimates factor times the truth, at most 32, and of images factor * IMAGES, of a quarter of them one
    less; at the largest k of three each is (1 + growth) times as large as at the smallest.

    bound: of the samples that 16 latent dimensions need
    """
    estimates: dict[str, list[float]] = {name: [] for name in ("cloud", "k", "n", "truth", "estimate")}
    for place, truth in enumerate(CLOUDS.values()):
        for n in (400.0, 1600.0):
            for step, k in enumerate(KS):
                value = min(float(truth), 32.0) if truth > 0 else IMAGES - (n < 1600)
                add(estimates, place, k, n, truth, factor * value * (1 + growth * step / 2) + seed / 100)
    tie: dict[str, list[float]] = {
        name: [] for name in ("varied", "latent", "ambient", "noise", "samples", "bound", "estimate")
    }
    for latent in (2.0, 8.0, 16.0):
        add(tie, 0, latent, 256, 0, 10 * latent * (1 + seed), bound if latent == 16 else 0, factor * latent)
    for ambient in (64.0, 256.0):
        add(tie, 1, 8, ambient, 0, 80, 0, factor * 8)
    for noise in (0.0, 64.0):
        add(tie, 2, 8, 256, noise, 80 + noise, 0, factor * (8 + noise / 8))
    track = "sample_efficiency.intrinsic_dimension"
    made = record(method, seed, track=track, primary="relative_error", metrics={}, status="error")
    changes: dict[str, Any] = {
        "status": "ok",
        "failure": None,
        "metrics": {"relative_error": MetricValue(value=100 * abs(factor - 1), unit="%", higher_is_better=False)},
        "curves": {"estimates": estimates, "tie": tie},
        "names": {
            "cloud": list(CLOUDS),
            "family": ["linear", "decoder", "decoder", "gan", "images", "images"],
            "varied": ["latent", "ambient", "noise"],
        },
    }
    return made.model_copy(update=changes | fields)
