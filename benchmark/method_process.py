"""What runs inside the contestant's process: it loads one method, and answers the judge's requests in turn."""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import os
import random
import re
import traceback
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmark import forkserver, wire
from benchmark.seeding import derive

_DETAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class Spec:
    """Which method to build and with what: data only. origin: see `benchmark.task.Entry`."""

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

        plugins.load_origin(spec.origin)
        track = find_track(spec.track)
        setup = track.setup(**_tuples(spec.setup))
        self._device = setup.device
        # Methods draw from the setup's generators; one that uses global state all the same is reproducible too.
        seed = derive(setup.seed, setup.track, "global")
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        self._method = track.find(spec.method).factory(setup)
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

    def settle(self) -> int:
        """Give back memory that nothing uses, before a call whose peak is measured; return torch's bytes on the GPU."""
        import torch

        gc.collect()
        if self._device.type == "cuda":
            self._peak_device_bytes = self.peak_device_bytes()
            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
        if trim is not None:
            trim(0)
        return 0

    def recent_device_bytes(self) -> int:
        """Peak of torch's allocations on the GPU since the last `settle`."""
        import torch

        return torch.cuda.max_memory_allocated(self._device)

    def peak_device_bytes(self) -> int:
        """Peak of torch's allocations on the GPU, 0 on a CPU."""
        return max(self._peak_device_bytes, self.recent_device_bytes()) if self._device.type == "cuda" else 0

    def _synchronize(self) -> None:
        import torch

        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def serve(connection: Connection, log: str) -> None:
    """Answer the judge until it hangs up. Entry point of the process."""
    os.setsid()  # a group of its own: the judge can end it with all that it starts, and Ctrl-C reaches the judge alone
    forkserver.end_with_parent()
    with open(log, "ab", buffering=0) as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    faulthandler.enable(all_threads=False)
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
    if spec.setup["device_name"].startswith("cuda"):
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs to be deterministic
        torch.use_deterministic_algorithms(True, warn_only=True)
    else:
        _limit_memory(limit)  # on a GPU the driver reserves far more address space than it uses
    return Method(spec)


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Lists back to tuples: the wire knows only lists, setups are immutable."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _limit_memory(limit: int) -> None:
    """Let allocations beyond the limit fail, with a traceback, instead of taking the machine down."""
    try:
        import resource

        status = Path("/proc/self/status").read_text()
    except (ImportError, OSError):
        return  # no such limit on this system: the judge watches resident memory all the same
    used = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + limit, used + limit))
