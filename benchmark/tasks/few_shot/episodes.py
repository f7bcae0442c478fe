"""N-way K-shot episodes, drawn all at once.

An episode is N classes, K labelled images of each, the support, and further images of the same classes, the queries.
Episodes with fewer shots are the first part of those with more, so that numbers of shots are compared on equal queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.errors import DataError

_CHUNK = 2**24
"""Random numbers drawn at once."""


@dataclass(frozen=True, slots=True)
class Episodes:
    """Episodes on a pool of images, which they index; labels are within the episode, in [0, ways).

    support: (E, shots, ways) with support[e, k, n] of class n, so that the first k rows are a k-shot episode;
    queries, query_labels: (E, Q), in a random order;  classes: (E, ways), the pool's labels
    """

    support: Tensor
    queries: Tensor
    query_labels: Tensor
    classes: Tensor

    def __len__(self) -> int:
        return len(self.queries)

    def shots(self, count: int) -> tuple[Tensor, Tensor]:
        """Return the support of the `count`-shot episodes, (E, count * ways), and its labels, shots outermost."""
        episodes, most, ways = self.support.shape
        if not 1 <= count <= most:
            raise DataError(f"{count} shots; these episodes have 1 to {most}")
        labels = torch.arange(ways, device=self.support.device).repeat(episodes, count)
        return self.support[:, :count].flatten(1), labels


def draw(labels: Tensor, *, episodes: int, ways: int, shots: int, queries: int, generator: torch.Generator) -> Episodes:
    """Draw episodes from a pool with labels (n,); no image occurs twice in an episode.

    queries: per class. Raises DataError for fewer than two ways or less than one shot or query, for a pool with fewer
    classes than ways, and for a class with fewer images than shots and queries together.
    """
    if min(episodes, shots, queries) < 1 or ways < 2:
        raise DataError(
            f"{episodes} episodes of {ways} ways, {shots} shots and {queries} queries; an episode has two classes or "
            "more, with at least one shot and one query each"
        )
    present, counts = labels.unique(return_counts=True)
    if len(present) < ways:
        raise DataError(
            f"{ways}-way episodes from a pool of {len(present)} {'class' if len(present) == 1 else 'classes'}; "
            "choose a dataset with more classes or fewer ways"
        )
    taken = shots + queries
    if int(counts.min()) < taken:
        raise DataError(
            f"class {int(present[counts.argmin()])} of the pool has {int(counts.min())} images; {shots} shots and "
            f"{queries} queries need {taken}"
        )
    members = _members(labels, present, int(counts.max()))
    chunk = max(1, _CHUNK // (ways * members.shape[1]))
    parts = [
        _drawn(members, counts, min(chunk, episodes - start), ways, taken, generator)
        for start in range(0, episodes, chunk)
    ]
    images = torch.cat([images for images, _ in parts])  # (E, ways, shots + queries)
    chosen = torch.cat([chosen for _, chosen in parts])
    order = torch.rand(episodes, ways * queries, generator=generator).argsort(1).to(labels.device)
    query_labels = torch.arange(ways, device=labels.device).repeat_interleave(queries).expand(episodes, -1)
    return Episodes(
        support=images[:, :, :shots].mT.contiguous(),
        queries=images[:, :, shots:].flatten(1).gather(1, order),
        query_labels=query_labels.gather(1, order),
        classes=present[chosen],
    )


def _members(labels: Tensor, present: Tensor, most: int) -> Tensor:
    """Indices of each class's images, (classes, most), filled up with -1."""
    members = torch.full((len(present), most), -1, device=labels.device)
    for row, label in enumerate(present):
        indices = (labels == label).nonzero().squeeze(1)
        members[row, : len(indices)] = indices
    return members


def _drawn(
    members: Tensor, counts: Tensor, episodes: int, ways: int, taken: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw images (episodes, ways, taken), and the rows of `members` that they come from (episodes, ways)."""
    device = members.device
    chosen = torch.rand(episodes, len(members), generator=generator).argsort(1)[:, :ways].to(device)
    keys = torch.rand(episodes, ways, members.shape[1], generator=generator).to(device)
    absent = torch.arange(members.shape[1], device=device) >= counts[chosen].unsqueeze(2)
    places = keys.masked_fill(absent, 2.0).topk(taken, dim=2, largest=False, sorted=True).indices
    return members[chosen].gather(2, places), chosen


def class_means(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Means (E, classes, d) of features (E, n, d) with labels (E, n); every class must have an example."""
    belongs = (labels.unsqueeze(1) == torch.arange(classes, device=labels.device).unsqueeze(1)).to(features.dtype)
    return belongs @ features / belongs.sum(2, keepdim=True)


def nearest_mean(support: Tensor, labels: Tensor, queries: Tensor, classes: int) -> Tensor:
    """Classes (E, Q) whose support, (E, n, d) with labels (E, n), has the mean nearest to each query (E, Q, d)."""
    means = class_means(support, labels, classes)
    # |q - m|^2 without |q|^2, which is the same for all classes
    return (2 * queries @ means.mT - means.square().sum(2).unsqueeze(1)).argmax(2)
