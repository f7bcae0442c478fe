"""Reacher: a hand on a table is to follow a mark that jumps; seen from above, before a wall, as pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.data.catalogue import catalogue
from benchmark.data.control.world import ControlWorld

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from benchmark.data.control.raster import Shape

SPEED = 0.1
"""World units per step at full action."""
REACH = 0.75
"""Hand and mark stay within so far of the middle, in x; in y they stay below the wall."""
TOP = 0.5
HOLD = 20
"""Steps until the mark jumps to its next place."""
HAND, MARK = 0.19, 0.15
"""Radii, in world units."""


@catalogue.add(
    "reacher",
    title="Reacher: a hand follows a mark, drawn as pixels (control)",
    licence="drawn by this project (Apache-2.0)",
    source="physics and drawing in datasets/reacher.py",
)
class Reacher(ControlWorld):
    """State: hand (n, 2), marks (n, jumps, 2), mark (n, 2). Reward: 1 - distance of the hand from the mark."""

    name = "reacher"
    actions = 2
    # The defaults of the colour shift of Hansen et al. (released data): floor, body and sky; the mark is ours.
    palette = {  # noqa: RUF012
        "table": (0.1, 0.2, 0.3), "wall": (0.4, 0.6, 0.8), "mark": (0.8, 0.25, 0.2), "hand": (0.7, 0.5, 0.3),
    }  # fmt: skip
    levels = {  # noqa: RUF012
        "colour": (0.04, 0.07, 0.15),
        "lighting": (0.5, 0.7, 1.0),
        "texture": (0.2, 0.35, 0.6),
        "camera": (0.4, 0.55, 0.7),
        "dots": (0.2, 0.35, 0.6),
        "shadow": (0.4, 0.6, 0.8),
        "tint": (0.4, 0.6, 0.8),
    }
    version = 1

    def start(self, count: int, horizon: int, rng: Generator) -> dict[str, Tensor]:
        """Hand and marks anywhere on the table."""
        import torch

        jumps = -(-horizon // HOLD)
        places = torch.rand(count, 1 + jumps, 2, generator=rng, dtype=torch.float64)
        low, high = (torch.tensor(corner, dtype=torch.float64) for corner in ((-REACH, -REACH), (REACH, TOP)))
        places = low + (high - low) * places
        return {"hand": places[:, 0], "marks": places[:, 1:], "mark": places[:, 1]}

    def advance(self, state: dict[str, Tensor], actions: Tensor, step: int) -> tuple[dict[str, Tensor], Tensor]:
        """Move the hand; the reward is for where it is now."""
        moved = state["hand"] + SPEED * actions
        x, y = moved[:, 0].clamp(-REACH, REACH), moved[:, 1].clamp(-REACH, TOP)
        hand = moved.new_empty(moved.shape)
        hand[:, 0], hand[:, 1] = x, y
        reward = 1 - (hand - state["mark"]).square().sum(1).sqrt()
        place = min((step + 1) // HOLD, state["marks"].shape[1] - 1)
        return {"hand": hand, "marks": state["marks"], "mark": state["marks"][:, place]}, reward

    def expert(self, state: dict[str, Tensor]) -> Tensor:
        """Straight there, slower when near."""
        return (5 * (state["mark"] - state["hand"])).clamp(-1, 1)

    def scenery(self, count: int) -> tuple[Shape, ...]:
        """The wall behind the table, above in the image."""
        import torch

        from benchmark.data.control.raster import Box

        wall = torch.tensor([0.0, 2.25]), torch.tensor([4.0, 1.5]), torch.tensor([1.0, 0.0])
        centre, half, along = (part.expand(count, 2) for part in wall)
        return (Box("wall", centre, half, along),)

    def shapes(self, state: dict[str, Tensor]) -> tuple[Shape, ...]:
        """The hand covers the mark."""
        import torch

        from benchmark.data.control.raster import Disc

        count = len(state["hand"])
        return (
            Disc("mark", state["mark"].float(), torch.full((count,), MARK)),
            Disc("hand", state["hand"].float(), torch.full((count,), HAND)),
        )
