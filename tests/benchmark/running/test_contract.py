from __future__ import annotations

import pytest

from benchmark import plugins
from benchmark.errors import UnknownNameError
from benchmark.plugins import loading
from benchmark.running import contract
from benchmark.tasks import all_tracks, find_track
from tests.golden import numbers
from tests.places import REPOSITORY, ROGUES

plugins.load_datasets()
plugins.load_methods()
ENTRIES = [entry for track in all_tracks() for entry in track.entries.values()]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_every_registered_method_keeps_the_contract_and_its_numbers(entry):
    """Its smoke metrics are also those of the golden file, to the bit, where this CPU has one."""
    track, first = find_track(entry.track), contract.smoke(entry)
    assert list(entry.faults) == contract.compare(track, first, contract.smoke(entry)) == []
    if numbers.smoke_file().exists():
        assert numbers.summary(track, first) == numbers.smoke_metrics()[str(entry)]


def test_the_seven_methods_are_on_both_tracks():
    expected = {"finetune", "ewc", "er", "a-gem", "ogd", "joint", "gpm"}
    for name in ("forgetting.permuted", "forgetting.split"):
        assert set(find_track(name).entries) >= expected


def test_the_check_finds_what_it_looks_for(registries):
    assert plugins.load_paths([ROGUES]) == []
    track = find_track("forgetting.permuted")
    assert contract.check(track.find("well-behaved")) == [
        "it names no paper: pass paper='arXiv:...' or another reference when registering"
    ]


def test_a_method_that_is_not_reproducible_breaks_it(registries, tmp_path):
    plugin = tmp_path / "dice.py"
    plugin.write_text(
        '"""Dice."""\n'
        "import time, torch\n"
        "from benchmark.tasks.forgetting.learner import SequentialForgettingLearner\n"
        "from benchmark.tasks.forgetting import permuted\n"
        "@permuted.track.method('dice', role='baseline')\n"
        "class Dice(SequentialForgettingLearner):\n"
        "    def __init__(self, setup, loaded=True):\n"
        "        super().__init__(setup)\n"
        "    def predict(self, index, images):\n"
        "        return torch.rand(len(images), 10, generator=torch.Generator().manual_seed(time.time_ns()))\n"
    )
    assert plugins.load_paths([plugin]) == []
    entry = find_track("forgetting.permuted").find("dice")
    assert contract.check(entry) == [
        "hyperparameter 'loaded' of its constructor is not a keyword with a literal default"
    ]
    plugin.write_text(plugin.read_text().replace("setup, loaded=True", "setup, *, loaded=True"))
    loading._loaded.discard(str(plugin))
    find_track("forgetting.permuted").entries.pop("dice")
    assert plugins.load_paths([plugin]) == []
    (sentence,) = contract.check(find_track("forgetting.permuted").find("dice"))
    assert sentence.startswith("two runs with one seed differ in ACC")


def test_entries_by_name():
    assert [str(entry) for entry in contract.named("forgetting.split/finetune")] == ["forgetting.split/finetune"]
    assert {str(entry) for entry in contract.named("gpm")} == {"forgetting.permuted/gpm", "forgetting.split/gpm"}
    with pytest.raises(UnknownNameError, match="did you mean 'finetune'"):
        contract.named("finetun")


def test_the_method_in_the_contributing_guide_keeps_it(registries, tmp_path):
    guide = (REPOSITORY / "CONTRIBUTING.md").read_text()
    plugin = tmp_path / "mine.py"
    plugin.write_text(guide.split("```python\n")[1].split("```")[0])
    assert plugins.load_paths([plugin]) == []
    for name in ("forgetting.permuted", "forgetting.split"):
        assert contract.check(find_track(name).find("frozen")) == []
