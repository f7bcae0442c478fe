"""Common corruptions of small images: fifteen and four held out, at five severities, for batches of 1 or 3 channels.

Hendrycks, Dietterich: Benchmarking Neural Network Robustness to Common Corruptions and Perturbations, ICLR 2019,
arXiv:1903.12261, with the parameters of CIFAR-10-C, which are milder than those of ImageNet-C. Their quirks are kept
where they decide the published files: values are cut to 8 bits, not rounded; glass blur copies pixels where it says to
swap them; disks are drawn on the pixel grid.

Not the same: frost without photographs (drawn, as bright and as rough as their crops), spatter's water shaded more
simply (it adds 0.4 to 0.7 of the light), motion blur by the formula of ImageMagick instead of a call of it, shot noise
in 4,096 quantiles. Parameters hold at 32 pixels. At other sizes lengths are scaled by size / 32, but for what is one or
two pixels on CIFAR already: the disk of defocus and the drops of spatter never shrink, glass blur moves pixels by one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from benchmark.errors import UsageError, unknown
from benchmark.tasks.test_time_shift.corruptions import blur, digital, held_out, noise, weather

_KINDS: dict[str, Any] = {**noise.CORRUPTIONS, **blur.CORRUPTIONS, **weather.CORRUPTIONS, **digital.CORRUPTIONS}
"""Name -> (corruption, its parameters by severity)."""
NAMES = tuple(_KINDS)
"""In the order of every published stream."""
HELD_OUT = tuple(held_out.CORRUPTIONS)
"""For tuning: what is chosen on these is not chosen on what is reported."""
SEVERITIES = (1, 2, 3, 4, 5)

SMALLEST = 8
"""Side in pixels of the smallest image for which all of them are defined."""
_BLOCK = 100
"""Images corrupted at once: they fit the cache of a core."""


def corrupt(images: Tensor, name: str, severity: int, *, generator: Generator) -> Tensor:
    """Return the images (n, c, s, s) uint8, corrupted: the same bits for the same generator under any threads.

    c: 1 or 3;  s: 8 or more;  generator: on the CPU, which decides what is random, image by image;  one channel of
    "saturate" comes back as it is. Raises UnknownNameError for a name that does not exist, UsageError for a severity
    outside 1 ... 5 or other images.
    """
    kinds = {**_KINDS, **held_out.CORRUPTIONS}
    if name not in kinds:
        raise unknown("corruption", name, kinds)
    if severity not in SEVERITIES:
        raise UsageError(f"severity {severity!r} of {name} does not exist; choose from 1 to {len(SEVERITIES)}")
    _check(images)
    if not len(images):
        return images.clone()
    change, parameters = kinds[name]
    blocks = [
        change(block.to("cpu", torch.float32).div_(255), parameters[severity - 1], generator)
        for block in images.split(_BLOCK)
    ]
    whole = torch.cat(blocks).clamp_(0, 1).mul_(255).to(torch.uint8)  # cut, not rounded, as the published files are
    return whole.to(images.device)


def _check(images: Tensor) -> None:
    shape = tuple(images.shape)
    fits = images.dtype == torch.uint8 and len(shape) == 4 and shape[1] in (1, 3) and shape[2] == shape[3] >= SMALLEST
    if not fits:
        raise UsageError(
            f"images are {images.dtype} of shape {shape}; corruptions need uint8 (n, c, s, s) with c = 1 or 3 and "
            f"s >= {SMALLEST}"
        )
