"""Sizes of a tier of `intrinsic_dimension`: which clouds there are, and at which k estimates are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.tasks.rules import Budget

LINEAR, SPHERE, WAVES = "linear", "sphere", "waves"
DECODER, FACTORS, GAN, NOISE = "decoder", "factors", "gan", "noise"
"""Families of clouds that are made, as `gathering` does."""
IMAGES = "images"
"""The family of a dataset's own."""
BESIDE_QUICK = ("smoke", "standard")
"""Tiers of estimators that are left out of the quick one, as they tell little beside those that are in it."""
LARGE = 32
"""Dimensions from which on no estimator can do with so few points: they would drown the others in one mean."""


@dataclass(frozen=True, slots=True)
class Series:
    """Clouds of one family, of so many points each.

    dimensions: of each cloud, rising; in the family of noise, how many pixels are noise.
    """

    family: str
    points: int
    dimensions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TieSizes:
    """Sizes of the search behind `tie.py`.

    latents, sides, noises: free coordinates, pixels a side and pixels of noise that are searched;  side, fixed: where
    the others are varied;  first, most: of the grid of sizes;  points: of the cloud whose dimension is asked for.
    """

    latents: tuple[int, ...] = (2, 4, 8, 16)
    sides: tuple[int, ...] = (8, 16, 32)
    noises: tuple[int, ...] = (0, 16, 64)
    side: int = 16
    fixed: int = 8
    first: int = 8
    most: int = 1024
    repeats: int = 3
    test: int = 500
    steps: int = 150
    batch_size: int = 32
    points: int = 500


@dataclass(frozen=True, slots=True)
class DimensionBudget(Budget):
    """Sizes of a tier.

    series: clouds that are made;  images: of the dataset, drawn, or the most that are read;  counts: of images, at
    which estimates are asked for besides;  beside: a dataset whose images are taken too, empty for none;  neighbours:
    k at which estimates are asked for;  ambient: coordinates of clouds that are no images;  side, channels: of
    decoders' images, side also of drawn ones;  gan_steps: of the network's training;  tie: see `tie.py`.
    """

    series: tuple[Series, ...]
    images: int
    counts: tuple[int, ...] = ()
    beside: str = ""
    neighbours: tuple[int, ...] = (3, 5, 10, 20)
    ambient: int = 128
    side: int = 16
    channels: int = 1
    gan_steps: int = 800
    tie: TieSizes = TieSizes()


SMOKE = DimensionBudget(
    "glyphs",
    0.5,
    series=(
        Series(LINEAR, 200, (2,)),
        Series(SPHERE, 200, (4,)),
        Series(DECODER, 200, (2, 32)),
        Series(FACTORS, 200, (2,)),
        Series(NOISE, 200, (16,)),
    ),
    images=200,
    tie=TieSizes(latents=(2,), sides=(8,), noises=(0,), fixed=2, most=32, repeats=1, test=50, steps=10, points=100),
)
QUICK = DimensionBudget(
    "glyphs",
    1.5,
    series=(
        Series(LINEAR, 1000, (4,)),
        Series(SPHERE, 1000, (8,)),
        Series(WAVES, 1000, (4, 16)),
        Series(DECODER, 1000, (2, 4, 8, 32, 64)),
        Series(DECODER, 2000, (16,)),
        Series(FACTORS, 1000, (2, 4)),
        Series(GAN, 1000, (4, 16, 64)),
        Series(NOISE, 1000, (64,)),
    ),
    images=1000,
)
STANDARD = DimensionBudget(
    "mnist",
    600,
    series=(
        Series(LINEAR, 10_000, (2, 4, 8)),
        Series(SPHERE, 10_000, (2, 4, 8, 16, 32)),
        Series(WAVES, 10_000, (2, 4, 8, 16, 32, 64)),
        Series(DECODER, 10_000, (2, 4, 8, 16, 32, 64, 128)),
        Series(FACTORS, 10_000, (1, 2, 3, 4)),
        Series(GAN, 10_000, (2, 4, 8, 16, 32, 64)),
        Series(NOISE, 10_000, (64, 256)),
    ),
    images=60_000,
    counts=(1000, 5000, 20_000),
    beside="cifar10",
    ambient=256,
    gan_steps=4000,
)
