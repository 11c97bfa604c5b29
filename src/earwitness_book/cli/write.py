"""Commands that write sources of the book."""

from typing import Annotated

import typer


def new_chapter(
    name: Annotated[
        str, typer.Argument(help="Its subject, in small letters and hyphens: `room-acoustics`.")
    ],
) -> None:
    """Write a skeleton of a chapter that builds: an opening page, a notebook, one thing that it
    measures.

    Example: `earwitness new-chapter room-acoustics`, then `earwitness build --chapter
    room-acoustics`

    Beside its own files a chapter needs two: `book/_toc.yml`, which this command changes, and
    `book/references.bib`.
    """
    from earwitness_book.runner import chapter

    for path in chapter.create(name):
        typer.echo(path)
