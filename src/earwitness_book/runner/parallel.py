"""Many notebooks: one after the other in this process, or several at once on a dask cluster.

Each notebook runs in a kernel of its own, so the cluster's workers are threads that wait for kernels. Kernels watch
this process and end with it: after Ctrl-C or ``kill -9`` only the notebooks in flight are lost.
"""

import contextvars
import os
import queue
import threading
from collections.abc import Iterator
from dataclasses import replace

from earwitness.errors import EarwitnessError, ParameterError
from earwitness_book.runner.execute import Executed, Failure, Job, execute

PATIENCE_S = 30  # for a scheduler that does not answer


def run(jobs: list[Job], workers: int = 1, scheduler: str | None = None) -> Iterator[tuple[Job, Executed | Failure]]:
    """Yield each job with its result, first come, first served; a job that fails does not stop the others.

    Parameters
    ----------
    workers : int
        Notebooks at once on this machine; each gets its share of the cores.
    scheduler : str, optional
        Address of a running dask scheduler instead, whose workers have this checkout and this environment.

    Yields
    ------
    tuple
        A :class:`Failure` instead of a result means that the notebook could not even be tried.
    """
    if workers < 1:
        raise ParameterError(f"workers must be 1 or more, got {workers}.")
    if scheduler:
        yield from _on_dask(jobs, address=scheduler)
    elif workers == 1 or len(jobs) == 1:
        yield from _one_by_one(jobs)
    else:
        workers = min(workers, len(jobs))
        share = max(1, (os.cpu_count() or 1) // workers)
        shared = [replace(job, threads=share) for job in jobs]
        yield from _on_dask(shared, n_workers=1, threads_per_worker=workers, processes=False, dashboard_address=None)


def attempt(job: Job) -> Executed | Failure:
    """Execute a job; an error outside its cells becomes a failure.

    In a context of its own: Jupyter keeps its event loop in a context variable, which dask's threads would share.
    """
    try:
        return contextvars.Context().run(execute, job)
    except (EarwitnessError, OSError) as error:
        return Failure(job.notebook, 0, type(error).__name__, str(error))


def lines(jobs: list[Job]) -> list:
    """Return what each job stands in line for: jobs of one line run one after the other, lines at the same time.

    Notebooks of one chapter share their networks; at the same time they would wait for each other's training. The runs
    of a sweep are of one notebook and stand in no line.
    """
    names = [job.notebook for job in jobs]
    return [number if names.count(name) > 1 else name.split("/")[0] for number, name in enumerate(names)]


def _attempt_after(job: Job, _previous) -> Executed | Failure:
    """Execute a job when the one before it in its line has ended, well or not."""
    try:
        return attempt(job)
    except Exception as error:  # an error here would end the whole line
        return Failure(job.notebook, 0, type(error).__name__, str(error))


def _one_by_one(jobs: list[Job]) -> Iterator[tuple[Job, Executed | Failure]]:
    """Execute in a thread: nbclient takes Ctrl-C for itself in the main one, and would go on with the next notebook."""
    done: queue.Queue = queue.Queue()

    def work() -> None:
        for job in jobs:
            try:
                done.put((job, attempt(job)))
            except BaseException as error:  # handed to the main thread, which raises it
                done.put((job, error))

    threading.Thread(target=work, daemon=True).start()
    for _ in jobs:
        job, result = done.get()
        if isinstance(result, BaseException):
            raise result
        yield job, result


def _on_dask(jobs: list[Job], **cluster) -> Iterator[tuple[Job, Executed | Failure]]:
    from distributed import Client, as_completed

    client = _client(Client, **cluster)
    futures, last = {}, {}
    together = "address" in cluster  # machines that do not share a processor have nothing to wait in line for
    for job, line in zip(jobs, range(len(jobs)) if together else lines(jobs), strict=True):
        last[line] = client.submit(_attempt_after, job, last.get(line), pure=False, retries=0)
        futures[last[line]] = job
    try:
        for future in as_completed(futures):
            error = future.exception()
            job = futures[future]
            yield job, Failure(job.notebook, 0, type(error).__name__, str(error)) if error else future.result()
    except (KeyboardInterrupt, GeneratorExit):
        client.cancel(list(futures))      # closing would wait for the notebooks in flight
        raise
    client.close()


def _client(make, **cluster):
    try:
        return make(timeout=PATIENCE_S, **cluster)
    except (OSError, TimeoutError, ValueError) as error:
        raise ParameterError(f"No dask scheduler answers at {cluster.get('address')!r} ({error}).") from None
