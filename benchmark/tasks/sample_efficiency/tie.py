"""What the intrinsic dimension means for learning: samples until 90 % accuracy against latent and ambient dimension.

Two random decoders make images from the same latent coordinates, and a network learns which of the two made an image.
The decoders are odd functions, since their mean images alone would tell. How many samples that takes is searched at
several latent dimensions and one size of images; at several sizes, copies or a part of the same pixels; and with pixels
that hold noise, as Pope et al. (ICLR 2021, arXiv:2104.08894, section 4) do with a GAN. The network is the harness's
own, one full layer, which cannot tell copies of a pixel from a pixel: larger images cost it nothing by its making, and
only smaller ones, which lose pixels, could.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Generator, Tensor

from benchmark.learning.keeping import kept
from benchmark.processes import aside
from benchmark.seeding import Draw, generator
from benchmark.tasks.sample_efficiency import search
from benchmark.tasks.sample_efficiency.clouds import LATENT, OddDecoder, latents, noised
from benchmark.tasks.sample_efficiency.dimension_sizes import TieSizes
from benchmark.tasks.sample_efficiency.distributions import Samples
from benchmark.tasks.sample_efficiency.learner import StackedLearner, Weights, gaussian
from benchmark.tasks.sample_efficiency.rules import LearnerSetup

_START = 6
"""Index of the size at which searches start."""


@dataclass(frozen=True, slots=True)
class Setting:
    """varied: which of "latent", "ambient", "noise";  latent: free coordinates;  side: in pixels;  noise: pixels that
    hold noise."""

    varied: str
    latent: int
    side: int
    noise: int

    @property
    def ambient(self) -> int:
        """Coordinates of a point."""
        return self.side**2


def settings(sizes: TieSizes) -> Iterator[Setting]:
    """All that is searched: one after the other is varied."""
    yield from (Setting("latent", latent, sizes.side, 0) for latent in sizes.latents)
    yield from (Setting("ambient", sizes.fixed, side, 0) for side in sizes.sides)
    yield from (Setting("noise", sizes.fixed, sizes.side, noise) for noise in sizes.noises)


def _alike(setting: Setting) -> tuple[int, int, int]:
    """What two settings share that are searched once."""
    return setting.latent, setting.side, setting.noise


@dataclass(frozen=True, slots=True)
class Tied:
    """A setting, what was needed to learn it, and points (n, ambient) of it."""

    setting: Setting
    crossing: search.Crossing
    points: Tensor


class Images:
    """The two decoders of a seed, and what they make."""

    def __init__(self, sizes: TieSizes, seed: int) -> None:
        self.sizes, self.seed = sizes, seed
        self.decoders = [
            OddDecoder.drawn(1, sizes.side, generator(seed, "tie", "decoder", which)) for which in range(2)
        ]
        self._made: dict[tuple[int | str, ...], Samples] = {}

    def drawn(self, setting: Setting, count: int, *words: int | str) -> Samples:
        """Images (count, 1, side, side) with labels; `words` name the stream."""
        path = (setting.latent, count, *words)
        if path not in self._made:
            self._made[path] = self._decoded(setting.latent, count, generator(self.seed, "tie", *path))
        images = self._made[path].inputs
        if setting.side != self.sizes.side:
            images = F.interpolate(images, (setting.side, setting.side), mode="nearest")
        if setting.noise:
            rng, places = generator(self.seed, "tie", "noise", *path), generator(self.seed, "tie", "places")
            # The paper's noise is uniform in [0, 1], as its images are; here it has the images' own variance of 1.
            images = noised(images, setting.noise, rng, places=places, reach=3**0.5)
        return Samples(images, self._made[path].labels)

    def _decoded(self, latent: int, count: int, rng: Generator) -> Samples:
        labels = torch.randint(2, (count,), generator=rng)
        given = latents(latent, count, rng, most=LATENT, scale=0.5)
        images = torch.empty(count, 1, self.sizes.side, self.sizes.side)
        for which, decoder in enumerate(self.decoders):
            images[labels == which] = decoder(given[labels == which]) - 0.5
        return Samples(images / images.std(), labels)


class Network(StackedLearner):
    """One hidden layer of 64 rectified units. Inputs are divided by the root of their number, and not the weights: so
    that the steps of SGD do not grow with copies of a pixel (the parameters of Jacot et al. 2018, arXiv:1806.07572)."""

    width = 64

    def __init__(self, setup: LearnerSetup) -> None:
        super().__init__(setup, learning_rate=0.2)

    def prepared(self, inputs: Tensor) -> Tensor:
        """See `StackedLearner.prepared`."""
        scaled: Tensor = inputs.flatten(1) / inputs[0].numel() ** 0.5
        return scaled

    def initial(self, problems: int, shape: tuple[int, int, int], rng: Generator) -> Weights:
        """See `StackedLearner.initial`."""
        d = shape[0] * shape[1] * shape[2]
        return {
            "hidden": gaussian(rng, problems, d, self.width, fan_in=1),
            "shift": torch.zeros(problems, 1, self.width),
            "out": gaussian(rng, problems, self.width, 1, fan_in=self.width),
            "bias": torch.zeros(problems, 1, 1),
        }

    def scores(self, weights: Weights, inputs: Tensor) -> Tensor:
        """See `StackedLearner.scores`."""
        hidden = F.relu(torch.baddbmm(weights["shift"], inputs, weights["hidden"]))
        scores: Tensor = torch.baddbmm(weights["bias"], hidden, weights["out"]).squeeze(2)
        return scores


@lru_cache(maxsize=4)
def tied(sizes: TieSizes, draw: Draw) -> tuple[Tied, ...]:
    """All settings of a seed; what the search found is kept, the points are fresh ones."""

    def make() -> dict[str, Tensor]:
        made: dict[str, Tensor] = aside.run(search_here, asdict(sizes), draw.seed, draw.device)
        return made

    found = kept("tie", sizes, str(draw.seed), make, by=search_here, device=draw.device)
    images = Images(sizes, draw.seed)
    rows = zip(settings(sizes), found["samples"].tolist(), found["bound"].tolist(), strict=True)
    return tuple(
        Tied(setting, search.Crossing(samples, bound), images.drawn(setting, sizes.points, "points").inputs.flatten(1))
        for setting, samples, bound in rows
    )


def search_here(sizes: dict[str, Any], seed: int, device: str) -> dict[str, Tensor]:
    """Search in this process. Arguments as they cross: fields of `TieSizes`, a seed, a device."""
    words: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in sizes.items()}
    chosen = TieSizes(**words)
    images = Images(chosen, seed)
    once = {_alike(setting): setting for setting in settings(chosen)}
    crossings = {alike: _searched(images, setting, device) for alike, setting in once.items()}
    found = [crossings[_alike(setting)] for setting in settings(chosen)]
    return {
        "samples": torch.tensor([each.samples for each in found], dtype=torch.float64),
        "bound": torch.tensor([each.bound for each in found]),
    }


def _searched(images: Images, setting: Setting, device: str) -> search.Crossing:
    sizes = images.sizes
    network = Network(LearnerSetup(images.seed, "tie", device, sizes.batch_size))
    parts = [images.drawn(setting, sizes.most, "train", repeat) for repeat in range(sizes.repeats)]
    train = [torch.stack(each).to(device) for each in ([p.inputs for p in parts], [p.labels for p in parts])]
    test = images.drawn(setting, sizes.test, "test")

    def measure(asked: list[int]) -> NDArray[np.float64]:
        network.learn(train[0][:, : asked[-1]], train[1][:, : asked[-1]], asked, sizes.steps)
        right = network.predict(test.inputs.to(device)).cpu() == test.labels
        accuracy: NDArray[np.float64] = right.double().mean(1).view(len(asked), sizes.repeats).numpy()
        return accuracy

    return search.crossed(search.measured(measure, search.grid(sizes.first, sizes.most), _START))
