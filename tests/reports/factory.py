"""Synthetic records for the tests of ranking and report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmark.results.record import FAILURES, Costs, Device, Failure, MetricValue, Provenance, Record, Software

UNITS = {
    "ACC": ("%", True),
    "BWT": ("%", True),
    "memory": ("MiB", False),
    "memory_floats": ("floats", False),
    "error": ("%", False),
    "accuracy_1_shot": ("%", True),
    "accuracy_5_shot": ("%", True),
    "mild_return": ("%", True),
    "clean_return": ("%", True),
    "bleu": ("BLEU", True),
}


def matrix(last: float, *, tasks: int = 3) -> dict[str, list[float]]:
    """An accuracy curve: each task is learned to 90 % and fades to `last`."""
    cells = [(after, task) for after in range(tasks) for task in range(after + 1)]
    return {
        "after_task": [float(after) for after, _ in cells],
        "task": [float(task) for _, task in cells],
        "accuracy": [90.0 if after == task else last for after, task in cells],
    }


def device(slug: str = "cpu-test-2c") -> Device:
    kind = "cuda" if slug.startswith("cuda") else "cpu"
    return Device(
        slug=slug,
        kind=kind,
        name=f"Test {kind.upper()}",
        cores=2,
        memory_bytes=8 * 2**30,
        cpu_name="Test CPU",
        device_memory_bytes=80 * 2**30 if kind == "cuda" else None,
        driver="580.1" if kind == "cuda" else None,
        system="Linux",
        host="0123456789ab",
    )


def record(
    method: str = "gpm",
    seed: int = 0,
    *,
    track: str = "forgetting.permuted",
    tier: str = "quick",
    metrics: Mapping[str, float] | None = None,
    primary: str = "ACC",
    role: str = "method",
    status: str = "ok",
    message: str | None = None,
    seconds: float = 2.0,
    raw: Mapping[str, list[float]] | None = None,
    rates: Mapping[str, float] | None = None,
    slug: str = "cpu-test-2c",
    comparison: Mapping[str, str] | None = None,
    curves: dict[str, dict[str, list[float]]] | None = None,
    started_at: str = "2026-01-01T00:00:00Z",
    **fields: Any,
) -> Record:
    """Build a record; metrics are named as in `UNITS`, raw holds their values per episode."""
    ok = status == "ok"
    values = {"ACC": 80.0 + seed, "BWT": -5.0} if metrics is None else dict(metrics)
    return Record(
        question=fields.pop("question", "Does it keep what it learned first?"),
        track=track,
        method=method,
        tier=tier,
        seed=seed,
        role=role,  # type: ignore[arg-type]
        paper=fields.pop("paper", "arXiv:2103.09762" if method == "gpm" else None),
        status=status,  # type: ignore[arg-type]
        failure=None if ok else Failure(message=FAILURES[status] if message is None else message),
        primary=primary,
        metrics={
            name: MetricValue(
                value=value, unit=UNITS[name][0], higher_is_better=UNITS[name][1], raw=list((raw or {}).get(name, ()))
            )
            for name, value in (values.items() if ok else ())
        },
        curves=({"accuracy": matrix(70.0 + seed)} if curves is None else curves) if ok else {},
        costs=Costs(
            wall_seconds=seconds + 0.5,
            phases={"learn": seconds},
            peak_bytes=400 * 2**20,
            peak_device_bytes=2**30 if slug.startswith("cuda") else None,
            rates=dict(rates or {}),
        ),
        device=device(slug),
        software=Software(heptathlon="0.1.0", python="3.11.2", torch="2.11.0", torchvision="0.26.0", numpy="2.4.0"),
        provenance=fields.pop(
            "provenance",
            Provenance(
                commit="a" * 40, dirty=False, method_file=f"file-{method}", track_code="track", timer_code="timer"
            ),
        ),
        comparison=dict(comparison or {"track_version": "1", "data": "glyphs", "tier": tier}),
        started_at=started_at,
        **fields,
    )
