"""The house rules that can be read off the files: which way imports point, no circle, names, lengths."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests import house
from tests.places import REPOSITORY

TORCH_FREE = ("results", "machine", "data", "plugins", "identity", "seeding", "errors", "cli", "reports")
"""Rooms that load without torch; what they need of it they import inside functions."""
NEED_TORCH = ("benchmark/data/control/environment.py", "benchmark/data/control/raster.py")


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def test_the_reader_of_imports_reads(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nimport a.b\nfrom benchmark.results import record\n"
        "from benchmark.results.record import Record\n"
        "if TYPE_CHECKING:\n    import c\nclass K:\n    import d\n    def f(self):\n        import e\n"
    )
    assert {(each.module, each.when) for each in house.imports(path)} == {
        ("typing", "at once"), ("a.b", "at once"), ("benchmark.results.record", "at once"), ("c", "types"),
        ("d", "at once"), ("e", "later"),
    }  # fmt: skip


def test_the_drawing() -> None:
    """`make house` prints it; pytest shows it with -s."""
    print(drawn := house.drawing())
    assert all(f"\n{room} " in f"\n{drawn}" for room in (*house.ROOMS, "methods", "datasets", "reports"))


def test_every_room_is_in_the_drawing() -> None:
    there = {house.room(path) for path in house.sources("benchmark")} - {"benchmark"}
    assert there == set(house.ROOMS)


def test_arrows_point_down() -> None:
    up = [
        f"{name_of(each.file)} uses {each.module}"
        for (source, target), found in house.arrows().items()
        if {source, target} <= set(house.ROOMS) and house.ROOMS.index(source) > house.ROOMS.index(target)
        for each in found
    ]
    assert up == []


def test_no_circle() -> None:
    assert house.circles(types=True) == []


def test_the_harness_uses_no_plugin_and_no_report_but_in_verbs_and_later() -> None:
    outward = [each for (_, target), found in house.arrows().items() if target in house.PARTS[1:] for each in found]
    for each in outward:
        assert (house.room(each.file), each.when) == ("cli", "later"), name_of(each.file)
        assert each.module.startswith("reports")


def test_reports_use_results_and_errors_alone() -> None:
    used = {target for source, target in house.arrows() if source == "reports"}
    assert used == {"results", "errors"}


def test_plugins_use_the_harness_and_never_each_other() -> None:
    for folder in ("methods", "datasets"):
        used = {target for source, target in house.arrows() if source == folder}
        assert used <= {"tasks", "learning", "data", "machine", "seeding", "errors"}
        every = [each.module for path in house.sources(folder) for each in house.imports(path)]
        assert not [
            module for module in every if module.partition(".")[0] in ("methods", "datasets", "reports", "tests")
        ]


def test_rooms_that_load_without_torch_import_it_later_if_at_all() -> None:
    files = [path for path in house.sources("benchmark", "reports") if house.room(path) in TORCH_FREE]
    at_once = {
        name_of(path)
        for path in files
        for each in house.imports(path)
        if each.when == "at once" and each.module.partition(".")[0] in ("torch", "torchvision")
    }
    assert at_once == set(NEED_TORCH)


def test_plugin_folders_are_no_packages() -> None:
    assert [path for path in house.sources("methods", "datasets") if path.name == "__init__.py"] == []


def test_no_module_is_named_like_a_drawer_the_standard_library_or_a_dependency() -> None:
    declared = re.findall(r'^\s*"([a-z0-9-]+)>=', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)
    assert {"numpy", "typer", "pydantic"} <= set(declared)
    drawers = {"utils", "util", "helpers", "common", "misc"}
    taken = {*sys.stdlib_module_names, *declared, "torch", "torchvision", "ray"}
    names = {path.name.removesuffix(".py") for path in (REPOSITORY / "benchmark").iterdir()}
    assert names & (taken | drawers) == set()
    assert {path.stem for path in house.sources(*house.PARTS)} & drawers == set()


def test_every_file_is_short_enough_to_read() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in house.sources(*house.PARTS, "tests")}
    assert {name: lines for name, lines in lengths.items() if lines > 250} == {}
