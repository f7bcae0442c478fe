"""Figures of `small_objects.padding`: where objects are found, what that gains over zeros, and what is seen inside."""

from __future__ import annotations

from benchmark.results.pairing import paired
from reports.drawing.canvas import Figure, Subject, finish
from reports.drawing.differences import KEY, forest
from reports.figures.small_objects.classes import precision_by_class
from reports.figures.small_objects.examples import BASELINE, examples
from reports.figures.small_objects.filters import filter_asymmetry
from reports.figures.small_objects.maps import feature_maps, foveation, foveation_profile
from reports.figures.small_objects.positions import recall_by_edge, recall_by_position
from reports.tables import formatting

COMPARED = {
    "AP_small": "AP small",
    "AP_small_border": "AP small\nat the border",
    "recall_border": "recall\nat the border",
    "blind_spot": "blind-spot\nindex",
    "AP_small_uniform": "control:\nAP small",
    "recall_border_uniform": "control: recall\nat the border",
}
"""Metrics whose differences are drawn, and what they are called."""


def gain_over_zero(subject: Subject) -> Figure | None:
    """Draw by how much each method's precision and recall differ from those of zero padding, paired by seed."""
    rows = {row.method: row for row in subject.table.rows if row.records}
    if BASELINE not in rows or len(rows) < 2:
        return None
    shown = [row for name, row in rows.items() if name != BASELINE]
    panels = {
        title: {row.method: paired(row, rows[BASELINE], metric) for row in shown} for metric, title in COMPARED.items()
    }
    panels = {title: values for title, values in panels.items() if any(values.values())}
    if not panels:
        return None
    label = f"metric minus that of {BASELINE} (points), higher is better"
    return finish(
        forest(subject, shown, panels, label, shared=False),
        subject,
        "gain-over-zero",
        caption=f"What each padding gains (right) or loses (left) against zeros on the same images, in points, paired "
        f"by seed, {subject.seeds}; each panel has its own scale. Whiskers are 95 % intervals over seeds. {KEY} "
        "What a padding gains in the control, it gains without a place that training did not teach.",
        alt=f"Differences to {BASELINE} on {formatting.track(subject.table.track)}. "
        + ". ".join(
            formatting.opening(title.replace("\n", " "))
            + ": "
            + "; ".join(f"{name} {value.mean:+.1f}" for name, value in values.items() if value is not None)
            for title, values in panels.items()
        ),
    )


FIGURES = (
    recall_by_position,
    recall_by_edge,
    gain_over_zero,
    precision_by_class,
    feature_maps,
    foveation,
    foveation_profile,
    filter_asymmetry,
    examples,
)
