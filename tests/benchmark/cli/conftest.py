"""The command within the tests' process, where torch is imported and plug-ins are loaded already."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from benchmark.cli import main
from benchmark.processes import forkserver


@pytest.fixture
def command(
    tmp_path: Path, registries: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., CompletedProcess[str]]:
    """Carry out a command in `tmp_path`: exit code, output and errors as a process of its own would give them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(forkserver, "stop", lambda: None)  # the tests go on, and with them the processes of datasets

    def carry_out(*words: object) -> CompletedProcess[str]:
        arguments = ["heptathlon", *map(str, words)]
        monkeypatch.setattr(sys, "argv", arguments)
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        code = end.value.code or 0
        assert isinstance(code, int)
        return CompletedProcess(arguments, code, *capsys.readouterr())

    return carry_out
