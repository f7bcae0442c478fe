"""All that can be told of a network's borders without training it: what `heptathlon padding` shows."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from benchmark.errors import UsageError
from benchmark.tasks.small_objects.borders.convolution import left_alone, repad
from benchmark.tasks.small_objects.borders.foveation import Edges, edges, foveation
from benchmark.tasks.small_objects.borders.geometry import Pair
from benchmark.tasks.small_objects.borders.probes import ConstantResponse, constant_response
from benchmark.tasks.small_objects.borders.spans import LayerPadding, even_sizes, spans
from benchmark.tasks.small_objects.borders.tracing import body

VALUE = 0.5
"""Of the constant image: a black one answers nothing where layers have no biases."""


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What there is to say of a network at a size.

    layers: all that pad, or leave lines unread;  heights, widths: the nearest at which padding is even;
    responses: to a constant image;  paths: `foveation`, and its edges, or None where paths cannot be counted;
    notes: what was left out, and why, in sentences
    """

    size: Pair
    layers: list[LayerPadding]
    heights: list[int]
    widths: list[int]
    responses: list[ConstantResponse]
    paths: Tensor | None
    edges: Edges | None
    notes: list[str]

    @property
    def uneven(self) -> list[LayerPadding]:
        """Layers that apply their padding unevenly."""
        return [each for each in self.layers if any(each.uneven)]

    @property
    def padded(self) -> list[LayerPadding]:
        """Layers that pad."""
        return [each for each in self.layers if any(each.sides)]


def look(model: nn.Module, size: Pair, *, fill: str | None = None) -> Findings:
    """Analyse a network at a size; with a fill, which it then keeps.

    Raises UsageError if the network cannot take images of that size, UnknownNameError for an unknown fill.
    """
    part, notes = body(model), []
    if part is not model:
        notes.append(
            "this is a detector: its backbone is what was looked at, at the given size; the detector itself resizes "
            "images before that"
        )
    if fill is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said as a note
            repad(part, fill)
        notes += [f"{name} keeps its padding: {why}" for name, why in left_alone(part).items()]
    layers = spans(part, size)
    cuts = [each.name for each in layers if each.cuts]
    if cuts:
        notes.append(f"without padding, and with the last row or column unread: {_listed(cuts)}")
    heights, widths = even_sizes(part, near=size)
    paths: Tensor | None = None
    responses: list[ConstantResponse] = []
    try:
        paths = foveation(part, size)
    except UsageError as error:
        notes.append(f"no foveation: {error}")
    try:
        responses = constant_response(part, size, VALUE)
    except UsageError as error:
        notes.append(f"no answer to a constant image: {error}")
    return Findings(size, layers, heights, widths, responses, paths, None if paths is None else edges(paths), notes)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
