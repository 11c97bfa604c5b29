"""Folders of recordings: what lies in them, links followed, and what their content is."""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from earwitness import cache
from earwitness.errors import StorageError

_SETTLED_NS = 10**9  # a file changed later before it was hashed may change again within its time


def walk(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the files below a folder, and what is wrong with links and folders, a sentence each.

    Links are followed. Hidden files and folders are left out: ``._a.wav`` is none of the
    recordings. What vanishes meanwhile, as when a download replaces it, is not there.

    Returns
    -------
    files : list of Path
        Sorted.
    problems : list of str
        Links to nothing or back to a folder around them, folders that may not be read.
    """
    files: list[Path] = []
    problems: list[str] = []
    _walk(Path(folder), frozenset(), files, problems)
    return sorted(files), sorted(problems)


def _walk(folder: Path, around: frozenset, files: list[Path], problems: list[str]) -> None:
    try:
        here = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        problems.append(f"{folder} cannot be read ({error.strerror}).")
        return
    around |= {(here.st_dev, here.st_ino)}
    for entry in entries:
        if not entry.name.startswith("."):
            _enter(entry, around, files, problems)


def _enter(entry: os.DirEntry, around: frozenset, files: list[Path], problems: list[str]) -> None:
    path = Path(entry.path)
    try:
        about = path.stat()
    except OSError as error:
        if entry.is_symlink() and path.is_symlink():
            problems.append(f"{path} is a link to nothing ({os.readlink(path)}; {error.strerror}).")
        return
    if not path.is_dir():
        files.append(path)
    elif (about.st_dev, about.st_ino) in around:
        problems.append(f"{path} is a link that leads back to a folder around it.")
    else:
        _walk(path, around, files, problems)


def tree_fingerprint(folder: Path) -> str:
    """Return hex digits that change when anything below a folder changes: names, content, links.

    The content of a file is hashed once and known again by its size, times and number.
    """
    files, problems = walk(folder)
    return content_fingerprint(folder, files, problems)


def content_fingerprint(folder: Path, files: Iterable[Path], more: object = None) -> str:
    """Return hex digits that change when the name or content of a file changes, or ``more`` does.

    Parameters
    ----------
    folder : path
        Around all files; where it lies does not matter.
    files : iterable of path
    more : JSON-serialisable, optional
        Whatever else determines the result.
    """
    known, new = _remembered(folder), {}
    for path in files:
        try:
            new[path.relative_to(folder).as_posix()] = _entry(path, known.get(str(path)))
        except FileNotFoundError:
            continue  # vanished since it was listed
    _remember(folder, known, {str(Path(folder) / name): entry for name, entry in new.items()})
    return cache.digest({"files": {name: entry[-1] for name, entry in new.items()}, "more": more})


def _entry(path: Path, known: list | None) -> list:
    """Return size, times, number and SHA-256 of a file, from ``known`` if the first are those."""
    about = path.stat()
    state = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]
    if known and known[:-1] == state:
        return known
    settled = time.time_ns() - max(about.st_mtime_ns, about.st_ctime_ns) > _SETTLED_NS
    return [*(state if settled else [None] * 4), cache.file_digest(path)]


def _memory(folder: Path) -> Path:
    return cache.place("hashes") / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:20]}.json"


def _remembered(folder: Path) -> dict[str, list]:
    try:
        known = json.loads(_memory(folder).read_text(encoding="utf-8"))
        return {path: entry for path, entry in known.items() if len(entry) == 5}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # absent or damaged: everything is hashed again


def _remember(folder: Path, known: dict[str, list], entries: dict[str, list]) -> None:
    if all(known.get(path) == entry for path, entry in entries.items()):
        return
    try:
        cache.write_text(_memory(folder), json.dumps(known | entries))
    except StorageError:
        return  # nothing to write to: the next call hashes again
