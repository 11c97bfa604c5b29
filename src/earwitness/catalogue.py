"""What is known about data: the catalogue that travels with the library, where each corpus lies."""

from functools import lru_cache
from pathlib import Path

import yaml

from earwitness import cache
from earwitness.arguments import checked
from earwitness.errors import DamagedDataError, MissingDataError, check_choice

_NEEDED = {"title", "home", "licence", "downloads", "files", "size_bytes", "manifest"}


def folder() -> Path:
    """Return the catalogue: of the checkout ``EARWITNESS_HOME``, of the package, or beside its
    source.

    Raises
    ------
    MissingDataError
        If it is in none of these places: the installation is damaged.
    """
    package = Path(__file__).resolve().parent
    places = [package / "catalogue", package.parents[1] / "data"]
    if home := cache.environment_folder("EARWITNESS_HOME"):
        places.insert(0, home / "data")
    for place in places:
        if (place / "corpora.yaml").is_file():
            return place
    raise MissingDataError(
        f"Earwitness's catalogue of data is at none of "
        f"{', '.join(map(str, places))}; install the package again."
    )


def corpora() -> dict[str, dict]:
    """Return what ``corpora.yaml`` knows of each corpus: title, licence, citation, downloads,
    ..."""
    path = folder() / "corpora.yaml"
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, *state: int) -> dict[str, dict]:
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:  # also 2026-13-45
        raise DamagedDataError(f"{path} cannot be read: {error}.") from None
    if not isinstance(known, dict) or not all(isinstance(about, dict) for about in known.values()):
        raise DamagedDataError(f"{path} is no table of corpora: a name and what is known of it.")
    return known


@checked
def about(name: str) -> dict:
    """Return what is known of one corpus."""
    known = corpora()
    found = known[check_choice(name, known, "corpus")]
    if absent := sorted(_NEEDED - set(found)):
        raise DamagedDataError(f"corpora.yaml does not state {', '.join(absent)} of {name}.")
    return found


@checked
def is_generated(name: str) -> bool:
    """Tell whether a corpus is made on this machine: then there are no recordings to get."""
    known = about(name)
    return known.get("generated", not known["downloads"])


@checked
def may_be_shown(name: str) -> bool:
    """Tell whether clips of a corpus may be played or drawn on a page that others see."""
    return about(name).get("may_be_shown", True)


@checked
def where(name: str) -> Path:
    """Return where a corpus is or would be: ``EARWITNESS_DATA/<name>``, else the user's cache."""
    if is_generated(name):
        return cache.place(name)
    data = cache.environment_folder("EARWITNESS_DATA")
    in_cache = cache.place("corpora") / name
    if data and ((data / name).is_dir() or not in_cache.is_dir()):
        return data.absolute() / name
    return in_cache


@checked
def corpus_folder(name: str, root: str | Path | None = None) -> Path:
    """Return the folder of a corpus: ``root``, ``EARWITNESS_DATA/<name>``, or in the user's cache.

    Raises
    ------
    UnknownNameError
        If the catalogue has no such corpus.
    MissingDataError
        If the folder is not there; the message names the two ways to get the corpus.
    """
    known = about(name)
    found = where(name) if root is None else Path(root)
    try:
        found = found.expanduser()
        if found.is_dir():
            return found
        fault = "a link to nothing" if found.is_symlink() else "no folder" if found.exists() else ""
    except (OSError, ValueError, RuntimeError) as error:
        fault = f"no path ({error})"
    raise MissingDataError(
        f"The corpus {name!r} is not at "
        f"{str(found)[:300]}{f', which is {fault}' if fault else ''}: "
        f"{how_to_get(name, known)}, or set EARWITNESS_DATA to a folder that has the recordings in "
        f"{name}/."
    )


def how_to_get(name: str, known: dict) -> str:
    """Return in words how the recordings come to this machine."""
    if not known["downloads"]:
        return f"fetch it by hand from {known['home']} (licence: {known['licence']})"
    return (
        f"fetch it with `earwitness data download {name}` ({known['size_bytes'] / 1e6:.0f} MB, "
        f"licence: {known['licence']})"
    )


@checked
def manifest(name: str) -> dict[str, str]:
    """Return path -> SHA-256 of every file of a corpus, from ``data/manifests/<name>.sha256``."""
    path = folder() / "manifests" / about(name)["manifest"]
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedDataError(f"The manifest {path} cannot be read ({error}).") from None
    lines = [line.split(maxsplit=1) for line in text.splitlines()]
    for number, line in enumerate(lines, 1):
        if len(line) != 2 or len(line[0]) != 64:
            raise DamagedDataError(
                f"The manifest of {name}, line {number}, is not a SHA-256 and a path; it is "
                "damaged."
            )
    return {path: checksum for checksum, path in lines}
