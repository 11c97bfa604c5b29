"""What a notebook lets a reader change: read from its ``parameters`` cell, checked before anything executes.

A line declares one parameter; the comment is its meaning, and may end in what is allowed::

    n_clips: int = 20         # clips to explain; 1 to 500
    corpus: str = "voices"    # where the sound comes from; one of: voices, fsdd, aev
"""

import ast
import io
import json
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from earwitness.errors import NotebookError, ParameterError
from earwitness_book.runner.notebooks import Notebook, tags, text

_KINDS = {"bool": bool, "int": int, "float": float, "str": str}
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_RANGE = re.compile(rf"(?:^|[;,(])\s*({_NUMBER}) to ({_NUMBER})(?![\w.])", re.IGNORECASE)
_CHOICES = re.compile(r"\bone of:\s*([^;]+)")


@dataclass(frozen=True)
class Parameter:
    """One line of a ``parameters`` cell.

    ``type`` is ``bool``, ``int``, ``float``, ``str`` or ``list[...]`` of one of them; ``choices`` (empty: any) and
    ``bounds`` (``None``: any; inclusive) hold for each item of a list.
    """

    name: str
    type: str
    default: object
    meaning: str = ""
    choices: tuple = ()
    bounds: tuple[float, float] | None = None

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
            If its type is not the declared one (an int is a float), or if it is not among the choices or the range.
        """
        if not self.is_list:
            return self._check_item(value)
        if not isinstance(value, (list, tuple)):
            raise ParameterError(f"{self.name} must be {self.type}, got {value!r}.")
        return [self._check_item(item) for item in value]

    def _check_item(self, value):
        if self.kind == "float" and type(value) is int:
            value = float(value)
        if type(value) is not _KINDS[self.kind]:
            raise ParameterError(f"{self.name} must be {self.type}, got {value!r}.")
        if self.choices and value not in self.choices:
            allowed = ", ".join(map(str, self.choices))
            hint = nearest(str(value), map(str, self.choices))
            raise ParameterError(f"{self.name} must be one of {allowed}; got {value!r}.{hint}")
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:
            low, high = self.bounds
            edge = high if value > high else low
            raise ParameterError(
                f"{self.name} must be {low:g} to {high:g}, got {value!r}. The nearest allowed value is {edge:g}."
            )
        return value

    def convert(self, words: str):
        """Return the value that a reader typed, in the declared type (lists: ``a,b`` or JSON), checked."""
        if not self.is_list:
            return self.check(self._convert_item(words))
        if words.lstrip().startswith("["):
            return self.check(self._json(words))
        return self.check([self._convert_item(item.strip()) for item in words.split(",") if item.strip()])

    def _json(self, words: str) -> list:
        try:
            return json.loads(words)
        except json.JSONDecodeError:
            raise ParameterError(f"{self.name} must be {self.type}: a,b or JSON; got {words!r}.") from None

    def _convert_item(self, words: str):
        try:
            return _WORDS[words.lower()] if self.kind == "bool" else _KINDS[self.kind](words)
        except (KeyError, ValueError):
            raise ParameterError(f"{self.name} must be {self.type}, got {words!r}.") from None


def nearest(name: str, known) -> str:
    """Return " Did you mean ...?" for the closest of ``known``, or nothing."""
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def declared(notebook: Notebook) -> dict[str, Parameter]:
    """Return the notebook's parameters by name, in the order of its ``parameters`` cell.

    Raises
    ------
    NotebookError
        If there is no such cell, more than one, or a line in it that declares nothing.
    """
    cells = [cell for cell in notebook.content()["cells"] if "parameters" in tags(cell)]
    if len(cells) != 1:
        raise NotebookError(f"{notebook.id} needs exactly one cell tagged 'parameters', it has {len(cells)}.")
    return parse(text(cells[0]), notebook.id)


def parse(source: str, where: str = "the notebook") -> dict[str, Parameter]:
    """Return the parameters that the source of a ``parameters`` cell declares."""
    try:
        statements, comments = ast.parse(source).body, _comments(source)
    except (SyntaxError, tokenize.TokenError) as error:
        raise NotebookError(f"The parameters cell of {where} is not Python: {error}.") from None
    found = [_parameter(line, comments.get(line.end_lineno, ""), where) for line in statements]
    return {parameter.name: parameter for parameter in found}


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ").strip() for token in tokens if token.type == tokenize.COMMENT}


def _parameter(line: ast.stmt, meaning: str, where: str) -> Parameter:
    said = ast.unparse(line)
    if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name) or line.value is None:
        raise NotebookError(f"The parameters cell of {where} may only hold lines `name: type = value`, not {said!r}.")
    name, kind = line.target.id, ast.unparse(line.annotation)
    if kind.removeprefix("list[").removesuffix("]") not in _KINDS:
        raise NotebookError(f"{name} of {where} has type {kind!r}; use bool, int, float, str or list[...] of one.")
    try:
        parameter = Parameter(name, kind, ast.literal_eval(line.value), meaning)
        parameter = Parameter(name, kind, parameter.default, meaning, _choices(parameter), _bounds(parameter))
        parameter.check(parameter.default)
    except ValueError as error:
        raise NotebookError(f"The default of {name} of {where} does not fit its declaration: {error}") from None
    return parameter


def _choices(parameter: Parameter) -> tuple:
    listed = _CHOICES.search(parameter.meaning)
    words = [word.strip(" `\"'.") for word in listed[1].split(",")] if listed else []
    return tuple(parameter._convert_item(word) for word in words)


def _bounds(parameter: Parameter) -> tuple[float, float] | None:
    found = _RANGE.findall(parameter.meaning) if parameter.kind in ("int", "float") else []
    return (float(found[-1][0]), float(found[-1][1])) if found else None


def check(notebook: Notebook, given: Mapping[str, object]) -> dict[str, object]:
    """Return ``given`` as the notebook gets it, each value checked; strings stay strings.

    Raises
    ------
    ParameterError
        For a name the notebook does not declare (naming the nearest), a wrong type, choice or range.
    """
    known = declared(notebook)
    return {name: _declared(name, known, notebook).check(value) for name, value in given.items()}


def convert(notebook: Notebook, typed: Mapping[str, str]) -> dict[str, object]:
    """Return values typed on a command line in the types the notebook declares; raises as :func:`check` does."""
    known = declared(notebook)
    return {name: _declared(name, known, notebook).convert(words) for name, words in typed.items()}


def _declared(name: str, known: Mapping[str, Parameter], notebook: Notebook) -> Parameter:
    if name not in known:
        allowed = f"Known: {', '.join(known)}." if known else "It has none."
        raise ParameterError(f"{notebook.id} has no parameter {name!r}.{nearest(name, known)} {allowed}")
    return known[name]
