"""Datasets of a user's plug-ins answer from a process of their own: proxies here, and the loop that serves them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.data.boxes.boxed import BoxedImages
from benchmark.data.catalogue import LabelledImages, LabelledSequences, Split, catalogue
from benchmark.data.texts.parallel import Language, ParallelText
from benchmark.errors import DataError
from benchmark.plugins import loading
from benchmark.processes.aside import Worker

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.data.control.environment import ControlEnv
    from benchmark.data.control.shifts import Shift


def facts_of(dataset: Any) -> dict[str, Any]:
    """What never changes of a dataset and may be asked for often."""
    facts: dict[str, Any] = {"classes": tuple(dataset.classes)} if hasattr(dataset, "classes") else {}
    if hasattr(dataset, "scripts"):
        facts["scripts"] = {name: tuple(classes) for name, classes in dataset.scripts.items()}
    if hasattr(dataset, "drawn"):
        facts["drawn"] = bool(dataset.drawn)
    return facts


def proxy(kind: str, facts: Mapping[str, Any], *, origin: str, name: str) -> object:
    """A stand-in for a dataset of that kind, of a plug-in that this process has not loaded."""
    return _PROXIES[kind](Worker(serve, origin, name), **facts)


def serve(request: dict[str, Any], state: dict[str, Any], origin: str, name: str) -> Any:
    """Answer one request of a proxy, in the plug-in's own process. state: what is kept between requests."""
    if not state:
        loading.load_paths([loading.bundled("datasets")])  # it may draw on ours
        loading.load_origin(origin)
        state.update(dataset=catalogue.find(name).dataset, environments=[])
    do, words = request["do"], request["words"]
    if "environment" in request:
        return _stepped(state["environments"][request["environment"]], do, words)
    if do == "environment":
        from benchmark.data.control.shifts import Shift

        env = state["dataset"].environment(**words | {"shift": Shift(*words["shift"])})
        state["environments"].append(env)
        return {"number": len(state["environments"]) - 1, "actions": env.actions}
    if "root" in words:
        words["root"] = Path(words["root"])
    root = [words.pop("root")] if do in _ROOT_FIRST and "root" in words else []
    found = getattr(state["dataset"], do)(*root, **words)
    if isinstance(found, LabelledImages):
        return (found.images, found.labels, found.classes)
    if isinstance(found, BoxedImages | ParallelText):
        return {name: getattr(found, name) for name in found.__slots__}
    if do == "languages":
        return [(each.name, each.family, each.share) for each in found]
    return (found.tokens, found.labels) if isinstance(found, LabelledSequences) else found


_ROOT_FIRST = ("missing", "fingerprint", "categories", "languages", "fetch")
"""Methods that take the data root without its name."""


def _stepped(env: Any, do: str, words: dict[str, Any]) -> Any:
    found = getattr(env, do)(**words)
    return found[0] if do == "reset" else found[:4] if do == "step" else found


class _Proxy:
    def __init__(self, worker: Worker, **facts: Any) -> None:
        self._worker = worker
        self.__dict__.update(facts)

    def _ask(self, do: str, **words: Any) -> Any:
        return self._worker.ask({"do": do, "words": words})


class _Drawn(_Proxy):
    def fingerprint(self) -> str:
        return str(self._ask("fingerprint"))


class _Procedural(_Drawn):
    classes: tuple[str, ...]

    def draw(self, **words: Any) -> LabelledImages:
        return LabelledImages(*self._ask("draw", **words | {"classes": list(words["classes"])}))


class _Scripted(_Procedural):
    scripts: Mapping[str, tuple[int, ...]]


class _Stored(_Proxy):
    def missing(self, root: Path) -> str | None:
        found: str | None = self._ask("missing", root=str(root))
        return found

    def fingerprint(self, root: Path) -> str:
        return str(self._ask("fingerprint", root=str(root)))

    def fetch(self, root: Path) -> None:
        self._ask("fetch", root=str(root))


class _Fixed(_Stored):
    def load(self, split: Split, *, root: Path) -> LabelledImages:
        return LabelledImages(*self._ask("load", split=split, root=str(root)))


class _Boxed(_Stored):
    drawn: bool

    def categories(self, root: Path) -> tuple[str, ...]:
        return tuple(self._ask("categories", root=str(root)))

    def boxed(self, split: Split, *, root: Path, **words: Any) -> BoxedImages:
        return BoxedImages(**self._ask("boxed", split=split, root=str(root), **words))


class _Parallel(_Stored):
    drawn: bool

    def languages(self, root: Path) -> tuple[Language, ...]:
        return tuple(Language(*words) for words in self._ask("languages", root=str(root)))

    def lexicon(self, root: Path, **words: Any) -> tuple[str, ...]:
        return tuple(self._ask("lexicon", root=str(root), **words))

    def parallel(self, split: Split, *, root: Path, **words: Any) -> ParallelText:
        found = self._ask("parallel", split=split, root=str(root), **words)
        ways = tuple(tuple(each) for each in found["references"])
        return ParallelText(tuple(found["sources"]), ways, tuple(found["glosses"]))


class _Vector(_Drawn):
    def vectors(self, **words: Any) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = self._ask("vectors", **words)
        return q, k, v


class _Sequence(_Drawn):
    classes: tuple[str, ...]

    def fields(self, length: int) -> tuple[int, ...]:
        return tuple(self._ask("fields", length=length))

    def sequences(self, **words: Any) -> LabelledSequences:
        return LabelledSequences(*self._ask("sequences", **words))


class _Control(_Drawn):
    def missing(self) -> str | None:
        found: str | None = self._ask("missing")
        return found

    def environment(self, *, count: int, size: int, horizon: int, shift: Shift) -> ControlEnv:
        words = {"count": count, "size": size, "horizon": horizon, "shift": (shift.kind, shift.strength)}
        made = self._ask("environment", **words)
        return _environment(self._worker, made["number"], made["actions"], count=count, size=size, horizon=horizon)


def _environment(worker: Worker, number: int, actions: int, *, count: int, size: int, horizon: int) -> ControlEnv:
    from benchmark.data.control.environment import ControlEnv

    def ask(do: str, **words: Any) -> Any:
        return worker.ask({"do": do, "words": words, "environment": number})

    class Environment(ControlEnv):
        def reset(self, *, seed: Any = None, options: Any = None) -> Any:
            self.step_count = 0
            return ask("reset", seed=seed), {}

        def step(self, actions: Tensor) -> Any:
            found = ask("step", actions=self.begin_step(actions))
            self.step_count += 1
            return *found, {}

        def expert(self) -> Tensor:
            found: Tensor = ask("expert")
            return found

    if not isinstance(actions, int):
        raise DataError(f"the environment says it takes {actions!r} actions; it must be a number")
    return Environment(count=count, size=size, horizon=horizon, actions=actions)


_PROXIES: dict[str, type[Any]] = {
    "fixed": _Fixed, "scripted": _Scripted, "procedural": _Procedural, "sequences": _Sequence, "control": _Control,
    "vectors": _Vector, "boxes": _Boxed, "parallel": _Parallel,
}  # fmt: skip
