"""What is kept is found again by all that decides it, the code that makes it among that, and by nothing else."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark import identity
from benchmark.learning.keeping import kept


@dataclass(frozen=True)
class Recipe:
    rate: float = 0.1
    widths: tuple[int, ...] = (1, 2)


CODE = """
from neighbour import helped

def make(x):
    return helped(x) + constant

constant = 3

def beside(x):
    return x
"""


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HEPTATHLON_CACHE", str(tmp_path / "cache"))
    yield
    identity.forget()


@pytest.fixture
def by(tmp_path: Path) -> Callable[..., Callable[..., Any]]:
    """The function `make` of a file that is written anew, with its neighbour; they are read, never run."""

    def write(code: str = CODE, neighbour: str = "def helped(x): return 1\n") -> Callable[..., Any]:
        (tmp_path / "neighbour.py").write_text(neighbour)
        path = tmp_path / "maker.py"
        path.write_text(code)
        spec = importlib.util.spec_from_file_location("heptathlon_maker", path)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        exec(compile(code.replace("from neighbour", "# from neighbour"), str(path), "exec"), vars(module))
        identity.forget()
        found: Callable[..., Any] = module.make
        return found

    return write


class Maker:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> dict[str, Tensor]:
        self.count += 1
        return {"weights": torch.arange(4.0) / 3, "count": torch.tensor(self.count)}


def ask(make: Maker, function: Callable[..., Any], **changes: Any) -> dict[str, Tensor]:
    words: dict[str, Any] = {"kind": "stub", "recipe": Recipe(), "content": "abc", "device": "cpu"} | changes
    return kept(words["kind"], words["recipe"], words["content"], make, by=function, device=words["device"])


def test_made_once_and_the_same_bit_for_bit(by: Callable[..., Any]) -> None:
    make, function = Maker(), by()
    first, second = ask(make, function), ask(make, function)
    assert make.count == 1
    assert first.keys() == second.keys() == {"weights", "count"}
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(first["weights"], torch.arange(4.0) / 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": Recipe(rate=0.2)},
        {"recipe": Recipe(widths=(2, 1))},
        {"content": "abd"},
        {"device": "cuda:0"},
        {"kind": "other"},
    ],
    ids=["rate", "widths", "content", "device", "kind"],
)
def test_whatever_decides_it_is_part_of_the_name(by: Callable[..., Any], changes: dict[str, Any]) -> None:
    make, function = Maker(), by()
    ask(make, function)
    ask(make, function, **changes)
    assert make.count == 2
    ask(make, function)
    assert make.count == 2, "and the first is still there"


def test_of_a_device_only_the_kind_counts(by: Callable[..., Any]) -> None:
    make, function = Maker(), by()
    ask(make, function, device="cuda:0")
    ask(make, function, device="cuda:1")
    assert make.count == 1


@pytest.mark.parametrize(
    "code",
    [
        CODE.replace("+ constant", "- constant"),
        CODE.replace("constant = 3", "constant = 4"),
        CODE.replace("def make(x):", "def make(x, y=0):"),
    ],
    ids=["function", "constant", "signature"],
)
def test_other_code_makes_it_again(by: Callable[..., Any], code: str) -> None:
    make = Maker()
    ask(make, by())
    ask(make, by(code))
    assert make.count == 2


def test_code_that_it_reaches_counts_too(by: Callable[..., Any]) -> None:
    make = Maker()
    ask(make, by())
    ask(make, by(neighbour="def helped(x): return 2\n"))
    assert make.count == 2


@pytest.mark.parametrize(
    "code",
    [
        CODE.replace("def beside(x):\n    return x", "def beside(x):\n    return 2 * x"),
        CODE + "\ndef new():\n    return 1\n",
        '"""What it does."""\n' + CODE,
        CODE.replace("    return helped", "    # why\n    return helped"),
        CODE.replace("def make(x):", 'def make(x: int) -> "int":\n    """Say so."""'),
    ],
    ids=["another function", "a new one", "docstring", "comment", "annotation"],
)
def test_what_cannot_change_it_does_not(by: Callable[..., Any], code: str) -> None:
    make = Maker()
    ask(make, by())
    ask(make, by(code))
    assert make.count == 1


def test_another_torch_makes_it_again(by: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    make, function = Maker(), by()
    ask(make, function)
    monkeypatch.setattr(torch, "__version__", "0.0")
    ask(make, function)
    assert make.count == 2


def test_what_fails_is_not_kept(by: Callable[..., Any]) -> None:
    make, function = Maker(), by()

    def fail() -> dict[str, Tensor]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        kept("stub", Recipe(), "abc", fail, by=function, device="cpu")
    ask(make, function)
    assert make.count == 1
