"""What a notebook lets a reader change: read from its ``parameters`` cell, checked beforehand.

A line declares one parameter; the comment is its meaning, and may end in what is allowed::

    n_clips: int = 20         # clips to explain; 1 to 500
    recipe: str = "brief"     # how long to train; one of: brief, fast, paper
    corpus: str = "voices"    # where the sound comes from; one of: corpora with task digit

The last asks a registry (:mod:`~earwitness_book.runner.choices`), so that what is registered is
offered.
"""

import ast
import io
import json
import math
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING

from earwitness.errors import NotebookError, ParameterError
from earwitness_book.runner import choices

if TYPE_CHECKING:
    from earwitness_book.runner.notebooks import Notebook

_KINDS = {"bool": bool, "int": int, "float": float, "str": str}
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_RANGE = re.compile(rf"(?:^|[;,(])\s*({_NUMBER}) to ({_NUMBER})(?![\w.])", re.IGNORECASE)
_CHOICES = re.compile(r"\bone of:\s*([^;]+)")


@dataclass(frozen=True)
class Parameter:
    """One line of a ``parameters`` cell.

    ``type`` is ``bool``, ``int``, ``float``, ``str`` or ``list[...]`` of one of them; ``choices``
    (empty: any) and ``bounds`` (``None``: any; inclusive) hold for each item of a list.
    """

    name: str
    type: str
    default: object
    meaning: str = ""

    @property
    def listed(self) -> str:
        """Return what the comment says after ``one of:``."""
        found = _CHOICES.search(self.meaning)
        return found[1].strip() if found else ""

    @cached_property
    def choices(self) -> tuple:
        """Return the allowed values; a registry is asked only now, because that can load what it
        knows of.
        """
        if (known := choices.resolve(self.listed)) is not None:
            return tuple(known)
        words = [word.strip(" `\"'.") for word in self.listed.split(",")] if self.listed else []
        return tuple(self._convert_item(word) for word in words)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Return the least and the largest value."""
        found = _RANGE.findall(self.meaning) if self.kind in ("int", "float") else []
        return (float(found[-1][0]), float(found[-1][1])) if found else None

    @property
    def kind(self) -> str:
        """Return the type of a single item."""
        return self.type.removeprefix("list[").removesuffix("]")

    @property
    def is_list(self) -> bool:
        """Tell whether the value is a list."""
        return self.type.startswith("list[")

    def check(self, value):
        """Return ``value`` as the notebook gets it.

        Raises
        ------
        ParameterError
            If its type is not the declared one (an int is a float), or if it is not among the
            choices or the range.
        """
        if not self.is_list:
            return self._check_item(value)
        if not isinstance(value, (list, tuple)):
            raise ParameterError(f"{self.name} must be {self.type}, got {value!r}.")
        if not value and self.default:
            raise ParameterError(f"{self.name} is an empty list; it needs one value or more.")
        return [self._check_item(item) for item in value]

    def _check_item(self, value):
        if self.kind == "float" and type(value) is int:
            value = float(value)
        if type(value) is not _KINDS[self.kind]:
            raise ParameterError(f"{self.name} must be {self.type}, got {value!r}.")
        if self.kind == "float" and not self.bounds and not math.isfinite(value):
            raise ParameterError(f"{self.name} must be a finite number, got {value!r}.")
        if self.kind == "str" and not _is_unicode(value):
            raise ParameterError(f"{self.name} holds bytes that are no text: {value!r}.")
        if self.choices and value not in self.choices and not choices.is_own(self.listed, value):
            allowed = ", ".join(map(str, self.choices))
            hint = nearest(str(value), map(str, self.choices))
            raise ParameterError(f"{self.name} must be one of {allowed}; got {value!r}.{hint}")
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:
            low, high = self.bounds
            edge = high if value > high else low
            raise ParameterError(
                f"{self.name} must be {low:g} to {high:g}, got {value!r}. "
                f"The nearest allowed value is {edge:g}."
            )
        return value

    def convert(self, words: str):
        """Return the value that a reader typed, in the declared type (lists: ``a,b`` or JSON),
        checked.
        """
        if not self.is_list:
            return self.check(self._convert_item(words))
        if words.lstrip().startswith("["):
            return self.check(self._json(words))
        return self.check(
            [self._convert_item(item.strip()) for item in words.split(",") if item.strip()]
        )

    def _json(self, words: str) -> list:
        try:
            return json.loads(words)
        except json.JSONDecodeError:
            raise ParameterError(
                f"{self.name} must be {self.type}: a,b or JSON; got {words!r}."
            ) from None

    def _convert_item(self, words: str):
        try:
            # int() reads digits of any script
            if self.kind in ("int", "float") and not words.isascii():
                raise ValueError
            return _WORDS[words.lower()] if self.kind == "bool" else _KINDS[self.kind](words)
        except (KeyError, ValueError):
            raise ParameterError(f"{self.name} must be {self.type}, got {words!r}.") from None


def _is_unicode(value: str) -> bool:
    """Tell whether a value can be written to a file: bytes of a command line may be no text."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def nearest(name: str, known) -> str:
    """Return " Did you mean ...?" for the closest of ``known``, or nothing."""
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def declared(notebook: "Notebook") -> dict[str, Parameter]:
    """Return the notebook's parameters by name, in the order of its ``parameters`` cell."""
    return notebook.parameters


def parse(source: str, where: str = "the notebook") -> dict[str, Parameter]:
    """Return the parameters that the source of a ``parameters`` cell declares."""
    try:
        statements, comments = ast.parse(source).body, _comments(source)
    except (SyntaxError, tokenize.TokenError) as error:
        line = getattr(error, "lineno", None) or error.args[-1][0]
        raise NotebookError(
            f"The parameters cell of {where}, line {line}, is not Python: {error.args[0]}."
        ) from None
    found = [_parameter(line, comments.get(line.end_lineno, ""), where) for line in statements]
    return {parameter.name: parameter for parameter in found}


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def _parameter(line: ast.stmt, meaning: str, where: str) -> Parameter:
    said = ast.unparse(line)
    if (
        not isinstance(line, ast.AnnAssign)
        or not isinstance(line.target, ast.Name)
        or line.value is None
    ):
        raise NotebookError(
            f"The parameters cell of {where} may only hold lines `name: type = value`, "
            f"line {line.lineno} is {said!r}."
        )
    name, kind = line.target.id, ast.unparse(line.annotation)
    if kind.removeprefix("list[").removesuffix("]") not in _KINDS:
        raise NotebookError(
            f"{name} of {where} has type {kind!r}; use bool, int, float, str or list[...] of one."
        )
    try:
        parameter = Parameter(name, kind, ast.literal_eval(line.value), meaning)
        # no registry is asked only to list notebooks
        if choices.resolve(parameter.listed, ask=False) is None:
            parameter.check(parameter.default)
    except ValueError as error:
        said = f"line {line.lineno} of its parameters cell: {error}"
        raise NotebookError(
            f"The default of {name} of {where} does not fit its declaration, {said}"
        ) from None
    return parameter


def check(notebook: "Notebook", given: Mapping[str, object]) -> dict[str, object]:
    """Return ``given`` as the notebook gets it, each value checked; strings stay strings.

    Raises
    ------
    ParameterError
        For a name the notebook does not declare (naming the nearest), a wrong type, choice or
        range.
    """
    known = declared(notebook)
    return {name: _declared(name, known, notebook).check(value) for name, value in given.items()}


def check_machine(notebook: "Notebook", values: Mapping[str, object]) -> None:
    """Raise, before anything executes, if a corpus or a device that a parameter names is not on
    this machine.
    """
    for name, parameter in notebook.parameters.items():
        for value in values[name] if parameter.is_list else [values[name]]:
            choices.check_present(parameter.listed, value)
            if name == "device" and value not in ("auto", "cpu"):
                from earwitness import runtime

                runtime.device(value)


def convert(notebook: "Notebook", typed: Mapping[str, str]) -> dict[str, object]:
    """Return values typed on a command line in the types the notebook declares; raises as
    :func:`check` does.
    """
    known = declared(notebook)
    return {name: _declared(name, known, notebook).convert(words) for name, words in typed.items()}


def _declared(name: str, known: Mapping[str, Parameter], notebook: "Notebook") -> Parameter:
    if name not in known:
        allowed = f"Known: {', '.join(known)}." if known else "It has none."
        raise ParameterError(
            f"{notebook.id} has no parameter {name!r}.{nearest(name, known)} {allowed}"
        )
    return known[name]
