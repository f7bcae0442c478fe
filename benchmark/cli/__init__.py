"""The command line: one verb a file. Verbs import what is heavy when they are called: `--help` answers at once."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys

from benchmark.cli.app import app
from benchmark.errors import HeptathlonError, UsageError


def main() -> None:
    """Entry point: run the command, and turn errors into one clear message and an exit code.

    0 all well, 1 a job failed or something could not be done, 2 wrong use, 130 interrupted.
    """
    for file in pkgutil.iter_modules(__path__):
        if not file.ispkg:  # a verb registers itself; what verbs show with lies in folders
            importlib.import_module(f"{__name__}.{file.name}")
    try:
        app(standalone_mode=True)
    except UsageError as error:
        _fail(str(error), 2)
    except HeptathlonError as error:
        _fail(str(error), 1)
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision"):
            raise
        _fail(f"this command needs {error.name}: pip install 'heptathlon[run]'", 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: nothing left to tell


def _fail(message: str, code: int) -> None:
    print(f"heptathlon: {message}", file=sys.stderr)
    sys.exit(code)
