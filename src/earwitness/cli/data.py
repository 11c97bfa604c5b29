"""The corpora: what is here, how to get more, whether it is intact."""

import sys
from typing import Annotated

import typer

from earwitness.cli.options import Json
from earwitness.cli.output import end, table
from earwitness.errors import ParameterError

app = typer.Typer(
    no_args_is_help=True, help="The corpora: what is here, how to get more, whether it is intact."
)
Names = Annotated[list[str] | None, typer.Argument(metavar="[CORPUS]...")]


@app.command()
def status(json: Json = False) -> None:
    """Show which corpora are on this machine, and where the others can be got.

    Examples: `earwitness data status`, `EARWITNESS_DATA=~/corpora earwitness data status --json`
    """
    from earwitness.corpora import store

    table(store.status().to_dict("records"), json=json)


@app.command()
def download(corpus: Names = None) -> None:
    """Fetch corpora, check every file, and put them where the notebooks look.

    Examples: `earwitness data download fsdd aev`, `EARWITNESS_DATA=~/corpora earwitness data
    download timit`
    """
    from earwitness import catalogue
    from earwitness.corpora import store
    from earwitness.errors import check_choice

    known = catalogue.corpora()
    if not corpus:
        available = ", ".join(name for name in known if known[name]["downloads"])
        raise ParameterError(f"Say which corpora to download: {available}.")
    for name in corpus:
        check_choice(name, known, "corpus")
    for name in corpus:
        typer.echo(f"{name}: {store.download(name)}")


@app.command()
def verify(corpus: Names = None) -> None:
    """Compare the files of corpora with their checksums; of all that are here if none is named.

    Examples: `earwitness data verify`, `earwitness data verify fsdd`
    """
    from earwitness.corpora import store

    rows = store.status()
    names = corpus or list(rows.loc[rows["present"], "corpus"])
    wrong = 0
    for name in names:
        found = store.verify(name, progress=sys.stderr.isatty())
        wrong += len(found)
        verdict = f"{len(found)} problems" if found else "intact"
        typer.echo(f"{name}: {verdict}. {store.checks(name)}")
        for sentence in found:
            typer.secho(f"  {sentence}", fg="red", err=True)
    end([f"{wrong} files are not as they should be."] if wrong else [])
