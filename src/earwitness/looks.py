"""How everything that is compared looks, in every figure alike: label, colour, marker and line.

Whoever registers a method, a control or a network declares its look here in the same place;
figures ask for it by name, and keep no table of their own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from earwitness.errors import check_choice


class Look(NamedTuple):
    """How one thing looks; marker and line repeat what the colour says."""

    label: str
    colour: str
    marker: str | int
    line: str | tuple


# for what is declared without a colour; seven each, so that no pair comes twice before the 49th
_COLOURS = ("#7570B3", "#E7298A", "#66A61E", "#1F78B4", "#B15928", "#FB6A4A", "#525252")
_MARKERS = (".", 8, 9, 10, 11, "$*$", "$o$")

_LOOKS: dict[str, Look] = {}


def declare(
    name: str,
    label: str = "",
    colour: str = "",
    marker: str | int = "",
    line: str | tuple = "-",
) -> Look:
    """Say how something looks, and return it; without a colour it gets one that is still free.

    Parameters
    ----------
    name : str
        What it is called where it is registered.
    label : str
        What legends and reports call it. Default: ``name``.
    colour : str
        As matplotlib takes them, ``"#009E73"``.
    marker, line : str, int or tuple
        As matplotlib takes them.
    """
    n = len(_LOOKS)
    spare = _COLOURS[n % 7], _MARKERS[n // 7 % 7]
    look = Look(label or name, colour or spare[0], marker if colour else spare[1], line)
    _LOOKS[name] = look
    return look


def declared() -> Mapping[str, Look]:
    """Return all looks by name."""
    return MappingProxyType(_LOOKS)


def find(name: str) -> Look:
    """Return how something looks.

    Raises
    ------
    UnknownNameError
        If nothing of that name has declared a look.
    """
    return _LOOKS[check_choice(name, _LOOKS, "method or network with a colour")]
