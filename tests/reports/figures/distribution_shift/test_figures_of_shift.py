from __future__ import annotations

import matplotlib.figure as mpl_figure
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.text import Text

from benchmark.results.record import Record
from reports.figures.distribution_shift import adversarial, label_noise
from reports.figures.distribution_shift import spurious as spurious_figures
from reports.figures.distribution_shift.spurious import COLOURS
from tests.reports.drawn import captured, drawn
from tests.reports.figures.distribution_shift.records import Curve, attacked, noisy, spurious

pytestmark = pytest.mark.usefixtures("no_general_figures")

NAMES = {
    "spurious": {"accuracy-per-test"},
    "label_noise": {"accuracy-over-noise", "loss-around"},
    "adversarial": {"under-attack"},
}


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> dict[str, mpl_figure.Figure]:
    """The task's drawings by name."""
    return captured(monkeypatch, spurious_figures, adversarial, label_noise)


def strokes(axes: Axes) -> list[Line2D]:
    """The methods' lines, in the order of the table, without their marks."""
    return [line for line in axes.lines if line.get_linestyle() != "None"]


def halves(axes: Axes) -> list[float]:
    """Half lengths of the drawn intervals."""
    bars = [collection for collection in axes.collections if isinstance(collection, LineCollection)]
    return [float(np.ptp(segment, axis=0).max()) / 2 for bar in bars for segment in bar.get_segments()]


def accuracies(*epochs: tuple[float, float], noise: float = 0.4) -> dict[str, Curve]:
    """A curve "accuracy" of one noise level, from (epoch, accuracy)."""
    columns = [list(column) for column in zip(*epochs, strict=True)]
    return {"accuracy": {"noise": [noise] * len(epochs), "epoch": columns[0], "accuracy": columns[1]}}


GROUPS = [
    spurious(name, seed, accuracy=a) for name, a in (("pgi", (70, 90, 80)), ("erm", (40, 95, 70))) for seed in range(3)
]
NOISE = [noisy(name, seed, lost=lost) for name, lost in (("sgd", 40), ("sam", 10), ("mixup", 20)) for seed in range(3)]
ATTACKED = [attacked(name, seed, weak=weak) for name, weak in (("erm", 600), ("mixup", 300)) for seed in range(3)]


@pytest.mark.parametrize(
    ("track", "records"), [("spurious", GROUPS), ("label_noise", NOISE), ("adversarial", ATTACKED)], ids=NAMES
)
def test_every_track_gets_its_figures_and_the_same_svg_each_time(track: str, records: list[Record]) -> None:
    first, second = drawn(records), drawn(records[::-1])
    assert set(first) == NAMES[track]
    assert {name: figure.svg for name, figure in first.items()} == {n: figure.svg for n, figure in second.items()}
    assert all("3 seeds" in figure.caption for figure in first.values())


def test_bars_show_each_test_set_with_its_interval(drawings: dict[str, mpl_figure.Figure]) -> None:
    alt = drawn(GROUPS)["accuracy-per-test"].alt
    assert "pgi 91.0 % in distribution, 81.0 % new colours, 71.0 % swapped colours; erm 96.0 %" in alt
    axes = drawings["accuracy-per-test"].axes[0]
    assert [bar.get_extents().transformed(axes.transData.inverted()).width for bar in axes.patches] == pytest.approx(
        [91, 81, 71, 96, 71, 41]
    )
    assert [to_hex(bar.get_facecolor()).upper() for bar in axes.patches] == [*COLOURS.values()] * 2
    assert halves(axes) == pytest.approx([4.302653 / 3**0.5] * 6, rel=1e-5)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["pgi", "erm"]


def test_bars_of_references_are_hollow(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn([*GROUPS, *(spurious("oracle", seed, role="reference") for seed in range(3))])
    axes = drawings["accuracy-per-test"].axes[0]
    assert {to_hex(bar.get_facecolor()) for bar in axes.patches[-3:]} == {"#ffffff"}
    assert [to_hex(bar.get_edgecolor()).upper() for bar in axes.patches[-3:]] == [*COLOURS.values()]
    assert axes.get_yticklabels()[-1].get_text() == "oracle (ref.)"


def test_accuracy_over_noise_is_that_of_the_last_and_of_the_best_epoch() -> None:
    alt = drawn(NOISE)["accuracy-over-noise"].alt
    assert "sgd 91.0 % (best epoch 91.0 %) at 0 % noise, 73.0 % (best epoch 81.0 %) at 20 % noise" in alt


def test_the_best_epoch_is_each_seed_s_own_and_the_last_is_the_highest() -> None:
    records = [
        noisy("sgd", 0, curves=accuracies((4, 50), (2, 60))),
        noisy("sgd", 1, curves=accuracies((2, 40), (4, 70))),
    ]
    own = drawn(records)
    assert "sgd 60.0 % (best epoch 65.0 %) at 40 % noise" in own["accuracy-over-noise"].alt
    assert set(own) == {"accuracy-over-noise"}


def test_noise_panels_are_solid_and_dashed_with_intervals(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn(NOISE)
    final, best = drawings["accuracy-over-noise"].axes
    assert {line.get_linestyle() for line in strokes(final)} == {"-"}
    assert {line.get_linestyle() for line in strokes(best)} == {"--"}
    assert final.get_ylim() == best.get_ylim()
    assert halves(final) == pytest.approx([4.302653 / 3**0.5] * 12, rel=1e-5)


def test_the_loss_is_drawn_at_the_level_nearest_to_40_percent(drawings: dict[str, mpl_figure.Figure]) -> None:
    figure = drawn(NOISE)["loss-around"]
    assert "with 40 % of the labels wrong" in figure.caption
    assert "Bold: sam and sgd." in figure.caption
    assert "sgd 0.45 and 1.45" in figure.alt
    widths = [line.get_linewidth() for line in strokes(drawings["loss-around"].axes[0])]
    assert widths[0] == widths[2] > widths[1]  # sam, mixup, sgd by rank
    other = {"loss_line": {"noise": [0.1, 0.3, 0.6], "distance": [0.0, 0.0, 0.0], "loss": [1.0, 2.0, 3.0]}}
    assert drawn([noisy("mixup", curves=other)]) == {}  # one distance is no line
    other = {
        "loss_line": {"noise": [0.1, 0.3, 0.3, 0.6], "distance": [0.0, 0.0, 1.0, 0.0], "loss": [1.0, 2.0, 4.0, 3.0]}
    }
    figure = drawn([noisy("mixup", curves=other), noisy("asam", curves=other)])["loss-around"]
    assert "with 30 % of the labels wrong" in figure.caption
    assert "Bold" not in figure.caption
    assert "mixup 2 and 4" in figure.alt


@pytest.mark.parametrize(("sharp", "scale"), [(1.0, "linear"), (50.0, "log")])
def test_losses_far_apart_get_a_log_scale(sharp: float, scale: str, drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn([noisy("sgd", sharp=sharp), noisy("sam")])
    assert drawings["loss-around"].axes[0].get_yscale() == scale


def test_a_loss_of_zero_stays_on_a_log_scale(drawings: dict[str, mpl_figure.Figure]) -> None:
    line = {"noise": [0.4] * 3, "distance": [-1.0, 0.0, 1.0], "loss": [2.0, 0.0, 2.0]}
    assert "sgd 0 and 2" in drawn([noisy("sgd", curves={"loss_line": line})])["loss-around"].alt
    axes = drawings["loss-around"].axes[0]
    assert np.min(strokes(axes)[0].get_ydata()) > axes.get_ylim()[0] > 0


def test_attacks_have_a_row_of_panels_each(drawings: dict[str, mpl_figure.Figure]) -> None:
    alt = drawn(ATTACKED)["under-attack"].alt
    assert "Accuracy under FGSM: mixup 94.0 at 0, 91.0 at 0.01, 85.0 at 0.03, 64.0 at 0.1; erm 94.0 at 0" in alt
    assert "Loss under PGD: mixup 0.10 at 0, 0.13 at 0.01" in alt
    titles = [axes.get_title(loc="left") for axes in drawings["under-attack"].axes]
    assert titles == ["accuracy under FGSM", "loss under FGSM", "accuracy under PGD", "loss under PGD"]
    assert "PGD:" not in drawn([attacked("erm", kinds=(0,))])["under-attack"].alt
    assert len(drawings["under-attack"].axes) == 2


def test_one_seed_has_no_intervals(drawings: dict[str, mpl_figure.Figure]) -> None:
    for records in ([spurious("pgi")], [noisy("sgd")], [attacked("erm")]):
        assert all("1 seed" in figure.caption for figure in drawn(records).values())
    assert len(drawings) == 4
    assert not any(half for drawing in drawings.values() for axes in drawing.axes for half in halves(axes))


def test_references_are_grey_with_hollow_marks(drawings: dict[str, mpl_figure.Figure]) -> None:
    drawn([*ATTACKED, attacked("robust", weak=50, role="reference")])
    for axes in drawings["under-attack"].axes:
        line, marks = axes.lines[-2:]
        assert line.get_color() == "#6B7280"
        assert marks.get_markerfacecolor() == "white"
        assert axes.texts[-1].get_text() == "robust (ref.)"


@pytest.mark.parametrize("records", [NOISE, ATTACKED], ids=["label_noise", "adversarial"])
def test_names_are_apart_and_inside_the_figure(records: list[Record], drawings: dict[str, mpl_figure.Figure]) -> None:
    more = [each.model_copy(update={"method": f"{each.method}-with-a-name"}) for each in records]
    drawn([*records, *more])
    for drawing in drawings.values():
        drawing.draw_without_rendering()
        for axes in drawing.axes:
            boxes = [Text.get_window_extent(text) for text in axes.texts]  # an annotation's own holds its line, too
            assert len(boxes) == len({each.method for each in [*records, *more]})
            assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
            assert all(box.x1 <= drawing.bbox.x1 and box.y1 <= drawing.bbox.y1 for box in boxes)
        assert drawing.get_size_inches()[0] * 96 < 1140


def test_missing_and_damaged_curves_leave_their_figures_out() -> None:
    damaged = {"attacks": {"pgd": [0.0], "radius": [0.0], "accuracy": [1.0]}, "loss_line": {"noise": [0.4]}}
    for curves in ({}, damaged):
        assert drawn([noisy("sgd", curves=curves), noisy("sam", curves=curves)]) == {}
        assert drawn([attacked("erm", curves=curves)]) == {}
    assert "sam" not in drawn([noisy("sgd"), noisy("sam", curves={})])["loss-around"].alt
    assert drawn([spurious("pgi", status="timeout"), spurious("erm", status="crashed")]) == {}
    assert "pgi" not in drawn([spurious("pgi", status="timeout"), spurious("erm")])["accuracy-per-test"].alt


def test_one_noise_level_and_one_radius_can_be_drawn(drawings: dict[str, mpl_figure.Figure]) -> None:
    records = [noisy("sgd", curves=accuracies((1, 50))), noisy("sam", curves=accuracies((1, 60)))]
    figure = drawn(records)["accuracy-over-noise"]
    assert "sgd 50.0 % (best epoch 50.0 %) at 40 % noise" in figure.alt
    low, high = drawings["accuracy-over-noise"].axes[0].get_xlim()
    assert low < 40 < high
