"""Arguments of public functions: what their signature says, or refused in a sentence.

The annotation of an argument is the one place that says what it is. :func:`checked` holds callers
to it, and to numbers that stay finite in single precision; which of them make sense, or which shape
an array may have, is for the function itself to check.
"""

import functools
import inspect
import os
import reprlib
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from earwitness.audio import check_rate
from earwitness.errors import AudioError, ParameterError

_MEANINGS = {
    "sample_rate": check_rate,
    "seed": lambda value, label: _check_seed(value),
}
_LARGEST = float(np.finfo(np.float32).max)
_NAMED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_OPEN = (inspect.Parameter.empty, object, typing.Any)


def checked(function: Callable) -> Callable:
    """Return ``function``, refusing arguments that are not of the kind its annotations say.

    A ``sample_rate`` may be any kind of number (:func:`earwitness.audio.check_rate`), and reaches
    the function as an int.

    Raises
    ------
    ParameterError, AudioError
        When the function is called with such an argument; the message names it.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # Python's own sentence names what is missing
        check(function, bound.arguments)
        if bound.arguments.get("sample_rate") is not None:
            bound.arguments["sample_rate"] = int(bound.arguments["sample_rate"])
        return function(*bound.args, **bound.kwargs)

    return call


def check(function: Callable, given: Mapping[str, object]) -> None:
    """Refuse what is ``given`` to a function by name, if its annotations say otherwise.

    Raises
    ------
    ParameterError
        (AudioError of samples and rates) Names the argument, what it must be, and what came.
    """
    wanted, label = _annotations(function), function.__qualname__.removesuffix(".__init__")
    for name, value in given.items():
        if name in _MEANINGS and value is not None:
            _MEANINGS[name](value, label)
        elif name in wanted and not _is(value, wanted[name]):
            error = AudioError if name == "samples" else ParameterError
            raise error(f"{name} of {label} must be {_words(wanted[name])}, got {_shown(value)}.")


@functools.cache
def _annotations(function: Callable) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    return {
        one.name: one.annotation if one.default is not None else one.annotation | None
        for one in parameters
        if one.kind not in _NAMED and one.annotation not in _OPEN
    }


def _shown(value) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__} {tuple(shape)} of {getattr(value, 'dtype', 'columns')}"
    return reprlib.repr(value)


def _is(value, kind) -> bool:
    """Tell whether a value is what an annotation says."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return any(_is(value, one) for one in typing.get_args(kind))
    outer, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if not _outside(outer)(value):
        return False
    if outer is tuple and inner and Ellipsis not in inner:
        return len(value) == len(inner) and all(map(_is, value, inner))
    if outer not in (Sequence, list, tuple, Iterable) or not inner or not hasattr(value, "__len__"):
        return True
    return _numbers(value) if inner[0] in (int, float) else all(_is(v, inner[0]) for v in value)


def _outside(kind) -> Callable[[object], bool]:
    """Return the test of a kind, whatever it holds: of other classes, whether it is one."""
    known = _KINDS.get(kind)
    return known[1] if known else lambda value: isinstance(value, kind or types.NoneType)


def _words(kind) -> str:
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return " or ".join(dict.fromkeys(_words(one) for one in typing.get_args(kind)))
    outer, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    words = _KINDS[outer][0] if outer in _KINDS else _named(outer)
    held = _HELD.get(inner[0]) if outer in (Sequence, list, Iterable) and inner else None
    return f"{words} of {held}" if held else words


def _check_seed(value) -> None:
    if not _number(value) or not isinstance(value, Integral) or not 0 <= value < 2**32:
        raise ParameterError(f"A seed is a whole number from 0 to {2**32 - 1}, got {value!r}.")


def _named(kind: type) -> str:
    return f"a {'.'.join([*kind.__module__.split('.')[:2], kind.__name__])}"


def _number(value) -> bool:
    value = value.item() if getattr(value, "ndim", None) == 0 else value  # also of torch
    return isinstance(value, Real) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _whole(value) -> bool:
    value = value.item() if getattr(value, "ndim", None) == 0 else value
    return _number(value) and isinstance(value, Integral) and abs(value) < 1 << 31


def _numbers(value) -> bool:
    """Tell whether a value can be an array of numbers; the length of its axes is not looked at."""
    if hasattr(value, "detach"):
        return True
    try:
        return np.asarray(value).dtype.kind in "biufc"
    except (ValueError, TypeError):
        return False  # rows of different lengths, or no array at all


def _several(value) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, str | bytes | Mapping)


_HELD = {int: "numbers", float: "numbers", str: "words", bool: "true and false"}
_KINDS = {
    types.NoneType: ("None", lambda value: value is None),
    bool: ("True or False", lambda value: isinstance(value, bool | np.bool_)),
    int: ("a whole number below 2**31", _whole),
    float: ("a number that is finite in single precision", _number),
    str: ("text", lambda value: isinstance(value, str)),
    Path: ("a path", lambda value: isinstance(value, str | os.PathLike)),
    np.ndarray: ("an array of numbers", _numbers),
    Sequence: ("a sequence", lambda value: _several(value) and hasattr(value, "__len__")),
    list: ("a sequence", lambda value: _several(value) and hasattr(value, "__len__")),
    Iterable: ("a sequence", _several),
    tuple: ("a tuple", lambda value: isinstance(value, tuple | list)),
    Mapping: ("a mapping", lambda value: isinstance(value, Mapping)),
    dict: ("a mapping", lambda value: isinstance(value, Mapping)),
    Callable: ("a function", callable),
}
