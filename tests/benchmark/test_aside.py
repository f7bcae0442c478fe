"""Work in a process of its own: what comes back, and what becomes of it when either side ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import torch

from benchmark import aside
from benchmark.errors import HeptathlonError
from benchmark.wire import WireError


def workers(parent: int) -> list[psutil.Process]:
    """Children of the fork server that the process `parent` has."""
    everyone = psutil.Process(parent).children(recursive=True)
    return [process for process in everyone if process.ppid() != parent]


def wait_until(what, seconds: float = 30.0):
    """Return the first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return answer


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_the_reply_comes_back() -> None:
    assert aside.run("operator:add", 2, 3) == 5
    sums = aside.run("torch:cumsum", torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
    assert torch.equal(sums, torch.tensor([[1.0, 3.0], [3.0, 7.0]]))
    assert aside.run("operator:getitem", {"a": [None, "b"]}, "a") == [None, "b"]


def test_it_is_another_process_with_one_thread() -> None:
    assert aside.run("os:getpid") not in {os.getpid(), aside.run("os:getpid")}
    assert aside.run("torch:get_num_threads") == 1


def test_no_process_is_left() -> None:
    aside.run("operator:add", 2, 3)
    wait_until(lambda: not workers(os.getpid()))


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("operator:floordiv", (1, 0), r"operator:floordiv failed: Traceback .*ZeroDivisionError: [^\n]+$"),
        ("operator:nothing", (), r"failed: .*AttributeError: module 'operator' has no attribute 'nothing'$"),
        ("no_such_module:main", (), r"failed: .*ModuleNotFoundError: No module named 'no_such_module'$"),
        ("os:_exit", (3,), r"^os:_exit was ended before it was done \(exit code 3\)$"),
        ("signal:raise_signal", (9,), r"^signal:raise_signal was ended before it was done \(exit code -9\)$"),
        ("sys:exit", (), r"^sys:exit was ended before it was done"),
    ],
)
def test_failures_say_what_happened(function: str, arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(HeptathlonError, match=f"(?s){message}"):
        aside.run(function, *arguments)
    assert aside.run("operator:add", 2, 3) == 5, "the next one is not affected"


def test_only_data_cross() -> None:
    with pytest.raises(WireError, match="only tensors, numbers, strings and containers of them cross"):
        aside.run("operator:add", object(), 1)
    with pytest.raises(HeptathlonError, match=r"builtins:object"):
        aside.run("builtins:object")
    wait_until(lambda: not workers(os.getpid()))


def test_one_that_is_killed_is_reported() -> None:
    caught: list[BaseException] = []

    def sleep() -> None:
        try:
            aside.run("time:sleep", 100)
        except HeptathlonError as error:
            caught.append(error)

    thread = threading.Thread(target=sleep)
    thread.start()
    wait_until(lambda: workers(os.getpid()))[0].kill()
    thread.join(30)
    assert [str(error) for error in caught] == ["time:sleep was ended before it was done (exit code -9)"]


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """Killed with -9, so that nothing can be cleaned up; the work never looks whether anyone still wants it."""
    program = tmp_path / "program.py"
    program.write_text(
        "from benchmark import aside, forkserver\n"
        "if __name__ == '__main__':\n"
        "    forkserver._PRELOAD = []\n"
        "    aside.run('time:sleep', 1000)\n"
    )
    with subprocess.Popen([sys.executable, program]) as parent:
        try:
            (worker,) = wait_until(lambda: workers(parent.pid))
            wait_until(lambda: worker.num_threads() > 1)  # the one that watches the parent has started
        finally:
            parent.kill()
    wait_until(lambda: ended(worker))
