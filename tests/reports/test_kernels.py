from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer

from benchmark.cli.compare import compare as verb
from benchmark.cli.console import console
from benchmark.results import throughput
from reports import kernels
from tests.benchmark.results.test_throughput import anchors, kernel, stored


def compare(first: Path, second: Path, out: Path | None, *, as_json: bool) -> int:
    with pytest.raises(typer.Exit) as ended:
        verb(first, second, out, as_json)
    return ended.value.exit_code


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    name = "test_few.py::test_sixty[batched]"
    one = stored(tmp_path / "a.json", [*anchors({"product": 0.4}), kernel(name, 2.0), kernel("x.py::test_b", 3e-5)])
    other = [*anchors({"product": 0.1}, drift=0.5), kernel(name, 0.25), kernel("x.py::test_b", 1.5e-5)]
    return one, stored(tmp_path / "b.json", other, slug="cuda-test")


def test_the_table(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(*files, None, as_json=False) == 0
    text = capsys.readouterr().out
    assert "cpu-test-2c" in text
    assert "cuda-test" in text
    lines = {line.split("  ")[1].strip(): line.split() for line in text.splitlines() if line.startswith("  ")}
    assert lines["sixty, batched"][2:] == ["2.00", "s", "250", "ms", "8.00", "x", "2.00", "x"]
    assert lines["b"][1:] == ["30.0", "us", "15.0", "us", "2.00", "x", "0.50", "x"]
    assert "beware" in text
    assert "drifted by 50 %" in text


def test_the_figure_and_json(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(*files, tmp_path / "c.svg", as_json=True) == 0
    ElementTree.parse(tmp_path / "c.svg")
    found = json.loads(capsys.readouterr().out)
    assert [row["relative"] for row in found["kernels"]] == pytest.approx([2, 0.5])
    again = throughput.compare(*map(throughput.load, files))
    assert kernels.figure(again) == (tmp_path / "c.svg").read_text()


def test_a_refusal_is_an_exit_code(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(files[1].read_text())
    data["benchmarks"][-1]["extra_info"]["work"]["code"] = "new"
    files[1].write_text(json.dumps(data))
    assert compare(*files, None, as_json=False) == 1
    assert "refused: x.py::test_b: code abc against new; run both with one version" in capsys.readouterr().out


def test_the_roofline(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    kernels.show_roofline(throughput.load(files[0]), console())
    assert capsys.readouterr().out == "", "of no kernel is the work known"
    data = json.loads(files[0].read_text())
    data["benchmarks"][-1]["extra_info"] |= {"share_of_bound": 0.384, "limited_by": "arithmetic"}
    files[0].write_text(json.dumps(data))
    kernels.show_roofline(throughput.load(files[0]), console())
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[-1] == ["b", "30.0", "us", "38%", "arithmetic"]
    assert len(lines) == 3, "headings, the group, and that kernel alone"
