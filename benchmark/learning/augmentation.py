"""Random views of images: what self-supervised and self-training methods, and the backbone's training, look at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Views:
    """Random affine maps and lighting, drawn anew for each image. No flips: a mirrored character is another one.

    turn: radians;  zoom, stretch: shares, up or down, of the size and of width against height;  shear, shift: in half
    widths;  contrast, brightness: of standardised pixels
    """

    turn: float = 0.2
    zoom: float = 0.25
    stretch: float = 0.1
    shear: float = 0.2
    shift: float = 0.15
    contrast: float = 0.4
    brightness: float = 0.4

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return one view of each of the images (n, c, h, w), float32."""
        count = len(images)
        drawn = torch.rand(8, count, generator=generator).mul_(2).sub_(1).to(images.device)
        turn, zoom, shear, right, down, contrast, brightness, stretch = drawn
        angle, scale = self.turn * turn, torch.exp(math.log1p(self.zoom) * zoom)
        wide, high = scale * torch.exp(self.stretch * stretch), scale * torch.exp(-self.stretch * stretch)
        cosine, sine = angle.cos(), angle.sin()
        matrix = torch.stack(
            [
                torch.stack([wide * cosine, self.shear * shear - wide * sine, self.shift * right], dim=1),
                torch.stack([high * sine, high * cosine, self.shift * down], dim=1),
            ],
            dim=1,
        )
        grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
        moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        gain, offset = 1 + self.contrast * contrast, self.brightness * brightness
        return torch.addcmul(offset.view(-1, 1, 1, 1), moved, gain.view(-1, 1, 1, 1))


def cropped(images: Tensor, *, by: int, generator: torch.Generator) -> Tensor:
    """Random crops of images (n, c, h, w) padded by that many pixels on every side, which mirror those inside."""
    count, _, height, width = images.shape
    padded = F.pad(images, (by, by, by, by), mode="reflect")
    down, right = torch.randint(2 * by + 1, (2, count, 1), generator=generator).to(images.device)
    rows, columns = (torch.arange(side, device=images.device) for side in (height, width))
    which = torch.arange(count, device=images.device).view(-1, 1, 1)
    # Indexing puts the channels last, which is how the network wants to read them.
    return padded[which, :, (down + rows).unsqueeze(2), (right + columns).unsqueeze(1)].permute(0, 3, 1, 2)


def mirrored(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images (n, c, h, w), each turned into its mirror image with probability 1/2."""
    chosen = (torch.rand(len(images), generator=generator) < 0.5).to(images.device)
    return torch.where(chosen.view(-1, 1, 1, 1), images.flip(3), images)
