"""Numbers that a change of structure must not move: comparison parts of every tier, smoke metrics of every method.

`make golden` rewrites the files beside this one; a difference that `git diff` then shows is one to explain. Comparison
parts are the same on every machine. Metrics are equal to the bit on one CPU model with one torch, and have a file
for each; on other machines there is nothing to compare with.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmark import plugins
from benchmark.contestant.remote import Limits
from benchmark.data.catalogue import Stored
from benchmark.data.source import Source
from benchmark.results.job import Job, Tier
from benchmark.results.record import Record
from benchmark.running.plan import Conditions, Plan
from benchmark.running.runner import run_job
from benchmark.tasks import all_tracks, find_track
from benchmark.tasks.track import Track

HERE = Path(__file__).parent
COMPARISON = HERE / "comparison.json"
CONDITIONS = Conditions("cpu", Limits(seconds=120, bytes=8 * 2**30))


def machine() -> str:
    """What decides the last bits of a result: the CPU, which of its instructions torch uses, and torch's version."""
    import torch

    cpu = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    words = [re.search(rf"^{field}\s*:\s*(.+)$", cpu, re.MULTILINE) for field in ("vendor_id", "cpu family", "model")]
    facts = [word[1] for word in words if word] + [
        torch.backends.cpu.get_cpu_capability(),
        f"torch-{torch.__version__}",
    ]
    return re.sub(r"[^a-z0-9.]+", "-", "-".join(facts).lower())


def smoke_file() -> Path:
    """Where the metrics of this machine lie, if anybody has recorded them."""
    return HERE / f"smoke-{machine()}.json"


@lru_cache(maxsize=1)
def smoke_metrics() -> dict[str, Any]:
    """What was recorded on this machine, by `track/method`."""
    found: dict[str, Any] = json.loads(smoke_file().read_text())
    return found


def comparison_parts() -> dict[str, dict[str, str]]:
    """Parts of the comparison class by track and tier, without those that name the machine or the code that times.

    Data on disk stand for themselves by name: they need not be here.
    """
    found = {}
    for track in all_tracks():
        method = min(track.entries)
        for tier in track.tiers:
            plan = Plan.of(Job(track.name, method, tier, 0))
            on_disk = any(_on_disk(source) for source in plan.sources)
            parts = _without_files(plan) if on_disk else plan.comparison(CONDITIONS)
            found[f"{track.name} {tier}"] = {k: v for k, v in sorted(parts.items()) if k not in ("timer", "device")}
    return found


def _on_disk(source: Source) -> bool:
    return isinstance(source.entry.dataset, Stored) and not source.drawn


def _without_files(plan: Plan) -> dict[str, str]:
    real = Source.fingerprint

    def named(source: Source) -> str:
        return source.entry.name if _on_disk(source) else real(source)

    rules = type(plan.track.rules)
    compared = getattr(rules, "compared", None)
    Source.fingerprint = named  # type: ignore[method-assign]
    if compared is not None:
        rules.compared = lambda *_: {}  # type: ignore[attr-defined]  # it looks at the files
    try:
        return plan.comparison(CONDITIONS)
    finally:
        Source.fingerprint = real  # type: ignore[method-assign]
        if compared is not None:
            rules.compared = compared  # type: ignore[attr-defined]


def summary(track: Track[Any], record: Record) -> dict[str, Any]:
    """Metrics and curves of a smoke run, without what is measured on the machine: values, and hashes of long lists."""
    measured = {metric.name for metric in track.metrics if metric.measured}
    metrics = {
        name: [value.value, _digest(value.raw)] for name, value in record.metrics.items() if name not in measured
    }
    return {
        "status": record.status,
        "metrics": metrics,
        "curves": {} if track.timing else {name: _digest(_values(curve)) for name, curve in record.curves.items()},
    }


def _values(curve: dict[str, list[float]]) -> dict[str, list[float]]:
    """A curve without its intervals, which are a matter of statistics and not of the method's numbers."""
    return {column: values for column, values in curve.items() if column != "half_width_95"}


def smoke(track: Track[Any], method: str) -> dict[str, Any]:
    """Run a method's smoke job and summarise it."""
    plan = Plan.of(Job(track.name, method, Tier.SMOKE, 0))
    return summary(track, run_job(plan, CONDITIONS, threads=1, alone=False))


def _digest(values: object) -> str:
    return hashlib.blake2b(json.dumps(values).encode(), digest_size=8).hexdigest()


def main() -> None:
    """Rewrite both files."""
    import torch

    torch.set_num_threads(1)  # as judges and tests have
    plugins.load_datasets()
    plugins.load_methods()
    _write(COMPARISON, comparison_parts())
    names = [(track.name, method) for track in all_tracks() for method in sorted(track.entries)]
    _write(smoke_file(), {f"{track}/{method}": smoke(find_track(track), method) for track, method in names})


def _write(path: Path, found: dict[str, Any]) -> None:
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{path.name}: {len(found)} entries")


if __name__ == "__main__":
    main()
