"""Unpack what came from the network without trusting it: whole or not at all, and nowhere but into its folder."""

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from earwitness.errors import DamagedDataError

MAX_UNPACKED_BYTES = 8 * 10**9
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, NotImplementedError, RuntimeError, OSError)


def unpack(archive: Path, folder: Path, below: str | None = None, max_bytes: int = MAX_UNPACKED_BYTES) -> None:
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
        If the archive is cut off or no archive at all, or has a member that a corpus has no use for: an absolute
        path, ``..``, a link, a device, or more than ``max_bytes`` in all.
    """
    archive, folder = Path(archive), Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as scratch:
        content = Path(scratch) / "content"
        content.mkdir()
        try:
            with _opened(archive) as (members, open_member):
                _extract(_checked(members, archive, max_bytes), open_member, content, below)
        except _BROKEN as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DamagedDataError(f"{archive.name} cannot be unpacked ({reason}); fetch it again.") from None
        if not any(content.iterdir()):
            raise DamagedDataError(f"{archive.name} holds no file{f' below {below}/' if below else ''}.")
        move_in(content, folder)


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[list, Callable]]:
    """Yield the archive's members as (path, kind, size, original) and a function that opens an original."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield [(m.filename, _zip_kind(m), m.file_size, m) for m in file.infolist()], file.open
    else:
        with tarfile.open(archive) as file:
            yield [(m.name, _tar_kind(m), m.size, m) for m in file.getmembers()], file.extractfile


def _zip_kind(member: zipfile.ZipInfo) -> str:
    if member.is_dir():
        return "folder"
    mode = member.external_attr >> 16
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "link or device"


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.isdir():
        return "folder"
    return "file" if member.isreg() else "link or device"


def _checked(members: list, archive: Path, max_bytes: int) -> list:
    for name, kind, _, _ in members:
        if kind == "link or device":
            raise DamagedDataError(f"{archive.name} is refused: its member {name!r} is a link or device, no file.")
        if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name.split("/")[0]:
            raise DamagedDataError(f"{archive.name} is refused: its member {name!r} leads out of the folder.")
    total = sum(size for _, _, size, _ in members)
    if total > max_bytes:
        raise DamagedDataError(f"{archive.name} is refused: it unpacks to {total:,} bytes, more than {max_bytes:,}.")
    return [(PurePosixPath(name), original) for name, kind, _, original in members if kind == "file"]


def _extract(members: list, open_member: Callable, content: Path, below: str | None) -> None:
    for path, original in members:
        parts = path.parts
        if below is not None:
            if below not in parts[:-1]:
                continue
            parts = parts[parts.index(below) + 1 :]
        target = content.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_member(original) as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink)


def move_in(content: Path, folder: Path) -> None:
    """Give the folder ``content`` the name ``folder``; if that exists, replace its files one by one."""
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
