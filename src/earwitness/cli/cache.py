"""What is kept between runs: how much, how old, and how to get rid of it."""

from typing import Annotated

import typer

from earwitness.cli.options import Json
from earwitness.cli.output import cell, table

app = typer.Typer(
    no_args_is_help=True,
    help="What is kept between runs (networks, generated sounds, executed notebooks): how much, "
    "how old, and how to get rid of it.",
)


@app.command()
def status(json: Json = False) -> None:
    """Show what is kept, by kind: files, megabytes, days since anything of it was used.

    Examples: `earwitness cache status`, `EARWITNESS_CACHE=/data/cache earwitness cache status
    --json`
    """
    from earwitness import cache

    rows = cache.inventory()
    if json:
        table(rows, json=True)
        return
    table(
        [
            {
                "kind": row["kind"],
                "files": row["files"],
                "MB": f"{row['megabytes']:.1f}",
                "used (days ago)": cell(row["last_used"]),
            }
            for row in rows
        ],
        empty="Nothing is kept yet.",
    )
    typer.echo(f"{sum(row['megabytes'] for row in rows):.0f} MB in {cache.place()}")


@app.command()
def clean(
    kinds: Annotated[
        list[str], typer.Argument(metavar="KIND...", help="See earwitness cache status.")
    ],
    unused_for: Annotated[
        float, typer.Option(metavar="DAYS", min=0, help="Only what was not used for so long.")
    ] = 0.0,
) -> None:
    """Remove what is kept of some kinds; it is made again when it is needed.

    Examples: `earwitness cache clean unfinished`, `earwitness cache clean executed models
    --unused-for 30`
    """
    from earwitness import cache

    typer.echo(f"{cache.clean(kinds, unused_for):.1f} MB are free again")
