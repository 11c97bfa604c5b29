"""One notebook with every combination of some parameters' values, and a table of what each run
recorded.
"""

import csv
import io
import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from earwitness import cache
from earwitness.errors import DamagedDataError, ParameterError
from earwitness_book import project
from earwitness_book.runner import parameters
from earwitness_book.runner.execute import Executed, Failure, Job
from earwitness_book.runner.notebooks import Notebook


def values(notebook: Notebook, typed: Mapping[str, str]) -> dict[str, list]:
    """Return the values to try for each parameter: typed as ``1,2,3``, or ``a,b;a`` where a value
    is itself a list.

    Raises
    ------
    ParameterError
        As :func:`parameters.check`; also if a parameter is given no value or the same one twice.
    """
    return {name: _several(notebook, name, words) for name, words in typed.items()}


def _several(notebook: Notebook, name: str, words: str) -> list:
    declared = notebook.parameters.get(name)
    separator = ";" if declared and declared.is_list else ","
    parts = [part.strip() for part in words.split(separator) if part.strip()]
    found = [parameters.convert(notebook, {name: part})[name] for part in parts]
    if not found or any(found.count(value) > 1 for value in found):
        raise ParameterError(
            f"{name} needs one or more different values, separated by {separator!r}; got {words!r}."
        )
    return found


def combinations(tried: Mapping[str, list]) -> list[dict]:
    """Return every combination, the last parameter changing fastest."""
    return [
        dict(zip(tried, combination, strict=True))
        for combination in itertools.product(*tried.values())
    ]


def label(combination: Mapping) -> str:
    """Return a name for a combination that a file system takes."""
    text = ",".join(
        f"{name}={'+'.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in combination.items()
    )
    safe = "".join(letter if letter.isalnum() or letter in "=,.+-_" else "-" for letter in text)
    return safe if len(safe) <= 120 else f"{safe[:100]}-{cache.digest(dict(combination))[:8]}"


def table(names: Iterable[str], results: Iterable[tuple[Job, Executed | Failure]]) -> list[dict]:
    """Return a row per run: the parameters, ``failure``, and every recorded value under its id."""
    rows = []
    for job, result in results:
        failure = result if isinstance(result, Failure) else result.failure
        measured = {} if isinstance(result, Failure) else _records(result)
        rows.append(
            {name: job.values[name] for name in names} | {"failure": str(failure or "")} | measured
        )
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{column: row.get(column, "") for column in columns} for row in rows]


def _records(result: Executed) -> dict[str, float]:
    entries = json.loads(result.content)["metadata"]["earwitness"]["records"]
    keys = {
        key: "/".join(str(entry[part]) for part in ("corpus", "protocol") if entry.get(part))
        for key, entry in entries.items()
    }
    several = {
        entry["id"]
        for entry in entries.values()
        if sum(other["id"] == entry["id"] for other in entries.values()) > 1
    }
    return {
        f"{entry['id']} ({keys[key]})" if entry["id"] in several else entry["id"]: entry["value"]
        for key, entry in entries.items()
    }


def write(rows: list[dict], names: Iterable[str], path: Path) -> None:
    """Write the table as CSV; what an earlier sweep left there stays, except for the same
    combinations.

    Raises
    ------
    DamagedDataError
        If there is a file of that name that is no table of a sweep.
    """
    names = list(names)
    new = {_combination(row, names) for row in rows}
    rows = [row for row in _earlier(path) if _combination(row, names) not in new] + rows
    columns = dict.fromkeys([*(name for name in names), *(name for row in rows for name in row)])
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    cache.write_text(path, text.getvalue())


def _combination(row: Mapping, names: list[str]) -> tuple[str, ...]:
    return tuple(str(row.get(name, "")) for name in names)


def _earlier(path: Path) -> list[dict]:
    if not path.exists():
        return []
    text = project.read_text(path)
    reader = csv.DictReader(io.StringIO(text))
    rows = list(reader)
    if text.strip() and (
        "failure" not in (reader.fieldnames or []) or any(None in row for row in rows)
    ):
        raise DamagedDataError(
            f"{path} is no table of a sweep; move it away, or choose another folder with --out."
        )
    return rows
