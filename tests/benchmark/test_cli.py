"""The command as a user meets it: a process of its own, its output and its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmark.store import Store

ROGUES = Path(__file__).parent / "rogues" / "misbehaving.py"
SMOKE = ("run", "--tier", "smoke", "--track", "forgetting.permuted")


def heptathlon(*words: object, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmark", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, **options)


def records(folder: Path) -> dict[str, tuple[str, float]]:
    found = Store(folder / "runs").scan()
    assert found.problems == ()
    return {str(r.job): (r.status, r.metrics["ACC"].value if r.metrics else -1.0) for r in found.records}


def unreadable_as_root(folder: Path) -> Path:
    """A folder that cannot be written: by its permissions, or for root, who ignores those, under Linux's /sys."""
    if os.geteuid() == 0:
        if not Path("/sys/kernel").is_dir():
            pytest.skip("running as root, and this system has no folder that root cannot write")
        return Path("/sys/kernel/heptathlon")
    folder.mkdir()
    folder.chmod(0o500)
    return folder


class TestRun:
    def test_twice_gives_the_same_metrics_and_then_does_nothing(self, tmp_path):
        words = (*SMOKE, "--method", "gpm", "--method", "finetune", "--seeds", "2")
        first = heptathlon(*words, cwd=tmp_path)
        assert first.returncode == 0, first.stderr
        assert "4 ok in" in first.stdout
        before = {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*.json")}
        assert len(before) == 4
        again = heptathlon(*words, cwd=tmp_path)
        assert again.returncode == 0
        assert "nothing to do: all 4 jobs are finished in runs" in again.stdout
        assert {path: path.read_bytes() for path in before} == before
        metrics = records(tmp_path)
        rerun = heptathlon(*words, "--rerun", cwd=tmp_path)
        assert "4 ok in" in rerun.stdout
        assert records(tmp_path) == metrics
        assert {path: path.read_bytes() for path in before} != before  # times differ, so these are new records

    def test_json(self, tmp_path):
        done = heptathlon(*SMOKE, "--method", "finetune", "--seeds", "1", "--json", cwd=tmp_path)
        summary = json.loads(done.stdout)
        assert summary["ok"] == 1
        assert summary["failed"] == summary["not_run"] == summary["plugin_problems"] == []

    def test_a_failing_method_gives_exit_code_1_and_a_sentence(self, tmp_path):
        words = (*SMOKE, "--plugin", ROGUES, "--method", "raises", "--method", "finetune", "--seeds", "1")
        done = heptathlon(*words, cwd=tmp_path)
        assert done.returncode == 1
        assert "raises/smoke-0: error: ValueError: the learning rate must be positive" in done.stdout
        assert "1 ok, 1 failed" in done.stdout
        status = heptathlon("status", cwd=tmp_path)
        assert "1 error, 1 ok" in status.stdout
        report = heptathlon("report", cwd=tmp_path)
        assert report.returncode == 0
        assert "the learning rate must be positive" in report.stdout
        rows = json.loads(heptathlon("report", "--json", cwd=tmp_path).stdout)["rows"]
        assert {row["method"]: row["failures"] for row in rows} == {"finetune": 0, "raises": 1}

    def test_limits_from_the_command(self, tmp_path):
        words = (*SMOKE, "--plugin", ROGUES, "--method", "sleeps", "--method", "hoards", "--seeds", "1")
        done = heptathlon(*words, "--time-limit", "8", "--memory-limit", "0.5", cwd=tmp_path)
        assert done.returncode == 1
        assert "sleeps/smoke-0: timeout: no answer within the time limit of 8 s" in done.stdout
        assert "hoards/smoke-0: out_of_memory" in done.stdout

    def test_a_broken_plugin_is_named_with_its_line_and_the_rest_runs(self, tmp_path):
        (tmp_path / "broken.py").write_text("import math\nmath.sqroot(2)\n")
        words = (*SMOKE, "--plugin", "broken.py", "--method", "finetune", "--seeds", "1")
        done = heptathlon(*words, cwd=tmp_path)
        assert done.returncode == 0
        assert "broken.py:2: AttributeError: module 'math' has no attribute 'sqroot'" in done.stdout
        assert "1 ok" in done.stdout

    def test_missing_data_is_said_and_the_rest_runs(self, tmp_path):
        words = ("run", "--tier", "smoke", "--data", "mnist", "--track", "forgetting.permuted", "--method", "finetune")
        done = heptathlon(*words, cwd=tmp_path)
        assert done.returncode == 1
        assert "3 jobs left out" in done.stdout
        assert "heptathlon data fetch mnist" in done.stdout

    def test_a_truncated_record_is_run_again_and_kept_aside(self, tmp_path):
        words = (*SMOKE, "--method", "finetune", "--seeds", "2")
        assert heptathlon(*words, cwd=tmp_path).returncode == 0
        before = records(tmp_path)
        victim = next((tmp_path / "runs").rglob("smoke-1.json"))
        whole = victim.read_text()
        victim.write_text(whole[: len(whole) // 2])
        status = heptathlon("status", cwd=tmp_path)
        assert status.returncode == 1
        assert "smoke-1.json: not a complete JSON file" in status.stdout
        report = heptathlon("report", cwd=tmp_path)
        assert report.returncode == 1
        assert "smoke-1.json: not a complete JSON file" in report.stdout
        assert "finetune" in report.stdout  # the other seed is still ranked
        done = heptathlon(*words, cwd=tmp_path)
        assert done.returncode == 0
        assert "1 jobs to run" in done.stdout
        assert records(tmp_path) == before
        assert victim.with_suffix(".json.unreadable").read_text() == whole[: len(whole) // 2]

    def test_a_store_without_write_permission_is_refused_before_the_first_job(self, tmp_path):
        store = unreadable_as_root(tmp_path / "locked")
        done = heptathlon(*SMOKE, "--seeds", "1", "--store", store, cwd=tmp_path)
        assert done.returncode == 1
        assert f"heptathlon: the store {store} cannot be written" in done.stderr
        assert "--store" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--task", "forgeting"), "no task 'forgeting'; did you mean 'forgetting'?"),
        (("run", "--track", "forgetting.spilt"), "did you mean 'forgetting.split'?"),
        (("run", "--method", "gmp"), "did you mean 'gpm'?"),
        (("run", "--data", "mnst"), "no dataset 'mnst'; did you mean 'mnist'?"),
        (("run", "--seeds", "x"), "cannot read seeds 'x'"),
        (("run", "--device", "cuda:99"), "no device 'cuda:99' on this machine"),
        (("run", "--plugin", "nowhere.py"), "no plug-in at nowhere.py"),
        (("data", "fetch", "mnst"), "did you mean 'mnist'?"),
        (("check", "gmp"), "did you mean 'gpm'?"),
    ],
)
def test_wrong_words_give_exit_code_2_and_a_suggestion(words, message, tmp_path):
    done = heptathlon(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("--frobnicate",), ("run", "--tier", "huge"), ("jump",)])
def test_words_that_are_no_command_give_exit_code_2(words, tmp_path):
    assert heptathlon(*words, cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    "words", [(), ("run",), ("report",), ("list",), ("status",), ("device",), ("check",), ("data",), ("data", "fetch")]
)
def test_every_verb_explains_itself(words, tmp_path):
    done = heptathlon(*words, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage:" in done.stdout
    assert len(done.stdout) > 200


def test_looking_verbs_speak_json(tmp_path):
    listing = json.loads(heptathlon("list", "--json", cwd=tmp_path).stdout)
    assert {"few_shot", "forgetting"} <= {task["task"] for task in listing}
    assert {"gpm", "startup"} <= {m["name"] for task in listing for track in task["tracks"] for m in track["methods"]}
    devices = json.loads(heptathlon("device", "--json", cwd=tmp_path).stdout)
    assert devices[0]["kind"] == "cpu"
    datasets = json.loads(heptathlon("data", "list", "--json", cwd=tmp_path).stdout)
    content = {entry["name"]: entry["content"] for entry in datasets["datasets"]}
    assert {"glyphs", "mnist", "fashion-mnist", "cifar10", "cifar100"} <= set(content)
    assert len(content["glyphs"]) == 32
    assert content["mnist"] is None  # its files are not in this session's data folder
    assert json.loads(heptathlon("status", "--json", cwd=tmp_path).stdout)["jobs"] == []


def test_an_empty_store_is_said(tmp_path):
    assert "no records in runs; heptathlon run makes some" in heptathlon("status", cwd=tmp_path).stdout
    report = heptathlon("report", cwd=tmp_path)
    assert report.returncode == 1
    assert "no records in runs" in report.stdout


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
