"""What a run says at its end; the command line's own tests have the rest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.cli.run import Options, carry_out
from benchmark.results.record import load
from benchmark.running.selection import Request
from benchmark.tasks.long_sequence import encode, timing
from benchmark.tasks.sample_efficiency import architecture

REQUEST = Request("smoke", (0,), tracks=["long_sequence.encode"], methods=["softmax"])


def test_results_in_doubt_are_kept_and_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options(tmp_path / "runs", "cpu", (), 1, None, None, in_process=True, as_json=True)
    monkeypatch.setattr(timing, "noise", lambda series: 70.0)
    monkeypatch.setitem(encode.track.tiers, "smoke", replace(encode.track.budget("smoke"), noise=20.0))
    assert carry_out(REQUEST, options) == 0
    said = capsys.readouterr()
    assert "1 in doubt, which the same command runs again" in " ".join(said.err.split())
    summary = json.loads(said.out)
    assert (summary["ok"], summary["failed"]) == (0, [])
    (sentence,) = summary["in_doubt"]
    assert sentence.startswith("long_sequence.encode/softmax/smoke-0: timed on a busy machine")
    (path,) = (tmp_path / "runs").rglob("*.json")
    assert load(path.read_text(), source="it").metrics["noise"].value == 70

    monkeypatch.setattr(timing, "noise", lambda series: 7.0)
    assert carry_out(REQUEST, options) == 0
    assert json.loads(capsys.readouterr().out)["ok"] == 1
    assert load(path.read_text(), source="it").doubt == ""


def test_results_that_are_bounds_are_kept_said_and_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options(tmp_path / "runs", "cpu", (), 1, None, None, in_process=True, as_json=True)
    ladder = replace(architecture.track.budget("smoke").ladders[0], most=16)  # type: ignore[attr-defined]
    sizes = replace(architecture.track.budget("smoke"), ladders=(ladder,))  # type: ignore[call-arg]
    monkeypatch.setitem(architecture.track.tiers, "smoke", sizes)
    request = Request("smoke", (0,), tracks=["sample_efficiency.architecture"], methods=["quadratic-kernel"])
    assert carry_out(request, options) == 0
    said = capsys.readouterr()
    assert "not ranked, never reached 90 % in 4, 8 dimensions" in " ".join(said.err.split())
    assert (json.loads(said.out)["ok"], json.loads(said.out)["in_doubt"]) == (1, [])
    assert carry_out(request, options) == 0
    assert json.loads(capsys.readouterr().out)["finished_before"] == 1
