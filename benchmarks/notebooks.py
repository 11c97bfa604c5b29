"""Processor seconds of each notebook, and the cells that take most: ``python -m
benchmarks.notebooks [PROFILE]``.

Execute the book first, ``earwitness build --force``: this reads what its executed notebooks note.
"""

import sys

from earwitness.errors import MissingDataError
from earwitness_book.runner import site
from earwitness_book.runner.notebooks import text

N_CELLS = 3  # of each notebook that are shown


def rows(profile: str) -> list[dict]:
    """Return a row for each executed notebook of a profile, the one that takes most first.

    Raises
    ------
    MissingDataError
        If no notebook was executed in that profile.
    """
    found = [
        _row(notebook, content)
        for notebook in site.chapters()
        if (content := site.executed(profile, notebook))
    ]
    if not found:
        raise MissingDataError(f"Nothing is executed yet: `earwitness build --profile {profile}`.")
    return sorted(found, key=lambda row: -row["processor_s"])


def _row(notebook, content: dict) -> dict:
    note = content["metadata"]["earwitness"]
    spent = {int(number): seconds for number, seconds in note.get("processor_s", {}).items()}
    most = sorted(spent, key=spent.get, reverse=True)[:N_CELLS]
    cells = notebook.content()["cells"]
    where = [f"{spent[number]:.1f} s in cell {number}: {_says(cells, number)}" for number in most]
    return {
        "notebook": notebook.id,
        "processor_s": round(sum(spent.values()), 1),
        "wall_s": note["seconds"],
        "where": where,
    }


def _says(cells: list[dict], number: int) -> str:
    """Return the last line of a cell, which says what it shows."""
    if number > len(cells):
        return "(the notebook changed since)"
    lines = [line for line in text(cells[number - 1]).splitlines() if line.strip()]
    return lines[-1].strip()[:60] if lines else ""


def main(profile: str = "demo") -> None:
    """Print the table, and the sums below it."""
    found = rows(profile)
    for row in found:
        print(
            f"{row['processor_s']:8.1f} s  {row['notebook']}  ({row['wall_s']:.0f} s of wall time)"
        )
        for line in row["where"]:
            print(f"{'':12}{line}")
    total = sum(row["processor_s"] for row in found)
    print(f"{total:8.1f} s  in all {len(found)} notebooks of profile {profile}")


if __name__ == "__main__":
    main(*sys.argv[1:])
