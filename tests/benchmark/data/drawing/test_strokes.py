from __future__ import annotations

import torch

from benchmark.data.drawing import strokes


def curves(points: torch.Tensor, size: int) -> torch.Tensor:
    """Distance of each pixel to the nearest of 2,000 points on each Bezier curve: (n, size, size)."""
    t = torch.linspace(0, 1, 2_000).view(-1, 1, 1, 1)
    left, inner, outer, right = points.unsqueeze(0).unbind(3)
    curve = (1 - t) ** 3 * left + 3 * t * (1 - t) ** 2 * inner + 3 * t**2 * (1 - t) * outer + t**3 * right
    at = (torch.arange(size) + 0.5) * 2 / size - 1
    pixels = torch.stack(torch.meshgrid(at, at, indexing="xy"), dim=2).view(-1, 2)
    return torch.cdist(pixels, curve.permute(1, 0, 2, 3).flatten(1, 2)).amin(2).view(-1, size, size)


def test_strokes_are_close_to_their_curves() -> None:
    points, size = strokes.control_points("test", 6, 3).mul(0.95).float(), 28
    expected = curves(points, size)
    error = (strokes._distance(points, size) - expected).abs()
    assert error[expected < 0.1].max() < 0.011


def test_ink_is_full_inside_a_stroke_and_absent_away_from_it() -> None:
    points, size = strokes.control_points("test", 6, 3).mul(0.7).float(), 40
    distance = curves(points, size)
    ink = strokes.ink(points, torch.full((6, 1, 1), 0.15), size)
    assert ink[distance < 0.15 - 0.04].min() == 1
    assert ink[distance > 0.15 + 0.04].max() == 0


def test_a_pen_thinner_than_a_pixel_is_fainter() -> None:
    points = strokes.control_points("test", 4, 1).float()
    thin, thinner = (strokes.ink(points, torch.full((4, 1, 1), pen), 10) for pen in (0.1, 0.05))
    assert torch.allclose(thinner, thin / 2)


def test_control_points_depend_on_the_name_alone() -> None:
    points = strokes.control_points("test", 5, 2)
    assert points.shape == (5, 2, 4, 2)
    assert points.abs().max() <= 1
    assert torch.equal(points, strokes.control_points("test", 5, 2))
    assert not torch.equal(points, strokes.control_points("other", 5, 2))


def test_no_pose_leaves_points_and_a_turn_turns_them() -> None:
    points = strokes.control_points("test", 3, 2).float()
    still = {name: torch.zeros(3, 1, 1, dtype=torch.float64) for name in ("turn", "shear", "shift_x", "shift_y")}
    still |= {name: torch.ones(3, 1, 1, dtype=torch.float64) for name in ("scale", "aspect")}
    assert torch.equal(strokes.posed(points, still), points)
    turned = strokes.posed(points, still | {"turn": torch.full((3, 1, 1), torch.pi / 2, dtype=torch.float64)})
    assert torch.allclose(turned, torch.stack([-points[..., 1], points[..., 0]], dim=-1), atol=1e-6)
