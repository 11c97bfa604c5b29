"""Many notebooks on a dask scheduler: who may work, and what is said when nobody does."""

import json
import platform
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import toy

from earwitness.errors import MissingDataError, NotebookError, ParameterError
from earwitness_book.runner import clusters, execute, keys, notebooks, parallel

MARKS = "from pathlib import Path\nPath(log).touch()"
LOCAL = "distributed.LocalCluster"
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
def programs(folder, workers=("worker",)):
    """Yield a scheduler's address and the processes ``scheduler`` and ``worker``."""
    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    shared = ["--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1"]
    running = {"scheduler": subprocess.Popen([*dask, "scheduler", "--port", "0", *shared], **quiet)}
    try:
        for name in workers:
            running[name] = subprocess.Popen(
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


KILLS = """\
import psutil
from pathlib import Path
with open(log, "a") as file: file.write("tried ")
worker = next(each for each in psutil.Process().parents() if "preloaded" not in str(each.cmdline()))
if Path(log).read_text().count("tried") == 1: worker.kill()"""


@pytest.mark.slow  # three processes of dask: 10 s
def test_what_a_killed_worker_was_at_another_one_does_again(make_job, tmp_path):
    job, log = make_job(KILLS)
    with programs(tmp_path, ("first", "second")) as (address, running):
        from distributed import Client

        with Client(address) as client:
            client.wait_for_workers(2)
        ((_, result),) = parallel.run([job], scheduler=address)
        alive = [name for name in ("first", "second") if running[name].poll() is None]
    assert result.failure is None and log.read_text() == "tried tried " and len(alive) == 1


def test_a_cluster_is_started_as_its_file_says_and_ended(make_job, tmp_path, monkeypatch):
    job, log = make_job()
    file = tmp_path / "cluster.yaml"
    file.write_text(
        "class: distributed.LocalCluster\nworkers: 1\npatience: 60\n"
        "options: {n_workers: 0, threads_per_worker: 1, processes: false, host: 127.0.0.1,\n"
        "          protocol: tcp, dashboard_address: null, worker_dashboard_address: null}\n"
    )
    asked, addresses = clusters.read(file), []
    start = clusters.started

    @contextmanager
    def noted(cluster):
        with start(cluster) as address:
            addresses.append(address)
            yield address

    monkeypatch.setattr(clusters, "started", noted)
    ((_, result),) = parallel.run([job], cluster=asked)
    assert result.failure is None and log.exists()
    with (
        pytest.raises(ParameterError, match="No dask scheduler is reached"),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(parallel, "PATIENCE_S", 1)
        list(parallel.run([job], scheduler=addresses[0]))


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("workers: 2", ParameterError, "names no class"),
        ("- a", ParameterError, "names no class"),
        (f"class: {LOCAL}\nworkes: 2", ParameterError, "says workes; known are"),
        (f"class: {LOCAL}\nworkers: 0", ParameterError, "workers must be"),
        (f"class: {LOCAL}\noptions: 3", ParameterError, "options must be a mapping"),
        ("class: LocalCluster", ParameterError, "no class 'LocalCluster'"),
        ("class: distributed.SlurmCluster", ParameterError, "no class 'distributed.Slurm"),
        ("class: dask_jobqueue_x.Slurm", MissingDataError, "pip install dask-jobqueue-x"),
        (f"class: {LOCAL}\noptions: {{host: 1.2.3.4.5}}", ParameterError, "does not start"),
    ],
)
def test_what_is_no_description_of_a_cluster_is_a_sentence(tmp_path, text, error, said):
    (tmp_path / "cluster.yaml").write_text(text)
    with (
        pytest.raises(error, match=said),
        clusters.started(clusters.read(tmp_path / "cluster.yaml")),
    ):
        pass


def test_a_file_that_is_not_there_is_answered_with_an_example(tmp_path):
    with pytest.raises(ParameterError, match="class: dask_jobqueue.SLURMCluster"):
        clusters.read(tmp_path / "cluster.yaml")


def test_a_scheduler_and_a_cluster_are_not_used_together():
    with pytest.raises(ParameterError, match="not both"):
        list(parallel.run([], scheduler="tcp://127.0.0.1:1", cluster=clusters.Cluster("a.B")))


@pytest.mark.slow  # a worker starts three times: 15 s
def test_a_notebook_that_kills_every_worker_is_tried_again_twice_and_reported(make_job):
    job, log = make_job(KILLS.partition("if Path")[0] + "worker.kill()")
    options = {"n_workers": 0, "threads_per_worker": 1, "host": "127.0.0.1",
               "dashboard_address": None, "worker_dashboard_address": None}  # fmt: skip
    asked = clusters.Cluster(LOCAL, patience=60, options=options)
    ((_, failure),) = parallel.run([job], cluster=asked)
    assert log.read_text() == "tried " * (1 + execute.RETRIES)
    assert failure.error == "KilledWorker" and "each worker that executed it" in str(failure)


@pytest.mark.parametrize(("able", "said"), [(True, None), (False, "The worker has commit another")])
def test_what_a_later_worker_refuses_another_one_executes_or_is_reported(
    make_job, monkeypatch, able, said
):
    job, log = make_job()
    ours = keys.identity()
    other = ours | {"commit": "another"}
    # this machine, the worker as it is asked, as it gets the notebook, as it is asked again, ...
    answers = iter([ours, ours, other, ours if able else other, ours])
    monkeypatch.setattr(keys.Environment, "identity", lambda self: next(answers))
    with cluster() as address:
        ((_, result),) = parallel.run([job], scheduler=address)
    assert log.exists() == able
    assert said in str(result) if said else result.failure is None
