"""From words to plans, and which of them are answered already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark import identity, plugins
from benchmark.contestant.remote import Limits
from benchmark.data.catalogue import DatasetEntry, catalogue
from benchmark.errors import DataError, UnknownNameError, UsageError
from benchmark.results.job import Job
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.running.plan import Conditions, Plan
from benchmark.running.selection import Estimates, Request, Selection, parse_seeds, plans, select
from benchmark.tasks import all_tracks, find_track

DEVICE = "cpu-test-2c"
CONDITIONS = Conditions("cpu", Limits(60, 2**30))
Make = Callable[..., Record]


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("1", (0,)),
        ("3", (0, 1, 2)),
        (" 3 ", (0, 1, 2)),
        ("0", (0,)),
        ("4-6", (4, 5, 6)),
        ("5-5", (5,)),
        ("0,7", (0, 7)),
        ("7, 0", (7, 0)),
        ("2,2,1-3", (2, 1, 3)),
        ("12345,0", (12345, 0)),
        ("10000", tuple(range(10_000))),
    ],
)
def test_seeds(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "-1", "1-", "-", "3-1", "1,,2", "1.5", "0x1", "1;2", "1-2-3", "9" * 5000])
def test_seeds_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"cannot read seeds '.*'; give a count \(3\), a range \(4-6\) or a list"):
        parse_seeds(text)


@pytest.mark.parametrize("text", ["10001", "0-99999999999", "5,0-10000"])
def test_seeds_without_end(text: str) -> None:
    with pytest.raises(UsageError, match=rf"'{text}' is more than 10000 seeds; give fewer"):
        parse_seeds(text)


class Stub:
    """A procedural dataset that costs nothing to ask."""

    classes = ("a", "b")

    def fingerprint(self) -> str:
        return "1"

    def draw(self, **_: Any) -> Any: ...


class OnDisk:
    """A fixed dataset whose file is not there."""

    def missing(self, root: Path) -> str | None:
        return "photos: put photos.zip into the data folder"

    def fingerprint(self, root: Path) -> str:
        raise DataError("asked although it is missing")

    def load(self, *_: Any, **__: Any) -> Any: ...

    def fetch(self, root: Path) -> None: ...


@pytest.fixture(autouse=True)
def _datasets(registries: None) -> None:
    for name, dataset in (("stub", Stub()), ("photos", OnDisk())):
        catalogue.entries[name] = DatasetEntry(name, name, "none", "here", dataset, __file__)


def request(**words: Any) -> Request:
    defaults: dict[str, Any] = {"tier": "quick", "seeds": (0,), "tracks": ["forgetting.split"], "data": "stub"}
    return Request(**defaults | {"methods": ["gpm", "er"]} | words)


def jobs(chosen: tuple[Plan, ...] | list[Plan]) -> list[str]:
    return [str(plan.job) for plan in chosen]


class TestPlans:
    def test_all_methods_of_all_tracks(self) -> None:
        chosen, notes = plans(Request("smoke", (0, 1)))
        assert len(chosen) == 2 * sum(len(track.entries) for track in all_tracks()) >= 2 * 28
        assert notes == []

    def test_filters(self) -> None:
        chosen, _ = plans(request(seeds=(0, 5), data=""))
        assert jobs(chosen) == [
            f"forgetting.split/{method}/quick-{seed}" for method in ("er", "gpm") for seed in (0, 5)
        ]
        both, _ = plans(request(tracks=[], tasks=["forgetting"], methods=["gpm"], data=""))
        assert jobs(both) == ["forgetting.permuted/gpm/quick-0", "forgetting.split/gpm/quick-0"]

    def test_a_track_named_twice_is_run_once(self) -> None:
        chosen, _ = plans(request(tasks=["forgetting"], tracks=["forgetting.split"], methods=["gpm"]))
        assert len(chosen) == 2

    def test_another_dataset(self) -> None:
        (plan,), _ = plans(request(methods=["gpm"]))
        assert str(plan.job) == "forgetting.split/gpm/quick@stub-0"
        assert plan.source.entry.name == "stub"
        assert plan.budget == find_track("forgetting.split").budget("quick")

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ({"tasks": ["forgeting"]}, "no task 'forgeting'; did you mean 'forgetting'?"),
            ({"tracks": ["forgetting.splt"]}, "no track 'forgetting.splt'; did you mean 'forgetting.split'?"),
            ({"methods": ["gpm", "agem"]}, "no method in the chosen tracks: 'agem'; did you mean 'a-gem'?"),
            ({"data": "stubb"}, "no dataset 'stubb'; did you mean 'stub'?"),
        ],
    )
    def test_unknown_words(self, words: dict[str, Any], sentence: str) -> None:
        with pytest.raises(UnknownNameError) as error:
            plans(request(**words))
        assert str(error.value) == sentence

    def test_a_tier_that_a_track_lacks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        track = find_track("forgetting.split")
        monkeypatch.setattr(track, "tiers", {"smoke": track.budget("smoke")})
        chosen, notes = plans(request(tracks=["forgetting.split", "forgetting.permuted"], methods=["gpm"]))
        assert jobs(chosen) == ["forgetting.permuted/gpm/quick@stub-0"]
        assert notes == ["track forgetting.split has no tier 'quick'; it has smoke"]

    def test_a_method_that_sits_a_tier_out_runs_there_if_it_is_named(self) -> None:
        words = {"tracks": ["small_objects.padding"], "seeds": (0,)}
        chosen, notes = plans(Request("quick", **words))  # type: ignore[arg-type]
        assert {"zero", "reflect"} & {plan.job.method for plan in chosen} == {"zero"}
        assert len(notes) == 1
        assert "tier 'quick' leaves out, unless named: circular, " in notes[0]
        chosen, notes = plans(Request("quick", **words, methods=["reflect"]))  # type: ignore[arg-type]
        assert jobs(chosen) == ["small_objects.padding/reflect/quick-0"]
        assert notes == []


class TestSelect:
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return Store(tmp_path / "runs")

    @pytest.fixture
    def answer(self, store: Store, make_record: Make) -> Callable[..., Path]:
        """Write a record that answers a job of `request()`, apart from the given changes."""

        def answer(method: str = "gpm", **changes: Any) -> Path:
            plan = Plan.of(Job("forgetting.split", method, "quick@stub", 0))
            provenance = plan.provenance().model_dump()
            fields = {"track": "forgetting.split", "tier": "quick@stub", "method": method}
            fields |= {"comparison": plan.comparison(CONDITIONS)} | changes
            provenance |= fields.pop("provenance", {})
            return store.write(make_record(**fields, provenance=provenance))

        return answer

    def ask(self, store: Store, conditions: Conditions = CONDITIONS, **words: Any) -> Selection:
        return select(request(**words), store, conditions, DEVICE)[0]

    def test_nothing_is_answered_at_first(self, store: Store) -> None:
        selection = self.ask(store)
        assert jobs(selection.pending) == ["forgetting.split/er/quick@stub-0", "forgetting.split/gpm/quick@stub-0"]
        assert (selection.answered, selection.missing_data, selection.notes) == ((), {}, ())

    def test_an_answer_counts(self, store: Store, answer: Callable[..., Path]) -> None:
        answer()
        selection = self.ask(store)
        assert jobs(selection.pending) == ["forgetting.split/er/quick@stub-0"]
        assert jobs(selection.answered) == ["forgetting.split/gpm/quick@stub-0"]
        assert self.ask(store, rerun=True).answered == ()
        assert self.ask(store, seeds=(1,)).answered == ()
        assert select(request(), store, CONDITIONS, "cpu-other-2c")[0].answered == ()

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "timeout"},
            {"status": "error"},
            {"provenance": {"method_file": "edited"}},
            {"provenance": {"track_code": "edited"}},
            {"comparison": {"track": "forgetting.split v0"}},
            {"in_process": True},
        ],
        ids=str,
    )
    def test_what_does_not_count(self, store: Store, answer: Callable[..., Path], changes: dict[str, Any]) -> None:
        answer(**changes)
        assert self.ask(store, methods=["gpm"]).answered == ()

    def test_another_salt_is_another_question(self, store: Store, answer: Callable[..., Path]) -> None:
        answer()
        assert self.ask(store, Conditions("cpu", CONDITIONS.limits, salt="fresh")).answered == ()
        assert self.ask(store, Conditions("cpu", CONDITIONS.limits, in_process=True)).answered == ()
        assert len(self.ask(store, Conditions("cpu", Limits(1, 1))).answered) == 1

    def test_an_edited_method_runs_again(self, store: Store, answer: Callable[..., Path], tmp_path: Path) -> None:
        ours = Path(find_track("forgetting.split").find("finetune").origin)
        plugin = tmp_path / "mine.py"
        plugin.write_text(ours.read_text().replace('"finetune"', '"mine"'))
        assert plugins.load_paths([plugin]) == []
        answer("mine")
        assert len(self.ask(store, methods=["mine"]).answered) == 1
        plugin.write_text(plugin.read_text() + "\nEDITED = True\n")
        identity.forget()  # as a new process would
        assert len(self.ask(store, methods=["mine"]).pending) == 1

    def test_an_unreadable_record_runs_again(self, store: Store, answer: Callable[..., Path]) -> None:
        path = answer()
        path.write_text("{")
        selection = self.ask(store, methods=["gpm"])
        assert len(selection.pending) == 1
        (note,) = selection.notes
        assert note.startswith(f"{path}: not a complete JSON file")
        assert note.endswith("running it again, the file is kept as .unreadable")

    def test_missing_data(self, store: Store) -> None:
        selection = self.ask(store, data="photos")
        assert (selection.pending, selection.answered) == ((), ())
        ((reason, left_out),) = selection.missing_data.items()
        assert reason == "photos: put photos.zip into the data folder"
        assert jobs(left_out) == ["forgetting.split/er/quick@photos-0", "forgetting.split/gpm/quick@photos-0"]


def test_estimates(make_record: Make) -> None:
    estimates = Estimates()
    plan = Plan.of(Job("forgetting.permuted", "gpm", "quick", 9))
    assert estimates(plan) == plan.budget.seconds == 3
    for seconds in (1.0, 2.0, 50.0):
        estimates.note(make_record(costs={"wall_seconds": seconds}))
    estimates.note(make_record(method="er", costs={"wall_seconds": 9.0}))
    assert estimates(plan) == 2.0
    assert estimates(Plan.of(Job("forgetting.permuted", "gpm", "smoke", 9))) == 0.2
