"""What every command prints alike, and how typed values are read."""

import sys
from json import dumps

import typer

from earwitness.errors import ParameterError


def end(failures: list[str]) -> None:
    """Say once more what failed, after everything else, and leave with status 1."""
    for sentence in failures:
        typer.secho(sentence, fg="red", err=True)
    if failures:
        raise typer.Exit(1)


def console():
    from rich.console import Console

    return Console(stderr=True)


def table(
    rows: list[dict], title: str | None = None, empty: str = "Nothing to show.", json: bool = False
) -> None:
    """Print rows as a table, or as JSON, in which what is not known is null."""
    if json:
        known = [{name: _known(value) for name, value in row.items()} for row in rows]
        typer.echo(dumps(known, indent=1, ensure_ascii=False, default=str))
        return
    from rich.console import Console
    from rich.table import Table

    if not rows:
        typer.echo(empty)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    wide = None if sys.stdout.isatty() else 200  # a file or a pipe has no width
    Console(width=wide, markup=False, highlight=False).print(table) if wide else Console(
        markup=False
    ).print(table)


def _known(value):
    """Return a value as Python's own number or word, None for NaN."""
    value = value.item() if hasattr(value, "item") else value
    return None if value != value else value


def cell(value) -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def typed_pairs(pairs: list[str] | None) -> dict[str, str]:
    """Return name -> value as typed.

    Raises
    ------
    ParameterError
        For a name without a value, or given twice.
    """
    given: dict[str, str] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ParameterError(f"-p needs a name and a value; after {name!r} there is no value.")
        if name in given:
            raise ParameterError(f"{name} is given twice.")
        given[name] = value
    return given


def join_pairs(arguments: list[str]) -> list[str]:
    """Return arguments with ``-p NAME VALUE`` as ``-p NAME=VALUE``: Typer knows no repeated option
    with two values.
    """
    joined, rest = [], list(arguments)
    while rest:
        joined.append(rest.pop(0))
        if joined[-1] in ("-p", "--parameter") and len(rest) > 1 and "=" not in rest[0]:
            joined.append(f"{rest.pop(0)}={rest.pop(0)}")
    return joined
