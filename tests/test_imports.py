"""The way of the data: imports go only upstream, and never from the library to the book."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import earwitness
import earwitness_book

LIBRARY, BOOK = (Path(package.__file__).parent for package in (earwitness, earwitness_book))

DOWNSTREAM = {"attribution", "evaluation", "audition", "figures", "training"}
NEVER = {  # room: what it must not know (DESIGN: the way of the data)
    "audio": DOWNSTREAM | {"corpora", "features", "models"},
    "acoustics": DOWNSTREAM | {"corpora", "features", "models"},
    "corpora": DOWNSTREAM | {"features", "models"},
    "features": DOWNSTREAM | {"corpora", "models"},
    "models": DOWNSTREAM | {"corpora"},
    "attribution": DOWNSTREAM - {"attribution"} | {"corpora"},
    "evaluation": {"corpora", "figures", "training"},
    "audition": {"corpora", "figures", "training"},
    "figures": {"corpora", "models", "evaluation", "audition", "training"},
    "training": {"figures", "audition"},
}


@cache
def imported(path):
    """Return the modules that a file imports anywhere in it, by full name."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def room(module):
    """Return the room of a module of ours, ``earwitness.corpora.base`` -> ``corpora``, or None."""
    parts = module.split(".")
    return parts[1] if parts[0] == "earwitness" and len(parts) > 1 else None


@cache
def by_room():
    """Return room -> {room that it imports: the file that does}."""
    found = {}
    for path in LIBRARY.rglob("*.py"):
        own = path.relative_to(LIBRARY).parts[0].removesuffix(".py")
        for module in imported(path):
            if (other := room(module)) and other != own:
                found.setdefault(own, {}).setdefault(other, path.relative_to(LIBRARY))
    return found


def test_the_library_never_imports_the_book():
    assert not [
        path
        for path in LIBRARY.rglob("*.py")
        if any(module.startswith("earwitness_book") for module in imported(path))
    ]


@pytest.mark.parametrize("name", NEVER)
def test_a_room_knows_only_what_is_upstream(name):
    wrong = {other: file for other, file in by_room().get(name, {}).items() if other in NEVER[name]}
    assert not wrong


def test_the_rooms_have_no_circles():
    graph = {
        name: set(others) - {name}
        for name, others in by_room().items()
        if name not in ("__init__", "cli")
    }
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_importing_the_package_imports_nothing_heavy_and_explain_is_there():
    code = "import sys, earwitness; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert earwitness.explain.__module__ == "earwitness.explaining"
    with pytest.raises(AttributeError, match="explains"):
        earwitness.explains  # noqa: B018


def test_the_books_commands_can_be_imported_first_and_recording_needs_nothing_heavy():
    code = (
        "import sys, earwitness_book.cli; from earwitness_book import begin, records; "
        "import nbformat; print(*{'torch', 'pandas', 'scipy', 'lark'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
