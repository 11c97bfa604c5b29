"""Commands that write sources of the book."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness_book.cli import options


def new_chapter(
    name: Annotated[
        str, typer.Argument(help="Its subject, in small letters and hyphens: `room-acoustics`.")
    ],
) -> None:
    """Write a skeleton of a chapter that builds: an opening page, a notebook, one thing that it
    measures.

    Examples: `earwitness new-chapter room-acoustics`, then `earwitness build --chapter
    room-acoustics`

    Beside its own files a chapter needs two: `book/_toc.yml`, which this command changes, and
    `book/references.bib`.
    """
    from earwitness_book.runner import chapter

    for path in chapter.create(name):
        typer.echo(path)


def course(
    chapters: Annotated[
        list[str] | None, typer.Argument(help="Chapters: `audiomnist raw-waveform`.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Of the course; made if not there.")
    ] = Path("course"),
    profile: options.Profile = "demo",
    slides: Annotated[
        bool, typer.Option("--slides", help="Slides as well, of what this profile executed.")
    ] = False,
) -> None:
    """Make a course of chapters: notebooks for students, and for their teacher with solutions,
    points and hidden tests.

    Examples: `earwitness course audiomnist --out ~/course`, then hand out `~/course/release`;
    `earwitness course audiomnist raw-waveform --profile smoke --slides`

    The folder is one of nbgrader's (pip install "earwitness[course]"): notebooks are collected
    and graded with its commands, in the folder: `nbgrader collect audiomnist`, `nbgrader autograde
    audiomnist`. Making a course again makes its notebooks anew; what was submitted stays.
    """
    from earwitness_book import course

    made = course.make(chapters or [], options.expanded(out), profile, slides)
    kinds = {"release": "for students", "source": "with solutions", "slides": "opens in a browser"}
    for kind, meaning in kinds.items():
        for path in made[kind]:
            typer.echo(f"{path}  {meaning}")
