"""Rooms and arrows of the source, read off its imports. `make house` prints them."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.places import REPOSITORY

PARTS = ("benchmark", "methods", "datasets", "reports")
ROOMS = (
    *("cli", "throughput", "running", "contestant", "plugins", "tasks", "learning", "data", "machine", "processes"),
    *("results", "identity", "seeding", "errors"),
)
"""Rooms of `benchmark` from the top down, folders, then the files beside them: each uses only what stands below."""


@dataclass(frozen=True)
class Import:
    """One import. when: "at once", "later" (inside a function), or "types" (for the type checker alone)."""

    file: Path
    module: str
    when: str


def sources(*folders: str) -> list[Path]:
    """All Python files below the folders of the repository."""
    return sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[Import]:
    """Each imported module: of `from a import b` a.b, where that is a module, or a."""

    def visit(node: ast.AST, when: str) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(path, alias.name, when) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield Import(path, inner if file_of(inner) else node.module or "", when)
        else:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and when == "at once":
                when = "later"
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                when = "types"
            for child in ast.iter_child_nodes(node):
                yield from visit(child, when)

    yield from visit(ast.parse(path.read_text()), "at once")


def file_of(module: str) -> Path | None:
    """The file of a module of this repository, None for others and for what is no module."""
    path = REPOSITORY.joinpath(*module.split("."))
    found = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
    return found[0] if found and module.partition(".")[0] in PARTS else None


def room(path: Path) -> str:
    """`results` of benchmark/results/record.py; the folder's own name outside of `benchmark`."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return parts[1] if parts[0] == "benchmark" and parts[1] not in ("__init__", "__main__") else parts[0]


def arrows() -> dict[tuple[str, str], list[Import]]:
    """From which room to which other, with the imports that make the arrow."""
    found: dict[tuple[str, str], list[Import]] = defaultdict(list)
    for path in sources(*PARTS):
        for each in imports(path):
            target = file_of(each.module)
            if target is not None and room(target) != room(path):
                found[room(path), room(target)].append(each)
    return found


def circles(*, types: bool) -> list[list[str]]:
    """Files that import each other in a circle, be it later. types: also by imports for the type checker."""
    uses: dict[Path, set[Path]] = defaultdict(set)
    for path in sources(*PARTS):
        for each in imports(path):
            target = file_of(each.module)
            if target not in (None, path) and (types or each.when != "types"):
                uses[path].add(target)  # type: ignore[arg-type]
    return [sorted(str(path.relative_to(REPOSITORY)) for path in group) for group in _strong(uses) if len(group) > 1]


def _strong(uses: dict[Path, set[Path]]) -> list[list[Path]]:
    """Strongly connected components (Tarjan 1972), without recursion."""
    index: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    found: list[list[Path]] = []
    for root in list(uses):
        work = [(root, iter(sorted(uses[root])))] if root not in index else []
        if work:
            index[root] = low[root] = len(index)
            stack.append(root)
        while work:
            path, left = work[-1]
            following = next(left, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[path])
                if low[path] == index[path]:
                    group = stack[stack.index(path) :]
                    del stack[stack.index(path) :]
                    found.append(group)
            elif following not in index:
                index[following] = low[following] = len(index)
                stack.append(following)
                work.append((following, iter(sorted(uses[following]))))
            elif following in stack:
                low[path] = min(low[path], index[following])
    return found


def drawing() -> str:
    """The rooms from the top down, their size, and below each the rooms it uses."""
    found = arrows()
    lines = []
    for name in (*PARTS[1:], *ROOMS):
        files = [path for path in sources(*PARTS) if room(path) == name]
        size = sum(len(path.read_text().splitlines()) for path in files)
        uses = sorted(
            {target for source, target in found if source == name}, key=lambda each: [*PARTS, *ROOMS].index(each)
        )
        lines.append(f"{name:<11} {len(files):3} files {size:6,} lines   -> {', '.join(uses) or '-'}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(drawing())
