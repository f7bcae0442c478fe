from __future__ import annotations

import inspect

import pytest

from benchmark import errors
from benchmark.errors import ContestantError, HeptathlonError, UnknownNameError, UsageError, unknown


def test_the_nearest_name_is_suggested() -> None:
    error = unknown("method", "gmp", {"gpm", "ewc", "er"})
    assert isinstance(error, UnknownNameError)
    assert str(error) == "no method 'gmp'; did you mean 'gpm'?"


def test_all_names_are_listed_if_none_is_near() -> None:
    assert str(unknown("method", "xyz", {"gpm", "ewc"})) == "no method 'xyz'; known: ewc, gpm"
    assert str(unknown("dataset", "xyz", [])) == "no dataset 'xyz'; known: none"


def test_every_error_is_shown_without_a_traceback() -> None:
    classes = [member for _, member in inspect.getmembers(errors, inspect.isclass) if issubclass(member, Exception)]
    assert len(classes) > 8
    assert all(issubclass(error, HeptathlonError) for error in classes)


@pytest.mark.parametrize("error", [errors.UnknownNameError, errors.DeviceError])
def test_wrong_words_are_wrong_use(error: type[Exception]) -> None:
    assert issubclass(error, UsageError)


def test_a_contestants_error_carries_status_and_details() -> None:
    error = ContestantError("timeout", "too slow", "line 1")
    assert (str(error), error.status, error.details) == ("too slow", "timeout", "line 1")
    assert ContestantError("error", "bad").details == ""
