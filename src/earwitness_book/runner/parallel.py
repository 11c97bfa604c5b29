"""Many notebooks: one after the other, several at once, or on the workers of a running dask
scheduler.

On this machine threads of this process wait for kernels, which watch it and end with it: after
Ctrl-C or ``kill -9`` only the notebooks in flight are lost. Nothing here listens on the network.
"""

import contextvars
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from functools import partial

from earwitness.errors import EarwitnessError, NotebookError, ParameterError
from earwitness_book.runner import clusters, keys
from earwitness_book.runner.clusters import Cluster
from earwitness_book.runner.execute import Executed, Failure, Job, execute

PATIENCE_S = 30  # for a scheduler that cannot be reached, or has nobody to work for it
_COMPARED = ("commit", "python", "versions", "code", "data", "recordings")
Progress = Callable[[Job, int, int], None]
Results = Iterator[tuple[Job, Executed | Failure]]


def _silent(job: Job, cell: int, cells: int) -> None:
    """Say nothing of how far a notebook is."""


def run(
    jobs: list[Job],
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress = _silent,
    cluster: Cluster | None = None,
) -> Results:
    """Yield each job with its result, first come, first served; a job that fails does not stop the
    others.

    Parameters
    ----------
    workers : int
        Notebooks at once on this machine. Their results do not depend on it.
    scheduler : str, optional
        Address of a running dask scheduler instead, whose workers have this commit, these versions
        and this data.
    cluster : Cluster, optional
        Instead of both: is started, and ended when all is done.
    progress : callable, optional
        Gets job, cell and number of cells as each cell begins; only on this machine.

    Yields
    ------
    tuple
        A :class:`Failure` instead of a result means that the notebook could not even be tried.

    Raises
    ------
    ParameterError
        If the scheduler cannot be reached, has no workers, or has one that would compute something
        else; if both are given, scheduler and cluster.
    NotebookError
        If the scheduler or its last worker stops meanwhile.
    """
    if workers < 1:
        raise ParameterError(f"workers must be 1 or more, got {workers}.")
    if scheduler and cluster:
        raise ParameterError("Give a scheduler that is running, or a cluster to start, not both.")
    if cluster:
        with clusters.started(cluster) as address:
            yield from _on_dask(jobs, address, cluster.workers, cluster.patience)
    elif scheduler:
        yield from _on_dask(jobs, scheduler)
    else:
        yield from _here(jobs, workers, progress)


def attempt(job: Job, progress: Progress = _silent) -> Executed | Failure:
    """Execute a job; an error outside its cells becomes a failure.

    In a context of its own: Jupyter keeps its event loop in a context variable, which threads would
    share.
    """
    try:
        return contextvars.Context().run(
            execute, job, lambda cell, cells: progress(job, cell, cells)
        )
    except Exception as error:  # an error here would end the others' line
        return Failure(job.notebook, 0, type(error).__name__, str(error))


def lines(jobs: list[Job]) -> list[list[Job]]:
    """Return the lines in which jobs wait: those of one line run one after the other, lines at the
    same time.

    Notebooks of one chapter share their networks; at the same time they would wait for each other's
    training. Whoever has no line left helps with the longest all the same: a network that is
    trained already need not be waited for. The runs of a sweep are of one notebook and stand in no
    line.
    """
    names = [job.notebook for job in jobs]
    found: dict[object, list[Job]] = {}
    for number, (name, job) in enumerate(zip(names, jobs, strict=True)):
        found.setdefault(number if names.count(name) > 1 else name.split("/")[0], []).append(job)
    return list(found.values())


def _here(jobs: list[Job], workers: int, progress: Progress) -> Results:
    """Execute in threads: nbclient takes Ctrl-C for itself in the main one, and would go on with
    the next notebook.
    """
    waiting, done = [deque(line) for line in lines(jobs)], queue.Queue()
    untouched, lock = deque(waiting), threading.Lock()

    def following(line: deque) -> tuple[deque, Job] | None:
        """Return the next job: of the own line, of a line that nobody works on, of the longest."""
        with lock:
            if not line:
                line = untouched.popleft() if untouched else max(waiting, key=len)
            return (line, line.popleft()) if line else None

    def work() -> None:
        line = deque()
        while (found := following(line)) is not None:
            line, job = found
            done.put((job, attempt(job, progress)))

    for _ in range(min(workers, len(jobs))):
        threading.Thread(target=work, daemon=True).start()
    for _ in jobs:
        yield done.get()


# --- on dask


def _on_dask(
    jobs: list[Job], address: str, n_workers: int = 1, patience_s: float | None = None
) -> Results:
    client = _client(address)
    try:
        ours = _agreed(client, address, n_workers, patience_s or PATIENCE_S)
        submit = partial(client.submit, _attempt_there, ours=ours, pure=False, retries=0)
        futures = {submit(job): job for job in jobs}

        def elsewhere(job: Job):
            """Give a job that a worker refused to those that would compute the same."""
            theirs = client.run(keys.identity, on_error="return")
            able = [worker for worker, found in theirs.items() if not _differs(ours, found)]
            return submit(job, workers=able) if able else None

        try:
            yield from _as_they_come(client, address, futures, elsewhere)
        except (KeyboardInterrupt, GeneratorExit):
            client.cancel(list(futures))  # closing would wait for the notebooks in flight
            raise
    finally:
        client.close(timeout=1)


def _client(address: str):
    from distributed import Client

    # it would tell of a lost scheduler at length
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        return Client(address, timeout=PATIENCE_S)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise ParameterError(f"No dask scheduler is reached at {address!r} ({error}).") from None


class Refused(Failure):
    """What a worker returns that would compute something else."""


def _attempt_there(job: Job, ours: Mapping[str, str]) -> Executed | Failure:
    """Execute a job on a worker, which may have come, or come back, after all were asked."""
    if sentence := _differs(ours, keys.identity()):
        return Refused(job.notebook, 0, "ParameterError", f"The worker {sentence}.")
    return attempt(job)


def _agreed(client, address: str, n: int, patience_s: float) -> dict[str, str]:
    """Return what this machine computes with, after each worker of a scheduler was asked whether it
    would compute the same; not all may come in time.
    """
    try:
        client.wait_for_workers(n, timeout=patience_s)
    except TimeoutError:
        pass
    if not _works(client):
        raise ParameterError(
            f"The dask scheduler at {address} has no workers, also not after {patience_s:g} s; "
            f"start one with `dask worker {address}` in this checkout's environment."
        )
    ours = keys.identity()
    theirs = client.run(keys.identity, on_error="return")
    for worker, found in sorted(theirs.items()):
        if sentence := _differs(ours, found):
            raise ParameterError(
                f"The worker {worker} of {address} {sentence}. Bring it to the same state, "
                "or leave it out: what it computes would pass for this checkout's."
            )
    return ours


def _differs(ours: Mapping[str, str], theirs) -> str:
    if not isinstance(theirs, Mapping):
        return f"cannot say what it would compute with ({type(theirs).__name__}: {theirs})"
    other = [name for name in _COMPARED if ours[name] != theirs.get(name)]
    said = [
        f"{name} {theirs.get(name)} instead of {ours[name]}"
        if name in ("commit", "python")
        else f"other {name}"
        for name in other
    ]
    return f"has {', '.join(said)}" if said else ""


def _as_they_come(client, address: str, futures: dict, elsewhere: Callable) -> Results:
    from distributed import wait

    waiting, alone_since = set(futures), None
    while waiting:
        try:
            done, waiting = wait(waiting, timeout=2, return_when="FIRST_COMPLETED")
        except TimeoutError:
            done = set()
        except (CancelledError, OSError, ValueError) as error:  # or dask has closed the client
            raise _stopped(
                address, len(waiting), len(futures), f"it stopped ({type(error).__name__})"
            ) from None
        if client.status not in ("running", "newly-created"):
            raise _stopped(address, len(waiting), len(futures), "it stopped")
        alone_since = None if done or _works(client) else alone_since or time.monotonic()
        if alone_since and time.monotonic() - alone_since > PATIENCE_S:
            raise _stopped(
                address, len(waiting), len(futures), f"it has had no workers for {PATIENCE_S} s"
            )
        for future in done:
            job, found = futures[future], _result(future, futures[future])
            if isinstance(found, Refused) and (again := elsewhere(job)):
                futures[again] = futures.pop(future)
                waiting.add(again)
            else:
                yield job, found


def _works(client) -> bool:
    """Tell whether the scheduler has workers, as far as it has told."""
    return bool(client.scheduler_info(n_workers=-1).get("workers"))  # none of a lost scheduler


def _result(future, job: Job) -> Executed | Failure:
    from distributed import KilledWorker

    error = future.exception()
    if isinstance(error, KilledWorker):
        return Failure(
            job.notebook, 0, "KilledWorker",
            "each worker that executed it was killed, as often as dask's "
            "distributed.scheduler.allowed-failures lets it be tried again and once more. A worker "
            "that needs more memory than it has is killed by its system.",
        )  # fmt: skip
    return Failure(job.notebook, 0, type(error).__name__, str(error)) if error else future.result()


def _stopped(address: str, n_waiting: int, n_jobs: int, why: str) -> EarwitnessError:
    return NotebookError(
        f"The dask scheduler at {address} does not go on: {why}. {n_jobs - n_waiting} of {n_jobs} "
        "notebooks are done and kept; the same command executes the others."
    )
