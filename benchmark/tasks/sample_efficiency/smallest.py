"""The smallest numbers of each row of a matrix that is never there as a whole, but comes block by block.

To sort whole rows would take a third as long as to make them. The m smallest of a row lie in the m groups of columns
with the smallest minima, and of those only groups with a minimum below the m-th smallest so far matter: few, after the
first blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor

GROUP = 32
"""Columns of a group; blocks are a multiple of it wide."""
_HITS = ((1, 2), (3, 8), (9, 2**62))
"""Rows with that many groups to look into are looked at together: of the rows at once, the one with the most sets the
width for all."""


class Smallest:
    """What was smallest so far. values: (rows, count), rising, infinity at first;  columns: (rows, count) int64."""

    def __init__(self, rows: int, count: int, *, dtype: torch.dtype, device: torch.device) -> None:
        self.values = torch.full((rows, count), torch.inf, dtype=dtype, device=device)
        self.columns = torch.zeros(rows, count, dtype=torch.int64, device=device)

    def look(self, block: Tensor, *, row: int, column: int) -> None:
        """Take in a block (r, c), which may be a transposed view, whose first cell is at that row and column."""
        values, columns = self.values[row : row + len(block)], self.columns[row : row + len(block)]
        minima = _minima(block)
        hits = (minima < values[:, -1:]).sum(1)
        for least, most in _HITS:
            rows = ((hits >= least) & (hits <= most)).nonzero().squeeze(1)
            if len(rows):
                width = min(most, minima.shape[1], values.shape[1])
                groups = minima[rows].topk(width, dim=1, largest=False, sorted=False).indices
                cells = block.unflatten(1, (-1, GROUP))[rows.unsqueeze(1), groups].flatten(1)
                _merge(values, columns, rows, cells, groups, column)


def _minima(block: Tensor) -> Tensor:
    """Of the groups of columns, (r, c / 32); along memory, as a walk across it is twenty times as slow."""
    if block.stride(0) < block.stride(1):
        across: Tensor = block.mT.unflatten(0, (-1, GROUP)).amin(1)
        return across.mT.contiguous()
    along: Tensor = block.unflatten(1, (-1, GROUP)).amin(2)
    return along


def _merge(values: Tensor, columns: Tensor, rows: Tensor, cells: Tensor, groups: Tensor, column: int) -> None:
    """Put what is smallest of cells (len(rows), groups * 32) into the lists of those rows, in place."""
    count = values.shape[1]
    best = torch.cat([values[rows], cells], dim=1).topk(count, dim=1, largest=False)
    cell = (best.indices - count).clamp_min(0)
    new = groups.gather(1, cell // GROUP) * GROUP + cell % GROUP + column
    old = columns[rows].gather(1, best.indices.clamp_max(count - 1))
    values[rows] = best.values
    columns[rows] = torch.where(best.indices < count, old, new)
