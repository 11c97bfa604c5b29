"""The command line. Every command teaches itself: ``earwitness COMMAND --help``.

The library's own commands stand here; those of the book, and of packages of others, join through the entry points
``earwitness.commands``: a function that gets the Typer application and adds to it.
"""

import sys
from importlib.metadata import entry_points
from typing import Annotated

import typer

from earwitness.cli import data
from earwitness.cli.output import join_pairs
from earwitness.cli.train import train
from earwitness.errors import EarwitnessError, ParameterError, UnknownNameError

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown", add_completion=False,
    help="Explain what audio networks listen to: an executable book and a library.\n\n"
    "Start with `earwitness list`, then `earwitness build`.",
)
_options = {"debug": False}


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
) -> None:
    """Options of all commands."""
    _options["debug"] = debug


app.command()(train)
app.add_typer(data.app, name="data")
for _entry in entry_points(group="earwitness.commands"):
    _entry.load()(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error of ours becomes its sentence, and status 2 (bad request) or 1."""
    try:
        app(args=join_pairs(sys.argv[1:] if arguments is None else arguments))
    except EarwitnessError as error:
        if _options["debug"]:
            raise
        typer.secho(f"Error: {error}", fg="red", err=True)
        sys.exit(2 if isinstance(error, (ParameterError, UnknownNameError)) else 1)
