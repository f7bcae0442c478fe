"""What an installation promises: no torch to read records, a quick command line, no package shadowed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.plugins import loading
from tests.places import REPOSITORY


def python(code: str, *, path: str = "", cwd: Path = REPOSITORY) -> str:
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
        "from benchmark import plugins; assert plugins.load_datasets() == []\n"
        "from benchmark.data.catalogue import catalogue; print(*sorted(catalogue.entries))\n"
        "import datasets as again; assert again is datasets\n"
    )
    first, names = python(code, path=str(tmp_path)).splitlines()
    assert first == f"from the hub {tmp_path / 'datasets' / '__init__.py'}"
    assert {"glyphs", "mnist", "cifar10"} <= set(names.split())


def test_no_plugin_is_importable_by_name() -> None:
    assert not [name for name in sys.modules if name.startswith(("methods.", "datasets."))]
    assert plugins.bundled("methods") == REPOSITORY / "methods"
    assert plugins.bundled("datasets") == REPOSITORY / "datasets"
    assert type(catalogue.find("glyphs").dataset).__module__.startswith("_heptathlon_plugin_")


def loaded_by(module: str) -> set[str]:
    """Top-level packages that importing a module brings along."""
    return set(python(f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})").split())


@pytest.mark.parametrize(
    "modules",
    [
        ", ".join(f"benchmark.results.{name}" for name in ("record", "store", "stats", "ranking", "job", "throughput")),
        "benchmark.machine.device, benchmark.machine.meters, benchmark.machine.locks, benchmark.seeding",
        "benchmark.data.catalogue, benchmark.data.source, benchmark.plugins, benchmark.identity, benchmark.errors",
        "reports, reports.tables.terminal, reports.figures",
    ],
)
def test_records_and_reports_need_no_torch(modules: str) -> None:
    assert not loaded_by(modules) & {"torch", "torchvision"}


def test_the_command_line_starts_light() -> None:
    assert not loaded_by("benchmark.cli") & {
        *("torch", "numpy", "scipy", "matplotlib", "polars", "pydantic", "psutil", "pynvml", "jinja2"),
    }


def test_the_plugins_that_are_found_are_the_files_that_are_there() -> None:
    origins = {str(path) for kind in ("methods", "datasets") for path in (REPOSITORY / kind).rglob("*.py")}
    assert origins <= loading._loaded
