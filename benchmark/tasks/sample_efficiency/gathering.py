"""The clouds of a job of `intrinsic_dimension`, the same for all estimators of a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from benchmark.data.catalogue import LabelledImages, ProceduralDataset, catalogue
from benchmark.data.source import Source
from benchmark.errors import DataError
from benchmark.seeding import Draw
from benchmark.tasks.sample_efficiency import clouds, gan
from benchmark.tasks.sample_efficiency.clouds import Cloud, Decoder
from benchmark.tasks.sample_efficiency.dimension_sizes import (
    DECODER,
    FACTORS,
    GAN,
    IMAGES,
    LARGE,
    LINEAR,
    NOISE,
    SPHERE,
    WAVES,
    DimensionBudget,
)
from benchmark.tasks.sample_efficiency.neighbours import distinct

_NOISY = 8
"""Free coordinates of the decoder whose pixels are replaced by noise."""
_FIGURE = 64
"""Side in pixels of the image whose factors vary."""
_TRIED = 32
"""Images that are looked at for one that its factors change in all ways."""
_GAN_CLASSES, _GAN_IMAGES = 10, 4000
"""Classes and images, at most, that the network learns from."""

Make = Callable[[int, int, Generator], Tensor]
"""(dimension, points, generator) -> points."""
_SHAPES: dict[str, Callable[[int, int, int, Generator], Tensor]] = {
    LINEAR: clouds.linear,
    SPHERE: clouds.sphere,
    WAVES: clouds.waves,
}


@lru_cache(maxsize=4)
def gathered(source: Source, sizes: DimensionBudget, draw: Draw) -> tuple[Cloud, ...]:
    """The clouds, those of exactly known dimension first, small ones before large; kept between jobs of a seed.

    All is drawn from secret streams, so that nobody can make them again to look up the answer. Raises DataError if
    the images do not do.
    """
    found = [*_of_series(source, sizes, draw), *_of_images(source, sizes, draw)]
    fewest = 4 * (max(sizes.neighbours) + 1)  # a quarter of them has more than k
    few = next((cloud for cloud in found if len(cloud.points) < fewest), None)
    if few is not None:
        raise DataError(
            f"{few.name!r} has {len(few.points)} points that differ, and estimates at k = {max(sizes.neighbours)} need "
            f"{fewest}; choose a dataset with more images"
        )
    return tuple(sorted(found, key=lambda cloud: 2 if cloud.truth is None or cloud.bound else cloud.truth >= LARGE))


def _of_series(source: Source, sizes: DimensionBudget, draw: Draw) -> Iterator[Cloud]:
    for series in sizes.series:
        make = _made(series.family, source, sizes, draw)
        for d in series.dimensions:
            points = make(d, series.points, draw.secret(series.family, d))
            shape = (points.shape[1], points.shape[2], points.shape[3]) if points.ndim == 4 else None
            truth, bound = None if series.family == NOISE else d, series.family == GAN
            different = distinct(points.flatten(1))  # of ten thousand numbers on a line some few are equal
            dropped = len(points) - len(different)
            yield Cloud(f"{series.family} {d}", series.family, different, truth, bound, shape, dropped)


def _made(family: str, source: Source, sizes: DimensionBudget, draw: Draw) -> Make:
    """What makes a family's clouds: points (n, D), or images (n, channels, height, width)."""
    if family in _SHAPES:
        shape = _SHAPES[family]
        return lambda d, count, rng: shape(d, count, sizes.ambient, rng)
    if family == FACTORS:
        image = _changing(source, sizes, draw)
        return lambda d, count, rng: clouds.moved(image, clouds.drawn_factors(d, count, rng), sizes.side)
    if family == GAN:
        recipe, weights = gan_of(source, sizes, draw)
        free = partial(clouds.latents, most=recipe.latent, scale=1.0)  # of the length that it was trained on
        return lambda d, count, rng: gan.generated(recipe, weights, free(d, count, rng))
    assert family in (DECODER, NOISE), f"no family {family!r}"
    decoder = Decoder.drawn(sizes.channels, sizes.side, draw.secret(DECODER, "weights"))  # the same in all clouds
    if family == NOISE:
        return lambda pixels, count, rng: clouds.noised(clouds.decoded(decoder, _NOISY, count, rng), pixels, rng)
    return partial(clouds.decoded, decoder)


def _of_images(source: Source, sizes: DimensionBudget, draw: Draw) -> Iterator[Cloud]:
    sources = [source]
    if sizes.beside not in ("", source.entry.name):
        sources.append(Source.of(catalogue.find(sizes.beside)))
    for each in sources:
        if isinstance(each.entry.dataset, ProceduralDataset):
            images = _drawn(each, sizes.images, each.class_count(), sizes.side, draw).images[: sizes.images]
            points, shape, dropped = _as_points(images)
        else:
            points, shape, dropped = _on_disk(each)
        if len(points) > sizes.images:
            order = torch.randperm(len(points), generator=draw.secret(IMAGES, each.entry.name))
            points = points[order[: sizes.images]]
        yield Cloud(each.entry.name, IMAGES, points, None, shape=shape, dropped=dropped)


@lru_cache(maxsize=2)
def _on_disk(source: Source) -> tuple[Tensor, tuple[int, int, int], int]:
    """All training images as points, one copy for all seeds."""
    return _as_points(source.read("train").images)


def _as_points(images: Tensor) -> tuple[Tensor, tuple[int, int, int], int]:
    """Images (n, c, h, w) uint8 -> points (m, D) float32 in [0, 1], no two equal; the images' shape; n - m."""
    points = distinct(images.flatten(1).float() / 255)
    return points, (images.shape[1], images.shape[2], images.shape[3]), len(images) - len(points)


def _drawn(source: Source, count: int, classes: int, side: int, draw: Draw) -> LabelledImages:
    each = -(-count // classes)
    return source.images("test", classes=list(range(classes)), per_class=each, size=side, draw=draw)


def _changing(source: Source, sizes: DimensionBudget, draw: Draw) -> Tensor:
    """The first image (c, 64, 64) in [0, 1] that four factors change in four ways: no ring, which turns into itself.

    Raises DataError if there is none.
    """
    if isinstance(source.entry.dataset, ProceduralDataset):
        tried = _drawn(source, _TRIED, min(_TRIED, source.class_count()), _FIGURE, draw).images.float() / 255
    else:
        tried = source.read("test").images[:_TRIED].float() / 255
        tried = F.interpolate(tried, (_FIGURE, _FIGURE), mode="bicubic")
    small = torch.tensor(clouds.FACTORS) / 16
    for image in tried:
        ends = clouds.moved(image, torch.cat([small.diag(), -small.diag()]), sizes.side).flatten(1)
        strengths = torch.linalg.svdvals(ends[:4] - ends[4:])
        if strengths[3] > max(0.1 * strengths[0], 1e-3):  # the latter is above rounding
            found: Tensor = image
            return found
    raise DataError(
        f"of the first {len(tried)} images of {source.entry.name!r} none changes in four ways when shifted, turned and "
        "scaled; choose a dataset of figures"
    )


def gan_of(source: Source, sizes: DimensionBudget, draw: Draw) -> tuple[gan.GanRecipe, dict[str, Tensor]]:
    """The network that images are generated by: the same for all seeds."""
    recipe = gan.GanRecipe(seed=0, steps=sizes.gan_steps)
    return recipe, _trained(recipe, source, replace(draw, seed=0))


@lru_cache(maxsize=2)
def _trained(recipe: gan.GanRecipe, source: Source, draw: Draw) -> dict[str, Tensor]:
    """Weights of the network, from grey training images of the first classes."""
    classes = min(_GAN_CLASSES, source.class_count())
    if isinstance(source.entry.dataset, ProceduralDataset):
        each = -(-_GAN_IMAGES // classes)
        images = source.images("train", classes=list(range(classes)), per_class=each, size=gan.SIDE, draw=draw).images
    else:
        found = source.read("train")
        large = found.images[found.labels < classes][:_GAN_IMAGES].float().mean(1, keepdim=True)
        images = F.interpolate(large, (gan.SIDE, gan.SIDE), mode="area").round().to(torch.uint8)
    return gan.trained(recipe, images, device=draw.device)
