"""Run benchmarks and write their tables: ``python -m benchmarks [NAME]... [--out FOLDER]``."""

import argparse
import importlib
import time
from pathlib import Path

from benchmarks import cost_page
from benchmarks.measure import write

NAMES = [
    "runtime",
    "relevance",
    "flipping",
    "sliding",
    "dft_lrp",
    "audiolime",
    "recurrent",
    "quality",
    "scenes",
    "maps",
    "methods",
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", default=NAMES, help=f"which ones, of {', '.join(NAMES)}; default: all"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results", help="folder of the tables"
    )
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.names) - set(NAMES)):
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    for name in chosen.names:
        benchmark = importlib.import_module(f"benchmarks.{name}")
        n_threads = getattr(benchmark, "N_THREADS", None)
        start = time.perf_counter()
        tables = benchmark.run()
        took_s = time.perf_counter() - start
        text = write(chosen.out, name, benchmark.TITLE, tables, n_threads, took_s)
        print(text, flush=True)
    if chosen.out == cost_page.RESULTS and set(chosen.names) & set(cost_page.NAMES):
        cost_page.write()


if __name__ == "__main__":
    main()
