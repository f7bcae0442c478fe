"""What runs inside the contestant's process: it loads one method, and answers the judge's requests in turn."""

from __future__ import annotations

import faulthandler
import gc
import os
import random
import re
import traceback
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any

from benchmark.machine.backends import backend
from benchmark.processes import forkserver, wire
from benchmark.seeding import derive

_DETAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class Spec:
    """Which method to build and with what: data only. origin: see `benchmark.tasks.track.Entry`.

    method and origin are empty for the anchor of a track's rounds, which is the harness's own.
    """

    track: str
    method: str
    origin: str
    setup: dict[str, Any]
    threads: int

    def to_wire(self) -> dict[str, Any]:
        """The fields as a message."""
        return asdict(self)


class Method:
    """One built method and the calls that are staged on it."""

    def __init__(self, spec: Spec) -> None:
        import numpy as np
        import torch

        from benchmark import plugins
        from benchmark.tasks import find_track
        from benchmark.tasks.rounds import Rounds

        track = find_track(spec.track)
        if spec.method:
            plugins.load_origin(spec.origin)
            build = track.classes[spec.method]
        else:
            assert isinstance(track.rules, Rounds)
            build = track.rules.anchor()
        setup = track.setup(**spec.setup)
        self._device, self._name = setup.device, setup.device_name
        self._backend = backend(self._name)
        # Methods draw from the setup's generators; one that uses global state all the same is reproducible too.
        seed = derive(setup.seed, setup.track, "global")
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        self._method = build(setup)
        self._calls: tuple[str, list[list[Any]]] | None = None
        self._replies: list[Any] = []
        self._peak_device_bytes = 0
        self._synchronize()

    def stage(self, name: str, calls: list[list[Any]]) -> None:
        """Put the arguments of the next calls where the method works."""
        import torch

        self._replies = []
        self._calls = (name, [[x.to(self._device) if isinstance(x, torch.Tensor) else x for x in c] for c in calls])
        self._synchronize()

    def run(self) -> None:
        """Make the staged calls; done when the device is."""
        assert self._calls is not None
        name, calls = self._calls
        self._calls = None
        function = getattr(self._method, name)
        self._replies = [function(*arguments) for arguments in calls]
        self._synchronize()

    def fetch(self) -> list[Any]:
        """Hand over the replies of the last calls."""
        replies, self._replies = self._replies, []
        return replies

    def settle(self) -> int | None:
        """Give back memory that nothing uses, before a call whose peak is measured; see `Backend.settle`."""
        self._peak_device_bytes = max(self._peak_device_bytes, self.recent_device_bytes() or 0)
        return self._backend.settle(self._name)

    def recent_device_bytes(self) -> int | None:
        """Peak of the device's own memory since the last `settle`."""
        return self._backend.peak_bytes(self._name)

    def peak_device_bytes(self) -> int:
        """Peak of the device's own memory, 0 where it has none."""
        return max(self._peak_device_bytes, self.recent_device_bytes() or 0)

    def _synchronize(self) -> None:
        self._backend.synchronize(self._name)


def serve(connection: Connection, log: str) -> None:
    """Answer the judge until it hangs up. Entry point of the process."""
    os.setsid()  # a group of its own: the judge can end it with all that it starts, and Ctrl-C reaches the judge alone
    forkserver.end_with_parent()
    with open(log, "ab", buffering=0) as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    faulthandler.enable(all_threads=False)
    gc.freeze()  # what the fork server imported stays: to look through it takes 0.2 s whenever memory is measured
    method: Method | None = None
    while True:
        try:
            request = wire.decode(connection.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            value: Any = None
            if request["do"] == "hello":
                pass
            elif request["do"] == "build":
                method = _build(request)
            elif method is None:
                raise ValueError("nothing was built yet")
            elif request["do"] == "stage":
                method.stage(request["name"], request["calls"])
            elif request["do"] == "run":
                method.run()
                connection.send_bytes(wire.encode({"value": None}))  # stops the judge's clock; the reply follows
                value = method.fetch()
            elif request["do"] == "work":  # as "run", but the reply waits for a "fetch"
                method.run()
            elif request["do"] in ("fetch", "settle", "recent_device_bytes", "peak_device_bytes"):
                value = getattr(method, request["do"])()
            else:
                raise ValueError(f"unknown request {request['do']!r}")
            reply = wire.encode({"value": value})
        except BaseException as error:  # noqa: BLE001  SystemExit and KeyboardInterrupt too: the judge decides what it means
            reply = wire.encode({"failure": list(failure_of(error))})
        connection.send_bytes(reply)


def failure_of(error: BaseException) -> tuple[str, str, str]:
    """Say what an exception means: status, one line, and the last lines of its traceback."""
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()[-_DETAIL_LINES:]
    text = f"{type(error).__name__}: {error}".splitlines()[0][:500]
    if isinstance(error, wire.WireError):
        status, text = "invalid_output", re.sub(r"^value(\['value'\])?(\[\d+\])?", "the reply", str(error), count=1)
    elif _is_out_of_memory(error):
        status = "out_of_memory"
    else:
        status = "error"
    return status, text, "\n".join(lines)


def _build(request: dict[str, Any]) -> Method:
    import torch

    limit = request.pop("bytes")
    del request["do"]
    spec = Spec(**request)
    torch.set_num_threads(spec.threads)
    name = spec.setup["device_name"]
    backend(name).confine(name, limit)
    return Method(spec)


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
