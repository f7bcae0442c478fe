"""What `heptathlon throughput` and `heptathlon compare` show."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import StoreError
from benchmark.throughput import comparison
from benchmark.views import console, print_json


def roofline(stored: Path) -> None:
    """Print how close kernels of a run came to what the machine allows, where their work is known."""
    from reports import kernels

    kernels.show_roofline(comparison.load(stored), console())


def compare(first: Path, second: Path, out: Path | None, *, as_json: bool) -> int:
    """Compare two runs of the throughput suite. Exit code 1 if a kernel had to be refused."""
    from reports import kernels

    found = comparison.compare(comparison.load(first), comparison.load(second))
    if as_json:
        print_json(kernels.rows(found))
    else:
        kernels.show(found, console())
    if out is not None:
        try:
            out.write_text(kernels.figure(found), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{out} cannot be written ({error}); name another file with --out") from error
        console(stderr=as_json).print(f"figure: {out}")
    return 1 if found.refused else 0
