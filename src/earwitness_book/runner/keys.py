"""What an executed notebook is kept under: all that determines it, and nothing else."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from earwitness import cache, folders
from earwitness_book import project
from earwitness_book.runner import reach
from earwitness_book.runner.notebooks import Notebook, text

FORMAT = 3  # of executed notebooks in the cache; another number makes all of them anew


@dataclass(frozen=True, eq=False)
class Environment:
    """What a command finds: the modules, the files of the checkout, the recordings present, the
    versions.
    """

    root: Path
    graph: reach.Graph
    recordings: str
    strays: tuple[str, ...]

    def specification(
        self, notebook: Notebook, profile: str, values: Mapping[str, object], threads: int
    ) -> dict:
        """Return what a notebook is kept under with these values of its parameters."""
        modules = self.graph.reached(notebook, values)
        words = reach.said(modules.values(), values)
        files = sorted(self.files(notebook, modules, words))
        return {
            "format": FORMAT,
            "notebook": notebook.id,
            "source": cache.digest({"cells": executed_of(notebook)}),
            "profile": profile,
            "parameters": dict(values),
            "threads": threads,
            "modules": {name: module.digest for name, module in sorted(modules.items())},
            "files": {self._short(path): self._digest(path) for path in files},
            "corpora": self._corpora(modules, words),
            "own": _own(values),
            "recordings": self.recordings,
            "packages": self.packages,
            "python": platform.python_version(),
        }

    def files(
        self, notebook: Notebook, modules: Mapping[str, reach.Module], words: set[str]
    ) -> set[Path]:
        """Return the files, beside modules, that a notebook with these modules and words reads."""
        around = {module.path.parent for module in modules.values()}
        found = {
            path
            for folder in around
            for path in folder.iterdir()
            if path.suffix != ".py" and path.is_file() and path.name in words
        }
        if "earwitness.models.weights" in modules:
            found |= {path for path in (self.root / "data" / "weights").glob("*") if path.is_file()}
        if "earwitness_book.records" in modules:
            kinds = (
                ("published", "recorded")
                if "records.recorded" in notebook.source
                else ("published",)
            )
            found |= {
                path
                for kind in kinds
                for path in (self.root / "data" / kind).glob("*.yaml")
                if path.stem == notebook.chapter or path.stem in words
            }
        return found

    def _corpora(self, modules: Mapping, words: set[str]) -> dict[str, str]:
        """Return what the catalogue says of the corpora that can be loaded by their names."""
        return {
            name: digest
            for name, digest in self._catalogue.items()
            if "earwitness.catalogue" in modules and name in words
        }

    @cached_property
    def _catalogue(self) -> dict[str, str]:
        path = self.root / "data" / "corpora.yaml"
        known = project.read_yaml(path) if path.exists() else None
        manifests = {
            each.stem: cache.file_digest(each) for each in path.parent.glob("manifests/*.sha256")
        }
        return {
            name: cache.digest({"about": about, "manifest": manifests.get(name)})
            for name, about in (known or {}).items()
        }

    @cached_property
    def packages(self) -> str:
        """Return what stands for the pinned versions."""
        lock = self.root / "requirements.lock"
        return cache.file_digest(lock) if lock.exists() else ""

    def _short(self, path: Path) -> str:
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name
        )

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = cache.file_digest(path)[:16]
        return self._digests[path]

    @cached_property
    def _digests(self) -> dict[Path, str]:
        return {}

    def identity(self) -> dict[str, str]:
        """Return what two machines must have in common for one to work for the other."""
        data = [path for path in (self.root / "data").rglob("*") if path.is_file()]
        return {
            "commit": project.commit(),
            "python": platform.python_version(),
            "versions": self.packages,
            "code": cache.digest(
                {name: module.digest for name, module in self.graph.modules.items()}
            ),
            "data": cache.digest({self._short(path): self._digest(path) for path in data}),
            "recordings": self.recordings,
        }


def executed_of(notebook: Notebook) -> list[dict]:
    """Return what of a notebook's cells can change what comes out: of text, only where it stands.

    So a sentence is changed without executing anything (:func:`~.execute.execute`).
    """
    return [
        {"metadata": cell["metadata"], "code": text(cell) if cell["cell_type"] == "code" else None}
        for cell in notebook.content()["cells"]
    ]


def environment_fingerprint() -> Environment:
    """Return what notebooks may depend on beside their own cells, as it is now."""
    packages = Path(__file__).parents[1]
    recordings, strays = _recordings()
    graph = reach.Graph({"earwitness": _package("earwitness"), "earwitness_book": packages})
    return Environment(project.root(), graph, recordings, tuple(strays))


def identity() -> dict[str, str]:
    """Return what a worker on another machine is asked for before it gets work."""
    return environment_fingerprint().identity()


def _package(name: str) -> Path:
    return Path(find_spec(name).origin).parent


def _own(values: Mapping[str, object]) -> dict[str, str]:
    """Return what stands for a reader's own folder or module, where a parameter names one."""
    found = {}
    for word in set(reach.strings(values)):
        folder = Path(word).expanduser()
        if "/" in word and folder.is_dir():
            found[word] = folders.tree_fingerprint(folder.absolute())
    for word in reach.texts(values):
        module, colon, name = word.partition(":")
        if colon and name.isidentifier() and all(part.isidentifier() for part in module.split(".")):
            spec = find_spec(module)
            found[word] = cache.file_digest(Path(spec.origin)) if spec and spec.origin else "absent"
    return found


def _recordings() -> tuple[str, list[str]]:
    """Return what stands for the content of all recordings present, and what is wrong with links
    among them.
    """
    data, digests, strays = cache.environment_folder("EARWITNESS_DATA"), [], []
    for folder in (data, cache.place("corpora")):
        if folder and folder.is_dir():
            files, problems = folders.walk(folder.absolute())
            digests.append(folders.content_fingerprint(folder.absolute(), files))
            strays += problems
    return cache.digest({"content": digests}), strays


def check_folders() -> None:
    """Raise before work begins if a folder that a variable names is a file, or cannot be used.

    Raises
    ------
    ParameterError
        The message names the variable and its value.
    """
    for name in ("DATA", "CACHE", "CACHE_SHARED", "HOME"):
        variable = f"EARWITNESS_{name}"
        cache.environment_folder(variable)
