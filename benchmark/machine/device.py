"""This machine's devices in the words of records. Works without torch; the host's name stays private."""

from __future__ import annotations

import hashlib
import platform
import uuid
from functools import lru_cache
from pathlib import Path

import psutil

from benchmark.errors import DeviceError
from benchmark.machine.backends import backend, cpu, kinds, no_device
from benchmark.results.record import Device

_IDENTITIES = ("/etc/machine-id", "/var/lib/dbus/machine-id", "/sys/class/dmi/id/product_uuid")


@lru_cache
def describe(name: str) -> Device:
    """Describe "cpu" or "cuda:<index>". Raises DeviceError for a device that this machine lacks."""
    kind = name.partition(":")[0]
    chosen = backend(name)
    if name not in chosen.devices():
        raise no_device(name)
    facts = chosen.facts(name)
    return Device(
        slug=f"{kind}-{facts.slug}",
        kind=kind,
        name=facts.name,
        device_memory_bytes=facts.memory_bytes,
        driver=facts.driver,
        cores=cpu.available_cores(),
        memory_bytes=int(psutil.virtual_memory().total),
        cpu_name=cpu.cpu_name(),
        system=f"{platform.system()} {platform.machine()}",
        host=_host(),
    )


def resolve(name: str) -> str:
    """Turn "auto", "cpu", "cuda" or "cuda:1" into a device name that `describe` knows and torch can use.

    auto: the first device of a kind other than the CPU that torch can use, else the CPU.
    """
    if name == "auto":
        others = [device for kind in kinds() if kind != "cpu" for device in backend(kind).devices()]
        return next((device for device in others if _usable(device)), "cpu")
    if name in kinds():
        name = next(iter(backend(name).devices()), name)
    describe(name)
    if not _usable(name):
        kind = name.partition(":")[0].upper()
        raise DeviceError(f"this torch cannot use {name}; install a {kind} build of torch or pass --device cpu")
    return name


def _usable(name: str) -> bool:
    try:
        return backend(name).usable(name)
    except ModuleNotFoundError:  # the base install, without torch
        return False


def _host() -> str:
    """A hash that tells machines apart without naming them: of the name, the system's own identity, and the network
    card's, since copies of one image may share the first two."""
    card = uuid.getnode()
    made_up = card >> 40 & 1  # Python's own number, another in each process, where it finds no card
    parts = [platform.node(), *([] if made_up else [f"{card:x}"])]
    for path in _IDENTITIES:
        try:
            parts.append(Path(path).read_text().strip())
        except OSError:
            continue
    return hashlib.blake2b(f"heptathlon:{':'.join(parts)}".encode(), digest_size=4).hexdigest()
