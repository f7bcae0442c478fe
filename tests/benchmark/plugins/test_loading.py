"""Plug-ins are found, and a broken one is reported with file and line and hurts no other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.errors import PluginError, UsageError
from benchmark.tasks import find_track

pytestmark = pytest.mark.usefixtures("registries")

GOOD = """
from benchmark.tasks.forgetting import permuted

@permuted.track.method("{name}", role="baseline")
class Good:
    def learn(self, index, images, labels): ...
    def predict(self, index, images): ...
    def memory(self): ...
"""

Write = Callable[..., Path]


def permuted() -> set[str]:
    return set(find_track("forgetting.permuted").entries)


def test_a_file(write: Write) -> None:
    path = write("mine.py", GOOD.format(name="mine"))
    assert plugins.load_paths([path]) == []
    entry = find_track("forgetting.permuted").find("mine")
    assert (entry.origin, entry.role, str(entry)) == (str(path), "baseline", "forgetting.permuted/mine")


def test_a_folder_with_several_and_folders_below(write: Write, tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "below/c.py"):
        write(name, GOOD.format(name=Path(name).stem))
    write("notes.txt", "no Python")
    assert plugins.load_paths([tmp_path]) == []
    assert {"a", "b", "c"} < permuted()


def test_twice_is_once(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("mine.py", GOOD.format(name="mine"))
    monkeypatch.chdir(path.parent)
    for same in (path, path, path.parent, Path("mine.py"), path.parent / "." / "mine.py"):
        assert plugins.load_paths([same]) == []
    assert "mine" in permuted()


def test_ours_are_loaded_once() -> None:
    before = permuted()
    assert plugins.load_methods() + plugins.load_datasets() == []
    assert permuted() == before >= {"gpm", "ewc", "joint"}


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no plug-in at .*gone\.py; --plugin takes a Python file or a folder"):
        plugins.load_paths([tmp_path / "gone.py"])


BROKEN = {
    "syntax": ("x = 1\ndef broken(:\n", 2, "SyntaxError: "),
    "raises": ("x = 1\n\nraise ValueError('bad constant')\n", 3, "ValueError: bad constant"),
    "deep": ("import json\ndef f():\n    json.loads('{')\nf()\n", 3, "JSONDecodeError: "),
    "lacks": ("import heptathlon_no_such_package\n", 1, "ModuleNotFoundError: No module named 'heptathlon_no_such"),
    "exits": ("import sys\nsys.exit('had enough')\n", 2, "called sys.exit('had enough')"),
    "nameless": (
        GOOD.replace("    def memory(self): ...\n", ""),
        4,
        "PluginError: Good lacks memory, which track 'forgetting.p",
    ),
    "dataset": (
        "from benchmark.data.catalogue import catalogue\n"
        "@catalogue.add('half', title='', licence='', source='')\n"
        "class Half:\n"
        "    def draw(self): ...\n",
        None,
        "DataError: dataset 'half': Half is neither a FixedDataset nor a ProceduralDataset nor a ControlDataset "
        "nor a VectorDataset nor a SequenceDataset nor a BoxDataset nor a ParallelDataset",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_reported_and_the_others_load(write: Write, tmp_path: Path, kind: str) -> None:
    text, line, message = BROKEN[kind]
    path = write("m.py", text)
    write("a.py", GOOD.format(name="first"))
    write("z.py", GOOD.format(name="last"))
    modules = set(sys.modules)
    (problem,) = plugins.load_paths([tmp_path])
    assert (problem.origin, problem.line) == (str(path), line)
    assert problem.message.startswith(message)
    where = f"{path}:{line}" if line else str(path)
    assert str(problem) == f"plug-in {where}: {problem.message}; its methods are left out"
    assert {"first", "last"} < permuted()
    assert len([name for name in set(sys.modules) - modules if name.startswith("_heptathlon_plugin")]) == 2


def test_ctrl_c_is_no_broken_plugin(write: Write) -> None:
    with pytest.raises(KeyboardInterrupt):
        plugins.load_paths([write("slow.py", "raise KeyboardInterrupt")])


def test_a_file_that_fails_half_way_leaves_nothing(write: Write) -> None:
    path = write(
        "half.py",
        GOOD.format(name="half")
        + "from benchmark.data.catalogue import catalogue\n"
        + "@catalogue.add('half', title='', licence='', source='')\n"
        + "class Data:\n    classes = ()\n    def fingerprint(self): ...\n    def draw(self, **_): ...\n"
        + "assert 'half' in catalogue.entries\n"
        + "raise RuntimeError('too late')\n",
    )
    before, datasets = permuted(), set(catalogue.entries)
    (problem,) = plugins.load_paths([path])
    assert problem.message == "RuntimeError: too late"
    assert permuted() == before
    assert set(catalogue.entries) == datasets


def test_a_repaired_file_can_be_loaded(write: Write) -> None:
    path = write("mine.py", "raise ValueError")
    assert len(plugins.load_paths([path])) == 1
    path.write_text(GOOD.format(name="mine"))
    assert plugins.load_paths([path]) == []
    assert "mine" in permuted()


def test_a_name_is_given_once(write: Write) -> None:
    first = write("first.py", GOOD.format(name="mine"))
    second = write("second.py", GOOD.format(name="other") + GOOD.format(name="mine"))
    (problem,) = plugins.load_paths([first, second])
    assert problem.origin == str(second)
    assert problem.message == (
        f"DuplicateNameError: track 'forgetting.permuted' has a method 'mine' already, from {first}; "
        "choose another name"
    )
    assert find_track("forgetting.permuted").find("mine").origin == str(first)
    assert "other" not in permuted()


def test_files_of_one_stem_do_not_clash_and_dataclasses_work(write: Write, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        text = GOOD.format(name=folder) + f"    point = Point(7)\n    folder = {folder!r}\n"
        head = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        write(f"{folder}/mine.py", head + "@dataclass\nclass Point:\n    x: int\n" + text)
    assert plugins.load_paths([tmp_path]) == []
    one, two = (find_track("forgetting.permuted").classes[name] for name in ("one", "two"))
    assert (one.folder, two.folder) == ("one", "two")
    assert one.__module__ != two.__module__
    assert (one.point.x, repr(two.point)) == (7, "Point(x=7)")


def test_what_is_no_python_file(write: Write) -> None:
    (problem,) = plugins.load_paths([write("mine.txt", GOOD)])
    assert problem.message == "PluginError: not a Python file"


def test_load_origin(write: Write) -> None:
    path = write("mine.py", GOOD.format(name="mine"))
    plugins.load_origin(str(path))
    assert "mine" in permuted()
    with pytest.raises(PluginError, match=rf"plug-in {path.with_name('bad.py')}:2: ZeroDivisionError"):
        plugins.load_origin(str(write("bad.py", "\n1 / 0")))
