"""Glyphs: characters of eleven scripts in sixteen faces, drawn from the fonts that matplotlib ships.

Each image is one character in a random face, turned, scaled, sheared, moved, with random stroke weight, contrast,
background and noise. Classes are grouped by script, digits first, within a script in the order of the alphabet,
one case after the other, further letters last.

Left out are characters in fewer than four of the faces, and lookalikes: every character is scaled to one box, so that
a capital S is a small s. A character is dropped if its blurred rendering correlates with that of an earlier class by
0.92 or more in DejaVu Sans, or by 0.90 or more on average over the faces that both are in. Of the syllabics only the
plain ones were considered: short vowel, no w. The list is written out, so that no version changes the classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchmark.data.cache import digest, kept_array
from benchmark.data.catalogue import LabelledImages, catalogue
from benchmark.errors import DataError
from benchmark.seeding import generator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.ImageFont import FreeTypeFont
    from torch import Generator, Tensor

CHARACTERS = {
    "digits": "0123456789",
    "latin": "abcdefghijkmnopqrstuvwxyzABDEFGHKLMNPQRTYßæœðþŋəɣʃʒ",
    "greek": "αβγδεζικλμνξπςστυφχψωΓΔΘΞΣΦΨΩϑϕϖϘϛϝϞϠϟϡ",
    "cyrillic": "джийлфцчшщъыьэюяЩЫђљњћџѢѪѮѰѴ",
    "armenian": "ԱԲԳԴԵԶԷԸԹԺԻԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՎՐՒՔՖբգդեէըթլխծկձճմնշչպջռվփքֆ",
    "georgian": "აბგდეზთიკლმნოპჟრსტუფქღყჩცძჭჯჰ",
    "asomtavruli": "ႠႡႢႣႤႥႦႧႨႩႪႫႬႮႯႰႱႲႳႴႵႶႷႸႻႼႽႾႿჀჁჂჃჄჅ",
    "hebrew": "אבגדהזטיךכלמנעפץצקרשת",
    "arabic": "ءبتثجخدذرزسشصضطعغفقكلمنهويىةپژگ",  # isolated forms
    "lao": "ກຂຄງຈຊຍດຕຖທນປຜຝພມຣລວສຫອຮ໑໒໓໔໖໗໘໙ໜ",
    "syllabics": "ᐁᐂᐅᐊᐳᐸᑍᑕᑧᑨᑩᑪᑫᑬᑯᑲᒉᒊᒐᒧᓀᓁᓂᓄᓇᓓᓔᓕᓗᓚᓭᓮᓯᓱᓴᔐᔑᔓᔕᔦᔧᔨᔪᔭᕂᕅᕆᕋᕓᕔᕕᕗᕙᕞᕤᕾᕿᖁᖃᖎᖏᖑᖓᖠᖢᖤᙯᙰᙱᙳᙵ",
}
FACES = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
    *("cmr10", "cmss10", "cmtt10"),
)
CELL = 64
"""Side of a rendered cell in pixels; the character's longer side fills INK of them, in the middle."""
INK = 44
POINTS = 120
"""Size at which a face is rendered before it is averaged down into the cell."""
BLOCK = 1024
"""Images drawn at once, to bound the memory; it decides no pixel."""
DRAWING = 1
"""Raise when `draw` makes other images from the same cells and ranges."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """Ranges of the uniform random numbers behind one image."""

    turn: Range = (-0.26, 0.26)  # radians
    scale: Range = (0.85, 1.12)
    aspect: Range = (0.87, 1.15)  # width against height
    shear: Range = (-0.20, 0.20)
    shift_x: Range = (-0.09, 0.09)  # in half widths of the image
    shift_y: Range = (-0.09, 0.09)
    weight: Range = (0.8, 1.8)  # gain on the ink before it saturates: thin to fat strokes
    ink: Range = (0.55, 1.0)  # brightness of the stroke and of what it lies on, in [0, 1]
    paper: Range = (0.0, 0.15)
    noise: Range = (0.03, 0.12)  # standard deviation of the pixels' Gaussian noise


LOOK = Look()


@catalogue.add(
    "glyphs",
    title="Glyphs: characters of eleven scripts, drawn from matplotlib's fonts",
    licence="drawn by this project (Apache-2.0) from fonts under the DejaVu, STIX and BaKoMa licences",
    source="fonts shipped with matplotlib (https://matplotlib.org)",
)
class Glyphs:
    """Procedural characters, `classes` named like "latin/a"; `scripts` gives the class indices of each script."""

    classes: tuple[str, ...] = tuple(f"{script}/{char}" for script, chars in CHARACTERS.items() for char in chars)
    scripts: Mapping[str, tuple[int, ...]] = MappingProxyType(
        {
            script: tuple(range(end - len(chars), end))
            for (script, chars), end in zip(CHARACTERS.items(), accumulate(map(len, CHARACTERS.values())), strict=True)
        }
    )

    def fingerprint(self) -> str:
        """Hash of the rendered cells and of the numbers that decide what `draw` makes of them."""
        return digest(_rendered_digest().encode(), json.dumps([DRAWING, asdict(LOOK), self.classes]).encode())

    def draw(self, *, classes: Sequence[int], per_class: int, size: int, seed: int) -> LabelledImages:
        """Draw `per_class` images (1, size, size) of each listed class; labels index the list; order is shuffled.

        The images of a class depend on (seed, class, size, per_class) and not on the other classes; they are equal
        bit for bit under any number of threads. Raises DataError for a class that does not exist or is listed twice,
        no classes, per_class < 1 or size < 4.
        """
        import torch

        self._check(classes, per_class, size)
        images = torch.empty(len(classes) * per_class, 1, size, size, dtype=torch.uint8)
        group = max(1, BLOCK // per_class)  # whole classes, so that each has a stream of its own
        for first in range(0, len(classes), group):
            indices = classes[first : first + group]
            drawn = [_chosen(i, per_class, size, generator(seed, "glyphs", self.classes[i])) for i in indices]
            cells, uniform, noise = (torch.cat(each) for each in zip(*drawn, strict=True))
            block = images[first * per_class : (first + len(indices)) * per_class]
            for start in range(0, len(block), BLOCK):
                part = slice(start, start + BLOCK)
                block[part] = _drawn(cells[part], uniform[part], noise[part])
        labels = torch.arange(len(classes)).repeat_interleave(per_class)
        order = torch.randperm(len(labels), generator=generator(seed, "glyphs", "order"))
        return LabelledImages(images[order], labels[order], tuple(self.classes[index] for index in classes))

    def _check(self, classes: Sequence[int], per_class: int, size: int) -> None:
        count = len(self.classes)
        strays = [index for index in classes if not 0 <= index < count]
        if strays:
            raise DataError(f"glyphs have no class {strays[0]}; choose indices from 0 to {count - 1}")
        twice = [index for index in set(classes) if list(classes).count(index) > 1]
        if twice:
            raise DataError(f"class {min(twice)} ({self.classes[min(twice)]}) is listed twice; list each class once")
        if not len(classes):
            raise DataError(f"no classes to draw; list at least one index from 0 to {count - 1}")
        if per_class < 1:
            raise DataError(f"per_class is {per_class}; draw at least one image of each class")
        if size < 4:
            raise DataError(f"size is {size}; a character needs at least 4 pixels")


def _chosen(index: int, count: int, size: int, rng: Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw all that is random about `count` images of one class.

    cells: (count, side, side) uint8;  uniform: (count, ranges in LOOK) float64;  noise: (count, size, size)
    """
    import torch

    uniform = torch.rand(count, len(asdict(LOOK)) + 1, generator=rng, dtype=torch.float64)
    noise = torch.randn(count, size, size, generator=rng)
    cells = _cells(_fitting(size))[index]
    return cells[(uniform[:, -1] * len(cells)).long()], uniform[:, :-1], noise


def _drawn(cells: Tensor, uniform: Tensor, noise: Tensor) -> Tensor:
    """Draw one image from each cell: (n, 1, size, size) uint8. Shapes as from `_chosen`."""
    import torch
    from torch.nn import functional as F

    # Per-image numbers in float64, rounded before they meet pixels: sine and cosine may differ in the last bit between
    # a vector's body and its end, and the rounding removes that. What follows is exact for any split among threads.
    spans = zip(asdict(LOOK).items(), uniform.unbind(1), strict=True)
    look = {name: (low + (high - low) * u).view(-1, 1, 1) for (name, (low, high)), u in spans}
    size = noise.shape[-1]

    # From the image to the cell: undo the shift, the turn, the shear, then the scale along each side.
    cosine, sine, stretch = look["turn"].cos(), look["turn"].sin(), look["aspect"].sqrt()
    wide, high = 1 / (look["scale"] * stretch), stretch / look["scale"]
    xx, xy = wide * (cosine + look["shear"] * sine), wide * (look["shear"] * cosine - sine)
    yx, yy = high * sine, high * cosine
    steps = (torch.arange(2 * size, dtype=torch.float64) + 0.5) / size - 1
    x, y = (steps - look["shift_x"]).float(), (steps.unsqueeze(1) - look["shift_y"]).float()
    xx, xy, yx, yy = xx.float(), xy.float(), yx.float(), yy.float()
    grid = torch.stack([xx * x + xy * y, yx * x + yy * y], dim=3)

    # Sampled twice as fine as the image and averaged, against aliasing.
    fine = F.grid_sample(cells.unsqueeze(1).float() / 255, grid, padding_mode="zeros", align_corners=False)
    ink = F.avg_pool2d(fine, 2).squeeze(1) * look["weight"].float()
    paper = look["paper"].float()
    image = paper + (look["ink"].float() - paper) * ink.clamp(0, 1) + look["noise"].float() * noise
    drawn: Tensor = (image * 255).round().clamp(0, 255).to(torch.uint8)
    return drawn.unsqueeze(1)


def _fitting(size: int) -> int:
    """The coarsest cell with an eighth more pixels a side than the image: a coarser one blurs, a finer one aliases."""
    return next((side for side in (8, 16, 32) if 8 * side >= 9 * size), CELL)


@cache
def _cells(side: int) -> tuple[Tensor, ...]:
    """For each class its rendered cells, one per face that has the character: (faces, side, side) uint8."""
    import torch
    from torch.nn import functional as F

    full = torch.from_numpy(_rendered())
    present = [faces[faces.flatten(1).amax(1) > 0] for faces in full]
    pooled = F.avg_pool2d(torch.cat(present).unsqueeze(1).float(), CELL // side).round().to(torch.uint8).squeeze(1)
    return torch.split(pooled, [len(faces) for faces in present])


@cache
def _rendered_digest() -> str:
    return digest(_rendered().tobytes())


@cache
def _rendered() -> NDArray[np.uint8]:
    """All cells, (classes, faces, CELL, CELL); a cell is empty if the face lacks the character."""
    decided_by = [CHARACTERS, FACES, CELL, INK, POINTS, version("matplotlib"), version("pillow")]
    return kept_array(f"glyphs/{digest(json.dumps(decided_by).encode())}", _render)


def _render() -> NDArray[np.uint8]:
    import numpy as np
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font
    from PIL.ImageFont import Layout, truetype

    characters = "".join(CHARACTERS.values())
    cells = np.zeros((len(characters), len(FACES), CELL, CELL), dtype=np.uint8)
    for column, face in enumerate(FACES):
        path = str(Path(get_data_path(), "fonts", "ttf", f"{face}.ttf"))
        has = FT2Font(path).get_charmap()
        font = truetype(path, POINTS, layout_engine=Layout.BASIC)  # the other engine may be missing
        for row, char in enumerate(characters):
            if ord(char) in has:
                _place(cells[row, column], font, char)
    return cells


def _place(cell: NDArray[np.uint8], font: FreeTypeFont, char: str) -> None:
    """Write a character into an empty cell, its ink scaled to INK pixels along the longer side and centred."""
    import numpy as np
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (4 * POINTS, 4 * POINTS))
    ImageDraw.Draw(canvas).text((POINTS, POINTS), char, fill=255, font=font)
    ink = canvas.crop(canvas.getbbox())
    scale = INK / max(ink.size)
    width, height = (max(1, round(side * scale)) for side in ink.size)
    left, top = (CELL - width) // 2, (CELL - height) // 2
    cell[top : top + height, left : left + width] = np.asarray(ink.resize((width, height), Image.Resampling.BOX))
