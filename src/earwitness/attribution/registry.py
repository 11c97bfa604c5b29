"""One place where a method of explanation registers, with its name, how it is shown, and its
options.

Packages of others register theirs with an entry point ``earwitness.methods``: its name is that of
the method, its value a function like those here.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from earwitness import looks
from earwitness.attribution.validation import keyword_options
from earwitness.errors import ParameterError, check_choice


@dataclass(frozen=True)
class Method:
    """A registered method.

    Attributes
    ----------
    name : str
    function : callable
        ``(model, inputs, target, *, options) -> Tensor``; takes ``rules`` as well where ``family``
        is ``"lrp"``. Its keyword-only arguments are the method's options.
    look : Look
        Its label, colour, marker and line in figures and reports.
    family : str
        ``"lrp"``, ``"gradient"``, ``"perturbation"``, ``"frequency"``, ``"control"``, or another.
    any_layout : bool
        Whether it returns the same for a network in another layout
        (:func:`earwitness.models.for_prediction`).
    """

    name: str
    function: Callable
    look: looks.Look
    family: str
    any_layout: bool = False

    @property
    def label(self) -> str:
        """How figures and reports call it."""
        return self.look.label

    @property
    def options(self) -> dict[str, object]:
        """The options with their defaults."""
        return keyword_options(self.function)


_METHODS: dict[str, Method] = {}
_FORMER = {"sound-direction": "lrp-kiyan2022"}


def method(
    name: str,
    label: str = "",
    family: str = "other",
    colour: str = "",
    marker: str | int = "",
    line: str | tuple = "-",
    any_layout: bool = False,
) -> Callable:
    """Register a function as the method of this name.

    Parameters
    ----------
    name, family, any_layout
        See :class:`Method`.
    label, colour, marker, line
        How it looks, see :func:`earwitness.looks.declare`; by default it gets what is still free.

    Raises
    ------
    ParameterError
        If another function has registered the name.
    """

    def register(function):
        known = _METHODS.get(name)
        if known is not None and (known.function.__module__, known.function.__qualname__) != (
            function.__module__,
            function.__qualname__,
        ):
            raise ParameterError(
                f"There is a method {name!r} already, {known.function.__module__}."
                f"{known.function.__qualname__}."
            )
        look = looks.declare(name, label, colour, marker, line)
        _METHODS[name] = Method(name, function, look, family, any_layout)
        return function

    return register


@cache
def _load_others() -> None:
    for entry in entry_points(group="earwitness.methods"):
        function = entry.load()
        if entry.name not in _METHODS:
            method(entry.name)(function)


def registered() -> dict[str, Method]:
    """Return all methods by name, those of other packages included."""
    _load_others()
    return dict(sorted(_METHODS.items()))


def find(name: str, family: str | None = None) -> Method:
    """Return a method by its name; a former name is understood for one release, with a warning.

    Raises
    ------
    UnknownNameError
        If there is no such method, or none in the ``family``.
    """
    if name in _FORMER:
        warnings.warn(
            f"The method {name!r} is called {_FORMER[name]!r} now.",
            DeprecationWarning,
            stacklevel=3,
        )
        name = _FORMER[name]
    known = {key: value for key, value in registered().items() if family in (None, value.family)}
    return known[
        check_choice(
            name, known, "attribution method" if family is None else f"{family.upper()} method"
        )
    ]
