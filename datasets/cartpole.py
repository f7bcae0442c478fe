"""Cart-pole: a pole is to be held upright on a cart that drives left and right, against pushes; seen from the side.

A servo drives the cart: an action is the speed it shall take, and the pole feels the acceleration (Barto, Sutton,
Anderson 1983, doi:10.1109/TSMC.1983.6313077, with a motor in place of a force).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from benchmark.data.catalogue import catalogue
from benchmark.data.control.world import ControlWorld

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from benchmark.data.control.raster import Shape

SECONDS, SUBSTEPS = 0.05, 5
"""Of a step, and how many parts of it physics is computed in."""
SPEED = 1.5
"""Of the cart at full action, in world units (metres) per second."""
LAG = 0.05
"""Time constant of the servo, in seconds."""
GRAVITY, POLE = 9.81, 0.9
"""m/s^2, and the length in metres: a pole left alone falls in about half a second."""
TRACK = 0.75
"""The cart's places are within so far of the middle."""
PUSH_EVERY, PUSH = 15, 0.6
"""A push every so many steps, of up to so many radians per second."""
RAIL = -0.45
"""Height of the cart."""
COST_STATE, COST_ACTION = (3.0, 0.3, 10.0, 0.3), 0.3
"""Of the linear-quadratic expert: place, speed, angle, angular speed; and the action."""


@catalogue.add(
    "cartpole",
    title="Cart-pole: a pole is held upright against pushes, drawn as pixels (control)",
    licence="drawn by this project (Apache-2.0)",
    source="physics and drawing in datasets/cartpole.py",
)
class CartPole(ControlWorld):
    """State: body (n, 4), place and speed of the cart, angle of the pole from upright (clockwise) and its speed; pushes
    (n, horizon). Reward: cosine of the angle, less half the cart's distance from the middle; at least 0.
    """

    name = "cartpole"
    actions = 1
    palette = {  # noqa: RUF012
        "wall": (0.4, 0.6, 0.8), "floor": (0.1, 0.2, 0.3), "cart": (0.8, 0.25, 0.2), "pole": (0.7, 0.5, 0.3),
    }  # fmt: skip
    levels = {  # noqa: RUF012
        "colour": (0.12, 0.2, 0.3),
        "lighting": (0.75, 1.1, 1.6),
        "texture": (0.65, 1.0, 1.5),
        "camera": (0.17, 0.25, 0.4),
        "dots": (0.65, 1.0, 1.5),
        "shadow": (0.6, 0.8, 1.0),
        "tint": (0.6, 0.8, 1.0),
    }
    version = 1

    def start(self, count: int, horizon: int, rng: Generator) -> dict[str, Tensor]:
        """Near upright, anywhere on the middle half of the track, with pushes to come."""
        import torch

        spread = torch.tensor([0.4, 0.1, 0.15, 0.1], dtype=torch.float64)
        body = spread * (2 * torch.rand(count, 4, generator=rng, dtype=torch.float64) - 1)
        pushes = PUSH * (2 * torch.rand(count, horizon, generator=rng, dtype=torch.float64) - 1)
        pushes *= (torch.arange(horizon) % PUSH_EVERY == PUSH_EVERY - 1).double()
        return {"body": body, "pushes": pushes}

    def advance(self, state: dict[str, Tensor], actions: Tensor, step: int) -> tuple[dict[str, Tensor], Tensor]:
        """Semi-implicit Euler steps; the cart stops at the ends of the track."""
        import torch

        place, speed, angle, turning = state["body"].unbind(1)
        turning = turning + state["pushes"][:, step]
        seconds = SECONDS / SUBSTEPS
        for _ in range(SUBSTEPS):
            force = (SPEED * actions[:, 0] - speed) / LAG
            turning = turning + seconds * (GRAVITY * angle.sin() - force * angle.cos()) / POLE
            angle = angle + seconds * turning
            speed = speed + seconds * force
            moved = place + seconds * speed
            place = moved.clamp(-TRACK, TRACK)
            speed = torch.where(place == moved, speed, 0.0)
        reward = (angle.cos() - 0.5 * place.abs()).clamp_min(0)
        return {"body": torch.stack([place, speed, angle, turning], dim=1), "pushes": state["pushes"]}, reward

    def expert(self, state: dict[str, Tensor]) -> Tensor:
        """A linear-quadratic regulator around upright."""
        import torch

        return -(state["body"] @ torch.tensor(_gains(), dtype=torch.float64)).clamp(-1, 1)

    def scenery(self, count: int) -> tuple[Shape, ...]:
        """The floor, below in the image."""
        import torch

        from benchmark.data.control.raster import Box

        floor = torch.tensor([0.0, RAIL - 1.65]), torch.tensor([4.0, 1.5]), torch.tensor([1.0, 0.0])
        centre, half, along = (part.expand(count, 2) for part in floor)
        return (Box("floor", centre, half, along),)

    def shapes(self, state: dict[str, Tensor]) -> tuple[Shape, ...]:
        """The pole behind the cart."""
        import torch

        from benchmark.data.control.raster import Box, Capsule

        place, _, angle, _ = state["body"].unbind(1)
        count = len(place)
        hinge = torch.stack([place, torch.full_like(place, RAIL)], dim=1)
        tip = hinge + POLE * torch.stack([angle.sin(), angle.cos()], dim=1)
        half, along = (torch.tensor(pair).expand(count, 2) for pair in ([0.22, 0.11], [1.0, 0.0]))
        return (
            Capsule("pole", hinge.float(), tip.float(), torch.full((count,), 0.07)),
            Box("cart", hinge.float(), half, along),
        )


@cache
def _gains() -> list[list[float]]:
    """Gains (4, 1) of the regulator for one step of linearised physics (scipy's Riccati solver)."""
    import numpy as np
    from scipy.linalg import expm, solve_discrete_are

    flow = np.zeros((5, 5))  # of the state and the held action
    flow[0, 1] = flow[2, 3] = 1
    flow[1, 1], flow[1, 4] = -1 / LAG, SPEED / LAG
    flow[3] = -flow[1] / POLE
    flow[3, 2] = GRAVITY / POLE
    whole = expm(flow * SECONDS)
    a, b = whole[:4, :4], whole[:4, 4:]
    value = solve_discrete_are(a, b, np.diag(COST_STATE), np.array([[COST_ACTION]]))
    gains = np.linalg.solve(COST_ACTION + b.T @ value @ b, b.T @ value @ a)
    found: list[list[float]] = gains.T.tolist()
    return found
