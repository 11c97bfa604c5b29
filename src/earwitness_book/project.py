"""Where the checkout is: notebooks, prose, published and recorded values live beside the packages,
not in them.
"""

import os
from pathlib import Path

import yaml

from earwitness import cache
from earwitness import provenance as made_with
from earwitness.errors import DamagedDataError, MissingDataError


def root() -> Path:
    """Return the folder of the checkout: ``EARWITNESS_HOME``, or the one this package was installed
    from.

    Raises
    ------
    MissingDataError
        If that folder holds no ``notebooks/`` and ``data/``, as after a plain wheel installation.
    ParameterError
        If the variable names what can be no folder.
    """
    folder = cache.environment_folder("EARWITNESS_HOME") or Path(__file__).resolve().parents[2]
    if not (folder / "notebooks").is_dir() or not (folder / "data").is_dir():
        raise MissingDataError(
            f"{folder} is no Earwitness checkout (it has no notebooks/ and data/). "
            "Clone the repository, or set EARWITNESS_HOME to its folder."
        )
    return folder.absolute()


def commit() -> str:
    """Return the short commit id of the checkout, with ``+`` if files differ from it, or
    ``"unknown"``.
    """
    return made_with.commit(root())


def read_text(path: Path) -> str:
    """Return the text of a file of the checkout.

    Raises
    ------
    DamagedDataError
        If it is not UTF-8, as after editing it with another encoding, or cannot be read at all.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DamagedDataError(
            f"{path}, line {line}: this is not UTF-8; save the file in that encoding."
        ) from None
    except OSError as error:  # a folder, a link to itself, a file of somebody else
        raise DamagedDataError(f"{path} cannot be read ({error.strerror}).") from None


def state(path: Path) -> os.stat_result:
    """Return size and times of a file of the checkout.

    Raises
    ------
    DamagedDataError
        If it cannot be read, as a link to itself.
    """
    try:
        return path.stat()
    except OSError as error:
        raise DamagedDataError(f"{path} cannot be read ({error.strerror}).") from None


def read_yaml(path: Path):
    """Return what a YAML file of the checkout says; ``None`` if it is empty.

    Raises
    ------
    DamagedDataError
        If it is not YAML: the message names file, line and what is wrong there.
    """
    try:
        return yaml.safe_load(read_text(path))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2026-13-45
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = getattr(error, "problem", None) or str(error)
        raise DamagedDataError(f"{path}{where}: this is not YAML: {said}.") from None
