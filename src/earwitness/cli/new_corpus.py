"""A folder of recordings becomes a corpus."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.options import Json
from earwitness.cli.output import table


def new_corpus(
    folder: Annotated[Path, typer.Argument(help="Of sound files, or of folders of them.")],
    pattern: Annotated[
        str | None,
        typer.Option(
            help="How files are named: `{digit}_{speaker}_{take}`. Default: a guess, which is said."
        ),
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="Of recordings with two: left, right or mean.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look, and write nothing.")] = False,
    json: Json = False,
) -> None:
    """Look at a folder of recordings, say what is in it and what cannot be used, and write
    `labels.csv`, with which it is a corpus.

    Examples: `earwitness new-corpus recordings`, then `earwitness train AudioNet --corpus
    ./recordings`; `earwitness new-corpus birds --pattern "{species}-{speaker}-{take}" --dry-run`

    Labels are read from names (`7_anna_0.wav`), or from the folders in which files lie, or from a
    `labels.csv` that is there. Folds keep speakers apart where a column says who speaks.
    """
    from earwitness import corpora
    from earwitness.corpora import survey as surveying

    found = surveying.survey(folder, pattern, channel)
    if json:
        table([*_files(found)], json=True)
    else:
        _say(found, pattern)
    if not dry_run and not (found.root / "labels.csv").exists():
        path = surveying.write(found)
        corpus = corpora.load(found.root, **({"channel": channel} if channel else {}))
        for task in corpus.tasks:
            _say_folds(corpus, task, err=json)
        typer.echo(path, err=json)


def _files(found):
    """Yield each file: what it says, or why it cannot be used."""
    for row in found.table.to_dict("records"):
        yield row | {"why_not": None}
    for name, why in found.unusable.items():
        yield {"path": name, "why_not": why}


def _say_folds(corpus, task: str, err: bool) -> None:
    from earwitness.errors import FoldError

    try:
        typer.echo(f"{task}: {len(corpus.folds(task))} folds that keep speakers apart.", err=err)
    except FoldError as error:
        typer.secho(f"{task}: {error}", fg="yellow", err=True)


def _say(found, pattern: str | None) -> None:
    rows = found.table
    lasting = f"{rows['duration_s'].min():.2f} to {rows['duration_s'].max():.2f} s"
    typer.echo(f"{len(rows)} recordings, {lasting}, {rows['duration_s'].sum() / 60:.1f} minutes.")
    if found.pattern and not pattern:
        typer.echo(f'Names were read as {found.pattern}; say --pattern "..." if they mean another.')
    counts = {name: rows[name].value_counts() for name in found.labels()}
    table([_column(name, count) for name, count in counts.items()], "What they say")
    if found.unusable:
        reasons = [{"file": name, "why": why} for name, why in found.unusable.items()]
        table(reasons, f"{len(reasons)} files cannot be used and are left out")


def _column(name: str, count) -> dict:
    shown = ", ".join(f"{value} ({n})" for value, n in count.head(8).items())
    more = f", and {len(count) - 8} more" if len(count) > 8 else ""
    return {"column": name, "values": len(count), "recordings of each": shown + more}
