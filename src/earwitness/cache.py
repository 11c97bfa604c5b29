"""Keep expensive results: under a hash of what determines them, written atomically, checked."""

import errno
import hashlib
import json
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pooch
from filelock import FileLock, Timeout

from earwitness.errors import (
    BusyError,
    EarwitnessError,
    ParameterError,
    StorageError,
    check_choice,
)

LOCK_LIMIT_S = 60.0  # a holder that gives no sign of life for so long is waited for no longer
_DISK = {
    getattr(errno, name)
    for name in "ENOSPC EDQUOT EROFS EACCES EPERM ENAMETOOLONG EFBIG EIO ENODEV".split()
    if hasattr(errno, name)
}
_BEAT_S, _TELL_AFTER_S, _LEFTOVER_S = 5.0, 10.0, 24 * 3600.0


def environment_folder(variable: str) -> Path | None:
    """Return the folder that an environment variable names, ``~`` expanded; None if it names none.

    Raises
    ------
    ParameterError
        If it can be no folder: it is a file, too long, or ``~`` of somebody without a home.
    """
    given = os.environ.get(variable)
    if not given:
        return None
    try:
        folder = Path(given).expanduser()
        if folder.is_dir() or not folder.exists():
            return folder
        why = "it is no folder"
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error).rstrip(".")
    raise ParameterError(f"{variable} is {given[:200]!r}, which cannot be a folder: {why}.")


def place(kind: str = "") -> Path:
    """Return where results of one kind are or would be kept; nothing is made."""
    return (environment_folder("EARWITNESS_CACHE") or Path(pooch.os_cache("earwitness"))) / kind


def directory(kind: str = "") -> Path:
    """Return the folder for results of one kind: ``EARWITNESS_CACHE`` or the user's cache folder.

    Raises
    ------
    StorageError
        If it cannot be made.
    """
    folder = place(kind)
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def storage(path: Path, any_error: bool = True) -> Iterator[None]:
    """Turn what the system says of a disk into a sentence that names ``path``.

    Parameters
    ----------
    path : path
    any_error : bool
        Whether all that the system refuses here is about ``path``; if not, full and read-only
        disks and unusable paths are, and other errors pass.

    Raises
    ------
    StorageError
    """
    try:
        yield
    except EarwitnessError:
        raise
    except OSError as error:
        if not any_error and error.errno not in _DISK:
            raise
        named = os.environ.get("EARWITNESS_CACHE")
        where = f"EARWITNESS_CACHE is {named}" if named else "EARWITNESS_CACHE can name another"
        raise StorageError(
            error.errno,
            f"{str(path)[:300]} cannot be written ({error.strerror or error}). Free space, or "
            f"take a folder that may be written; {where[:300]}.",
        ) from None


def digest(specification: Mapping) -> str:
    """Return 20 hex digits that stand for ``specification``, JSON-serialisable, in any order."""
    return hashlib.sha256(_canonical(specification).encode()).hexdigest()[:20]


def _canonical(specification) -> str:
    """Return the specification as its note says it: keys are text, tuples are lists."""
    return json.dumps(json.loads(json.dumps(specification, default=str)), sort_keys=True)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content as hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it takes that name only if the block ends well.

    Raises
    ------
    StorageError
        If the disk is full or the folder may not be written.
    """
    with storage(path):
        path = Path(path).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:60]}.")
    os.close(handle)
    temporary = Path(name)
    try:
        with storage(path, any_error=False):
            yield temporary
        with storage(path):
            os.chmod(temporary, 0o644)
            _make_way(path)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _make_way(path: Path) -> None:
    """Remove a folder that has the name of a result: no result is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old content or the new, never a part."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def intact(path: Path) -> bool:
    """Tell whether ``path`` is what was stored under its name, as its note says.

    The note's specification must have that name, and its checksum the content.
    """
    try:
        note = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
        return digest(note["specification"]) == path.name[:20] and note["sha256"] == file_digest(
            path
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def kept(kind: str, specification: Mapping, suffix: str, shared: bool = True) -> Path | None:
    """Return the intact file that was stored for ``specification``, or None.

    The user's own cache comes first, then that of ``EARWITNESS_CACHE_SHARED``, which is only read:
    a class or an institute keeps there what all need.
    """
    layers = [place(kind)]
    if shared and (below := environment_folder("EARWITNESS_CACHE_SHARED")):
        layers.append(below / kind)
    paths = [layer / (digest(specification) + suffix) for layer in layers]
    return next(filter(intact, paths), None)


def stored(
    kind: str,
    specification: Mapping,
    suffix: str,
    produce: Callable[[Path], None],
    shared: bool = True,
) -> Path:
    """Return the file that ``produce`` writes for ``specification``, made now if need be.

    Parameters
    ----------
    kind : str
        Folder inside the cache, for instance ``"models"``.
    specification : mapping
        Everything that determines the result.
    suffix : str
        Ending of the file name, for instance ``".pt"``.
    produce : callable
        Gets a temporary path and writes the result there. Called under a lock: two processes that
        want the same result do the work once.
    shared : bool
        Whether a result of the shared cache will do, as :func:`kept` says.

    Raises
    ------
    StorageError
        If the cache cannot be written.
    BusyError
        If another process holds the lock and gives no sign of life.
    """
    if found := kept(kind, specification, suffix, shared):
        return found
    path = directory(kind) / (digest(specification) + suffix)
    with locked(path):
        if not intact(path):
            _clear_leftovers(path)
            with atomic(path) as temporary:
                produce(temporary)
                checksum = file_digest(temporary)
            note = {"sha256": checksum, "specification": json.loads(_canonical(specification))}
            write_text(path.with_name(path.name + ".json"), json.dumps(note, indent=1))
    return path


def _clear_leftovers(path: Path) -> None:
    """Remove what killed processes left: of this result, whose lock is ours, others after a day."""
    for left in path.parent.glob(".*"):
        mine = left.name.startswith(f".{path.name[:60]}")
        with storage(left):
            if left.is_file() and (mine or time.time() - left.stat().st_mtime > _LEFTOVER_S):
                left.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, limit_s: float | None = None) -> Iterator[None]:
    """Hold the lock of ``path``; say who is waited for, and give up who gives no sign of life.

    Parameters
    ----------
    path : path
        What is worked on; the lock is the file beside it with ``.lock`` added.
    limit_s : float, optional
        How long the holder may be still. Default: ``LOCK_LIMIT_S``. A holder at work is waited for
        however long it takes.

    Raises
    ------
    BusyError
        If the holder is still for longer: it is frozen, or its disk is away.
    StorageError
        If there can be no lock.
    """
    lock, sign = FileLock(f"{path}.lock"), Path(f"{path}.lock.holder")
    with storage(path):
        _acquire(lock, sign, path, LOCK_LIMIT_S if limit_s is None else limit_s)
    done = threading.Event()
    beating = threading.Thread(target=_beat, args=(sign, done), daemon=True)
    try:
        _sign(sign)
        beating.start()
        yield
    finally:
        done.set()
        if beating.ident:  # it was begun: a full disk may have come before
            beating.join()
        sign.unlink(missing_ok=True)
        lock.release()


def _sign(sign: Path) -> None:
    with storage(sign):
        sign.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")


def _beat(sign: Path, done: threading.Event) -> None:
    while not done.wait(_BEAT_S):
        if sign.exists():
            os.utime(sign)


def _acquire(lock: FileLock, sign: Path, path: Path, limit_s: float) -> None:
    """Take the lock; the holder's sign of life is that the time of its file changes."""
    began = seen_at = time.monotonic()
    last, told = None, False
    while True:
        try:
            return lock.acquire(timeout=0.5)
        except Timeout:
            now, beat = time.monotonic(), _last_beat(sign)
        if beat != last:
            last, seen_at = beat, now
        if now - seen_at > limit_s:
            raise BusyError(
                f"{path} is being made by {_holder(sign)}, which has given no sign of life for "
                f"{limit_s:.0f} s; it may be stopped. End it or let it go on, then start again."
            )
        if not told and now - began > _TELL_AFTER_S:
            told = True
            logging.getLogger("earwitness").warning(
                "Waiting for %s, which makes %s.", _holder(sign), path
            )


def _last_beat(sign: Path) -> int | None:
    try:
        return sign.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _holder(sign: Path) -> str:
    try:
        return sign.read_text(encoding="utf-8") or "another process"
    except (OSError, UnicodeDecodeError):
        return "another process"


def inventory() -> list[dict]:
    """Return what is kept: ``kind``, ``files``, ``megabytes``, ``last_used`` (days ago)."""
    root, rows = place(), []
    for folder in sorted(entry for entry in root.glob("*") if entry.is_dir()):
        files = [(path, state) for path in folder.rglob("*") if (state := _state(path))]
        size = sum(state.st_size for _, state in files)
        used = min((_days_unused(state) for _, state in files), default=None)
        rows.append(
            {"kind": folder.name, "files": len(files), "megabytes": size / 1e6, "last_used": used}
        )
    return rows


def clean(kinds: Iterable[str], unused_days: float = 0.0) -> float:
    """Remove what is kept of these kinds and was not used for so many days; return megabytes.

    The note of a result goes before the result: whoever looks meanwhile makes it again.

    Raises
    ------
    UnknownNameError
        If nothing of a kind is kept.
    """
    kinds, freed = list(kinds), 0
    known = [row["kind"] for row in inventory()]
    for kind in kinds:
        check_choice(kind, known, "kind of result in the cache")
    for kind in kinds:
        folder = place(kind)
        paths = sorted(folder.rglob("*"), key=lambda path: (path.suffix != ".json", str(path)))
        for path in paths:
            state = _state(path)
            if state and _days_unused(state) >= unused_days:
                with storage(path):
                    path.unlink(missing_ok=True)
                freed += state.st_size
        for left in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            in_use = time.time() - left.stat().st_mtime < 3600  # a training writes there again
            if not any(left.iterdir()) and not in_use:
                left.rmdir()
    return freed / 1e6


def _state(path: Path) -> os.stat_result | None:
    """Return size and times of a file; None for a folder, a lock, and what is gone meanwhile."""
    try:
        return None if path.is_dir() or path.suffix == ".lock" else path.lstat()
    except FileNotFoundError:
        return None


def _days_unused(state: os.stat_result) -> float:
    return max(0.0, (time.time() - max(state.st_atime, state.st_mtime)) / 86_400)
