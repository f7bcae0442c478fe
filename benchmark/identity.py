"""Which code decides a number: what a file, or some names in it, reach through imports, read off the syntax tree.

One mechanism for all who ask whether a result would come out again: finished jobs, cached networks, timed kernels.
The unit is a top-level statement. A function counts if something that counts names it, so that a new function beside
it changes nothing, nor does a comment, a docstring, an annotation for the type checker alone, or where lines break.
Statements that may act when a module is imported (calls, registering decorators) count wherever their module does.
What is looked up at run time (plug-ins, `getattr` with computed names) is not seen: who asks adds it. Third-party
packages are left out; records name their versions.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""Where `import benchmark` finds this package."""

_HARMLESS = frozenset(
    ("dataclass", "lru_cache", "cache", "contextmanager", "runtime_checkable", "no_grad", "inference_mode", "override")
)
"""Decorators that do nothing beside giving back what they are given; any other may register it somewhere."""
_NOT_CODE = frozenset(("ctx", "kind", "type_comment", "type_ignores", "type_params", "annotation", "returns"))
"""Fields of the syntax tree that decide nothing, or that differ between versions of Python."""


_origin: ContextVar[str | None] = ContextVar("origin", default=None)


@contextmanager
def registering_from(origin: str) -> Iterator[None]:
    """Attribute the registrations made inside, of methods and datasets, to a plug-in: its file, or its module."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def registrar(cls: type) -> str:
    """The plug-in that registers a class right now; outside of any, the module of the class."""
    return _origin.get() or cls.__module__


@dataclass(slots=True)
class _Statement:
    """A top-level statement. uses: names it reads, with the first attribute read of each ("" for the name itself);
    imports: what it imports inside, local name -> (module, name or "")."""

    text: str
    acts: bool
    uses: set[tuple[str, str]]
    imports: dict[str, tuple[str, str]]


@dataclass(slots=True)
class _Module:
    """A parsed file. names: which statements bind a name;  imports: as of a statement."""

    statements: list[_Statement] = field(default_factory=list)
    names: dict[str, list[int]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)


def digest(*files: Path, without: Iterable[Path] = ()) -> str:
    """Hash all that whole files reach, to 16 hexadecimal digits. without: files that are not entered."""
    return _digest(tuple((file, "") for file in files), frozenset(without))


def digest_of(file: Path, *names: str, without: Iterable[Path] = ()) -> str:
    """Hash what some names of a file reach, to 16 hexadecimal digits."""
    return _digest(tuple((file, name) for name in names), frozenset(without))


def reached(*files: Path, without: Iterable[Path] = ()) -> frozenset[Path]:
    """Return the files of which a statement counts."""
    return frozenset(_closure([(file, "") for file in files], frozenset(without)))


def digest_of_origin(origin: str, *, without: Iterable[Path] = ()) -> str:
    """Hash all that a plug-in reaches; of one that is no file, a module of an installed package, its name."""
    path = Path(origin)
    return (
        digest(path, without=without) if path.is_file() else hashlib.blake2b(origin.encode(), digest_size=8).hexdigest()
    )


def forget() -> None:
    """Read files again that have changed since; a process reads each once."""
    _digest.cache_clear()
    _located.cache_clear()


@lru_cache(maxsize=1024)
def _digest(wanted: tuple[tuple[Path, str], ...], without: frozenset[Path]) -> str:
    found = _closure(wanted, without)
    state = hashlib.blake2b(digest_size=8)
    # By text alone: where a statement lies, in which file and line, decides nothing.
    for text in sorted(_parsed(path).statements[index].text for path, places in found.items() for index in places):
        state.update(text.encode() + b"\0")
    return state.hexdigest()


def _closure(wanted: Iterable[tuple[Path, str]], without: frozenset[Path]) -> dict[Path, set[int]]:
    """Places of the statements, by file, that wanted names (file, name or "" for all of it) reach."""
    found: dict[Path, set[int]] = {}
    asked: set[tuple[Path, str]] = set()
    left = [(path.resolve(), name) for path, name in wanted]
    while left:
        path, name = left.pop()
        if (path, name) in asked or path in without:
            continue
        asked.add((path, name))
        module = _parsed(path)
        if name in module.imports:
            left += _followed(module.imports[name], "", path)
        chosen = range(len(module.statements)) if not name else module.names.get(name, [])
        acting = [index for index, statement in enumerate(module.statements) if statement.acts]
        for index in {*chosen, *acting} - found.setdefault(path, set()):
            found[path].add(index)
            statement = module.statements[index]
            for used, attribute in statement.uses:
                if used in statement.imports:
                    left += _followed(statement.imports[used], attribute, path)
                elif used in module.imports:
                    left += _followed(module.imports[used], attribute, path)
                elif used in module.names:
                    left.append((path, used))
    return found


def _followed(target: tuple[str, str], attribute: str, importer: Path) -> Iterator[tuple[Path, str]]:
    """Where an imported name leads: (file, name). attribute: what is read of it, if it is a module."""
    module, name = target
    inner = _located(f"{module}.{name}", importer) if name else _located(module, importer)
    if inner is not None:  # a module: what is read of it, or all of it where it is handed around
        deeper = _located(f"{module}.{name}.{attribute}" if name else f"{module}.{attribute}", importer)
        yield (deeper, "") if attribute and deeper is not None else (inner, attribute)
    elif (outer := _located(module, importer)) is not None:
        yield outer, name


@lru_cache(maxsize=4096)
def _located(module: str, importer: Path) -> Path | None:
    """The file of a module: of this package, or beside the plug-in that imports it; None for all others."""
    base = ROOT if module.partition(".")[0] == "benchmark" else importer.parent
    path = base.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _parsed(path: Path) -> _Module:
    stat = path.stat()
    return _parse(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1024)
def _parse(path: Path, mtime: int, size: int) -> _Module:
    module = _Module()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if _is_text(node) or _is_for_types(node):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            module.imports |= dict(_imported(node))
            continue
        statement = _Statement("".join(_canonical(node)), _acts(node), set(_uses(node)), {})
        for inner in ast.walk(node):
            if isinstance(inner, ast.Import | ast.ImportFrom):
                statement.imports |= dict(_imported(inner))
        for name in _bound(node):
            module.names.setdefault(name, []).append(len(module.statements))
        module.statements.append(statement)
    return module


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[str, str]]]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, (node.module or "", alias.name)
        else:  # `import a.b` binds a, by which b is read
            yield alias.asname or alias.name.partition(".")[0], (alias.name, "")


def _bound(node: ast.stmt) -> set[str]:
    """Names that a top-level statement binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    inner = [part for part in ast.walk(node) if isinstance(part, ast.FunctionDef | ast.ClassDef)]
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return names | {part.name for part in inner}


def _uses(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Names that a statement reads, with the attribute read of each; annotations are not read."""
    for name, value in ast.iter_fields(node):
        if name in _NOT_CODE:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
                yield child.value.id, child.attr
            elif isinstance(child, ast.Name):
                yield child.id, ""
            elif isinstance(child, ast.AST) and not (isinstance(child, ast.stmt) and _is_for_types(child)):
                yield from _uses(child)


def _acts(node: ast.stmt) -> bool:
    """Whether a top-level statement may do more than bind names."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return any(_called(decorator) not in _HARMLESS for decorator in node.decorator_list)
    if isinstance(node, ast.Assign):
        return not all(isinstance(target, ast.Name | ast.Tuple) for target in node.targets)
    return not isinstance(node, ast.AnnAssign)


def _called(decorator: ast.expr) -> str:
    """The last word of a decorator's name, `dataclass` of `@dataclasses.dataclass(frozen=True)`."""
    name = decorator.func if isinstance(decorator, ast.Call) else decorator
    return name.attr if isinstance(name, ast.Attribute) else name.id if isinstance(name, ast.Name) else ""


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _canonical(value: object) -> Iterator[str]:
    """Write a syntax tree without docstrings and positions, alike under every version of Python."""
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name, part in ast.iter_fields(value):
            if name not in _NOT_CODE and part is not None and part != []:
                yield from (f" {name}=", *_canonical(part))
        yield ")"
    elif isinstance(value, list):
        yield "["
        for part in value:
            if not (isinstance(part, ast.stmt) and (_is_text(part) or _is_for_types(part))):
                yield from _canonical(part)
        yield "]"
    else:
        yield repr(value)
