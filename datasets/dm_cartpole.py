"""Cart-pole of the DeepMind Control Suite (Tassa et al. 2018, arXiv:1801.00690), drawn by MuJoCo: the real thing.

Needs the extra `control`. Rendered without a display, on Mesa through EGL or OSMesa; without antialiasing, shadows and
reflections it takes a tenth of the time. MuJoCo 4 does not load this release of dm_control: the extra asks for less.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmark.data.cache import digest
from benchmark.data.catalogue import catalogue
from benchmark.errors import DataError

if TYPE_CHECKING:
    from benchmark.data.control.environment import ControlEnv
    from benchmark.data.control.shifts import Looks, Shift

REPEAT = 4
"""Steps of physics (10 ms each) per action."""
PALETTE = {"grid": (0.1, 0.2, 0.3), "self": (0.7, 0.5, 0.3), "skybox": (0.4, 0.6, 0.8)}
"""The suite's colours, from which the colour shift moves (released data of Hansen et al. 2021)."""
LEVELS = {
    "colour": (0.1, 0.2, 0.4), "lighting": (0.3, 0.5, 0.8), "texture": (0.1, 0.2, 0.4), "camera": (0.1, 0.2, 0.4),
    "dots": (0.1, 0.2, 0.4), "shadow": (0.3, 0.5, 0.8), "tint": (0.3, 0.5, 0.8),
}  # fmt: skip
COST_STATE, COST_ACTION = (1.0, 10.0, 0.1, 0.1), 1.0
"""Of the linear-quadratic expert: place, angle, their speeds; and the action."""
_METRES = 1.6
"""Half the width of the image at the cart's distance: a world unit of the other environments."""


@catalogue.add(
    "dm-cartpole",
    title="Cart-pole balance of the DeepMind Control Suite (control; needs the extra `control`)",
    licence="Apache-2.0 (dm_control, MuJoCo)",
    source="https://github.com/google-deepmind/dm_control",
)
class DMCartPole:
    """Copies are simulated in turn. Colours, textures and the camera are MuJoCo's; light falls on frames."""

    def missing(self) -> str | None:
        """See `ControlDataset.missing`."""
        lacking = [name for name in ("dm_control", "mujoco") if find_spec(name) is None]
        if lacking:
            return f"dm-cartpole needs {' and '.join(lacking)}; install them with: pip install 'heptathlon[control]'"
        if int(version("mujoco").partition(".")[0]) >= 4:
            return f"dm-cartpole needs mujoco below 4, here is {version('mujoco')}; run: pip install 'mujoco<4'"
        return None

    def fingerprint(self) -> str:
        """Versions of the simulator, and this file."""
        found = []
        for name in ("dm_control", "mujoco"):
            try:
                found.append(f"{name} {version(name)}")
            except PackageNotFoundError:
                found.append(f"no {name}")
        with open(__file__, "rb") as own:
            return digest(*(word.encode() for word in found), own.read())

    def environment(self, *, count: int, size: int, horizon: int, shift: Shift) -> ControlEnv:
        """See `ControlDataset.environment`. Raises DataError if something is missing."""
        missing = self.missing()
        if missing:
            raise DataError(missing)
        return _environment(count, size, horizon, shift)


def _environment(count: int, size: int, horizon: int, shift: Shift) -> ControlEnv:
    os.environ.setdefault("MUJOCO_GL", "egl")  # before dm_control is imported: no display is needed
    import numpy as np
    import torch
    import torchvision  # noqa: F401  first: its triton and Mesa each bring an LLVM, and in the other order it crashes
    from dm_control import suite
    from torch import Tensor

    from benchmark.data.control.environment import STACK, ControlEnv
    from benchmark.data.control.shifts import draw_looks
    from benchmark.errors import UsageError
    from benchmark.seeding import derive, generator

    class SimulatedEnv(ControlEnv):
        """One simulation per copy."""

        def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
            """See `DrawnEnv.reset`; a seed is always needed."""
            if not isinstance(seed, int):
                raise UsageError(f"reset() of dm-cartpole takes one seed for all copies, not {seed!r}")
            rng = generator(seed, "control", "dm-cartpole", "look", shift.kind)
            self.looks = draw_looks(shift, PALETTE, LEVELS, count=count, size=size, rng=rng)
            self.copies = []
            for copy in range(count):
                random = np.random.RandomState(derive(seed, "control", "dm-cartpole", "start", copy) % 2**32)
                self.copies.append(suite.load("cartpole", "balance", task_kwargs={"random": random}))
                self.copies[-1].reset()
                _dress(self.copies[-1].physics.model, self.looks, copy)
            self.gains = torch.tensor(_gains(), dtype=torch.float64)
            self.step_count = 0
            self._stack = self._draw().repeat(1, STACK, 1, 1)
            return self._stack, {}

        def step(self, actions: Tensor) -> Any:
            """See `DrawnEnv.step`; the reward is the mean over the repeated action."""
            chosen = self.begin_step(actions).double().numpy()
            rewards = [
                sum(copy.step(action).reward for _ in range(REPEAT)) / REPEAT
                for copy, action in zip(self.copies, chosen, strict=True)
            ]
            self.step_count += 1
            self._stack = torch.cat([self._stack[:, 3:], self._draw()], dim=1)
            return self._stack, torch.tensor(rewards, dtype=torch.float64), *self.flags(), {}

        def expert(self) -> Tensor:
            """See `ControlEnv.expert`: a linear-quadratic regulator around upright."""
            states = [[*copy.physics.data.qpos, *copy.physics.data.qvel] for copy in self.copies]
            return -(torch.tensor(states, dtype=torch.float64) @ self.gains).clamp(-1, 1).float()

        def _draw(self) -> Tensor:
            views = [copy.physics.render(size, size, camera_id=0) for copy in self.copies]
            frames = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)
            if self.looks.light is None:
                return frames.contiguous()
            return (frames * self.looks.light + 0.5).clamp(0, 255).to(torch.uint8)

    return SimulatedEnv(count=count, size=size, horizon=horizon, actions=1)


def _dress(model: Any, looks: Looks, copy: int) -> None:
    """Change a model's look before its first frame: cheap quality, colours, textures, camera."""
    import numpy as np
    import torch

    model.vis.quality.offsamples = model.vis.quality.shadowsize = 0
    model.mat_reflectance[:] = 0
    model.light_castshadow[:] = 0
    model.mat_rgba[model.name2id("self", "material"), :3] = looks.colours["self"][copy]
    for part in ("grid", "skybox"):
        index = model.name2id(part, "texture")
        height, width, first = model.tex_height[index], model.tex_width[index], model.tex_adr[index]
        pixels = model.tex_data[first : first + height * width * 3].reshape(height, width, 3)
        moved = (looks.colours[part][copy] - torch.tensor(PALETTE[part])).expand(height, width, 3)
        if looks.texture is not None:
            side = torch.nn.functional.interpolate(looks.texture[copy : copy + 1], (width, width), mode="bilinear")
            moved = moved + side[0].permute(1, 2, 0).repeat(height // width, 1, 1)
        pixels[:] = np.clip(pixels + 255 * moved.numpy(), 0, 255)
    pan, turn, zoom = (part[copy].double() for part in (looks.camera.pan, looks.camera.turn, looks.camera.zoom))
    across, upward = (-_METRES * pan).tolist()
    model.cam_pos[0] += (across, 0, upward)
    model.cam_fovy[0] /= float(zoom)
    half = -torch.atan2(turn[1], turn[0]) / 2  # the image turns against the camera
    model.cam_quat[0] = _product(model.cam_quat[0], (float(half.cos()), 0.0, 0.0, float(half.sin())))


def _product(one: Any, other: Any) -> tuple[float, float, float, float]:
    """Hamilton's product of two quaternions."""
    (a, b, c, d), (e, f, g, h) = one, other
    return (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )


@cache
def _gains() -> list[list[float]]:
    """Gains (4, 1) of the regulator, from differences of the simulated physics around upright (scipy's solver)."""
    import numpy as np
    from dm_control import suite
    from scipy.linalg import solve_discrete_are

    physics = suite.load("cartpole", "balance").physics

    def after(state: Any, action: float) -> Any:
        with physics.reset_context():
            physics.data.qpos[:], physics.data.qvel[:] = state[:2], state[2:]
        physics.set_control([action])
        physics.step(REPEAT)
        return np.concatenate([physics.data.qpos, physics.data.qvel])

    small = 1e-4
    a = np.stack([(after(x, 0.0) - after(-x, 0.0)) / (2 * small) for x in small * np.eye(4)], axis=1)
    b = ((after(np.zeros(4), small) - after(np.zeros(4), -small)) / (2 * small))[:, None]
    value = solve_discrete_are(a, b, np.diag(COST_STATE), np.array([[COST_ACTION]]))
    gains: list[list[float]] = np.linalg.solve(COST_ACTION + b.T @ value @ b, b.T @ value @ a).T.tolist()
    return gains
