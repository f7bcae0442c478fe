"""`heptathlon device`: this machine as records and tables name it."""

from __future__ import annotations

from benchmark.cli.app import JsonOption, app
from benchmark.cli.console import console, print_json


@app.command()
def device(as_json: JsonOption = False) -> None:
    """Describe this machine's devices as records and tables name them."""
    from benchmark.machine import backends
    from benchmark.machine.device import describe

    found = [describe(name) for name in backends.devices()]
    if as_json:
        print_json([item.model_dump() for item in found])
        return
    for item in found:
        memory = item.device_memory_bytes or item.memory_bytes
        driver = f", driver {item.driver}" if item.driver else ""
        cores = f", {item.cores} cores" if item.kind == "cpu" else ""
        console().print(f"[bold]{item.slug}[/]  {item.name}{cores}, {memory / 2**30:.1f} GiB{driver}, {item.system}")
