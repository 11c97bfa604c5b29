"""What can go wrong, each in a sentence that says what, where and what to do.

The command line prints the sentence alone; code can catch :class:`EarwitnessError` or the built-in
it also is.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real

from earwitness import former


class EarwitnessError(Exception):
    """Base of every error that this package raises on purpose."""


class AudioError(EarwitnessError, ValueError):
    """Samples or a sound file that no network here can use."""


class UnknownNameError(EarwitnessError, ValueError):
    """A corpus, model, method, task, profile or notebook that does not exist."""


class FoldError(EarwitnessError, ValueError):
    """A fold that the protocol does not have, or a speaker without the metadata that folds need."""


class NoSuchClipError(EarwitnessError, IndexError):
    """A position in a corpus that is none, or beyond its last clip."""


class ParameterError(EarwitnessError, ValueError):
    """A value outside what a function or a notebook's parameter allows."""


class InputsError(ParameterError):
    """Inputs that a network fails on."""


class UnsupportedOperationError(ParameterError):
    """A network with an operation that a method of explanation has no rule for."""


class ConservationError(EarwitnessError, ArithmeticError):
    """Relevance that does not add up to what is explained."""


class MissingDataError(EarwitnessError, FileNotFoundError):
    """A corpus or file that is not on this machine."""


class UnreachableError(MissingDataError):
    """A file that only a package registry has, and no registry delivers."""


class DamagedDataError(EarwitnessError):
    """A file whose content is not what its checksum or format promises."""


class StorageError(EarwitnessError, OSError):
    """A disk that is full or may not be written, or a path that no file can have."""

    def __str__(self) -> str:
        return str(self.args[-1])


class BusyError(EarwitnessError, TimeoutError):
    """Another process holds what is needed, and gives no sign of life."""


class NotebookError(EarwitnessError, RuntimeError):
    """A notebook that failed while it was executed, or that is not built as the book needs it."""


def check_choice(name: str, allowed: Iterable[str], what: str) -> str:
    """Return ``name`` if it is one of ``allowed``.

    Raises
    ------
    UnknownNameError
        Otherwise; the message names the nearest allowed name and lists all of them.
    """
    allowed = sorted(allowed)
    if name in allowed:
        return name
    near = get_close_matches(str(name), allowed, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UnknownNameError(f"There is no {what} {name!r}.{hint} Known: {', '.join(allowed)}.")


def check_number(name: str, value, least: float, most: float, whole: bool = False):
    """Return ``value`` if it is a number from ``least`` to ``most``, NaN is in no range.

    Raises
    ------
    ParameterError
        Otherwise; the message names the argument.
    """
    kind = Integral if whole else Real
    if isinstance(value, kind) and not isinstance(value, bool) and least <= value <= most:
        return value
    what = "a whole number" if whole else "a number"
    raise ParameterError(f"{name} must be {what} from {least:,} to {most:,}, got {value!r:.100}.")


__getattr__ = former.names_of(__name__)
