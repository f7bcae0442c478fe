"""What the tests ask of a process of its own."""

from __future__ import annotations

import os
import time
from pathlib import Path


def act(request: bytes) -> bytes:
    """Die, hang, or say the request backwards."""
    if request == b"die":
        os._exit(3)
    if request == b"hang":
        time.sleep(600)
    return request[::-1]


def hang(request: bytes) -> bytes:
    """Leave the number of this process in the named file, and do no more."""
    Path(request.decode()).write_text(str(os.getpid()))
    time.sleep(600)
    return b""
