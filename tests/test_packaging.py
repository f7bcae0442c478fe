"""What an installation promises: no torch to read records, a quick command line, no package shadowed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import plugins
from benchmark.data import catalogue

ROOT = Path(__file__).resolve().parents[1]


def python(code: str, *, path: str = "", cwd: Path = ROOT) -> str:
    """Run code in a fresh interpreter that starts in the checkout, and return what it prints."""
    environment = os.environ | {"PYTHONPATH": path, "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_our_datasets_do_not_shadow_the_package_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("def load_dataset(): return 'from the hub'\n")
    code = (
        "import datasets; print(datasets.load_dataset(), datasets.__file__)\n"
        "from benchmark import data, plugins; assert plugins.load_datasets() == []\n"
        "print(*sorted(data.catalogue.entries))\n"
        "import datasets as again; assert again is datasets\n"
    )
    first, names = python(code, path=str(tmp_path)).splitlines()
    assert first == f"from the hub {tmp_path / 'datasets' / '__init__.py'}"
    assert {"glyphs", "mnist", "cifar10"} <= set(names.split())


def test_no_plugin_is_importable_by_name() -> None:
    assert not [name for name in sys.modules if name.startswith(("methods.", "datasets."))]
    assert plugins.bundled("methods") == ROOT / "methods"
    assert plugins.bundled("datasets") == ROOT / "datasets"
    assert type(catalogue.find("glyphs").dataset).__module__.startswith("_heptathlon_plugin_")


def loaded_by(module: str) -> set[str]:
    """Top-level packages that importing a module brings along."""
    return set(python(f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})").split())


@pytest.mark.parametrize(
    "modules",
    [
        "benchmark.record, benchmark.store, benchmark.stats, benchmark.ranking, benchmark.job, benchmark.errors",
        "benchmark.device, benchmark.seeding, benchmark.data, benchmark.source, benchmark.plugins, benchmark.measure",
        "reports, reports.terminal, reports.figures",
    ],
)
def test_records_and_reports_need_no_torch(modules: str) -> None:
    assert not loaded_by(modules) & {"torch", "torchvision"}


def test_the_command_line_starts_light() -> None:
    assert not loaded_by("benchmark.cli") & {
        *("torch", "numpy", "scipy", "matplotlib", "polars", "pydantic", "psutil", "pynvml", "jinja2"),
    }


def test_the_plugins_that_are_found_are_the_files_that_are_there() -> None:
    origins = {str(path) for kind in ("methods", "datasets") for path in (ROOT / kind).rglob("*.py")}
    assert origins <= plugins._loaded
