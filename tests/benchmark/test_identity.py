"""What counts as the code of a number: an edit is noticed by exactly those whom it can change."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmark import identity
from benchmark.running import provenance
from benchmark.tasks import all_tracks
from tests.places import REPOSITORY

Edit = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        identity.forget()
        return tmp_path / "main.py"

    return write


MAIN = "import helper\nfrom other import used\n\ndef main():\n    return helper.here() + used()\n"
HELPER = "SIZE = 3\n\ndef here():\n    return SIZE\n\ndef beside():\n    return 7\n"
OTHER = "def used():\n    from deep import far\n    return far\n\ndef unused():\n    return 0\n"
FILES = {"main": MAIN, "helper": HELPER, "other": OTHER, "deep": "far = 1\nnear = 2\n"}


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("main", "+ used()", "- used()"),
        ("helper", "SIZE = 3", "SIZE = 4"),
        ("helper", "return SIZE", "return -SIZE"),
        ("other", "return far", "return far * 2"),
        ("deep", "far = 1", "far = 2"),
        ("helper", "SIZE = 3", "SIZE = 3\nprint(SIZE)"),  # acts on import
        ("deep", "near = 2", "near = 2\n@register\ndef new(): ..."),
    ],
)
def test_what_is_reached_counts(write: Callable[..., Path], name: str, before: str, after: str) -> None:
    first = identity.digest_of(write(**FILES), "main")
    assert before in FILES[name]
    assert identity.digest_of(write(**FILES | {name: FILES[name].replace(before, after)}), "main") != first


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("helper", "return 7", "return 8"),
        ("deep", "near = 2", "near = 3"),
        ("other", "return 0", "return 1"),
        ("helper", "def here():", "# why\ndef here():"),
        ("helper", "def here():", 'def here() -> int:\n    """What it is."""'),
        ("main", "def main():", 'def main(\n):\n    """What it does."""'),
        ("helper", "SIZE = 3", '"""A module."""\nSIZE = 3\n"""An attribute."""'),
        ("main", "def main():", "if TYPE_CHECKING:\n    import nothing\n\ndef main():"),
        ("helper", "SIZE = 3", "SIZE = 3\n\n@dataclass(frozen=True)\nclass New:\n    x: int"),
    ],
)
def test_nothing_else_does(write: Callable[..., Path], name: str, before: str, after: str) -> None:
    first = identity.digest_of(write(**FILES), "main")
    assert before in FILES[name]
    assert identity.digest_of(write(**FILES | {name: FILES[name].replace(before, after)}), "main") == first


def test_a_module_that_is_handed_around_counts_whole(write: Callable[..., Path]) -> None:
    files = FILES | {"main": "import helper\n\ndef main():\n    return vars(helper)\n"}
    first = identity.digest_of(write(**files), "main")
    assert identity.digest_of(write(**files | {"helper": HELPER.replace("7", "8")}), "main") != first


def test_a_method_of_a_package_is_its_name_alone() -> None:
    assert identity.digest_of_origin("module:theirs") == identity.digest_of_origin("module:theirs")
    assert identity.digest_of_origin("module:theirs") != identity.digest_of_origin("module:others")


class TestTheHouse:
    """Edits of a copy of this repository."""

    @pytest.fixture
    def copy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        for folder in ("benchmark", "methods"):
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=skipped)
        monkeypatch.setattr(identity, "ROOT", tmp_path)
        identity.forget()
        yield tmp_path
        monkeypatch.undo()
        identity.forget()

    @staticmethod
    def codes(root: Path) -> dict[str, tuple[str, str]]:
        """Hashes of track and method, by job, as records hold them."""
        identity.forget()
        tracks = [provenance.file_of(track) for track in all_tracks()]
        there = {path: root / path.relative_to(REPOSITORY) for path in tracks}
        return {
            str(entry): (
                identity.digest_of(there[provenance.file_of(track)], "track"),
                identity.digest(root / Path(entry.origin).relative_to(REPOSITORY), without=there.values()),
            )
            for track in all_tracks()
            for entry in track.entries.values()
            if Path(entry.origin).is_relative_to(REPOSITORY)
        }

    def changed(self, root: Path, file: str, before: str, after: str) -> set[str]:
        """Jobs that an edit would run again."""
        first = self.codes(root)
        path = root / file
        text = path.read_text() if path.exists() else ""
        assert before in text
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(before, after, 1) if before else after)
        second = self.codes(root)
        return {job for job in first if first[job] != second[job]}

    def test_an_edit_of_logistic_regression_runs_its_users_again_and_nothing_more(self, copy: Path) -> None:
        changed = self.changed(
            copy, "benchmark/tasks/few_shot/logistic.py", "def fit(", "def fit(*_):\n    return None\n\n\ndef fit("
        )
        extreme = {f"few_shot.extreme/{name}" for name in self.methods("few_shot.extreme")}
        assert changed >= extreme | {"few_shot.novel_classes/lr", "few_shot.novel_classes/lr-l2"}
        assert {job.partition("/")[0] for job in changed} == {"few_shot.extreme", "few_shot.novel_classes"}
        assert not changed & {"few_shot.novel_classes/knn", "few_shot.novel_classes/simpleshot"}

    @staticmethod
    def methods(track: str) -> set[str]:
        return {name for each in all_tracks() if each.name == track for name in each.entries}

    @pytest.mark.parametrize(
        ("file", "before", "after"),
        [
            ("benchmark/tasks/few_shot/logistic.py", "def fit(", "# A comment.\n\n\ndef fit("),
            ("benchmark/learning/models/new.py", "", "import torch\n\nclass New(torch.nn.Module): ...\n"),
            ("benchmark/tasks/forgetting/rotated.py", "", "from benchmark.tasks.forgetting import rules\n"),
            ("benchmark/seeding.py", "def derive(", "def fresh() -> int:\n    return 7\n\n\ndef derive("),
            ("benchmark/results/record.py", "SCHEMA_VERSION = 4", "SCHEMA_VERSION = 5"),
            ("benchmark/cli/run.py", "def carry_out(", "def carried_out(): ...\n\n\ndef carry_out("),
            ("methods/forgetting/new.py", "", "from benchmark.tasks.forgetting import permuted\n"),
            ("README.md", "", "Words."),
        ],
        ids=["comment", "network", "track", "function", "schema", "verb", "method", "README"],
    )
    def test_what_runs_nothing_again(self, copy: Path, file: str, before: str, after: str) -> None:
        assert self.changed(copy, file, before, after) == set()

    @pytest.mark.parametrize(
        ("file", "before", "tracks"),
        [
            ("benchmark/tasks/forgetting/permuted.py", "class _PermutedRules", {"forgetting.permuted"}),
            ("benchmark/tasks/forgetting/learner.py", "class Reservoir", {"forgetting.permuted", "forgetting.split"}),
            ("benchmark/tasks/test_time_shift/corruptions/blur.py", "def defocus_blur", {"test_time_shift.corruption"}),
            ("benchmark/tasks/test_time_shift/pixel_policy.py", "class Branch", {"test_time_shift.control"}),
            ("benchmark/data/control/environment.py", "class DrawnEnv", set()),  # of the data: see `Source.code`
        ],
    )
    def test_a_task_s_own_parts_run_its_tracks_again(
        self, copy: Path, file: str, before: str, tracks: set[str]
    ) -> None:
        word = before.split()[1]
        changed = self.changed(copy, file, before, f"class {word}: ...\n\n\n{before}")
        assert {job.partition("/")[0] for job in changed} == tracks


def test_datasets_count_with_what_they_are_drawn_by() -> None:
    reached = identity.reached(REPOSITORY / "datasets" / "reacher.py")
    assert {path.name for path in reached} >= {"reacher.py", "world.py", "environment.py", "raster.py", "shifts.py"}
    assert REPOSITORY / "benchmark/data/drawing/textures.py" in identity.reached(REPOSITORY / "datasets" / "scenes.py")
