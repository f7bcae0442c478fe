"""Networks by name: torchvision's without weights, and those that a file of the user's makes."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmark.errors import PluginError, UsageError, unknown


def find_network(word: str) -> nn.Module:
    """Return a network.

    word: a model of torchvision (classification, detection, segmentation), with nothing downloaded, or
    `path/to/file.py:name` of a module, or of a class or function that makes one when called. The file is run in this
    process. Weights that are drawn are those of a fixed seed. Raises UnknownNameError with a suggestion, PluginError if
    the file fails, and UsageError if what it makes is no nn.Module.
    """
    path, colon, name = word.rpartition(":")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if colon or word.endswith(".py"):
            return _from_file(Path(path or word), name if colon else "")
        return _of_torchvision(word)


def _of_torchvision(name: str) -> nn.Module:
    from torchvision import models

    rooms = (models, models.detection, models.segmentation)
    known = [each for room in rooms for each in models.list_models(module=room)]
    if name not in known:
        raise unknown("model of torchvision", name, known)
    builder = models.get_model_builder(name)
    names = inspect.signature(builder).parameters
    without: dict[str, Any] = {each: None for each in ("weights", "weights_backbone") if each in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of networks whose initial weights are to change
        model: nn.Module = builder(**without)
    return model


def _from_file(path: Path, name: str) -> nn.Module:
    if not path.is_file():
        raise UsageError(f"no file {path}; give a model of torchvision, or path/to/file.py:name")
    spec = importlib.util.spec_from_file_location(f"_network_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file; give path/to/file.py:name")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look there
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise PluginError(f"{path} cannot be run: {_where(error, path)}") from error
        own = {key: each for key, each in vars(module).items() if not key.startswith("_") and _makes(each, spec.name)}
        if name not in vars(module):
            raise unknown(f"name in {path}", name, own)
        made = getattr(module, name)
        if not isinstance(made, nn.Module):
            try:
                made = made()
            except Exception as error:
                raise PluginError(f"{path}:{name} fails when called: {_where(error, path)}") from error
    finally:
        sys.path.remove(str(path.parent.resolve()))
    if not isinstance(made, nn.Module):
        raise UsageError(f"{path}:{name} makes a {type(made).__name__}; it must make an nn.Module")
    return made


def _makes(value: Any, module: str) -> bool:
    """Whether it is a network of the file, or may make one."""
    return isinstance(value, nn.Module) or (callable(value) and getattr(value, "__module__", "") == module)


def _where(error: Exception, path: Path) -> str:
    lines = [
        each.lineno
        for each in traceback.extract_tb(error.__traceback__)
        if Path(each.filename).resolve() == path.resolve()
    ]
    return f"{f'line {lines[-1]}: ' if lines else ''}{type(error).__name__}: {error}"
