"""Many notebooks on a dask scheduler: who may work, and what is said when nobody does."""

import json
import platform
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import toy

from earwitness.errors import NotebookError, ParameterError
from earwitness_book.runner import execute, keys, notebooks, parallel

MARKS = "from pathlib import Path\nPath(log).touch()"
WAITS = f"{MARKS}\nimport time\ntime.sleep(600)"


@pytest.fixture
def make_job(make_toy, tmp_path):
    """Return a function that gives a job of one cell, which can leave a mark in a file, and that
    file.
    """

    def make(cell=MARKS):
        log = tmp_path / "log"
        make_toy(
            {
                "toy/02-quick": [
                    toy.words("# Quick"),
                    toy.code(f"log: str = {str(log)!r}", ["parameters"]),
                    toy.code(cell),
                ]
            }
        )
        return execute.prepare(
            notebooks.find("quick"), "demo", {}, execute.environment_fingerprint()
        ), log

    return make


@contextmanager
def cluster(n_workers=1):
    """Yield the address of a scheduler in this process; nothing of it can be reached from
    elsewhere.
    """
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
        worker_dashboard_address=None,
    ) as running:
        yield running.scheduler_address


@contextmanager
def programs(folder):
    """Yield a scheduler's address and the processes ``scheduler`` and ``worker``."""
    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    shared = ["--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1"]
    running = {"scheduler": subprocess.Popen([*dask, "scheduler", "--port", "0", *shared], **quiet)}
    try:
        running["worker"] = subprocess.Popen(
            [*dask, "worker", "--no-nanny", "--nthreads", "1", *shared], **quiet
        )
        while not file.exists():
            assert running["scheduler"].poll() is None
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"], running
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def test_a_running_scheduler_is_used_and_what_is_kept_says_who_made_it(make_job):
    job, log = make_job()
    with cluster() as address:
        ((_, result),) = parallel.run([job], scheduler=address)
    assert result.failure is None and log.exists()
    note = json.loads(result.content)["metadata"]["earwitness"]
    assert note["host"] == platform.node() and note["commit"] and note["hardware"]


@pytest.mark.parametrize("other", ["commit", "versions", "code", "data", "recordings"])
def test_a_worker_that_would_compute_something_else_gets_no_work(make_job, monkeypatch, other):
    job, log = make_job()
    ours = keys.identity()
    answers = iter([ours, ours | {other: "another"}])  # of this machine, then of the worker
    monkeypatch.setattr(keys.Environment, "identity", lambda self: next(answers))
    with cluster() as address, pytest.raises(ParameterError, match=f"The worker .* has .*{other}"):
        list(parallel.run([job], scheduler=address))
    assert not log.exists()


def test_a_worker_that_does_not_know_the_question_is_refused():
    assert "cannot say" in parallel._differs(
        {"commit": "a"}, ModuleNotFoundError("earwitness_book.runner.keys")
    )


def test_a_scheduler_without_workers_is_a_sentence_after_a_while(make_job, monkeypatch):
    job, _ = make_job()
    monkeypatch.setattr(parallel, "PATIENCE_S", 1)
    with cluster(n_workers=0) as address, pytest.raises(ParameterError, match="has no workers"):
        list(parallel.run([job], scheduler=address))


@pytest.mark.parametrize(
    ("stopped", "said"), [("scheduler", "it stopped"), ("worker", "has had no workers for")]
)
def test_a_scheduler_or_a_last_worker_that_stops_is_a_sentence(
    make_job, monkeypatch, tmp_path, stopped, said
):
    job, log = make_job(WAITS)
    with programs(tmp_path) as (address, running):
        monkeypatch.setattr(parallel, "PATIENCE_S", 60)
        results = parallel.run([job], scheduler=address)
        monkeypatch.setattr(parallel, "_works", stop_when(log, running[stopped], parallel._works))
        with pytest.raises(NotebookError, match=f"does not go on: .*{said}.* 0 of 1 notebooks"):
            list(results)


def stop_when(log, process, ask):
    """Return ``_works`` that ends a process once the notebook has begun, and has little patience
    from then on.
    """

    def works(client):
        if log.exists() and process.poll() is None:
            parallel.PATIENCE_S = 3
            client._timeout = 3  # how long dask looks for a scheduler that it lost
            process.kill()
            process.wait()
        return ask(client)

    return works
