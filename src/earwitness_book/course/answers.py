"""Answers to exercises: what of them can be checked, and whether they are right."""

import ast
import contextlib
import dataclasses
import io
from collections.abc import Iterable, Mapping

import numpy as np

ANSWER = "answer"  # what a solution shows in the end has no name of its own
_CLOSE = 1e-3  # relative: an answer may be computed in another order, or rounded


def named(solution: str) -> tuple[str, list[str]]:
    """Return a solution in which everything that can be checked has a name, and these names.

    A cell that ends in an expression shows its value: it is called ``answer``. Of a cell that
    prints, the names that it assigns and prints are checked. A picture cannot be.

    Parameters
    ----------
    solution : str
        A code cell.
    """
    tree = ast.parse(solution)
    last = tree.body[-1]
    if isinstance(last, ast.Expr) and not _is_printed(last):
        if isinstance(last.value, ast.Name):
            shown = last.value.id
            return solution, [] if shown == "figure" else [shown]
        lines = solution.splitlines()
        head, tail = lines[: last.lineno - 1], lines[last.lineno - 1 :]
        return "\n".join([*head, f"{ANSWER} = {tail[0]}", *tail[1:], ANSWER]), [ANSWER]
    return solution, [name for name in _assigned(tree) if name in _printed(tree)]


def check(namespace: Mapping[str, object], solution: str, names: Iterable[str]) -> None:
    """Raise AssertionError unless these names mean what they mean after the book's solution.

    Parameters
    ----------
    namespace : mapping
        Of the notebook, after the student's cell.
    solution : str
        The book's, which is executed in a copy of it.
    names : iterable of str
    """
    names = list(names)
    for name in names:
        assert name in namespace, f"`{name}` is what the exercise asks for, and it is not there."
    expected = dict(namespace)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(solution, "the book's solution", "exec"), expected)  # noqa: S102  ours
    for name in names:
        assert same(namespace[name], expected[name]), (
            f"`{name}` is {_short(namespace[name])}; the book's solution gives "
            f"{_short(expected[name])}."
        )


def same(given, expected) -> bool:
    """Tell whether two values are the same to a thousandth, whatever they are kept in: numbers,
    words, arrays, tensors, tables, and lists or dictionaries of them.
    """
    given, expected = _plain(given), _plain(expected)
    if isinstance(expected, dict):
        return (
            isinstance(given, dict)
            and given.keys() == expected.keys()
            and all(same(given[key], value) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(given, list)
            and len(given) == len(expected)
            and all(same(*pair) for pair in zip(given, expected, strict=True))
        )
    if isinstance(expected, np.ndarray):
        if not isinstance(given, np.ndarray) or given.shape != expected.shape:
            return False
        if given.dtype.kind in "biufc" and expected.dtype.kind in "biufc":
            scale = float(np.nanmax(np.abs(expected), initial=0))
            return np.allclose(given, expected, _CLOSE, _CLOSE * scale, equal_nan=True)
        return same(given.tolist(), expected.tolist())
    return type(given) is type(expected) and given == expected


def _plain(value):
    """Return a value as array, list, dict or word: what holds numbers becomes an array."""
    if hasattr(value, "data") and hasattr(value, "to_html"):  # a styled table
        value = value.data
    if isinstance(value, dict):
        return value
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if isinstance(value, bool | int | float | complex | np.generic | np.ndarray) or hasattr(
        value, "__array__"
    ):
        return np.asarray(value)
    if isinstance(value, list | tuple):
        return list(value)
    return vars(value) if dataclasses.is_dataclass(value) else value


def _short(value) -> str:
    words = " ".join(repr(value).split())
    return words if len(words) <= 120 else words[:117] + "..."


def _is_printed(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and getattr(call.func, "id", "") == "print"


def _printed(tree: ast.Module) -> set[str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and _is_printed(node)]
    return {node.id for call in calls for node in ast.walk(call) if isinstance(node, ast.Name)}


def _assigned(tree: ast.Module) -> list[str]:
    """Return the names that stand left of an equals sign, outside loops' own variables."""
    targets = [
        target
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AugAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    names = [
        node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
    ]
    return list(dict.fromkeys(names))
