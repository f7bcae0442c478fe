"""Environments of many copies that are stepped at once and observed as pixels: Gymnasium's vector API, in torch."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from torch import Tensor

from benchmark.data.control.raster import paint
from benchmark.data.control.shifts import Shift, draw_looks
from benchmark.errors import UsageError
from benchmark.seeding import generator

if TYPE_CHECKING:
    from benchmark.data.control.physics import Physics

STACK = 3
"""Frames in an observation, the newest last: velocities show in their differences."""
BLOCK = 2**17
"""Pixels of one plane that are drawn at once: many for few calls, few for the cache. It decides no pixel."""


class ControlEnv(VectorEnv[Tensor, Tensor, Tensor]):
    """A Gymnasium vector environment for `test_time_shift.control`; whoever brings their own derives from it.

    Observations (n, 3 * STACK, size, size) uint8, actions (n, actions) in [-1, 1], rewards (n,) of at most 1. All
    copies are truncated together after `horizon` steps, and none ends before: a batch of episodes stays one.
    """

    metadata = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012  gymnasium's own way

    def __init__(self, *, count: int, size: int, horizon: int, actions: int) -> None:
        self.num_envs, self.size, self.horizon, self.actions = count, size, horizon, actions
        self.single_observation_space = spaces.Box(0, 255, (3 * STACK, size, size), np.uint8)
        self.single_action_space = spaces.Box(-1.0, 1.0, (actions,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)
        self.step_count = horizon

    @abstractmethod
    def expert(self) -> Tensor:
        """Actions (n, actions) in [-1, 1] of one who knows the present state."""

    def begin_step(self, actions: Tensor) -> Tensor:
        """Check and clip the actions of a step. Raises UsageError if their shape is wrong or the episodes are over."""
        if self.step_count >= self.horizon:
            raise UsageError(f"the episodes are over after {self.horizon} steps, or have not begun; call reset()")
        wanted = (self.num_envs, self.actions)
        if tuple(actions.shape) != wanted:
            raise UsageError(f"actions have the shape {tuple(actions.shape)}; it must be {wanted}")
        return actions.clamp(-1, 1)

    def flags(self) -> tuple[Tensor, Tensor]:
        """Terminations and truncations (n,) after a step."""
        ended = torch.zeros(self.num_envs, dtype=torch.bool)
        return ended, torch.full_like(ended, self.step_count >= self.horizon)


class DrawnEnv(ControlEnv):
    """The physics of a world, drawn. `reset(seed=...)` says which episodes: their starts and their looks."""

    def __init__(self, world: Physics, *, count: int, size: int, horizon: int, shift: Shift) -> None:
        super().__init__(count=count, size=size, horizon=horizon, actions=world.actions)
        self._world, self._shift = world, shift
        self._seed, self._episodes = 0, 0

    def reset(self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None) -> Any:
        """Begin new episodes. seed: one number for all copies; without one, the next episodes of the last seed."""
        if isinstance(seed, list):
            raise UsageError("reset() takes one seed for all copies, not a list")
        self._seed, self._episodes = (self._seed, self._episodes + 1) if seed is None else (seed, 0)
        path = (self._seed, "control", self._world.name, self._episodes)
        self.state = self._world.start(self.num_envs, self.horizon, generator(*path, "start"))
        self.looks = draw_looks(
            self._shift,
            self._world.palette,
            self._world.levels,
            count=self.num_envs,
            size=self.size,
            rng=generator(*path, "look", self._shift.kind),
        )
        self._colours = {part: colour * 255 for part, colour in self.looks.colours.items()}
        self._ground = self._scenery()
        self.step_count = 0
        frame = self.draw()
        self._stack = frame.repeat(1, STACK, 1, 1)
        return self._stack, {}

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, dict[str, Any]]:
        """Advance all copies; return observations, rewards, terminations, truncations, and no further words."""
        chosen = self.begin_step(actions).double()
        self.state, rewards = self._world.advance(self.state, chosen, self.step_count)
        self.step_count += 1
        self._stack = torch.cat([self._stack[:, 3:], self.draw()], dim=1)
        return self._stack, rewards, *self.flags(), {}

    def expert(self) -> Tensor:
        """See `ControlEnv.expert`."""
        return self._world.expert(self.state).clamp(-1, 1).float()

    def draw(self) -> Tensor:
        """The present frames, (n, 3, size, size) uint8."""
        frames = torch.empty(self._ground.shape, dtype=torch.uint8)
        shapes = [
            (shape.seen(self.looks.camera), self._colours[shape.part]) for shape in self._world.shapes(self.state)
        ]
        block = max(1, BLOCK // self.size**2)
        for first in range(0, self.num_envs, block):
            part = slice(first, first + block)
            canvas = self._ground[part].clone()
            for shape, colour in shapes:
                paint(canvas, shape.some(part), colour[part])
            if self.looks.light is not None:
                canvas.mul_(self.looks.light[part])
            frames[part] = canvas.add_(0.5).clamp_(0, 255)
        return frames

    def _scenery(self) -> Tensor:
        """The ground with what stands still, unlit: (n, 3, size, size) in [0, 255]."""
        first = next(iter(self._world.palette))
        canvas = self._colours[first][:, :, None, None].repeat(1, 1, self.size, self.size)
        for shape in self._world.scenery(self.num_envs):
            paint(canvas, shape.seen(self.looks.camera), self._colours[shape.part])
        return canvas if self.looks.texture is None else canvas.add_(255 * self.looks.texture).clamp_(0, 255)
