"""The book's commands; they join the library's command line as an entry point
``earwitness.commands``.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec

import typer

from earwitness.errors import MissingDataError
from earwitness_book.cli import execute, read, write

_NEEDS = ("papermill", "jupyter_book", "dask")
_COMMANDS = {
    "list": read.list_,
    "params": read.params,
    "run": execute.run,
    "sweep": execute.sweep,
    "build": execute.build,
    "serve": read.serve,
    "record": execute.record,
    "scoreboard": read.scoreboard,
    "new-chapter": write.new_chapter,
    "course": write.course,
}


def add_to(app: typer.Typer) -> None:
    """Add the book's commands to a Typer application."""
    for name, command in _COMMANDS.items():
        app.command(name)(_needs_the_book(name, command))


def _needs_the_book(name: str, command: Callable) -> Callable:
    """Return the command, which says in a sentence what to install where the library stands
    alone.
    """

    @wraps(command)
    def checked(*arguments, **options):
        if missing := [package for package in _NEEDS if find_spec(package) is None]:
            raise MissingDataError(
                f"`earwitness {name}` belongs to the book, which is not installed in full "
                f'({", ".join(missing)}); install it with: pip install "earwitness[book]"'
            )
        return command(*arguments, **options)

    checked.__signature__ = inspect.signature(command, eval_str=True)
    return checked
