"""Estimates of dimension, as the figures take them from records."""

from __future__ import annotations

import polars as pl

from reports.drawing.canvas import Subject
from reports.tables import frames


def estimates(subject: Subject) -> pl.DataFrame:
    """What every method said of every cloud: columns method, seed, cloud, k, n, truth, estimate."""
    return frames.curve(subject.table, "estimates", ("cloud", "k", "n", "truth", "estimate"))


def whole(runs: pl.DataFrame) -> pl.DataFrame:
    """Those estimates that were made from all points of a cloud."""
    return runs.filter(pl.col("n") == pl.col("n").max().over("method", "cloud"))


def images(subject: Subject) -> dict[str, pl.DataFrame]:
    """Estimates of images of the dataset, by its name."""
    runs, families = estimates(subject), subject.names("family")
    names = subject.names("cloud")
    return {
        names[place]: runs.filter(pl.col("cloud") == place)
        for place, family in enumerate(families)
        if family == "images"
    }


def logs(runs: pl.DataFrame, x: str, y: str) -> pl.DataFrame:
    """Logarithms to the base of 2 of both, the mean of y over all that share a method, a seed and x."""
    taken = runs.with_columns(pl.col(x).log(2), pl.col(y).clip(lower_bound=0.1).log(2))
    return taken.group_by("method", "seed", x).agg(pl.col(y).mean())
