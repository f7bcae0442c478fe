"""Every error a user can meet: each says what happened, with which value, and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HeptathlonError(Exception):
    """Base of all errors that are shown to the user as one message, without a traceback."""


class UsageError(HeptathlonError):
    """The command or call asks for something that cannot be: exit code 2."""


class UnknownNameError(UsageError):
    """A task, track, method, tier, dataset or device that does not exist."""


class DuplicateNameError(HeptathlonError):
    """Two plug-ins claim one name."""


class PluginError(HeptathlonError):
    """A plug-in file that cannot be loaded."""


class DataError(HeptathlonError):
    """A dataset that is missing, damaged, or too small for the track."""


class RecordError(HeptathlonError):
    """A record that cannot be read: damaged, or written under another schema version."""


class StoreError(HeptathlonError):
    """The store cannot be read or written."""


class DeviceError(UsageError):
    """A device that this machine does not have."""


class ContestantError(HeptathlonError):
    """A contestant that did not deliver; the runner turns it into a record.

    status: one of `benchmark.results.record.FAILURES`; details: the last lines of the contestant's traceback or output.
    """

    def __init__(self, status: str, message: str, details: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.details = details


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Build the error for an unknown name, with the nearest known name as a suggestion."""
    names = sorted(str(name) for name in known)  # a StrEnum shows as its word
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    return UnknownNameError(f"no {kind} {name!r}; {hint}")
