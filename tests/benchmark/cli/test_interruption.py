"""A run that ends by force, or by Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.benchmark.cli.commands import SMOKE, heptathlon, records
from tests.places import ROGUES


class TestInterruption:
    """A run that ends by force, or by Ctrl-C, loses only what was running."""

    WORDS = (*SMOKE, "--plugin", str(ROGUES), "--method", "well-behaved", "--method", "sleeps", "--seeds", "2")

    @pytest.fixture
    def run(self, tmp_path):
        """A run whose `sleeps` jobs never end, once its other jobs are done."""
        # One worker per job: the sleepers must not hold up the others.
        command = [sys.executable, "-m", "benchmark", *self.WORDS, "--workers", "4"]
        out = subprocess.PIPE
        with subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT, text=True) as run:
            deadline = time.monotonic() + 60
            while len(list((tmp_path / "runs").rglob("well-behaved/*.json"))) < 2:
                assert time.monotonic() < deadline, "the jobs that end did not end"
                assert run.poll() is None
                time.sleep(0.05)
            yield run
            run.kill()

    def family(self, run: subprocess.Popen[str]) -> list[psutil.Process]:
        return psutil.Process(run.pid).children(recursive=True)

    def all_gone(self, processes: list[psutil.Process]) -> bool:
        _, alive = psutil.wait_procs(processes, timeout=15)
        return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def test_kill_9_of_the_whole_run(self, run, tmp_path):
        family = self.family(run)
        assert len(family) >= 3  # the fork server and two sleepers
        run.kill()
        run.communicate()
        assert self.all_gone(family)
        assert {job.split("/")[1] for job in records(tmp_path)} == {"well-behaved"}
        others = ("--plugin", ROGUES, "--method", "well-behaved", "--method", "finetune", "--seeds", "2")
        done = heptathlon(*SMOKE, *others, cwd=tmp_path)
        assert done.returncode == 0
        assert "2 jobs to run" in done.stdout
        assert "2 finished before" in done.stdout

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_ctrl_c(self, run, number, tmp_path):
        family = self.family(run)
        run.send_signal(number)
        output, _ = run.communicate(timeout=60)
        assert run.returncode == 130
        assert "interrupted: 2 ok" in output
        assert "2 are left, and the same command continues with them" in output
        assert "Traceback" not in output
        assert self.all_gone(family)
        assert {job.split("/")[1] for job in records(tmp_path)} == {"well-behaved"}

    def test_kill_9_of_a_contestant(self, run):
        sleepers = [p for p in self.family(run) if not p.children() and p.ppid() != run.pid]
        assert len(sleepers) == 2
        for sleeper in sleepers:
            sleeper.kill()
        output, _ = run.communicate(timeout=60)
        assert run.returncode == 1
        assert "sleeps/smoke-0: crashed: the contestant's process was killed by SIGKILL" in output
        assert "2 ok, 2 failed" in output
