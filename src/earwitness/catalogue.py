"""What is known about data: the catalogue that travels with the library, and where each corpus lies."""

import os
from pathlib import Path

import yaml

from earwitness import cache
from earwitness.errors import MissingDataError, check_choice


def folder() -> Path:
    """Return the catalogue: of the checkout ``EARWITNESS_HOME``, of the installed package, or beside its source.

    Raises
    ------
    MissingDataError
        If it is in none of these places: the installation is damaged.
    """
    package = Path(__file__).resolve().parent
    places = [package / "catalogue", package.parents[1] / "data"]
    if home := os.environ.get("EARWITNESS_HOME"):
        places.insert(0, Path(home).expanduser() / "data")
    for place in places:
        if (place / "corpora.yaml").is_file():
            return place
    raise MissingDataError(f"Earwitness's catalogue of data is at none of "
                           f"{', '.join(map(str, places))}; install the package again.")


def corpora() -> dict[str, dict]:
    """Return what ``corpora.yaml`` knows of each corpus: title, home, licence, citation, downloads, ..."""
    return _read(folder() / "corpora.yaml")


def _read(path: Path) -> dict[str, dict]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def about(name: str) -> dict:
    """Return what is known of one corpus."""
    known = corpora()
    return known[check_choice(name, known, "corpus")]


def where(name: str) -> Path:
    """Return where a corpus is or would be put: ``EARWITNESS_DATA/<name>``, else the user's cache."""
    data = os.environ.get("EARWITNESS_DATA")
    in_cache = cache.directory("corpora") / name
    if not about(name)["downloads"]:
        return cache.directory(name)
    if data and ((Path(data) / name).is_dir() or not in_cache.is_dir()):
        return Path(data).resolve() / name
    return in_cache


def corpus_folder(name: str, root: str | Path | None = None) -> Path:
    """Return the folder of a corpus: ``root``, else ``EARWITNESS_DATA/<name>``, else the user's cache.

    Raises
    ------
    UnknownNameError
        If the catalogue has no such corpus.
    MissingDataError
        If the folder is not there; the message names the two ways to get the corpus.
    """
    known = about(name)
    found = Path(root) if root is not None else where(name)
    if not found.is_dir():
        raise MissingDataError(
            f"The corpus {name!r} is not at {found}: fetch it with `earwitness data download {name}` "
            f"({known['size_bytes'] / 1e6:.0f} MB, licence: {known['licence']}), "
            f"or set EARWITNESS_DATA to a folder that has the recordings in {name}/."
        )
    return found


def manifest(name: str) -> dict[str, str]:
    """Return path -> SHA-256 of every file of a corpus, from ``data/manifests/<name>.sha256``."""
    text = (folder() / "manifests" / about(name)["manifest"]).read_text(encoding="utf-8")
    lines = [line.split(maxsplit=1) for line in text.splitlines()]
    return {path: checksum for checksum, path in lines}
