"""What commands say and do, and their exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.benchmark.cli.commands import SMOKE, heptathlon, records
from tests.places import ROGUES


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
    def test_twice_gives_the_same_metrics_and_then_does_nothing(self, tmp_path, command):
        words = (*SMOKE, "--method", "gpm", "--method", "finetune", "--seeds", "2")
        first = command(*words)
        assert first.returncode == 0, first.stderr
        assert "4 ok in" in first.stdout
        before = {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*.json")}
        assert len(before) == 4
        again = command(*words)
        assert again.returncode == 0
        assert "nothing to do: all 4 jobs are finished in runs" in again.stdout
        assert {path: path.read_bytes() for path in before} == before
        metrics = records(tmp_path)
        rerun = command(*words, "--rerun")
        assert "4 ok in" in rerun.stdout
        assert records(tmp_path) == metrics
        assert {path: path.read_bytes() for path in before} != before  # times differ, so these are new records

    def test_json(self, tmp_path):
        done = heptathlon(*SMOKE, "--method", "finetune", "--seeds", "1", "--json", cwd=tmp_path)
        summary = json.loads(done.stdout)
        assert summary["ok"] == 1
        assert summary["failed"] == summary["not_run"] == summary["plugin_problems"] == []

    def test_a_failing_method_gives_exit_code_1_and_a_sentence(self, command):
        words = (*SMOKE, "--plugin", ROGUES, "--method", "raises", "--method", "finetune", "--seeds", "1")
        done = command(*words)
        assert done.returncode == 1
        assert "raises/smoke-0: error: ValueError: the learning rate must be positive" in done.stdout
        assert "1 ok, 1 failed" in done.stdout
        status = command("status")
        assert "1 error, 1 ok" in status.stdout
        report = command("report")
        assert report.returncode == 0
        assert "the learning rate must be positive" in report.stdout
        rows = json.loads(command("report", "--json").stdout)["rows"]
        assert {row["method"]: row["failures"] for row in rows} == {"finetune": 0, "raises": 1}

    def test_limits_from_the_command(self, command):
        words = (*SMOKE, "--plugin", ROGUES, "--method", "sleeps", "--method", "hoards", "--seeds", "1")
        done = command(*words, "--time-limit", "5", "--memory-limit", "0.5")
        assert done.returncode == 1
        assert "sleeps/smoke-0: timeout: no answer within the time limit of 5 s" in done.stdout
        assert "hoards/smoke-0: out_of_memory" in done.stdout

    def test_a_broken_plugin_is_named_with_its_line_and_the_rest_runs(self, tmp_path, command):
        (tmp_path / "broken.py").write_text("import math\nmath.sqroot(2)\n")
        words = (*SMOKE, "--plugin", "broken.py", "--method", "finetune", "--seeds", "1")
        done = command(*words)
        assert done.returncode == 0
        assert "broken.py:2: AttributeError: module 'math' has no attribute 'sqroot'" in done.stdout
        assert "1 ok" in done.stdout

    def test_missing_data_is_said_and_the_rest_runs(self, command):
        words = ("run", "--tier", "smoke", "--data", "mnist", "--track", "forgetting.permuted", "--method", "finetune")
        done = command(*words)
        assert done.returncode == 1
        assert "3 jobs left out" in done.stdout
        assert "heptathlon data fetch mnist" in done.stdout

    def test_a_truncated_record_is_run_again_and_kept_aside(self, tmp_path, command):
        words = (*SMOKE, "--method", "finetune", "--seeds", "2")
        assert command(*words).returncode == 0
        before = records(tmp_path)
        victim = next((tmp_path / "runs").rglob("smoke-1.json"))
        whole = victim.read_text()
        victim.write_text(whole[: len(whole) // 2])
        status = command("status")
        assert status.returncode == 1
        assert "smoke-1.json: not a complete JSON file" in status.stdout
        report = command("report")
        assert report.returncode == 1
        assert "smoke-1.json: not a complete JSON file" in report.stdout
        assert "finetune" in report.stdout  # the other seed is still ranked
        done = command(*words)
        assert done.returncode == 0
        assert "1 jobs to run" in done.stdout
        assert records(tmp_path) == before
        assert victim.with_suffix(".json.unreadable").read_text() == whole[: len(whole) // 2]

    def test_a_store_without_write_permission_is_refused_before_the_first_job(self, tmp_path, command):
        store = unreadable_as_root(tmp_path / "locked")
        done = command(*SMOKE, "--seeds", "1", "--store", store)
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
def test_wrong_words_give_exit_code_2_and_a_suggestion(words, message, command):
    done = command(*words)
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


def test_looking_verbs_speak_json(command):
    listing = json.loads(command("list", "--json").stdout)
    assert {"few_shot", "forgetting"} <= {task["task"] for task in listing}
    assert {"gpm", "startup"} <= {m["name"] for task in listing for track in task["tracks"] for m in track["methods"]}
    devices = json.loads(command("device", "--json").stdout)
    assert devices[0]["kind"] == "cpu"
    datasets = json.loads(command("data", "list", "--json").stdout)
    content = {entry["name"]: entry["content"] for entry in datasets["datasets"]}
    assert {"glyphs", "mnist", "fashion-mnist", "cifar10", "cifar100"} <= set(content)
    assert len(content["glyphs"]) == 32
    assert content["mnist"] is None  # its files are not in this session's data folder
    assert json.loads(command("status", "--json").stdout)["jobs"] == []


def test_an_empty_store_is_said(command):
    assert "no records in runs; heptathlon run makes some" in command("status").stdout
    report = command("report")
    assert report.returncode == 1
    assert "no records in runs" in report.stdout
