"""The command line. Every command teaches itself: ``earwitness COMMAND --help``.

The library's own commands stand here; those of the book, and of packages of others, join through
the entry points ``earwitness.commands``: a function that gets the Typer application and adds to it.
"""

import functools
import sys
from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from earwitness.cli import cache, data
from earwitness.cli.attribute import attribute
from earwitness.cli.bench import bench
from earwitness.cli.explain import explain
from earwitness.cli.new_corpus import new_corpus
from earwitness.cli.output import join_pairs
from earwitness.cli.train import train
from earwitness.errors import EarwitnessError, ParameterError, UnknownNameError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Explain what audio networks predict, and why: an executable book and a library.\n\n"
    "Start with `earwitness list`, then `earwitness build`. "
    "Each command has examples: `earwitness run --help`.\n\n"
    "The exit status is 0, or 1 if something failed, or 2 if what was asked for cannot be, "
    "or 130 after Ctrl-C.",
)
_options = {"debug": False}


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"earwitness {version('earwitness')}")
        raise typer.Exit()


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Say which version this is.", is_eager=True, callback=_say_version
        ),
    ] = False,
) -> None:
    """Options of all commands."""
    _options["debug"] = debug


app.command()(train)
app.command()(explain)
app.command()(attribute)
app.command()(bench)
app.command()(new_corpus)
app.add_typer(data.app, name="data")
app.add_typer(cache.app, name="cache")


@functools.cache
def commands() -> typer.Typer:
    """Return the application with the commands of the book and of packages of others as well."""
    for entry in entry_points(group="earwitness.commands"):
        entry.load()(app)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error of ours, or of a file, becomes a sentence, and status 2 (bad
    request) or 1.
    """
    for stream in (sys.stdout, sys.stderr):
        # letters that a terminal does not have must not end a command
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    _options["debug"] = False
    try:
        given = sys.argv[1:] if arguments is None else arguments
        commands()(args=join_pairs(given), prog_name="earwitness")
    except (EarwitnessError, OSError) as error:
        if _options["debug"]:
            raise
        typer.secho(f"Error: {_sentence(error)}", fg="red", err=True)
        sys.exit(2 if isinstance(error, (ParameterError, UnknownNameError)) else 1)


def _sentence(error: Exception) -> str:
    """Return what an error says; that of a file or folder names it."""
    if (
        isinstance(error, EarwitnessError)
        or not isinstance(error, OSError)
        or error.filename is None
    ):
        return str(error)
    return f"{error.filename}: {error.strerror or error}."
