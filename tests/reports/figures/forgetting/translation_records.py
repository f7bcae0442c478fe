"""Synthetic records of `forgetting.multilingual`."""

from __future__ import annotations

from typing import Any

from benchmark.results.record import Record
from tests.reports.factory import record

LANGUAGES, FAMILIES = ["Vela", "Velor", "Dhur"], ["Velic", "Velic", "Dhuran"]
PAIRS = {"one": [0.0, 0.0, 1.0], "other": [1.0, 2.0, 2.0]}


def translated(method: str, seed: int = 0, *, shared: bool = True, shown: bool = True, **fields: Any) -> Record:
    """A run with BLEU of 60, 20 and 50 + seed; languages of one family are alike by .2, others apart by .1."""
    bleu = [60.0, 20.0, 50.0 + seed]
    curves = {"languages": {"bleu": bleu, "chrf": bleu, "share": [1.0, 0.1, 1.0]}}
    names = {"language": LANGUAGES, "family": FAMILIES}
    if shared:
        curves |= {
            "looks": {"step": [10.0, 20.0], "conflicts": [0.0, 66.0], "within": [0.3, 0.1], "across": [0.0, -0.2]},
            "pairs": PAIRS | {"cosine": [0.2, -0.1, -0.1], "distance": [0.3, 0.9, 0.8 + 0.01 * seed]},
        }
    if shown:
        curves["examples"] = {"language": [0.0, 0.0, 1.0, 2.0], "bleu": [100.0, 30.0, 0.0, 50.0]}
        names |= {
            "source": ["a cat sleeps", "dogs <run>", "a cat sleeps", "birds sing"],
            "gloss": ["cat sleep", "dog-PL run", "cat sleep", "bird-PL sing"],
            "reference": ["kato sop", "tuli va", "kado sop", "zom bu"],
            "translation": ["kato sop", "tuli sop", f"{method}", "zom"],
        }
    return record(
        method,
        seed,
        track="forgetting.multilingual",
        primary="bleu",
        metrics={"bleu": sum(bleu) / 3},
        curves=curves,
        names=names,
        **fields,
    )
