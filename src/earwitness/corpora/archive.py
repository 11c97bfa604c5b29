"""Unpack what came from the network without trusting it: whole or not at all, and nowhere but into
its folder.
"""

import lzma
import os
import stat
import struct
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from earwitness import cache
from earwitness.errors import DamagedDataError, EarwitnessError

MAX_UNPACKED_BYTES, MAX_MEMBERS, MAX_UNPACKING_S = 8 * 10**9, 200_000, 3600.0
MAX_RATIO, _SMALL_BYTES = (
    100,
    10**8,
)  # how much larger than the archive content may be; not asked of little
_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    MemoryError,
    OSError,
)


def unpack(
    archive: Path, folder: Path, below: str | None = None, max_bytes: int = MAX_UNPACKED_BYTES
) -> None:
    """Unpack a zip or tar archive into ``folder``, completely or not at all.

    Parameters
    ----------
    archive : path
    folder : path
        Made if absent; files of the same name are replaced.
    below : str, optional
        Keep only what lies in the first folder of this name, under its path from there.
    max_bytes : int
        Refuse archives that unpack to more.

    Raises
    ------
    DamagedDataError
        If the archive is cut off or no archive at all, or has a member that a corpus has no use
        for: an absolute path, ``..``, a link, a device, two of one name; if it unpacks to more than
        ``max_bytes``, to more than ``MAX_RATIO`` times its size, to more than ``MAX_MEMBERS`` or
        for longer than ``MAX_UNPACKING_S``.
    StorageError
        If the disk is full or may not be written.
    """
    archive, folder = Path(archive), Path(folder)
    with cache.storage(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch_folder = tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-")
    with scratch_folder as scratch, cache.storage(folder):
        content = Path(scratch) / "content"
        content.mkdir()
        try:
            with cache.storage(folder, any_error=False), _opened(archive) as (members, open_member):
                _extract(
                    _checked(members, archive, max_bytes), open_member, content, below, archive
                )
        except EarwitnessError:
            raise
        except _BROKEN as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DamagedDataError(
                f"{archive.name} cannot be unpacked ({reason}); fetch it again."
            ) from None
        if not any(content.iterdir()):
            raise DamagedDataError(
                f"{archive.name} holds no file{f' below {below}/' if below else ''}."
            )
        move_in(content, folder)


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[Iterable, Callable]]:
    """Yield the archive's members as (path, kind, size, original) and a function that opens an
    original.

    Those of a tar come one by one, as a bomb has to be refused before it is decompressed to its
    end.
    """
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield [(m.filename, _zip_kind(m), m.file_size, m) for m in file.infolist()], file.open
    else:
        with tarfile.open(archive) as file:
            yield ((m.name, _tar_kind(m), m.size, m) for m in file), file.extractfile


def _zip_kind(member: zipfile.ZipInfo) -> str:
    if member.is_dir():
        return "folder"
    mode = member.external_attr >> 16
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "link or device"


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.isdir():
        return "folder"
    return "file" if member.isreg() else "link or device"


def _checked(members: Iterable, archive: Path, max_bytes: int) -> list:
    """Return path and original of all files, if there are no others than a corpus has a use for."""
    files, total, least = {}, 0, archive.stat().st_size
    for n, (name, kind, size, original) in enumerate(members, 1):
        total += size
        if fault := _fault(name, kind):
            raise DamagedDataError(f"{archive.name} is refused: its member {name!r} {fault}.")
        if total > max_bytes:
            raise DamagedDataError(
                f"{archive.name} is refused: it unpacks to {total:,} bytes, more than "
                f"{max_bytes:,}."
            )
        if total > max(MAX_RATIO * least, _SMALL_BYTES):
            raise DamagedDataError(
                f"{archive.name} is refused: its {least:,} bytes unpack to {total:,}, more than "
                f"{MAX_RATIO} times as many."
            )
        if n > MAX_MEMBERS:
            raise DamagedDataError(
                f"{archive.name} is refused: it has more than {MAX_MEMBERS:,} members."
            )
        if kind == "file":
            if (path := PurePosixPath(name)) in files or any(
                parent in files for parent in path.parents
            ):
                raise DamagedDataError(
                    f"{archive.name} is refused: it has two members {name!r}, or a file as folder."
                )
            files[path] = original
    return list(files.items())


def _fault(name: str, kind: str) -> str:
    if kind == "link or device":
        return "is a link or device, no file"
    if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name.split("/")[0]:
        return "leads out of the folder"
    return ""


def _extract(
    members: list, open_member: Callable, content: Path, below: str | None, archive: Path
) -> None:
    began = time.monotonic()
    for path, original in members:
        parts = path.parts
        if below is not None:
            if below not in parts[:-1]:
                continue
            parts = parts[parts.index(below) + 1 :]
        target = content.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_member(original) as source, open(target, "wb") as sink:
            while block := source.read(1 << 20):
                sink.write(block)
                if time.monotonic() - began > MAX_UNPACKING_S:
                    raise DamagedDataError(
                        f"{archive.name} is refused: unpacking takes longer than "
                        f"{MAX_UNPACKING_S:,.0f} s."
                    )


def move_in(content: Path, folder: Path) -> None:
    """Give the folder ``content`` the name ``folder``; if that exists, replace its files one by
    one.
    """
    if not folder.exists():
        os.replace(content, folder)
        return
    for path in sorted(content.rglob("*")):
        if path.is_file():
            move_in_file(path, folder / path.relative_to(content))


def move_in_file(path: Path, target: Path) -> None:
    """Move a file, making the folders it needs; a file of that name is replaced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
