"""The house rules that can be read off the files: which way imports point, names, lengths."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCAL = {"benchmark", "methods", "datasets", "reports", "tests"}
TORCH_FREE = {
    *(
        "record",
        "store",
        "stats",
        "ranking",
        "claims",
        "job",
        "pictures",
        "device",
        "errors",
        "cli",
        "seeding",
        "data",
        "cachefile",
    ),
}
"""Modules of benchmark that work without torch, and that reports may therefore use."""

LONGER = {
    "benchmark/tasks/forgetting.py": "a task is one file: rule book, interface, tiers and judging",
    "benchmark/tasks/distribution_shift.py": "a task is one file: rule book, interface, tiers and judging",
    "benchmark/tasks/few_shot.py": "a task is one file: rule book, interface, tiers and judging",
    "benchmark/tasks/test_time_shift/deployment.py": "a track is one file: interface, tiers and judging",
    "benchmark/tasks/test_time_shift/stream.py": "a track is one file: interface, tiers and judging",
}
"""Source files that may exceed the limit of 250 lines, and why."""


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Each imported module, and whether the import runs with the module (not in a function, not for types only)."""

    def visit(node: ast.AST, *, at_once: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or "", at_once
            yield from ((f"{node.module}.{alias.name}", at_once) for alias in node.names)
        else:
            lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            lazy = lazy or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
            for child in ast.iter_child_nodes(node):
                yield from visit(child, at_once=at_once and not lazy)

    yield from visit(ast.parse(path.read_text()), at_once=True)


def local(path: Path) -> set[tuple[str, bool]]:
    return {(name, at_once) for name, at_once in imports(path) if name.partition(".")[0] in LOCAL}


def ids(path: object) -> str:
    return str(path.relative_to(ROOT)) if isinstance(path, Path) else str(path)


def test_the_reader_of_imports_reads(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nimport a.b\nfrom reports import page\n"
        "if TYPE_CHECKING:\n    import c\nclass K:\n    import d\n    def f(self):\n        import e\n"
        "try:\n    import g\nexcept ImportError:\n    pass\n"
    )
    assert set(imports(path)) - {("typing", True), ("typing.TYPE_CHECKING", True)} == {
        ("a.b", True), ("reports", True), ("reports.page", True), ("c", False), ("d", True), ("e", False), ("g", True),
    }  # fmt: skip


def test_there_is_something_to_read() -> None:
    for folder, least in (("benchmark", 30), ("reports", 10), ("methods", 7), ("datasets", 3), ("tests", 20)):
        assert len(sources(folder)) >= least


@pytest.mark.parametrize("path", sources("benchmark"), ids=ids)
def test_the_harness_imports_no_plugin_and_no_report(path: Path) -> None:
    outward = {(name, at_once) for name, at_once in local(path) if not name.startswith("benchmark")}
    if path.name == "views.py":
        outward = {(name, at_once) for name, at_once in outward if at_once or not name.startswith("reports")}
    assert outward == set()


@pytest.mark.parametrize("path", sources("reports"), ids=ids)
def test_reports_use_the_torch_free_part_of_the_harness(path: Path) -> None:
    harness = {name for name, _ in local(path) if not name.startswith("reports")}
    names = {name.split(".")[1] for name in harness if name.count(".")}
    own = {word for word in names if (ROOT / "benchmark" / f"{word}.py").exists()}
    assert own <= TORCH_FREE
    assert {name.partition(".")[0] for name in harness} <= {"benchmark"}
    assert not any(name.partition(".")[0] in {"torch", "torchvision"} for name, _ in imports(path))


@pytest.mark.parametrize("path", sources("methods", "datasets"), ids=ids)
def test_plugins_import_the_harness_and_never_each_other(path: Path) -> None:
    assert {name.partition(".")[0] for name, _ in local(path)} <= {"benchmark"}


@pytest.mark.parametrize("path", [path for path in sources("benchmark") if path.stem in TORCH_FREE], ids=ids)
def test_torch_free_modules_import_torch_late_if_at_all(path: Path) -> None:
    at_once = {name for name, now in imports(path) if now}
    assert not any(name.partition(".")[0] in {"torch", "torchvision"} for name in at_once)


def test_plugin_folders_are_no_packages() -> None:
    assert [path for path in sources("methods", "datasets") if path.name == "__init__.py"] == []


def test_no_module_is_named_like_a_drawer_the_standard_library_or_a_dependency() -> None:
    declared = re.findall(r'^\s*"([a-z0-9-]+)>=', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert {"numpy", "typer", "pydantic"} <= set(declared)
    taken = {
        *sys.stdlib_module_names,
        *declared,
        "utils",
        "util",
        "helpers",
        "common",
        "misc",
        "torch",
        "torchvision",
        "ray",
    }
    names = {path.stem for path in (ROOT / "benchmark").glob("*.py")} | {
        path.name for path in (ROOT / "benchmark").iterdir() if path.is_dir()
    }
    assert names & taken == set()


@pytest.mark.parametrize("path", sources("benchmark", "reports", "methods", "datasets", "tests"), ids=ids)
def test_a_file_is_short_enough_to_read(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    if str(path.relative_to(ROOT)) in LONGER:
        assert lines > 250, "it is short enough by now: take it off the list"
    else:
        assert lines <= 250
