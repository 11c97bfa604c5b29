"""Keep expensive results: under a hash of what determines them, written atomically, never trusted when damaged."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path

import pooch
from filelock import FileLock


def directory(kind: str = "") -> Path:
    """Return the folder for results of one kind: ``EARWITNESS_CACHE`` or the user's cache folder."""
    folder = Path(os.environ.get("EARWITNESS_CACHE") or pooch.os_cache("earwitness")) / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest(specification: Mapping) -> str:
    """Return 20 hex digits that stand for ``specification`` (JSON-serialisable, order of keys irrelevant)."""
    text = json.dumps(specification, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content as hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic(path: Path):
    """Yield a temporary path beside ``path``; it takes the name ``path`` only if the block ends without error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:60]}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old content or the new, never a part."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def intact(path: Path) -> bool:
    """Tell whether ``path`` exists and has the checksum noted when it was stored."""
    note = path.with_name(path.name + ".json")
    try:
        return json.loads(note.read_text())["sha256"] == file_digest(path)
    except (FileNotFoundError, json.JSONDecodeError, KeyError):
        return False


def stored(kind: str, specification: Mapping, suffix: str, produce: Callable[[Path], None]) -> Path:
    """Return the file that ``produce`` writes for ``specification``, made now if it is absent or damaged.

    Parameters
    ----------
    kind : str
        Folder inside the cache, for instance ``"models"``.
    specification : mapping
        Everything that determines the result.
    suffix : str
        Ending of the file name, for instance ``".pt"``.
    produce : callable
        Gets a temporary path and writes the result there. Called under a lock: two processes that want the same
        result do the work once.
    """
    path = directory(kind) / (digest(specification) + suffix)
    if intact(path):
        return path
    with FileLock(f"{path}.lock"):
        if not intact(path):
            with atomic(path) as temporary:
                produce(temporary)
                checksum = file_digest(temporary)
            note = {"sha256": checksum, "specification": dict(specification)}
            write_text(path.with_name(path.name + ".json"), json.dumps(note, indent=1, default=str))
    return path
