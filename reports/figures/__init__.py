"""Figures of the report: which functions draw a task's tables. Works without torch and without a display.

A task adds a file here and its functions to `FIGURES`; tables of every task also get the general ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.ranking import Table
from reports import frames
from reports.figures import (
    distribution_shift,
    distribution_shift_noise,
    few_shot,
    few_shot_features,
    forgetting,
    general,
    long_sequence,
    long_sequence_recall,
    test_time_shift_control,
    test_time_shift_stream,
)
from reports.figures.canvas import Draw, Figure, Subject, look
from reports.figures.palette import styles

__all__ = ["FIGURES", "Figure", "draw"]

GENERAL: tuple[Draw, ...] = (general.primary, general.primary_against_seconds)
FIGURES: dict[str, tuple[Draw, ...]] = {
    "distribution_shift": (
        distribution_shift.accuracy_per_test,
        distribution_shift_noise.loss_around,
        distribution_shift_noise.accuracy_over_noise,
        distribution_shift.under_attack,
    ),
    "few_shot": (few_shot.accuracy_over_shots, few_shot.difference_to_baseline, few_shot_features.features),
    "forgetting": (forgetting.accuracy_against_forgetting, forgetting.accuracy_over_time),
    "long_sequence": (
        long_sequence.speed_and_memory,
        long_sequence.speed_up,
        long_sequence.decoding,
        long_sequence_recall.accuracy_by_exercise,
        long_sequence_recall.accuracy_over_training,
        long_sequence_recall.accuracy_against_speed,
    ),
    "test_time_shift": (
        test_time_shift_stream.errors_by_corruption,
        test_time_shift_stream.over_the_stream,
        test_time_shift_stream.gain_over_statistics,
        test_time_shift_stream.settings_and_cost,
        test_time_shift_stream.corruptions,
        test_time_shift_control.return_by_strength,
        test_time_shift_control.gain_over_frozen,
        test_time_shift_control.return_over_episode,
        test_time_shift_control.shifts,
    ),
}


def draw(tables: Sequence[Table]) -> dict[tuple[str, str, str], list[Figure]]:
    """Draw every table's figures: (device, track, tier) -> figures. A figure without data is left out."""
    chosen = styles(tables)
    drawn = {}
    with look():
        for table in tables:
            subject = Subject(table, frames.summary([table]), chosen)
            found = [function(subject) for function in (*GENERAL, *FIGURES.get(table.task, ()))]
            drawn[table.device, table.track, table.tier] = [figure for figure in found if figure is not None]
    return drawn
