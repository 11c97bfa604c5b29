"""Keep what a full run measured, with what made it, in ``data/recorded/``."""

import json
from importlib.metadata import version
from pathlib import Path

from earwitness_book.runner.execute import Executed

_MATTERS = ("torch", "numpy", "zennit", "captum")


def keep(chapter: str, results: list[Executed], command: str) -> Path | None:
    """Write the records of executed notebooks as the chapter's recorded values; return the file, if
    there were any.
    """
    from earwitness_book import records

    path = None
    for result in results:
        note = json.loads(result.content)["metadata"]["earwitness"]
        if note["records"]:
            path = records.write_recorded(
                chapter, note["records"].values(), provenance(note, command)
            )
    return path


def provenance(note: dict, command: str) -> dict[str, str]:
    """Return what made the numbers of one executed notebook."""
    packages = ", ".join(f"{name} {version(name)}" for name in _MATTERS)
    return {
        "command": command,
        "notebook": note["notebook"],
        "commit": note["commit"],
        "device": note["hardware"],
        "date": note["date"][:10],
        "profile": note["profile"],
        "python": note["python"],
        "packages": packages,
        "parameters": json.dumps(note["parameters"]),
    }
