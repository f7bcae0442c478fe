"""A hermetic session: nothing this machine keeps, and no plug-in problem, reaches a test unnoticed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark import identity, plugins
from benchmark.data.catalogue import catalogue
from benchmark.plugins import loading, reading
from benchmark.results.record import Record
from benchmark.tasks import all_tracks
from tests.places import REPOSITORY


def pytest_configure(config: pytest.Config) -> None:
    """Point cache and data at folders of this session, before any test module loads a plug-in.

    Processes of one session share them, so that fonts are rendered and networks are trained once.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    folder = tempfile.TemporaryDirectory(prefix="heptathlon-tests-")
    config.add_cleanup(folder.cleanup)
    os.environ.setdefault("HEPTATHLON_REAL_DATA", os.environ.get("HEPTATHLON_DATA", ""))
    for variable, name in (("HEPTATHLON_CACHE", "cache"), ("HEPTATHLON_DATA", "data")):
        path = Path(folder.name) / name
        path.mkdir()
        os.environ[variable] = str(path)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache, and with it locks, that no other process of the session knows."""
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path / "own-cache"))
    return tmp_path / "own-cache"


@pytest.fixture(scope="session", autouse=True)
def _plugins() -> None:
    """Our own plug-ins are loaded and whole; torch works on one thread, as more only cost on tensors this small."""
    assert plugins.load_datasets() + plugins.load_methods() == []
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def registries() -> Iterator[None]:
    """Forget afterwards what the test registers."""
    tracks = {track: (dict(track.entries), dict(track.classes)) for track in all_tracks()}
    datasets, known = dict(catalogue.entries), [(each, set(each)) for each in (loading._loaded, reading._read)]
    yield
    for track, (entries, classes) in tracks.items():
        track.entries, track.classes = entries, classes
    catalogue.entries = datasets
    for each, before in known:
        each.clear()
        each.update(before)
    identity.forget()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real datasets, for tests marked `real_data`."""
    path = Path(os.environ["HEPTATHLON_REAL_DATA"] or REPOSITORY.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip("no real data here: name their folder in HEPTATHLON_DATA")
    return path


_FIELDS: dict[str, Any] = {
    "question": "Does it keep what it learned first?",
    "track": "forgetting.permuted",
    "method": "gpm",
    "tier": "quick",
    "seed": 0,
    "role": "method",
    "paper": "arXiv:2103.09762",
    "status": "ok",
    "primary": "ACC",
    "metrics": {"ACC": {"value": 81.5, "unit": "%", "higher_is_better": True, "raw": [80.0, 83.0], "per": "task"}},
    "curves": {"accuracy": {"after_task": [0.0, 1.0], "accuracy": [90.0, 80.0]}},
    "costs": {"wall_seconds": 3.0, "phases": {"train": 2.0, "predict": 0.5}, "peak_bytes": 2**28},
    "device": {
        "slug": "cpu-test-2c",
        "kind": "cpu",
        "name": "Test CPU",
        "cores": 2,
        "memory_bytes": 2**33,
        "cpu_name": "Test CPU",
        "system": "Linux x86_64",
        "host": "01234567",
    },
    "software": {
        "heptathlon": "0.1.0",
        "python": "3.11.2",
        "torch": "2.11.0",
        "torchvision": "0.26.0",
        "numpy": "2.4.0",
    },
    "provenance": {
        "commit": "a" * 40,
        "dirty": False,
        "method_file": "method",
        "track_code": "track",
        "timer_code": "timer",
    },
    "comparison": {"track": "forgetting.permuted v1", "data": "glyphs:0", "tier": "quick"},
    "started_at": "2026-01-01T00:00:00+00:00",
}


@pytest.fixture
def make_record() -> Callable[..., Record]:
    """Build a valid record; keywords replace whole fields. A status other than "ok" brings a failure along."""

    def make(**fields: Any) -> Record:
        if fields.get("status", "ok") != "ok":
            fields = {"failure": {"message": "it broke"}, "metrics": {}, "curves": {}} | fields
        return Record.model_validate(_FIELDS | fields)

    return make
