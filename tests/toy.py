"""A tiny project to run the runner on: three notebooks, a page of prose, a chapter of published
values.
"""

import json
import shutil
from pathlib import Path

REAL = Path(__file__).parents[1]

PARAMETERS = """\
n_clips: int = 2            # clips to look at; 1 to 50
corpus: str = "voices"      # where the sound comes from; one of: voices, fsdd, aev
level_db: float = -3.5      # dB re 1, -60 to 0
methods: list[str] = ["a"]  # what to compare; one of: a, b, c
strict: bool = False        # stop at the first surprise
"""

FIGURE = """\
import matplotlib.pyplot as plt
figure, ax = plt.subplots(figsize=(3, 2))
ax.plot(range(n_clips))
plt.show()"""

PLAYER = """\
from IPython.display import HTML
HTML('<figure><audio controls src="data:audio/wav;base64,UklGRg=="></audio></figure>')"""

PUBLISHED = """\
chapter: toy
paper: nobody1999
corpus: fsdd
claims:
  - {id: toy/one, claim: One is one., source: Table 1, value: 1, unit: "1", tolerance: 0.5}
  - {id: toy/two, claim: Two is two., source: Table 2, value: 2, unit: "1", tolerance: 0.5}
"""

RECORD = """\
from earwitness_book import records
_ = records.record("toy/one", 1.0, unit="1", corpus=corpus, n=n_clips)"""


def code(source: str, tags=(), **metadata) -> dict:
    """Return a code cell."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "outputs": [],
        "source": source,
        "metadata": ({"tags": list(tags)} if tags else {}) | metadata,
    }


def words(source: str) -> dict:
    """Return a text cell."""
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def write_notebook(path: Path, cells: list[dict]) -> None:
    """Write a notebook of format 4.5."""
    cells = [{"id": f"cell-{number}"} | cell for number, cell in enumerate(cells)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))


def project(folder: Path, more: dict[str, list[dict]] | None = None) -> Path:
    """Write the toy project; ``more`` maps pages (``toy/04-name``) to cells of further
    notebooks.
    """
    alt = {"mystnb": {"image": {"alt": "a line that rises"}}}
    pages = {
        "toy/01-passes": [
            words("# Passes\n\nIt says $a^2$."),
            code(PARAMETERS, ["parameters"]),
            code(FIGURE, **alt),
            code(PLAYER),
            code(RECORD),
            code("print(n_clips, corpus, level_db)"),
        ],
        **(more or {}),
    }
    for page, cells in pages.items():
        write_notebook(folder / "notebooks" / f"{page}.ipynb", cells)
    profiles = {
        "demo": "about: Generated voices.\n",
        "smoke": "all: {n_clips: 1}\n",
        "real": "all: {corpus: fsdd}\n",
        "full": "all: {corpus: fsdd}\n",
    }
    for name, text in profiles.items():
        path = folder / "notebooks" / "profiles" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (folder / "data" / "published").mkdir(parents=True)
    (folder / "data" / "published" / "toy.yaml").write_text(PUBLISHED)
    _write_book(folder, pages)
    return folder


def _write_book(folder: Path, pages) -> None:
    book = folder / "book"
    shutil.copytree(REAL / "book" / "_static", book / "_static")
    shutil.copytree(REAL / "book" / "_templates", book / "_templates")
    (book / "_extra").symlink_to(REAL / "book" / "_extra")
    shutil.copy(REAL / "_config.yml", folder)
    (book / "references.bib").write_text(
        "@misc{nobody1999, title={Nothing}, author={Body, No}, year={1999}}\n"
    )
    (book / "index.md").write_text("# Toy\n\nWords {cite}`nobody1999`.\n\n```{bibliography}\n```\n")
    (book / "scoreboard.md").write_text("# Scoreboard\n\n<!-- scoreboard -->\n")
    (book / "rerun.md").write_text("# Rerun\n\nWords about rerunning the notebooks of a toy.\n")
    files = "\n".join(f"  - file: {page}" for page in (*pages, "rerun", "scoreboard"))
    (book / "_toc.yml").write_text(f"format: jb-book\nroot: index\nchapters:\n{files}\n")


MEASURE = (
    "from earwitness_book import records\n"
    "records.record('toy/two', 1.0 * n, unit='1', corpus='voices')"
)


def lines(*sources, parameters="n: int = 1  # how many; 1 to 9\nwords: list[str] = ['a']"):
    return [
        words("# Quick\n\nText."),
        code(parameters, ["parameters"]),
        *(code(line) for line in sources),
    ]
