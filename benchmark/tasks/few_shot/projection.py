"""Points of many dimensions in a plane, for pictures."""

from __future__ import annotations

import torch
from torch import Tensor


def plane(points: Tensor, examples: Tensor, labels: Tensor) -> tuple[list[float], list[float]]:
    """Coordinates of points (n, d) along the first two principal directions of the means of labelled examples."""
    means = torch.stack([examples[labels == label].double().mean(0) for label in labels.unique()])
    centre = means.mean(0)
    directions = torch.linalg.svd(means - centre, full_matrices=False).Vh[:2]
    # A singular vector's sign is arbitrary: its largest entry shall be positive.
    directions = directions * directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    placed = (points.double() - centre) @ directions.T
    if placed.shape[1] < 2:
        placed = torch.cat([placed, torch.zeros(len(placed), 1)], dim=1)
    x, y = ([round(value, 4) for value in column.tolist()] for column in placed.unbind(1))
    return x, y
