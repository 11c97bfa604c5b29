"""Ratios that survive a shared machine: contenders take turns, each round is divided by its own
reference.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity

_LEAST, _ENOUGH_S = 2, 10  # rounds; seconds after which no further round begins


def interleaved(contenders: Mapping[str, Callable[[], object]], n_rounds: int = 5) -> list[dict]:
    """Time callables in turns, each round beginning with the next of them; the first of all is the
    reference that the others are divided by, round by round.

    After two rounds no other begins once ten seconds are gone: what takes long is measured well by
    few.

    Returns
    -------
    list of dict
        name, seconds (median over rounds), ratio (median over rounds of time / the reference's time
        of that round), and the least and largest of these ratios.
    """
    for call in contenders.values():
        call()  # warm-up
    times: dict[str, list[float]] = {name: [] for name in contenders}
    began = time.perf_counter()
    for done in range(n_rounds):
        if done >= _LEAST and time.perf_counter() - began > _ENOUGH_S:
            break
        turns = list(contenders.items())
        for name, call in turns[done % len(turns) :] + turns[: done % len(turns)]:
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    reference = times[next(iter(contenders))]
    rows = []
    for name, taken in times.items():
        ratios = [one / other for one, other in zip(taken, reference, strict=True)]
        rows.append(
            {
                "name": name,
                "seconds": statistics.median(taken),
                "ratio": statistics.median(ratios),
                "least": min(ratios),
                "largest": max(ratios),
            }
        )
    return rows


def peak_memory(call: Callable[[], object]) -> int:
    """Return how many bytes of tensors a call holds at once, at most, as torch's profiler counts
    what it takes and frees.
    """
    with torch.profiler.profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        call()
    held = highest = 0
    for event in sorted(_memory_events(run), key=lambda event: event.start_ns()):
        held += event.nbytes()
        highest = max(highest, held)
    return highest


def _memory_events(run):
    return [event for event in run.profiler.kineto_results.events() if event.name() == "[memory]"]


def machine(n_threads: int | None = None) -> dict:
    """Return what the numbers depend on; ``n_threads`` of torch, if not those of now."""
    capabilities = torch.cpu.get_capabilities()
    return {
        "date": date.today().isoformat(),
        "processor": str(capabilities.get("cpu_name") or platform.processor()),
        "avx512_bf16": bool(capabilities.get("avx512_bf16")),
        "amx_bf16": bool(capabilities.get("amx_bf16")),
        "threads": n_threads or torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load": round(
            os.getloadavg()[0], 1
        ),  # of the whole machine: above the number of cores, others compete
        "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
    }


def _markdown(rows: list[dict]) -> str:
    names = list(rows[0])
    cells = [
        [f"{row[name]:.3g}" if isinstance(row[name], float) else str(row[name]) for name in names]
        for row in rows
    ]
    return "\n".join(
        "| " + " | ".join(line) + " |" for line in [names, ["---"] * len(names), *cells]
    )


def write(
    folder: Path,
    name: str,
    title: str,
    tables: Mapping[str, list[dict]],
    n_threads: int | None = None,
    took_s: float | None = None,
) -> str:
    """Write ``name.json`` and ``name.md`` into ``folder`` and return the Markdown text; ``took_s``
    is how long all of it took.
    """
    about = machine(n_threads)
    about |= {"took": f"{took_s:.0f} s"} if took_s is not None else {}
    parts = [f"# {title}", ", ".join(f"{key} {value}" for key, value in about.items())]
    parts += [f"## {heading}\n\n{_markdown(rows)}" for heading, rows in tables.items()]
    text = "\n\n".join(parts) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    (folder / f"{name}.json").write_text(
        json.dumps({"machine": about, "tables": tables}, indent=1), encoding="utf-8"
    )
    return text
