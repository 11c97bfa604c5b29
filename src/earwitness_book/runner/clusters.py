"""A dask cluster as a file describes it: started for the time of a command, then given back."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from earwitness.errors import MissingDataError, ParameterError, check_number
from earwitness_book import project
from earwitness_book.runner.execute import RETRIES

_TRIED_AGAIN = "distributed.scheduler.allowed-failures"  # of a notebook whose worker was killed
_EXAMPLE = (
    "class: dask_jobqueue.SLURMCluster\n  workers: 8\n  patience: 600\n  options: {cores: 1, ...}"
)


@dataclass(frozen=True)
class Cluster:
    """What a file asks for.

    Attributes
    ----------
    kind : str
        ``module.Class``, one of dask's classes of clusters or one like them.
    workers : int
        To wait for, and to ask for where the class starts them on request.
    patience : float
        Seconds to wait for them; then those go to work that came.
    options : mapping
        Of the class.
    """

    kind: str
    workers: int = 1
    patience: float = 600
    options: Mapping = None


def read(path: Path) -> Cluster:
    """Return what a file asks for.

    Raises
    ------
    ParameterError
        If it is none, or says something that is not understood.
    """
    if not path.is_file():
        raise ParameterError(f"There is no file {path}; --cluster takes one with\n  {_EXAMPLE}")
    said = project.read_yaml(path)
    known = {"class", *(each.name for each in fields(Cluster))} - {"kind"}
    if not isinstance(said, dict) or not isinstance(said.get("class"), str):
        raise ParameterError(f"{path} names no class of clusters; it needs\n  {_EXAMPLE}")
    if unknown := sorted(map(str, set(said) - known)):
        raise ParameterError(f"{path} says {', '.join(unknown)}; known are {', '.join(known)}.")
    if not isinstance(said.get("options") or {}, dict):
        raise ParameterError(f"{path}: options must be a mapping, got {said['options']!r}.")
    asked = Cluster(said.pop("class"), **said)
    check_number("workers", asked.workers, 1, 100_000, whole=True)
    check_number("patience", asked.patience, 0, 1e6)
    return asked


@contextmanager
def started(asked: Cluster) -> Iterator[str]:
    """Yield the address of a scheduler whose workers are on their way; end them afterwards.

    Raises
    ------
    MissingDataError
        If the package of the class is not installed.
    ParameterError
        If there is no such class, or it does not start with these options.
    """
    import dask

    make = _find(asked.kind)
    try:
        with dask.config.set({_TRIED_AGAIN: RETRIES}):
            cluster = make(**(asked.options or {}))
        if hasattr(cluster, "scale"):
            cluster.scale(asked.workers)
    except Exception as error:  # whatever a class of others raises is about its options
        raise ParameterError(
            f"{asked.kind} does not start ({type(error).__name__}: {error})."
        ) from error
    with cluster:
        yield cluster.scheduler_address


def _find(kind: str):
    module, _, name = kind.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        package = error.name.replace("_", "-")
        raise MissingDataError(
            f"{kind} is not installed: pip install {package.partition('.')[0]}"
        ) from None
    except (AttributeError, ValueError):
        raise ParameterError(f"There is no class {kind!r}; write it as module.Class.") from None
