"""Locks hold across invocations, tell who waits why, and end with the process that holds them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmark.errors import StoreError
from benchmark.machine import locks
from tests.places import REPOSITORY

ALONE, SHARED = "machine(alone=True, on_wait=print)", "machine(alone=False, on_wait=print)"
GPU = "lease('gpu-1', what='cuda:0', on_wait=print)"
SECONDS = 60


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@contextmanager
def another(lock: str) -> Iterator[subprocess.Popen[str]]:
    """Another invocation, which holds a lock until it reads a line or is killed."""
    program = f"from benchmark.machine import locks\nwith locks.{lock}:\n    print('held', flush=True)\n    input()\n"
    words = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, cwd=REPOSITORY
    ) as other:
        try:
            yield other
        finally:
            other.kill()


def said(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


def take(lock: str, told: Callable[[str], None]) -> None:
    with eval(f"locks.{lock}", {"locks": locks, "print": told}):
        pass


@pytest.mark.parametrize(
    ("theirs", "ours", "sentence"),
    [
        (ALONE, SHARED, "another invocation runs timing jobs"),
        (SHARED, ALONE, "other invocations run jobs"),
        (ALONE, ALONE, "other invocations run jobs"),
        (GPU, GPU, "another invocation uses cuda:0"),
    ],
)
@pytest.mark.parametrize("death", [False, True], ids=["released", "killed"])
def test_whoever_comes_second_is_told_and_waits(theirs: str, ours: str, sentence: str, death: bool) -> None:
    told: list[str] = []
    waits, taken = threading.Event(), threading.Event()

    def attempt() -> None:
        take(ours, lambda text: (told.append(text), waits.set()))
        taken.set()

    with another(theirs) as other:
        assert said(other) == "held"
        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        assert waits.wait(SECONDS)
        assert not taken.wait(0.3), "it did not wait"
        if death:
            other.kill()
        else:
            other.communicate("\n")
        assert taken.wait(SECONDS)
    assert told == [sentence], "it is told once"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (SHARED, SHARED),
        (GPU, GPU.replace("gpu-1", "gpu-2")),
        (GPU, ALONE),
        (ALONE, GPU),
        (GPU, GPU.replace("'gpu-1'", "None")),
    ],
)
def test_who_does_not_wait(theirs: str, ours: str) -> None:
    told: list[str] = []
    with another(theirs) as other:
        assert said(other) == "held"
        take(ours, told.append)
    assert told == []


@pytest.mark.parametrize("lock", [ALONE, SHARED, GPU])
def test_a_block_that_fails_lets_go(lock: str) -> None:
    with pytest.raises(ZeroDivisionError), eval(f"locks.{lock}", {"locks": locks, "print": print}):
        raise ZeroDivisionError
    with another(lock) as other:
        assert said(other) == "held"


@pytest.mark.parametrize("lock", [ALONE, GPU])
def test_it_can_be_taken_again(lock: str) -> None:
    told: list[str] = []
    for _ in range(3):
        take(lock, told.append)
    assert told == []


def test_a_device_that_is_shared_needs_no_file(cache: Path) -> None:
    with locks.lease(None, what="cpu", on_wait=pytest.fail):
        assert not cache.exists()


def test_one_at_a_time_makes_a_thing() -> None:
    """Threads of one process too, as judges are."""
    together, inside, most = threading.Barrier(4), [0], [0]
    guard = threading.Lock()

    def make() -> None:
        together.wait(SECONDS)
        with locks.one_at_a_time("backbone/abc"):
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            threading.Event().wait(0.05)
            with guard:
                inside[0] -= 1

    threads = [threading.Thread(target=make, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert (inside, most) == ([0], [1])


def test_another_thing_is_not_waited_for() -> None:
    with another("one_at_a_time('backbone/abc')") as other:
        assert said(other) == "held"
        with locks.one_at_a_time("backbone/abd"):
            pass


def test_where_no_lock_can_be_written(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    for lock in (ALONE, SHARED, GPU):
        with pytest.raises(StoreError, match=r"cannot make .*locks: .*; set HEPTATHLON_CACHE to a folder you can"):
            take(lock, pytest.fail)
    with locks.one_at_a_time("backbone/abc"):
        pass


def test_a_folder_that_may_not_be_written(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "locks").mkdir(parents=True)
    if os.geteuid():
        (cache / "locks").chmod(0o500)
    else:  # the superuser may write everywhere
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    for lock in (ALONE, SHARED, GPU):
        with pytest.raises(StoreError, match=r"cannot write locks in .*locks; set HEPTATHLON_CACHE to"):
            take(lock, pytest.fail)
    with locks.one_at_a_time("backbone/abc"):
        pass
