"""Inject faults and write the table: ``python -m benchmarks.faults [WORD]... [--seed N]``.

With ``--fuzz 1000`` every reader of files gets a thousand damaged ones, and ``fuzz`` is written.
"""

import argparse
import inspect
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
        "words", nargs="*", help="only kinds whose name holds one; nothing is written then"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is damaged, and where")
    parser.add_argument("--fuzz", type=int, default=0, help="inputs for each reader of files")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable()
    chosen = [
        name
        for name, kind in KINDS.items()
        if (not asked.words or any(word in name for word in asked.words))
        and (not asked.fuzz or "n" in inspect.signature(kind).parameters)
    ]
    rows = [_tried(name, asked.seed, asked.fuzz) for name in chosen]
    tries, good = (sum(each[key] for each in rows) for key in ("tries", "good"))
    rows.append(
        {
            "kind": "all",
            "tries": tries,
            "good": good,
            "first bad": f"{100 * good / tries:.2f} % good",
        }
    )
    if not asked.words:
        about = (
            f"Faults injected, seed {asked.seed}, commit {provenance.commit(RESULTS.parents[1])}"
        )
        if asked.fuzz:
            about = about.replace(
                "Faults injected", f"{asked.fuzz:,} damaged files for each reader"
            )
        write(RESULTS, "fuzz" if asked.fuzz else "faults", about, {"Kinds": rows})


def _tried(name: str, seed: int, fuzz: int) -> dict:
    """Return the table's row of a kind, worked on in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        os.environ["EARWITNESS_CACHE"] = folder
        # half of what most kinds do is to cut off, half to change bytes: n of each
        many = {"n": fuzz if "flipped" in name else fuzz // 2} if fuzz else {}
        return row(name, KINDS[name](Path(folder), np.random.default_rng(seed), **many))


if __name__ == "__main__":
    main()
