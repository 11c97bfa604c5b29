"""A skeleton for a new chapter: an opening page, a notebook that runs, one thing that it
measures.
"""

import json
import re
from pathlib import Path

from earwitness import cache
from earwitness.errors import DamagedDataError, ParameterError
from earwitness_book import project

_INTRO = """\
# {title}

> Authors: *Title of the paper that this chapter rests on.* Journal, year. Its entry goes into
> `book/references.bib`.

## The question
One paragraph: what do we want to know, and how will we know it?
{{doc}}`The first notebook <01-first-look>` begins.
"""

_PUBLISHED = """\
chapter: {name}
paper: ""
corpus: ""
claims: []
ours:
  - id: {name}/ours/f0
    claim: F0 of the tone that the skeleton plays.
    unit: Hz
"""

_TITLE = """\
# A first look

One sentence: what does this notebook ask, and what did it find?"""

_PARAMETERS = """\
f0_hz: float = 220.0  # of the tone, in hertz; 80 to 400
seed: int = 0  # of every random choice below; 0 to 1000000"""

_BEGIN = """\
import numpy as np

from earwitness import audition, features, figures
from earwitness_book import begin, records

begin(seed)"""

_LISTEN = """\
## Listen first
A tone stands here until the chapter has its sound."""

_SOUND = """\
sample_rate = 16000  # Hz
times_s = np.arange(sample_rate) / sample_rate
samples = 0.3 * np.sign(np.sin(2 * np.pi * f0_hz * times_s))
audition.player(samples, sample_rate, "the tone")"""

_FIGURE = """\
figure, ax = figures.panels()
figures.waveform(ax, samples[: sample_rate // 20], sample_rate);"""

_RECORD = """\
contour = features.f0(samples, sample_rate)
records.record("{name}/ours/f0", float(np.nanmedian(contour[1])), unit="Hz", corpus="tone", n=1)
records.table("{name}/")"""


def create(name: str) -> list[Path]:
    """Write a chapter that builds, list it in ``_toc.yml``, and return the files: its own, then
    those it changed.

    Raises
    ------
    ParameterError
        If the name is no name of a folder in small letters, or the chapter is there already.
    DamagedDataError
        If ``_toc.yml`` has no chapter behind which the new one could stand.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ParameterError(
            f"A chapter is named by its subject, in small letters and hyphens, not {name!r}."
        )
    root = project.root()
    files = {
        root / "book" / name / "intro.md": _INTRO.format(title=name.replace("-", " ").capitalize()),
        root / "data" / "published" / f"{name}.yaml": _PUBLISHED.format(name=name),
        root / "notebooks" / name / "01-first-look.ipynb": _notebook(name),
    }
    for path in files:
        if path.exists():
            raise ParameterError(f"There is a chapter {name!r} already: {path}.")
    toc = root / "book" / "_toc.yml"
    listed = _listed(project.read_text(toc), name, toc)
    for path, content in (files | {toc: listed}).items():
        cache.write_text(path, content)
    return [*files, toc]


def _listed(toc: str, name: str, path: Path) -> str:
    """Return the table of contents with the new chapter behind the last one; all other lines stay
    as they are.
    """
    lines = toc.splitlines()
    pages = [
        number for number, line in enumerate(lines) if re.match(r"\s*- file: [\w-]+/\S+$", line)
    ]
    if not pages:
        raise DamagedDataError(
            f"{path} lists no page of a chapter; add a line `- file: {name}/intro` by hand."
        )
    indent = min((re.match(r"\s*", lines[number])[0] for number in pages), key=len)
    new = [f"- file: {name}/intro", "  sections:", f"    - file: {name}/01-first-look"]
    lines[pages[-1] + 1 : pages[-1] + 1] = [indent + line for line in new]
    return "\n".join(lines) + "\n"


def _notebook(name: str) -> str:
    alternative = {"mystnb": {"image": {"alt": "a rectangular wave against time in seconds"}}}
    cells = [
        _cell("markdown", _TITLE),
        _cell("code", _PARAMETERS, {"tags": ["parameters"]}),
        _cell("code", _BEGIN, {"tags": ["hide-input"]}),
        _cell("markdown", _LISTEN),
        _cell("code", _SOUND),
        _cell("code", _FIGURE, alternative),
        _cell("markdown", "## What was measured"),
        _cell("code", _RECORD.format(name=name)),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {
        "cells": [{"id": f"cell-{number}"} | cell for number, cell in enumerate(cells, start=1)],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _cell(kind: str, source: str, metadata: dict | None = None) -> dict:
    run = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {
        "cell_type": kind,
        "metadata": metadata or {},
        **run,
        "source": source.splitlines(keepends=True),
    }
