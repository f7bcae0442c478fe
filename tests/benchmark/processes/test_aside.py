"""Work in a process of its own: what comes back, and what becomes of it when either side ends."""

from __future__ import annotations

import importlib.util
import operator
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest
import torch

from benchmark.errors import DataError, HeptathlonError
from benchmark.processes import aside
from benchmark.processes.aside import Worker
from benchmark.processes.wire import WireError
from tests.benchmark.processes import chores
from tests.places import REPOSITORY

EARLIER: set[psutil.Process] = set()
"""Workers that were there when a test began: those of datasets stay as long as the process."""


@pytest.fixture(autouse=True)
def _earlier() -> Iterator[None]:
    EARLIER.update(workers(os.getpid()))
    yield
    EARLIER.clear()


def workers(parent: int) -> list[psutil.Process]:
    """Children of the fork server that the process `parent` has, without those that were there before the test."""
    everyone = psutil.Process(parent).children(recursive=True)
    return [process for process in everyone if process.ppid() != parent and process not in EARLIER]


def wait_until(what, seconds: float = 30.0):
    """Return the first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return answer


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


class TestRun:
    def test_the_reply_comes_back(self) -> None:
        assert aside.run(operator.add, 2, 3) == 5
        assert aside.run(operator.getitem, {"a": [None, ("b", 1)]}, "a") == [None, ("b", 1)]
        doubled = aside.run(operator.mul, torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 2)
        assert torch.equal(doubled, torch.tensor([[2.0, 4.0], [6.0, 8.0]]))

    def test_it_is_another_process_with_one_thread(self) -> None:
        assert aside.run(os.getpid) not in {os.getpid(), aside.run(os.getpid)}
        assert aside.run(torch.get_num_threads) == 1

    def test_it_leads_a_group_of_its_own(self) -> None:
        """So that Ctrl-C reaches the judge alone."""
        assert aside.run(os.getpgrp) != os.getpgrp()

    def test_no_process_is_left(self) -> None:
        aside.run(operator.add, 2, 3)
        wait_until(lambda: not workers(os.getpid()))

    @pytest.mark.parametrize(
        ("function", "arguments", "message"),
        [
            (operator.floordiv, (1, 0), r"_operator:floordiv failed: Traceback .*ZeroDivisionError: [^\n]+$"),
            (chores.fail_silently, (), r"^tests\.benchmark\.processes\.chores:fail_silently failed: .*AssertionError$"),
            (chores.misuse, (), r"chores:misuse failed: .*UsageError: not so$"),
            (os._exit, (3,), r"^posix:_exit was ended before it was done \(exit code 3\)$"),
            (chores.stop, (4,), r"chores:stop was ended before it was done \(exit code 4\)$"),
            (sys.exit, (), r"^sys:exit was ended before it was done \(exit code 0\)$"),
        ],
    )
    def test_failures_say_what_happened(self, function: Callable[..., Any], arguments: Any, message: str) -> None:
        with pytest.raises(HeptathlonError, match=f"(?s){message}") as caught:
            aside.run(function, *arguments)
        assert type(caught.value) is HeptathlonError
        assert aside.run(operator.add, 2, 3) == 5, "the next one is not affected"

    def test_an_error_of_the_data_stays_one(self) -> None:
        with pytest.raises(DataError, match=r"^put the files there: é$"):
            aside.run(chores.refuse, "put the files there: é")

    def test_only_data_cross(self) -> None:
        with pytest.raises(WireError, match="only tensors, numbers, strings and containers of them cross"):
            aside.run(operator.add, object(), 1)
        with pytest.raises(HeptathlonError, match=r"chores:give_an_object failed: (?s:.*)WireError: value"):
            aside.run(chores.give_an_object)
        wait_until(lambda: not workers(os.getpid()))

    def test_a_function_that_cannot_be_found_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(HeptathlonError, match=r"(?s)<lambda> failed: .*AttributeError: module 'tests"):
            aside.run(lambda: 1)
        (tmp_path / "here.py").write_text("def f(): return 1\n")
        spec = importlib.util.spec_from_file_location("heptathlon_only_here", tmp_path / "here.py")
        assert spec is not None
        assert spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with pytest.raises(HeptathlonError, match=r"(?s)failed: .*ModuleNotFoundError: No module named 'heptathlon_o"):
            aside.run(module.f)

    def test_one_that_takes_too_long_is_ended(self) -> None:
        start = time.monotonic()
        with pytest.raises(HeptathlonError, match=r"^time:sleep was ended after 0\.2 s$"):
            aside.run(time.sleep, 100, seconds=0.2)
        assert time.monotonic() - start < 60
        wait_until(lambda: not workers(os.getpid()))
        assert aside.run(operator.add, 2, 3, seconds=60) == 5

    def test_one_that_is_killed_is_reported(self) -> None:
        caught: list[BaseException] = []

        def sleep() -> None:
            try:
                aside.run(time.sleep, 100)
            except HeptathlonError as error:
                caught.append(error)

        thread = threading.Thread(target=sleep)
        thread.start()
        wait_until(lambda: workers(os.getpid()))[0].kill()
        thread.join(30)
        assert [str(error) for error in caught] == ["time:sleep was ended before it was done (exit code -9)"]


class TestWorker:
    @pytest.fixture
    def worker(self) -> Iterator[Worker]:
        made = Worker(chores.remember, "a", (1, 2))
        yield made
        if made._process is not None:
            made._process.end()

    def test_it_starts_with_the_first_request_and_keeps_its_state(self, worker: Worker) -> None:
        assert workers(os.getpid()) == []
        first, second = worker.ask("one"), worker.ask({"two": torch.arange(2)})
        assert first["requests"] == ["one"]
        assert second["requests"][1]["two"].tolist() == [0, 1]
        assert first["arguments"] == second["arguments"] == ["a", (1, 2)]
        assert first["process"] == second["process"] != os.getpid()

    @pytest.mark.parametrize(
        ("request_", "kind", "message"),
        [
            ("refuse", DataError, "^it does not do that$"),
            ("fail", HeptathlonError, r"chores:remember failed: (?s:.*)ZeroDivisionError: by nothing$"),
            ("object", HeptathlonError, r"chores:remember failed: (?s:.*)WireError: value"),
            (object(), WireError, "only tensors, numbers, strings and containers of them cross"),
        ],
    )
    def test_a_request_that_fails_ends_nothing(
        self, worker: Worker, request_: Any, kind: type[Exception], message: str
    ) -> None:
        before = worker.ask("before")
        with pytest.raises(kind, match=message):
            worker.ask(request_)
        after = worker.ask("after")
        assert after["process"] == before["process"]
        assert after["requests"] == ["before", "after"]

    def test_one_that_died_is_started_anew(self, worker: Worker) -> None:
        before = worker.ask("before")
        with pytest.raises(HeptathlonError, match=r"remember was ended before it was done \(exit code 3\)$"):
            worker.ask("die")
        after = worker.ask("after")
        assert (after["process"] == before["process"], after["requests"]) == (False, ["after"])
        assert len(workers(os.getpid())) == 1

    def test_one_that_is_killed_between_requests(self, worker: Worker) -> None:
        psutil.Process(worker.ask("before")["process"]).kill()
        with pytest.raises(HeptathlonError, match=r"was ended before it was done \(exit code -9\)$"):
            wait_until(lambda: worker.ask("during") and False)
        assert worker.ask("after")["requests"] == ["after"]

    def test_threads_ask_one_after_the_other(self, worker: Worker) -> None:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(worker.ask, ["slow"] * 4)) == [0] * 4
            answers = list(pool.map(worker.ask, range(20)))
        assert sorted(answer["requests"][-1] for answer in answers) == list(range(20))


PROGRAM = """
from benchmark.processes import aside, forkserver
from tests.benchmark.processes import chores
import time
if __name__ == '__main__':
    forkserver._preload = list
    {body}
"""


def program(tmp_path: Path, body: str) -> subprocess.Popen[bytes]:
    """A judge of its own, whose fork server imports nothing beforehand."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.format(body=body))
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


@pytest.mark.parametrize(
    "body",
    [
        "print(aside.run(chores.shout, 'aside'))",
        "print(aside.Worker(chores.shout_for).ask('aside'))",
    ],
)
def test_what_it_prints_is_no_output_of_the_commands(tmp_path: Path, body: str) -> None:
    with program(tmp_path, body) as judge:
        out, err = judge.communicate(timeout=120)
    assert out.decode().split() == ["aside"]
    assert "aside\nand a child says aside\n" in err.decode()


@pytest.mark.parametrize("body", ["aside.run(time.sleep, 1000)", "aside.Worker(chores.doze).ask('')"])
def test_it_ends_with_its_parent(tmp_path: Path, body: str) -> None:
    """Killed with -9, so that nothing can be cleaned up; the work never looks whether anyone still wants it."""
    with program(tmp_path, body) as parent:
        try:
            (worker,) = wait_until(lambda: workers(parent.pid), 120)
            wait_until(lambda: worker.num_threads() > 1)  # the one that watches the parent has started
        finally:
            parent.kill()
    wait_until(lambda: ended(worker))
