"""A user's plug-ins are read in a process of their own: what crosses is data, and nothing of theirs runs here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmark import plugins
from benchmark.contestant.remote import Limits
from benchmark.plugins import reading
from benchmark.results import ranking
from benchmark.results.job import Job
from benchmark.results.record import Record
from benchmark.running import runner
from benchmark.running.plan import Conditions, Plan
from benchmark.tasks import find_track
from tests.benchmark.plugins.test_loading import BROKEN, GOOD, Write

pytestmark = pytest.mark.usefixtures("registries")
CONDITIONS = Conditions("cpu", Limits(seconds=60, bytes=4 * 2**30))
IDLE = """
from benchmark.tasks.forgetting import permuted
from benchmark.tasks.forgetting.learner import SequentialForgettingLearner

@permuted.track.method("{name}", role="baseline")
class Idle(SequentialForgettingLearner):
    def learn(self, index, images, labels): ...
"""


def run(method: str, seed: int = 0) -> Record:
    plan = Plan.of(Job("forgetting.permuted", method, "smoke", seed))
    return runner.run_job(plan, CONDITIONS, threads=1, alone=False)


def test_what_crosses_is_an_entry(write: Write) -> None:
    path = write("mine.py", GOOD.format(name="mine"))
    modules = set(sys.modules)
    assert plugins.read_paths([path]) == plugins.read_paths([path]) == []
    entry = find_track("forgetting.permuted").find("mine")
    assert (entry.origin, entry.role, entry.paper) == (str(path), "baseline", None)
    assert entry.faults == (
        "neither its file nor its class has a docstring: say idea, paper and claim",
        "its constructor takes no setup; it is built as Method(setup)",
    )
    assert "mine" not in find_track("forgetting.permuted").classes
    assert not [name for name in set(sys.modules) - modules if name.startswith("_heptathlon_plugin")]


def test_the_tiers_of_a_method_cross_too(write: Write) -> None:
    seldom = IDLE.replace('role="baseline"', 'role="baseline", tiers=["paper"]')
    assert plugins.read_paths([write("mine.py", seldom.format(name="mine"))]) == []
    assert find_track("forgetting.permuted").find("mine").tiers == ("paper",)


def test_it_runs_as_a_contestant(write: Write) -> None:
    assert plugins.read_paths([write("mine.py", IDLE.format(name="mine"))]) == []
    assert run("mine").status == "ok"


ATTACK = """
import sys
from benchmark.running import runner
from benchmark.results import ranking, record
from benchmark.tasks import find_track
from benchmark.tasks.forgetting import rules

track = find_track("forgetting.permuted")
track.classes["gpm"] = track.classes["finetune"] = dict
track.rules.judge = lambda *_: 1 / 0
rules._accuracy = lambda *_: 100.0
runner.run_job = ranking.tables = record.dump = None
sys.modules["benchmark.results.store"] = None
"""


def test_one_that_patches_the_harness_on_import_changes_nothing_outside_its_own_job(write: Write) -> None:
    before = run("finetune")
    rival = find_track("forgetting.permuted").find("gpm")
    kept = (runner.run_job, ranking.tables, find_track("forgetting.permuted").rules.judge)
    assert plugins.read_paths([write("attack.py", ATTACK + IDLE.format(name="attack"))]) == []
    assert (runner.run_job, ranking.tables, find_track("forgetting.permuted").rules.judge) == kept
    assert find_track("forgetting.permuted").find("gpm") is rival
    cheat, after, again = run("attack"), run("finetune"), run("gpm")
    assert (after.metrics, after.curves, after.provenance) == (before.metrics, before.curves, before.provenance)
    assert again.status == "ok"
    assert again.provenance.method_file != cheat.provenance.method_file
    assert cheat.status == "ok"
    assert cheat.metrics["ACC"].value < 100  # it is judged in another process than it patched


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_reported_with_its_line_and_hurts_no_other(write: Write, tmp_path: Path, kind: str) -> None:
    text, line, message = BROKEN[kind]
    path = write("m.py", text)
    write("a.py", GOOD.format(name="first"))
    (problem,) = plugins.read_paths([tmp_path])
    assert (problem.origin, problem.line) == (str(path), line)
    assert problem.message.startswith(message)
    assert "first" in find_track("forgetting.permuted").entries


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import os\nos._exit(3)", "was ended before it was done (exit code 3)"),
        ("import signal\nsignal.raise_signal(signal.SIGKILL)", "was ended before it was done (exit code -9)"),
        ("import time\ntime.sleep(60)", "was ended after 1 s"),
    ],
    ids=["exits", "dies", "hangs"],
)
def test_one_that_ends_or_hangs_is_a_problem(
    write: Write, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_SECONDS", 1.0)
    (problem,) = plugins.read_paths([write("bad.py", text)])
    assert message in problem.message


@pytest.mark.parametrize("name", ["Mine", "my method", "", "../gpm", "a" * 3 + "\n"])
def test_a_name_that_cannot_be_one_is_that_files_problem(write: Write, tmp_path: Path, name: str) -> None:
    write("bad.py", GOOD.replace('"{name}"', repr(name)))
    write("good.py", GOOD.format(name="good"))
    (problem,) = plugins.read_paths([tmp_path])
    assert "use lower-case letters, digits" in problem.message
    assert "good" in find_track("forgetting.permuted").entries


def test_a_taken_name_is_that_files_problem_and_nothing_of_it_stays(write: Write) -> None:
    path = write("mine.py", GOOD.format(name="other") + GOOD.format(name="gpm"))
    (problem,) = plugins.read_paths([path])
    assert "has a method 'gpm' already" in problem.message
    assert "other" not in find_track("forgetting.permuted").entries


@pytest.mark.parametrize(
    "forged",
    [
        {"methods": [{"track": "forgetting.permuted", "name": "x", "role": "king", "paper": None}], "datasets": []},
        {"methods": [{"track": "forgetting.permuted", "name": 7, "role": "method", "paper": None}], "datasets": []},
        {"methods": [{"track": "no.such", "name": "x", "role": "method", "paper": None}], "datasets": []},
        {"methods": [{"origin": "/elsewhere.py"}], "datasets": []},
        {"methods": []},
        [],
    ],
    ids=["role", "name", "track", "origin", "half", "list"],
)
def test_what_it_says_is_not_believed(write: Write, forged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading.aside, "run", lambda *_, **__: forged)
    before = dict(find_track("forgetting.permuted").entries)
    assert len(plugins.read_paths([write("mine.py", "")])) == 1
    assert find_track("forgetting.permuted").entries == before


def test_a_file_may_import_its_neighbours(write: Write) -> None:
    write("neighbour_of_mine.py", 'NAME = "mine"\n')
    path = write("mine.py", "from neighbour_of_mine import NAME\n" + IDLE.replace('"{name}"', "NAME"))
    assert plugins.read_paths([path]) == []
    assert run("mine").status == "ok"


class TestEntryPoints:
    @pytest.fixture
    def installed(self, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        """Pretend that packages with these modules announce themselves as methods."""

        @dataclass(frozen=True)
        class Point:
            module: str

        def install(**modules: str) -> None:
            for name, text in modules.items():
                write(f"{name}.py", text)
            points = {reading.GROUPS[0]: [], reading.GROUPS[1]: [Point(name) for name in modules]}
            monkeypatch.syspath_prepend(tmp_path)
            monkeypatch.setattr(reading, "entry_points", lambda *, group: points[group])

        return install

    def test_they_are_read_and_run(self, installed: Callable[..., None]) -> None:
        installed(heptathlon_extra=IDLE.format(name="extra"))
        assert plugins.load() == []
        assert find_track("forgetting.permuted").find("extra").origin == "module:heptathlon_extra"
        assert run("extra").status == "ok"
        assert "heptathlon_extra" not in sys.modules

    def test_a_broken_one_hurts_no_other(self, installed: Callable[..., None]) -> None:
        installed(heptathlon_bad="1 / 0", heptathlon_extra=GOOD.format(name="extra"))
        (problem,) = plugins.read_entry_points()
        assert str(problem) == (
            "plug-in module:heptathlon_bad: ZeroDivisionError: division by zero; its methods are left out"
        )
        assert "extra" in find_track("forgetting.permuted").entries

    def test_one_that_is_not_there(self, installed: Callable[..., None], tmp_path: Path) -> None:
        installed(heptathlon_gone="")
        (tmp_path / "heptathlon_gone.py").unlink()
        (problem,) = plugins.read_entry_points()
        assert problem.message == "ModuleNotFoundError: No module named 'heptathlon_gone'"
