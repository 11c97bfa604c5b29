"""Named sets of overrides, ``notebooks/profiles/<name>.yaml``: how long a build takes and what it hears.

::

    about: Generated voices; a quarter of an hour on two cores.     # shown on every page
    all: {n_clips: 4}                                               # every notebook that declares n_clips
    audiomnist/pixel-flipping: {corpus: voices}                     # one notebook; wins over all
"""

from collections.abc import Mapping
from pathlib import Path

import yaml

from earwitness.errors import ParameterError, check_choice
from earwitness_book import project
from earwitness_book.runner import notebooks, parameters
from earwitness_book.runner.notebooks import Notebook


def names() -> list[str]:
    """Return the names of all profiles."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def about(profile: str) -> str:
    """Return the profile's own sentence about itself."""
    return _read(profile).get("about", "")


def overrides(profile: str, notebook: Notebook) -> dict[str, object]:
    """Return what a profile changes in one notebook, checked against what the notebook declares.

    Raises
    ------
    UnknownNameError
        If there is no such profile.
    ParameterError
        If the profile names a notebook or a parameter that does not exist, or a value that is not allowed.
    """
    content = _read(profile)
    known = {other.id: other for other in notebooks.every()}
    own = {name: changes or {} for name, changes in content.items() if name not in ("about", "all")}
    for name in own:
        if name not in known:
            raise ParameterError(f"Profile {profile} names no notebook: {name!r}.{parameters.nearest(name, known)}")
    shared = _shared(profile, content.get("all") or {}, known.values(), notebook)
    try:
        return parameters.check(notebook, shared | own.get(notebook.id, {}))
    except ParameterError as error:
        raise ParameterError(f"Profile {profile}: {error}") from None


def resolve(profile: str, notebook: Notebook, given: Mapping[str, object]) -> dict[str, object]:
    """Return the value of every parameter of a notebook: its default, the profile's, or (wins) the one given."""
    defaults = {name: parameter.default for name, parameter in parameters.declared(notebook).items()}
    return parameters.check(notebook, defaults | overrides(profile, notebook) | dict(given))


def _shared(profile: str, shared: Mapping, known, notebook: Notebook) -> dict[str, object]:
    everywhere = {name for other in known for name in parameters.declared(other)}
    for name in shared:
        if name not in everywhere:
            hint = parameters.nearest(name, everywhere)
            raise ParameterError(f"Profile {profile}: no notebook has a parameter {name!r}.{hint}")
    here = parameters.declared(notebook)
    return {name: value for name, value in shared.items() if name in here}


def _folder() -> Path:
    return project.root() / "notebooks" / "profiles"


def _read(profile: str) -> dict:
    path = _folder() / f"{check_choice(profile, names(), 'profile')}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    plain = isinstance(content, dict) and all(isinstance(value, (dict, str, type(None))) for value in content.values())
    if not plain:
        raise ParameterError(f"Profile {profile} must map notebooks to parameters and values.")
    return content
