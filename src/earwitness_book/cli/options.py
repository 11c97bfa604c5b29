"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness.errors import ParameterError


def _seconds(value: float | None) -> float | None:
    if value is not None and not 0 < value < float("inf"):
        raise ParameterError(f"--timeout must be a number of seconds above 0, got {value:g}.")
    return value


def expanded(path: Path | None) -> Path | None:
    """Return a path with ``~`` as the home folder: of ``--out=~/x`` a shell leaves it."""
    return path.expanduser() if path else path


Which = Annotated[
    str, typer.Argument(metavar="NOTEBOOK", help="Its name, or a unique part: `pixel-flipping`.")
]
Pairs = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        "-p",
        metavar="NAME VALUE",
        help="Change a parameter; may be given several times.",
    ),
]
Profile = Annotated[
    str, typer.Option("--profile", metavar="NAME", help="smoke, demo, real, full or paper.")
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", min=1, help="Notebooks at once on this machine; results do not depend on it."
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        metavar="N",
        help="Each notebook's; results may depend on it, they are kept apart. "
        "Default: OMP_NUM_THREADS, or 1.",
    ),
]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", metavar="ADDRESS", help="A running dask scheduler.")
]


def _cluster(path: Path | None):
    from earwitness_book.runner import clusters

    return clusters.read(path.expanduser()) if path else None


ClusterFile = Annotated[
    Path | None,
    typer.Option(
        "--cluster",
        metavar="FILE",
        help="A dask cluster to start for it, as a file of YAML describes it.",
        callback=_cluster,
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", metavar="SECONDS", help="Longest time for one cell.", callback=_seconds
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Execute even if nothing changed.")]
