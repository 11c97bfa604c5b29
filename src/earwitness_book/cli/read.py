"""Commands that look: notebooks and their parameters, the site, the scoreboard."""

from typing import Annotated

import typer

from earwitness.cli.options import Json
from earwitness.cli.output import cell, table
from earwitness_book.cli.options import Profile, Which


def list_(json: Json = False) -> None:
    """Show chapters and notebooks.

    Examples: `earwitness list`, `earwitness list --json`, then `earwitness params
    pixel-flipping`
    """
    from earwitness_book.runner import notebooks

    if json:
        known = notebooks.every()
        table([{"id": n.id, "chapter": n.chapter, "title": n.title()} for n in known], json=True)
        return
    chapter = None
    for notebook in notebooks.every():
        if notebook.chapter != chapter:
            chapter = notebook.chapter
            typer.secho(chapter, bold=True)
        typer.echo(f"  {notebook.id:<34} {notebook.title()}")


def params(
    notebook: Which,
    profile: Profile = "demo",
    reach: Annotated[
        bool,
        typer.Option(
            "--reach",
            help="Show instead what it depends on: if one of these changes, it is executed.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Show name, type, default and meaning of each parameter of a notebook.

    Examples: `earwitness params pixel-flipping`, `earwitness params pixel-flipping --reach`,
    `earwitness params pixel-flipping --json`
    """
    from earwitness.errors import check_choice
    from earwitness_book.runner import notebooks, profiles

    found = notebooks.find(notebook)
    check_choice(profile, profiles.names(), "profile")
    if reach:
        _reach(found, profile)
        return
    rows = [
        {"parameter": p.name, "type": p.type, "default": repr(p.default), "meaning": _meaning(p)}
        for p in found.parameters.values()
    ]
    table(rows, f"{found.id}: {found.title()}", "It has no parameters.", json)


def _meaning(parameter) -> str:
    """Return what a parameter means, with the names that a phrase such as `corpora with task digit`
    stands for.
    """
    from earwitness_book.runner import choices

    if choices.resolve(parameter.listed, ask=False) is None:
        return parameter.meaning
    return f"{parameter.meaning} ({', '.join(parameter.choices)})"


def _reach(notebook, profile: str) -> None:
    from earwitness_book.runner import execute

    job = execute.prepare(notebook, profile, {}, execute.environment_fingerprint())
    for name in (*job.specification["modules"], *job.specification["files"]):
        typer.echo(name)


def serve(
    profile: Profile = "demo",
    port: Annotated[int, typer.Option(help="On this machine only.", min=0, max=65535)] = 8000,
) -> None:
    """Show the built site in the browser, at an address of this machine, until Ctrl-C.

    Examples: `earwitness serve`, `earwitness serve --profile real --port 8000`
    """
    from earwitness.errors import MissingDataError
    from earwitness_book.runner import site
    from earwitness_book.runner.server import server as make

    html = site.folder(profile) / "html"
    if not (html / "index.html").exists():
        raise MissingDataError(
            f"No site is built for profile {profile}: `earwitness build --profile {profile}` does."
        )
    with make(html, port) as server:
        typer.echo(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo()


def scoreboard(
    json: Json = False,
    profile: Annotated[
        str | None,
        typer.Option(help="Only what this profile measured; without one, all but smoke."),
    ] = None,
) -> None:
    """Show every claim: published, recorded, this build, verdict.

    Examples: `earwitness scoreboard`, `earwitness scoreboard --profile real --json`
    """
    from earwitness.errors import check_choice
    from earwitness_book import records
    from earwitness_book.runner import profiles, site

    folder = (
        site.folder(check_choice(profile, profiles.names(), "profile"))
        if profile is not None
        else None
    )
    board = records.scoreboard(folder)
    if json:
        typer.echo(records.to_json(board))
        return
    columns = [
        "claim",
        "source",
        "published",
        "recorded",
        "measured",
        "unit",
        "corpus",
        "profile",
        "verdict",
    ]
    table(
        [{name: cell(row[name]) for name in columns} for row in board.to_dict("records")],
        empty="No claims yet.",
    )
