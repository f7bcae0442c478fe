"""Scenes: dark characters of scripts unlike Latin on bright, smoothly textured, unevenly lit ground, in low contrast.

An inverted world beside `glyphs`, from which the characters are taken when images are drawn: ten each of the Arabic,
Lao and syllabic scripts. A character takes four fifths of the image's side, anywhere in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.data.catalogue import ScriptedDataset, catalogue
from benchmark.data.drawing.textures import ground, ground_numbers, inked, lit
from benchmark.data.drawing.worlds import Range, World
from benchmark.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from torch import Generator, Tensor

# Spread over each alphabet, and written out so that no version of `glyphs` changes the classes.
CHARACTERS = {"arabic": "بجدرسصطعكه", "lao": "ກຂຈດຖນຜລອ໖", "syllabics": "ᐁᐳᑫᒧᓂᓭᔕᕙᖏᙯ"}


@dataclass(frozen=True)
class Look:
    """Ranges of the uniform random numbers behind one image; brightness is in [0, 1]."""

    left: Range = (0.0, 1.0)  # where the character lies: 0 at the left, 1 at the right edge
    top: Range = (0.0, 1.0)
    paper: Range = (0.55, 0.75)  # brightness of the ground at its darkest
    relief: Range = (0.10, 0.30)  # how much brighter the ground is at its brightest
    depth: Range = (0.35, 0.65)  # share of the brightness that ink takes away
    across: Range = (-0.20, 0.20)  # lighting, see benchmark.data.drawing.textures.lit
    down: Range = (-0.20, 0.20)
    noise: Range = (0.01, 0.05)  # standard deviation of the pixels' Gaussian noise


@catalogue.add(
    "scenes",
    title="Scenes: dark characters on bright textured ground",
    licence="drawn by this project (Apache-2.0) from fonts under the DejaVu, STIX and BaKoMa licences",
    source="fonts shipped with matplotlib (https://matplotlib.org)",
)
class Scenes(World):
    """Thirty characters, classes named like "lao/ກ"."""

    name = "scenes"
    classes = tuple(f"{script}/{char}" for script, chars in CHARACTERS.items() for char in chars)
    drawing = 1
    look = Look()

    def chosen(self, index: int, count: int, size: int, rng: Generator) -> dict[str, Tensor]:
        """characters: (count, side, side) uint8 at four fifths of `size`;  ground: numbers;  noise: per pixel."""
        import torch

        glyphs = _glyphs()
        seed = int(torch.randint(2**62, (1,), generator=rng))
        character = glyphs.classes.index(self.classes[index])
        side = round(0.8 * size)
        characters = glyphs.draw(classes=[character], per_class=count, size=side, seed=seed).images.squeeze(1)
        return {
            "characters": characters,
            "ground": ground_numbers(count, rng),
            "noise": torch.randn(count, size, size, generator=rng),
        }

    def drawn(self, size: int, look: Mapping[str, Tensor], chosen: Mapping[str, Tensor]) -> Tensor:
        """Make pixels; the brightest of a character's own pixels are full ink, its noisy dark ground is none."""
        at = {name: number.float() for name, number in look.items()}
        light = chosen["characters"].float()
        ink = _placed(((light / light.amax((1, 2), keepdim=True) - 0.3) * 2).clamp(0, 1), size, look)
        paper = at["paper"] + at["relief"] * ground(chosen["ground"], size)
        scene = lit(inked(paper, ink, at["depth"]), at["across"], at["down"])
        return scene + at["noise"] * chosen["noise"]

    def decisive(self) -> Any:
        """The content hash of the characters."""
        return _glyphs().fingerprint()


def _placed(small: Tensor, size: int, look: Mapping[str, Tensor]) -> Tensor:
    """Put each small image, (n, side, side), at its place in one of (n, size, size), zero elsewhere."""
    import torch

    side = small.shape[-1]
    room = size - side + 1
    left, top = ((look[name] * room).long().clamp(0, room - 1) for name in ("left", "top"))
    across = torch.arange(size) - left
    down = torch.arange(size).unsqueeze(1) - top
    inside = (across >= 0) & (across < side) & (down >= 0) & (down < side)
    where = down.clamp(0, side - 1) * side + across.clamp(0, side - 1)
    return small.flatten(1).gather(1, where.flatten(1)).view(-1, size, size) * inside


def _glyphs() -> ScriptedDataset:
    """The registered dataset of characters. Raises DataError if there is none or it lacks a script."""
    try:
        dataset = catalogue.find("glyphs").dataset
    except UnknownNameError:
        raise DataError(
            "scenes are drawn from the dataset 'glyphs', which is not registered; load datasets/glyphs.py beside it"
        ) from None
    if not isinstance(dataset, ScriptedDataset):
        raise DataError(
            f"scenes are drawn from characters, and the registered 'glyphs' is a {type(dataset).__name__}; "
            "remove the plug-in that took the name"
        )
    absent = [name for name in Scenes.classes if name not in dataset.classes]
    if absent:
        raise DataError(f"scenes are drawn from {', '.join(absent)}, which 'glyphs' lacks; restore them there")
    return dataset
