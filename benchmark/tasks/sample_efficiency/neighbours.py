"""Exact k nearest neighbours of all points of a cloud, at little more than the cost of half a matrix product.

Three steps, each for the rows that the one before could not settle:

1. Squared distances of centred points by float32 products of blocks; only blocks on and above the diagonal, as a block
   (I, J) serves rows I and, transposed, rows J. Each row keeps its k + 8 smallest. Their distances are then computed
   anew, by differences. A row is settled if no point left out can be nearer than its k-th: if what the product says of
   the (k + 8)-th, less the product's largest possible error, is not below the k-th distance.
2. The same with products in float64, which tell distances that are equal from those that rounding made so.
3. Differences to all points, for what lies close together and far from the rest.

The error of a product (Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1): a sum of m products
in any order is off by at most gamma_m = m u / (1 - m u) times the sum of their absolute values; u is the unit roundoff.
|x - y|^2 as the product of (-2 x, |x|^2, 1) and (y, 1, |y|^2) is such a sum, of D + 2 products, whose absolute values
add up to at most 2 (|x|^2 + |y|^2). Rounding x and y moves their distance by at most u (|x| + |y|), its square by
4 u (|x|^2 + |y|^2); rounding the norms adds u of them. All of it stays below 2 gamma_{D + 8} (|x|^2 + |y|^2). A point y
that were nearer than the k-th, at distance r, would have |y| <= |x| + r: that bounds the error without knowing y.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.errors import DataError, UsageError
from benchmark.tasks.sample_efficiency.smallest import GROUP, Smallest

_SPARE = 8
"""Candidates beyond k: the more there are, the further the last lies beyond the k-th, and the more rows are settled."""
_PART = 4096
"""Rows converted at once."""
_BYTES = 2**22
"""Of differences taken at once: what a cache holds, and memory that need not be asked for anew each time."""
_SAME = 2.0**-22
"""Relative difference of squared distances below which float32 holds one number, or two next to each other."""


class Nearest(NamedTuple):
    """Neighbours of each of n points, the nearest first, the point itself excluded.

    distances: (n, k) float32;  indices: (n, k) int64; which of several points equally far comes first is not defined
    """

    distances: Tensor
    indices: Tensor


def nearest(points: Tensor, k: int, *, block: int = 4096) -> Nearest:
    """Find the k nearest neighbours of every point by Euclidean distance, on the device of the points.

    points: (n, D), finite;  block: points on each side of a block of distances, rounded up to a multiple of 32.
    Distances are right to float32's rounding, also where they are tiny beside the points' norms. Memory beyond points
    and answer: the points in float32 once more, 4 block^2 bytes, and less than half a GB; 0.8 GB for 60,000 points of
    784 coordinates. Raises UsageError for a k or a shape that cannot be, DataError for numbers that are not finite or
    whose distances float32 cannot hold.
    """
    _check(points, k)
    known = _known.get()
    for earlier, version, found in known or ():
        if earlier is points and version == points._version and found.indices.shape[1] >= k:
            return Nearest(found.distances[:, :k], found.indices[:, :k])
    with torch.no_grad(), _full_precision():
        found = _Search(points, k, -(-block // GROUP) * GROUP).run()
    if known is not None:
        known.append((points, points._version, found))
    return found


_known: ContextVar[list[tuple[Tensor, int, Nearest]] | None] = ContextVar("known", default=None)


@contextmanager
def shared() -> Iterator[None]:
    """Find the neighbours of one and the same tensor once within the block, for all who ask for no more of them."""
    token = _known.set([])
    try:
        yield
    finally:
        _known.reset(token)


def distinct(points: Tensor) -> Tensor:
    """Drop rows that equal an earlier one: (m, D) of points (n, D), in their order. Raises DataError for NaN."""
    if points.ndim != 2:
        raise UsageError(f"points have the shape {tuple(points.shape)}; give (n, D), one row a point")
    _require_finite(points)
    rows = (points.detach().cpu() + 0).contiguous().numpy()  # -0 + 0 is 0: equal numbers get equal bytes
    _, first = np.unique(rows.view(f"V{rows.shape[1] * rows.itemsize}"), return_index=True)
    first.sort()
    return points[torch.from_numpy(first).to(points.device)]


def _check(points: Tensor, k: int) -> None:
    if points.ndim != 2 or 0 in points.shape or points.is_complex():
        raise UsageError(
            f"points are {points.dtype} of shape {tuple(points.shape)}; give real numbers (n, D), one row a point"
        )
    if not 1 <= k < len(points):
        raise UsageError(f"k = {k} neighbours are asked for, of {len(points)} points; k must be from 1 to one less")
    _require_finite(points)


def _require_finite(points: Tensor) -> None:
    bad = sum(int((~part.isfinite()).any(1).sum()) for part in points.split(_PART))
    if bad:
        raise DataError(f"{bad} of {len(points)} points hold NaN or infinity; remove them")


@contextmanager
def _full_precision() -> Iterator[None]:
    """Products in float32 proper: the bound on their error does not hold for what a faster setting makes of them."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class _Search:
    """One search. Squares of distances and norms are float64, in units of `unit`, so that none overflows."""

    def __init__(self, points: Tensor, k: int, block: int) -> None:
        self._home = points.device
        points = points.cpu() if points.device.type == "mps" else points  # which has no float64
        self._points = points if points.dtype == torch.float64 else points.float()
        self._k, self._block = k, block
        self._count = min(k + _SPARE, len(points) - 1)
        parts = self._points.split(_PART)
        self._centre = torch.stack([(part.double() / len(points)).sum(0) for part in parts]).sum(0)
        most = torch.stack([(part.double() - self._centre).abs().max() for part in parts]).max()
        self._unit = 2.0 ** int(most.frexp().exponent)  # a power of two: to divide by it is exact
        self._norms = torch.cat([self._centred(part).square().sum(1) for part in parts])

    def run(self) -> Nearest:
        values, indices = self._by_single_products()
        rows = torch.arange(len(indices), device=indices.device)
        squares, indices = self._measured(rows, indices)
        unsettled = self._unsettled(rows, squares, values, torch.float32)
        for some in unsettled.split(_PART) if len(unsettled) else ():
            values, columns = self._by_double_products(some)
            squares[some], indices[some] = self._measured(some, columns)
            left = self._unsettled(some, squares[some], values, torch.float64)
            squares[left], indices[left] = self._by_differences(left)
        distances = (squares[:, : self._k].sqrt() * self._unit).float()
        if not bool(distances.isfinite().all()):
            raise DataError("some distances are too large for float32; scale the points down")
        return Nearest(distances.to(self._home), indices[:, : self._k].contiguous().to(self._home))

    def _centred(self, part: Tensor) -> Tensor:
        return (part.double() - self._centre) / self._unit

    def _smallest(self, rows: int, dtype: torch.dtype) -> Smallest:
        return Smallest(rows, self._count, dtype=dtype, device=self._points.device)

    def _columns(self, start: int, stop: int, dtype: torch.dtype) -> Tensor:
        """(y, 1, |y|^2) of the points from start to stop, infinitely far ones beyond the last: (stop - start, D + 2)"""
        coordinates = self._centred(self._points[start:stop]).to(dtype)
        made = coordinates.new_zeros(stop - start, coordinates.shape[1] + 2)
        made[: len(coordinates), :-2] = coordinates
        made[:, -2] = 1
        made[:, -1] = torch.inf
        made[: len(coordinates), -1] = coordinates.double().square().sum(1).to(dtype)
        return made

    def _by_single_products(self) -> tuple[Tensor, Tensor]:
        """Candidates of all rows: squared distances (n, count) as the product says, rising, and indices (n, count)."""
        total = -(-len(self._points) // GROUP) * GROUP
        starts = range(0, total, _PART)
        columns = torch.cat([self._columns(start, min(start + _PART, total), torch.float32) for start in starts])
        found = self._smallest(total, torch.float32)
        side = min(self._block, total)
        room = columns.new_empty(side * side)  # used again for each block: fresh memory costs as much as a pass over it
        for i in range(0, total, side):
            own = columns[i : i + side]
            left = torch.cat([-2 * own[:, :-2], own[:, -1:], own[:, -2:-1]], dim=1)
            for j in range(i, total, side):
                other = columns[j : j + side]
                product = torch.mm(left, other.mT, out=room[: len(left) * len(other)].view(len(left), len(other)))
                if i == j:
                    product.fill_diagonal_(torch.inf)
                found.look(product, row=i, column=j)
                if i != j:
                    found.look(product.mT, row=j, column=i)
        return found.values[: len(self._points)], found.columns[: len(self._points)]

    def _by_double_products(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Candidates of some rows, as `_by_single_products` gives them of all."""
        total = -(-len(self._points) // GROUP) * GROUP
        found = self._smallest(len(rows), torch.float64)
        own = self._centred(self._points[rows])
        left = torch.cat([-2 * own, own.square().sum(1, keepdim=True), torch.ones_like(own[:, :1])], dim=1)
        for start in range(0, total, _PART):
            product = left @ self._columns(start, min(start + _PART, total), torch.float64).mT
            _exclude(product, rows, start)
            found.look(product, row=0, column=start)
        return found.values, found.columns

    def _by_differences(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest of some rows: squared distances (r, count), rising, and indices (r, count)."""
        found = self._smallest(len(rows), torch.float64)
        own = self._points[rows].double() / self._unit
        for start in range(0, len(self._points), _PART):
            other = self._points[start : start + _PART].double() / self._unit
            squares = torch.cdist(own, other, compute_mode="donot_use_mm_for_euclid_dist").square_()
            _exclude(squares, rows, start)
            found.look(F.pad(squares, (0, -len(other) % GROUP), value=torch.inf), row=0, column=start)
        return found.values, found.columns

    def _measured(self, rows: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Squared distances of rows to their candidates by differences, rising, and the candidates in that order."""
        squares = torch.empty(candidates.shape, dtype=torch.float64, device=candidates.device)
        size = max(1, _BYTES // (self._points.element_size() * candidates.shape[1] * self._points.shape[1]))
        for at in range(0, len(rows), size):
            some = slice(at, at + size)
            there = self._points.index_select(0, candidates[some].flatten()).view(*candidates[some].shape, -1)
            apart = there.sub_(self._points[rows[some]].unsqueeze(1))
            squares[some] = (torch.linalg.vector_norm(apart, dim=2, dtype=torch.float64) / self._unit).square_()
        order = squares.argsort(dim=1)
        return squares.gather(1, order), candidates.gather(1, order)

    def _unsettled(self, rows: Tensor, squares: Tensor, values: Tensor, dtype: torch.dtype) -> Tensor:
        """Those of the rows for which a point that is no candidate may be nearer than the k-th by more than rounding.

        squares: of the candidates' distances, rising;  values: what the product in `dtype` said of them, rising
        """
        if self._count == len(self._points) - 1:  # all are candidates
            return rows[:0]
        terms, roundoff = self._points.shape[1] + 8, torch.finfo(dtype).eps / 2
        gamma = terms * roundoff / (1 - terms * roundoff)
        kth, norms = squares[:, self._k - 1], self._norms[rows]
        error = 2 * gamma * (norms + (norms.sqrt() + kth.sqrt()).square()) + terms * 4 * torch.finfo(dtype).tiny
        return rows[values[:, -1].double() - error < kth * (1 - _SAME)]


def _exclude(block: Tensor, rows: Tensor, first: int) -> None:
    """Set to infinity what a block of distances, of some rows to the points from `first`, says of points themselves."""
    inside = ((rows >= first) & (rows < first + block.shape[1])).nonzero().squeeze(1)
    block[inside, rows[inside] - first] = torch.inf
