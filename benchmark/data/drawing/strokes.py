"""Characters made of cubic strokes: control points, poses, and the ink that a pen leaves on pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmark.data.drawing.textures import centres
from benchmark.seeding import derive

if TYPE_CHECKING:
    from torch import Tensor

POINTS = 4
"""Control points of one stroke, a cubic Bezier curve."""
SEGMENTS = 12
"""Straight pieces that one stroke is drawn of: within 0.011 half widths of the curve, 0.15 pixels of an image of 28."""
DECISIVE = (1, POINTS, SEGMENTS)
"""For the fingerprints of what is drawn with strokes; raise the first number when pixels change."""


def control_points(name: str, *shape: int) -> Tensor:
    """Points (*shape, POINTS, 2), x and y uniform in [-1, 1), float64.

    From hashes of the name rather than a generator, so that no version of a library changes them.
    """
    import torch

    size = torch.Size((*shape, POINTS, 2))
    numbers = [derive(name, "control point", number) / 2**63 for number in range(size.numel())]
    return torch.tensor(numbers, dtype=torch.float64).view(size) * 2 - 1


def posed(points: Tensor, look: Mapping[str, Tensor]) -> Tensor:
    """Scale, shear, turn and shift the control points of each image: (n, strokes, POINTS, 2), rounded to float32.

    look: "aspect", "scale", "shear", "turn" (radians), "shift_x", "shift_y", each (n, 1, 1) float64
    """
    import torch

    x, y = points.double().flatten(1, 2).unbind(2)
    numbers = {name: number.view(-1, 1) for name, number in look.items()}
    stretch = numbers["aspect"].sqrt()
    y = y * numbers["scale"] / stretch
    x = x * numbers["scale"] * stretch + numbers["shear"] * y
    cosine, sine = numbers["turn"].cos(), numbers["turn"].sin()
    turned = [cosine * x - sine * y + numbers["shift_x"], sine * x + cosine * y + numbers["shift_y"]]
    return torch.stack(turned, dim=2).float().view_as(points)


def ink(points: Tensor, pen: Tensor, size: int) -> Tensor:
    """Ink of strokes with posed control points (n, strokes, POINTS, 2), in [0, 1]: (n, size, size).

    pen: (n, 1, 1) float32, half the width of a stroke in half widths of the image. Ink falls from full to none over one
    pixel at the stroke's edge; a pen thinner than a pixel leaves fainter, not narrower strokes.
    """
    pixel = 2 / size
    reach = pen.clamp_min(0.5 * pixel)
    return ((reach - _distance(points, size)) * (1 / pixel) + 0.5).clamp(0, 1) * (pen / reach)


def _distance(points: Tensor, size: int) -> Tensor:
    """Distance of each pixel to the nearest stroke, in half widths.

    points: (n, strokes, 4, 2) control points of cubic Bezier curves;  result: (n, size, size)
    """
    import torch

    t = torch.linspace(0, 1, SEGMENTS + 1, dtype=torch.float64).view(-1, 1)
    bernstein = [((1 - t) ** 3).float(), (3 * t * (1 - t) ** 2).float(), (3 * t**2 * (1 - t)).float(), (t**3).float()]
    curve = torch.zeros(len(points), points.shape[1], SEGMENTS + 1, 2)
    for number, weight in enumerate(bernstein):
        curve += weight * points[:, :, number : number + 1]
    starts, steps = curve[:, :, :-1].flatten(1, 2), (curve[:, :, 1:] - curve[:, :, :-1]).flatten(1, 2)
    middles = centres(size).float()
    nearest = torch.full((len(points), size, size), torch.inf)
    for start, step in zip(starts.unbind(1), steps.unbind(1), strict=True):
        x = middles - start[:, :1]
        y = middles - start[:, 1:]
        dx, dy = step[:, :1], step[:, 1:]
        length = (dx * dx + dy * dy).clamp_min(1e-12)
        # the foot of the pixel on the segment, as a share of its length
        foot = ((x * (dx / length)).unsqueeze(1) + (y * (dy / length)).unsqueeze(2)).clamp_(0, 1)
        across = (foot * dx.unsqueeze(2)).sub_(x.unsqueeze(1))
        down = foot.mul_(dy.unsqueeze(2)).sub_(y.unsqueeze(2))
        torch.minimum(nearest, across.mul_(across).add_(down.mul_(down)), out=nearest)
    return nearest.sqrt_()
