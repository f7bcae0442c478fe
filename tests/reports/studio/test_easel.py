from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from reports.studio.easel import side_by_side
from tests.places import REPOSITORY
from tests.reports.studio import deeds


def test_what_dies_or_hangs_takes_one_request_with_it() -> None:
    requests = [b"hang", b"abc", b"die", b"def"]
    found = dict(side_by_side(deeds.act, requests, 2, seconds=2))
    assert found == {
        0: "it took longer than 2 s",
        1: b"cba",
        2: "the process that drew it died (exit code 3)",
        3: b"fed",
    }


def test_nothing_asked_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    assert list(side_by_side(deeds.act, [], 2)) == []


def test_a_caller_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    said = tmp_path / "said"
    code = (
        "import sys; from reports.studio.easel import side_by_side; from tests.reports.studio import deeds\n"
        "list(side_by_side(deeds.hang, [sys.argv[1].encode()], 1))"
    )
    caller = subprocess.Popen([sys.executable, "-c", code, str(said)], cwd=REPOSITORY)
    try:
        while not (said.exists() and said.read_text()):
            assert caller.poll() is None
            time.sleep(0.02)
        process = psutil.Process(int(said.read_text()))
    finally:
        caller.kill()
        caller.wait()
    with contextlib.suppress(psutil.NoSuchProcess):
        process.wait(60)
    assert not process.is_running()
