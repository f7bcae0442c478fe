"""What the page says about each task; records hold numbers, not prose, and the rule books need torch to import."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """A task's title and the question it asks."""

    title: str
    question: str


TASKS = {
    "forgetting": Words("Forgetting", "Does a network that learns one task after another keep what it learned first?"),
    "few_shot": Words("Few shots", "How well are new classes recognised from one or five labelled examples of each?"),
    "distribution_shift": Words(
        "Distribution shift", "Does what was learned survive spurious cues, wrong labels and adversarial inputs?"
    ),
    "test_time_shift": Words(
        "Test-time shift", "Can a deployed model adapt to a changed world without labels or rewards?"
    ),
    "long_sequence": Words("Long sequences", "From which length on is efficient attention faster, and is it as good?"),
    "small_objects": Words("Small objects", "How far does the padding of convolutions decide which objects are found?"),
    "sample_efficiency": Words(
        "Sample efficiency", "How many examples does an architecture need, and what does the data's dimension tell?"
    ),
}


def title(track: str) -> str:
    """Name a track for people, `Forgetting: permuted`; a task that is not ours goes by its own name."""
    task, _, name = track.partition(".")
    return f"{TASKS[task].title if task in TASKS else task.replace('_', ' ')}: {name.replace('_', ' ')}"


def question(track: str) -> str:
    """The question that a track's task asks, or the empty string."""
    task = track.partition(".")[0]
    return TASKS[task].question if task in TASKS else ""
