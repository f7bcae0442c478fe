"""Comparing two runs of the throughput suite, on files as two devices would write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import HeptathlonError, RecordError, UsageError
from benchmark.results.throughput import MOMENTS, compare, load
from benchmark.throughput import suite
from tests.reports.factory import device

WORK = {"code": "abc", "shapes": "form=plain", "precision": "float32, highest"}
SOFTWARE = {"heptathlon": "0.1.0", "python": "3.11", "torch": "2.11", "torchvision": "0.26", "numpy": "2.0"}


def kernel(name: str, seconds: float, *, spread: float = 0.02, work: Mapping[str, str] = WORK, **info: str) -> Any:
    stats = {"median": seconds, "q1": seconds * (1 - spread / 2), "q3": seconds * (1 + spread / 2), "rounds": 9}
    return {"fullname": name, "group": "g", "stats": stats, "extra_info": {"work": dict(work), **info}, "params": None}


def anchors(times: Mapping[str, float], drift: float = 0.0, **words: Any) -> list[Any]:
    factors = dict(zip(MOMENTS, (1.0, 1 + drift, 1.0), strict=True))
    return [
        kernel(f"{name}-{moment}", seconds * factor, anchor=name, moment=moment, **words)
        for name, seconds in times.items()
        for moment, factor in factors.items()
    ]


def stored(path: Path, benchmarks: list[Any], *, slug: str = "cpu-test-2c", **changes: Any) -> Path:
    ours = {"format": 1, "device": device(slug).model_dump(), "software": SOFTWARE}
    data = {"machine_info": {"heptathlon": ours}, "benchmarks": benchmarks, "datetime": "2026-01-01T00:00:00"}
    path.write_text(json.dumps(data | changes))
    return path


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    return stored(tmp_path / "slow.json", [*anchors({"product": 0.4, "copy": 0.1}), kernel("a", 2.0), kernel("b", 1.0)])


@pytest.fixture
def fast(tmp_path: Path) -> Path:
    """Eight times as fast in products, twice in copies, so four times in all; kernel a gains 8, kernel b 2."""
    times = {"product": 0.05, "copy": 0.05}
    return stored(tmp_path / "fast.json", [*anchors(times), kernel("a", 0.25), kernel("b", 0.5)], slug="cuda-test")


def test_ratios_raw_and_relative_to_the_anchors(slow: Path, fast: Path) -> None:
    found = compare(load(slow), load(fast))
    assert dict(found.anchors) == pytest.approx({"product": 8, "copy": 2})
    assert found.anchor_ratio == pytest.approx(4)
    assert [(p.name, p.ratio, p.relative) for p in found.pairs] == [
        ("a", pytest.approx(8), pytest.approx(2)),
        ("b", pytest.approx(2), pytest.approx(0.5)),
    ]
    assert not found.warnings
    back = compare(load(fast), load(slow))
    assert [p.ratio for p in back.pairs] == pytest.approx([1 / 8, 1 / 2])


@pytest.mark.parametrize(("part", "value"), [("code", "xyz"), ("shapes", "form=other"), ("precision", "float16, high")])
def test_other_work_is_refused_with_the_reason(slow: Path, tmp_path: Path, part: str, value: str) -> None:
    changed = kernel("a", 1.0, work=WORK | {part: value})
    other = stored(tmp_path / "o.json", [*anchors({"product": 0.4}), changed, kernel("b", 1.0)])
    found = compare(load(slow), load(other))
    assert [pair.name for pair in found.pairs] == ["b"]
    assert found.refused == {"a": f"{part} {WORK[part]} against {value}"}


def test_anchors_of_other_work_compare_nothing(slow: Path, tmp_path: Path) -> None:
    changed = anchors({"product": 0.4}, work=WORK | {"code": "xyz"})
    with pytest.raises(UsageError, match="anchor 'product' is not the same work in both runs: code abc against xyz"):
        compare(load(slow), load(stored(tmp_path / "o.json", changed)))
    with pytest.raises(UsageError, match="share no anchor"):
        compare(load(slow), load(stored(tmp_path / "p.json", anchors({"another": 1.0}))))


def test_kernels_of_one_run_only_are_named(slow: Path, tmp_path: Path) -> None:
    other = stored(tmp_path / "o.json", [*anchors({"product": 0.4}), kernel("b", 1.0), kernel("c", 1.0)])
    found = compare(load(slow), load(other))
    assert found.missing == {"a": str(other), "c": str(slow)}


@pytest.mark.parametrize(("drift", "spread", "told"), [(0.3, 0.02, True), (0.3, 0.5, False), (0.0, 0.02, False)])
def test_drift_beyond_the_noise_is_told(slow: Path, tmp_path: Path, drift: float, spread: float, told: bool) -> None:
    other = stored(tmp_path / "o.json", [*anchors({"product": 0.4}, drift, spread=spread), kernel("a", 1.0)])
    warnings = compare(load(slow), load(other)).warnings
    assert [text for text in warnings if "drifted by 30 %" in text and str(other) in text] == list(warnings)
    assert bool(warnings) == told


def test_a_moment_without_anchors_is_told(slow: Path, tmp_path: Path) -> None:
    other = stored(tmp_path / "o.json", [*anchors({"product": 0.4})[:2], kernel("a", 1.0)])
    assert any("drift is not known" in text for text in compare(load(slow), load(other)).warnings)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"machine_info": {"node": "x"}}, "says nothing of the device"),
        ({"machine_info": None}, "says nothing of the device"),
        ({"benchmarks": []}, "has no anchors"),
        ({"benchmarks": [{"fullname": "a"}]}, r"benchmarks\.0\.stats: .*run heptathlon throughput again"),
        ({"benchmarks": [kernel("a", 0.0)]}, r"stats\.median"),
    ],
)
def test_files_that_are_no_runs(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    path = stored(tmp_path / "bad.json", **{"benchmarks": anchors({"product": 0.4})} | changes)
    with pytest.raises(RecordError, match=rf"^{path}: .*{sentence}"):
        load(path)


def test_files_that_cannot_be_read(tmp_path: Path, slow: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        load(tmp_path / "none.json")
    cut = tmp_path / "cut.json"
    cut.write_text(slow.read_text()[:-20])
    with pytest.raises(RecordError, match="not a complete JSON file"):
        load(cut)
    data = json.loads(slow.read_text())
    data["machine_info"]["heptathlon"]["format"] = 2
    cut.write_text(json.dumps(data))
    with pytest.raises(RecordError, match="format 2, this heptathlon reads 1"):
        load(cut)


@pytest.mark.alone
def test_the_suite_runs_its_anchors_in_three_moments_and_hides_the_host(tmp_path: Path) -> None:
    import platform

    out = tmp_path / "runs" / "here.json"
    assert suite.run(out, only="pgi_or_none or test_inference") == 0
    found = load(out)
    assert {tuple(moments) for moments in found.anchors.values()} == {MOMENTS}
    assert len(found.kernels) == 2
    assert compare(found, found).anchor_ratio == pytest.approx(1)
    text = out.read_text()
    assert platform.node() not in text
    assert sorted(path.name for path in out.parent.iterdir()) == ["here.json"]


def test_a_suite_without_kernels_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs pytest and pytest_benchmark: pip install 'heptathlon\[test\]'"):
        suite.run(tmp_path / "x.json")


def test_an_interrupted_suite_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "x.json"
    out.write_text("old")
    monkeypatch.setattr(suite, "_command", lambda stored, only: ["false"])
    with pytest.raises(HeptathlonError, match="broke off"):
        suite.run(out)
    assert out.read_text() == "old"
