"""Where the checkout is: notebooks, prose, published and recorded values live beside the packages, not in them."""

import os
from pathlib import Path

from earwitness import provenance as made_with
from earwitness.errors import MissingDataError


def root() -> Path:
    """Return the folder of the checkout: ``EARWITNESS_HOME``, or the one this package was installed from.

    Raises
    ------
    MissingDataError
        If that folder holds no ``notebooks/`` and ``data/``, as after a plain wheel installation.
    """
    folder = Path(os.environ.get("EARWITNESS_HOME") or Path(__file__).resolve().parents[2])
    if not (folder / "notebooks").is_dir() or not (folder / "data").is_dir():
        raise MissingDataError(
            f"{folder} is no Earwitness checkout (it has no notebooks/ and data/). "
            "Clone the repository, or set EARWITNESS_HOME to its folder."
        )
    return folder


def commit() -> str:
    """Return the short commit id of the checkout, with ``+`` if files differ from it, or ``"unknown"``."""
    return made_with.commit(root())
