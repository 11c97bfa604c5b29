"""Inject faults and write the table: ``python -m benchmarks.faults [WORD]... [--seed N]``.

With ``--fuzz 1000`` every reader of files gets a thousand damaged ones, and ``fuzz`` is written.
"""

import argparse
import inspect
import json
import logging
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np

from benchmarks.faults import calls, commands, disk, files, row, sounds
from benchmarks.measure import write
from earwitness import provenance

RESULTS = Path(__file__).parents[1] / "results"
KINDS = sounds.KINDS | calls.KINDS | files.KINDS | commands.KINDS | disk.KINDS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument(
        "words", nargs="*", help="only kinds whose name holds one; the others keep their rows"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is damaged, and where")
    parser.add_argument("--fuzz", type=int, default=0, help="inputs for each reader of files")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable()
    possible = _readers() if asked.fuzz else list(KINDS)
    table = Path(RESULTS, "fuzz" if asked.fuzz else "faults")
    made = {}
    for name in possible:
        if not asked.words or any(word in name for word in asked.words):
            made[name] = _tried(name, asked.seed, asked.fuzz)
            found = (_rows(table) if asked.words else {}) | made  # others may count at once
            _write(table, [found[each] for each in possible if each in found])


def _readers() -> list[str]:
    """Return the kinds that damage files for a reader, as many as are asked for."""
    kinds = (sounds.KINDS | files.KINDS).items()
    return [name for name, kind in kinds if "n" in inspect.signature(kind).parameters]


def _rows(table: Path) -> dict[str, dict]:
    """Return the rows of a table that was written before, by kind."""
    path = table.with_suffix(".json")
    rows = json.loads(path.read_text())["tables"]["Kinds"] if path.exists() else []
    return {each["kind"]: each for each in rows}


def _write(table: Path, rows: list[dict]) -> None:
    tries, good = (sum(each[key] for each in rows) for key in ("tries", "good"))
    last = {"kind": "all", "tries": tries, "good": good, "seed": "", "commit": ""}
    last["first bad"] = f"{100 * good / tries:.2f} % good"
    what = "Damaged files for each reader" if table.name == "fuzz" else "Faults injected"
    write(table.parent, table.name, what, {"Kinds": [*rows, last]})


def _tried(name: str, seed: int, fuzz: int) -> dict:
    """Return the table's row of a kind, worked on in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        os.environ["EARWITNESS_CACHE"] = folder
        # half of what most kinds do is to cut off, half to change bytes: n of each
        many = {"n": fuzz if "flipped" in name else fuzz // 2} if fuzz else {}
        found = row(name, KINDS[name](Path(folder), np.random.default_rng(seed), **many))
    first = found.pop("first bad")
    commit = provenance.commit(RESULTS.parents[1])
    return found | {"seed": seed, "commit": commit, "first bad": first}


if __name__ == "__main__":
    main()
