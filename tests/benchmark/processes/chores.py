"""Functions that tests let processes of their own run."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from benchmark.errors import DataError, UsageError


def shout(text: str) -> str:
    print(text, flush=True)
    os.system(f"echo and a child says {text}")
    return text


def refuse(text: str) -> None:
    raise DataError(text)


def misuse() -> None:
    raise UsageError("not so")


def give_an_object() -> object:
    return object()


def fail_silently() -> None:
    raise AssertionError


def stop(code: int = 0) -> None:
    sys.exit(code)


def remember(request: Any, state: dict[str, Any], *arguments: Any) -> Any:
    """What a worker answers; words it knows make it misbehave."""
    if request == "refuse":
        raise DataError("it does not do that")
    if request == "fail":
        raise ZeroDivisionError("by nothing")
    if request == "die":
        os._exit(3)
    if request == "object":
        return object()
    if request == "slow":
        state["busy"] = state.get("busy", 0) + 1
        time.sleep(0.1)
        state["busy"] -= 1
        return state["busy"]
    state.setdefault("requests", []).append(request)
    return {"process": os.getpid(), "requests": state["requests"], "arguments": list(arguments)}


def shout_for(request: str, state: dict[str, Any]) -> str:
    return shout(request)


def doze(request: str, state: dict[str, Any]) -> None:
    time.sleep(1000)
