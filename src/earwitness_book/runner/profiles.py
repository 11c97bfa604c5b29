"""Named sets of overrides: how long a build takes, and which corpora its numbers come from.

In ``notebooks/profiles/<name>.yaml``::

    about: Generated voices; ten minutes on two cores.     # shown on every page
    all: {n_clips: 4}                                      # every notebook that declares n_clips
    audiomnist/pixel-flipping: {corpus: voices}            # one notebook; wins over all
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from earwitness.errors import ParameterError, check_choice
from earwitness_book import project
from earwitness_book.runner import notebooks, parameters
from earwitness_book.runner.notebooks import Book, Notebook


@dataclass(frozen=True, eq=False)
class Profile:
    """A profile as its file says, every name in it checked against the book."""

    name: str
    about: str
    everywhere: Mapping[str, object]
    own: Mapping[str, Mapping[str, object]]

    def overrides(self, notebook: Notebook) -> dict[str, object]:
        """Return what the profile changes in one notebook, checked against what the notebook
        declares.

        Raises
        ------
        ParameterError
            If a parameter does not exist, or a value is not allowed.
        """
        here = {
            name: value for name, value in self.everywhere.items() if name in notebook.parameters
        }
        try:
            return parameters.check(notebook, here | dict(self.own.get(notebook.id, {})))
        except ParameterError as error:
            raise ParameterError(f"Profile {self.name}: {error}") from None

    def resolve(self, notebook: Notebook, given: Mapping[str, object]) -> dict[str, object]:
        """Return the value of every parameter: its default, the profile's, or (wins) the one
        given.
        """
        defaults = {name: parameter.default for name, parameter in notebook.parameters.items()}
        return parameters.check(notebook, defaults | self.overrides(notebook) | dict(given))


def names() -> list[str]:
    """Return the names of all profiles."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def load(profile: str) -> Profile:
    """Return a profile; read again only when its file or the book was changed.

    Raises
    ------
    UnknownNameError
        If there is no such profile.
    ParameterError
        If it names a notebook or a parameter that does not exist.
    DamagedDataError
        If its file is not YAML; the message names file and line.
    """
    path = _folder() / f"{check_choice(profile, names(), 'profile')}.yaml"
    state = project.state(path)
    return _load(profile, path, state.st_mtime_ns, state.st_size, notebooks.book())


@lru_cache(maxsize=16)
def _load(profile: str, path: Path, _time: int, _size: int, book: Book) -> Profile:
    content = _read(profile, path)
    known = {notebook.id for notebook in book.notebooks}
    own = {name: changes or {} for name, changes in content.items() if name not in ("about", "all")}
    for name in own:
        if name not in known:
            raise ParameterError(
                f"Profile {profile} names no notebook: {name!r}.{parameters.nearest(name, known)}"
            )
    everywhere = content.get("all") or {}
    declared = (
        {name for notebook in book.notebooks for name in notebook.parameters}
        if everywhere
        else set()
    )
    for name in everywhere:
        if name not in declared:
            hint = parameters.nearest(str(name), declared)
            raise ParameterError(f"Profile {profile}: no notebook has a parameter {name!r}.{hint}")
    return Profile(profile, content.get("about") or "", everywhere, own)


def about(profile: str) -> str:
    """Return the profile's own sentence about itself."""
    return load(profile).about


def overrides(profile: str, notebook: Notebook) -> dict[str, object]:
    """Return what a profile changes in one notebook, as :meth:`Profile.overrides` says."""
    return load(profile).overrides(notebook)


def resolve(profile: str, notebook: Notebook, given: Mapping[str, object]) -> dict[str, object]:
    """Return the value of every parameter of a notebook, as :meth:`Profile.resolve` says."""
    return load(profile).resolve(notebook, given)


def _folder() -> Path:
    return project.root() / "notebooks" / "profiles"


def _read(profile: str, path: Path) -> dict:
    content = project.read_yaml(path) or {}
    if not isinstance(content, dict) or not isinstance(content.get("about") or "", str):
        raise ParameterError(
            f"Profile {profile} must map notebooks to parameters and values ({path})."
        )
    for name, value in content.items():
        if name != "about" and not isinstance(value, (dict, type(None))):
            raise ParameterError(
                f"Profile {profile} must map notebooks to parameters and values; "
                f"{name}: {value!r} in {path} is none."
            )
    return content
