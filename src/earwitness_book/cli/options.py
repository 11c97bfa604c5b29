"""Arguments and options that several commands share."""

from typing import Annotated

import typer

Which = Annotated[str, typer.Argument(metavar="NOTEBOOK", help="Its name, or a unique part: `pixel-flipping`.")]
Pairs = Annotated[list[str] | None, typer.Option(
    "--parameter", "-p", metavar="NAME VALUE", help="Change a parameter; may be given several times.")]
Profile = Annotated[str, typer.Option("--profile", metavar="NAME", help="smoke, demo, real or paper.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Notebooks at once on this machine.")]
Scheduler = Annotated[str | None, typer.Option("--scheduler", metavar="ADDRESS", help="A running dask scheduler.")]
Timeout = Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", help="Longest time for one cell.")]
Force = Annotated[bool, typer.Option("--force", help="Execute even if nothing changed.")]
