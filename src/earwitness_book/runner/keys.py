"""What an executed notebook is kept under: everything that determines it, and nothing that does not."""

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from earwitness import cache
from earwitness.errors import ParameterError
from earwitness_book import project
from earwitness_book.runner import reach
from earwitness_book.runner.notebooks import Notebook

FORMAT = 2  # of executed notebooks in the cache; another number makes all of them anew


@dataclass(frozen=True, eq=False)
class Environment:
    """What a command finds: the modules, the files of the checkout, the recordings present, the versions."""

    root: Path
    graph: reach.Graph
    recordings: str
    strays: tuple[str, ...]

    def specification(self, notebook: Notebook, profile: str, values: Mapping[str, object], threads: int) -> dict:
        """Return what a notebook is kept under with these values of its parameters."""
        modules = self.graph.reached(notebook, values)
        words = reach.said(modules.values(), values)
        files = sorted(self.files(notebook, modules, words))
        return {
            "format": FORMAT, "notebook": notebook.id, "source": cache.digest({"source": notebook.source}),
            "profile": profile, "parameters": dict(values), "threads": threads,
            "modules": {name: module.digest for name, module in sorted(modules.items())},
            "files": {self._short(path): self._digest(path) for path in files},
            "corpora": self._corpora(modules, words), "own": _own(values),
            "recordings": self.recordings, "packages": self.packages, "python": platform.python_version(),
        }

    def files(self, notebook: Notebook, modules: Mapping[str, reach.Module], words: set[str]) -> set[Path]:
        """Return the files, beside modules, that a notebook with these modules and words reads."""
        folders = {module.path.parent for module in modules.values()}
        found = {path for folder in folders for path in folder.iterdir()
                 if path.suffix != ".py" and path.is_file() and path.name in words}
        if "earwitness.models.weights" in modules:
            found |= {path for path in (self.root / "data" / "weights").glob("*") if path.is_file()}
        if "earwitness_book.records" in modules:
            found |= {path for path in (self.root / "data").glob("*/*.yaml")
                      if path.stem == notebook.chapter or path.stem in words}
        return found

    def _corpora(self, modules: Mapping, words: set[str]) -> dict[str, str]:
        """Return what the catalogue says of the corpora that can be loaded by their names."""
        return {name: digest for name, digest in self._catalogue.items()
                if "earwitness.catalogue" in modules and name in words}

    @cached_property
    def _catalogue(self) -> dict[str, str]:
        path = self.root / "data" / "corpora.yaml"
        known = project.read_yaml(path) if path.exists() else None
        manifests = {each.stem: cache.file_digest(each) for each in path.parent.glob("manifests/*.sha256")}
        return {name: cache.digest({"about": about, "manifest": manifests.get(name)})
                for name, about in (known or {}).items()}

    @cached_property
    def packages(self) -> str:
        """Return what stands for the pinned versions."""
        lock = self.root / "requirements.lock"
        return cache.file_digest(lock) if lock.exists() else ""

    def _short(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name

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
            "commit": project.commit(), "python": platform.python_version(), "versions": self.packages,
            "code": cache.digest({name: module.digest for name, module in self.graph.modules.items()}),
            "data": cache.digest({self._short(path): self._digest(path) for path in data}),
            "recordings": cache.digest({"files": [(name, size) for name, size, *_ in _listing(_folders(), [])]}),
        }


def environment_fingerprint() -> Environment:
    """Return what notebooks may depend on beside their own text, as it is now."""
    packages = Path(__file__).parents[1]
    strays: list[str] = []
    recordings = cache.digest({"files": list(_listing(_folders(), strays))})
    folders = {"earwitness": _package("earwitness"), "earwitness_book": packages}
    return Environment(project.root(), reach.Graph(folders), recordings, tuple(strays))


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
            found[word] = cache.digest({"files": list(_listing([folder], []))})
    for word in reach.texts(values):
        module, colon, name = word.partition(":")
        if colon and name.isidentifier() and all(part.isidentifier() for part in module.split(".")):
            spec = find_spec(module)
            found[word] = cache.file_digest(Path(spec.origin)) if spec and spec.origin else "absent"
    return found


# --- the recordings: reading them would take minutes, so their names, sizes and times stand for them


def _folders() -> list[Path]:
    data = os.environ.get("EARWITNESS_DATA")
    return [*([Path(data).expanduser()] if data else []), cache.directory("corpora")]


def _listing(folders: Iterable[Path], strays: list[str]) -> Iterator[tuple]:
    """Yield name, size and time of each file; links are followed, those to nowhere and in circles go to ``strays``."""
    for folder in folders:
        if folder.is_dir():
            yield from _inside(folder, "", (), strays)


def _inside(folder: Path, name: str, above: tuple, strays: list[str]) -> Iterator[tuple]:
    try:
        here = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:      # it went away meanwhile
        return
    except OSError as error:
        strays.append(f"{folder} cannot be read ({error.strerror})")
        return
    if (here.st_dev, here.st_ino) in above:
        strays.append(f"{folder} is a link to a folder that it lies in")
        return
    for entry in entries:
        yield from _entry(entry, f"{name}{entry.name}", (*above, (here.st_dev, here.st_ino)), strays)


def _entry(entry: os.DirEntry, name: str, above: tuple, strays: list[str]) -> Iterator[tuple]:
    try:
        if entry.is_dir():
            yield from _inside(Path(entry.path), f"{name}/", above, strays)
            return
        found = entry.stat()
    except OSError:
        if entry.is_symlink():
            strays.append(f"{entry.path} is a link to {os.readlink(entry.path)}, which is not there")
            yield name, -1, os.readlink(entry.path)
        return
    yield name, found.st_size, found.st_mtime_ns


def check_folders() -> None:
    """Raise before work begins if a folder that a variable names is a file, or cannot be used.

    Raises
    ------
    ParameterError
        The message names the variable and its value.
    """
    for variable in ("EARWITNESS_DATA", "EARWITNESS_CACHE", "EARWITNESS_HOME"):
        value = os.environ.get(variable)
        if value and Path(value).expanduser().exists() and not Path(value).expanduser().is_dir():
            raise ParameterError(f"{variable} is {value!r}, which is no folder.")
