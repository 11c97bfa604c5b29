"""One notebook through papermill: what it is given, what is kept, and what a failure leaves
behind.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import toy

from earwitness import cache
from earwitness_book.cli.progress import failures
from earwitness_book.runner import execute, notebooks, pages, parallel
from earwitness_book.runner.execute import Executed, Failure

COUNT = "from pathlib import Path\nwith open(Path(log), 'a') as file:\n    file.write('x')"


def quick(*cells, parameters="n: int = 1  # how many; 1 to 9"):
    return [
        toy.words("# Quick"),
        toy.code(parameters, ["parameters"]),
        *(toy.code(cell) for cell in cells),
    ]


def job(name="quick", given=None, **how):
    return execute.prepare(
        notebooks.find(name), "demo", given or {}, execute.environment_fingerprint(), **how
    )


def printed(result):
    cells = json.loads(result.content)["cells"]
    return "".join(
        "".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", [])
    )


@pytest.fixture
def counted(make_toy, tmp_path):
    """A notebook that leaves a mark in a file each time it is executed; returns the file."""
    log = tmp_path / "log"
    make_toy({"toy/02-quick": quick(COUNT, parameters=f"log: str = {str(log)!r}\nn: int = 1")})
    return log


def test_a_notebook_gets_its_parameters_its_profile_and_this_python(make_toy, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    lines = (
        "import os, sys\n"
        "print(n, sys.executable, os.environ['EARWITNESS_PROFILE'], os.environ['OMP_NUM_THREADS'])"
    )
    make_toy({"toy/02-quick": quick(lines, "print(os.getcwd())")})
    result = execute.execute(job(given={"n": 4}, threads=1))
    where = Path(os.environ["EARWITNESS_HOME"]) / "notebooks" / "toy"
    assert printed(result) == f"4 {sys.executable} demo 1\n{where}\n"
    assert result.failure is None and not result.cached


def test_folders_named_relative_to_the_caller_are_found_from_the_notebook(
    make_toy, monkeypatch, tmp_path
):
    make_toy(
        {
            "toy/02-quick": quick(
                "import os\nprint(os.environ['EARWITNESS_DATA'], os.environ['EARWITNESS_CACHE'])"
            )
        }
    )
    (tmp_path / "sounds").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EARWITNESS_DATA", "sounds")
    monkeypatch.setenv("EARWITNESS_CACHE", "kept")
    assert printed(execute.execute(job())).split() == [
        str(tmp_path / "sounds"),
        str(tmp_path / "kept"),
    ]


def test_what_made_it_is_noted_and_no_folder_of_this_machine(make_toy):
    home = make_toy({"toy/02-quick": quick("n")})
    result = execute.execute(job(given={"n": 4}))
    note = json.loads(result.content)["metadata"]["earwitness"]
    assert note["parameters"] == {"n": 4} and note["profile"] == "demo" and note["failure"] is None
    assert set(note) >= {"commit", "date", "seconds", "hardware", "python", "records"}
    assert (
        str(home) not in result.content
        and "papermill" not in json.loads(result.content)["metadata"]
    )


def test_records_travel_with_the_notebook(make_toy, tmp_path):
    make_toy({"toy/02-quick": [*quick(), toy.code("corpus = 'fsdd'\nn_clips = 3\n" + toy.RECORD)]})
    path = execute.place(execute.execute(job()), tmp_path / "executed")
    assert path == tmp_path / "executed" / "toy" / "02-quick.ipynb"
    assert [file.name for file in path.parent.iterdir()] == ["02-quick.ipynb"]
    (entry,) = json.loads(path.read_text())["metadata"]["earwitness"]["records"].values()
    assert (entry["id"], entry["value"], entry["corpus"], entry["profile"]) == (
        "toy/one",
        1.0,
        "fsdd",
        "demo",
    )


def test_a_second_time_nothing_is_executed(counted):
    first, second = execute.execute(job()), execute.execute(job())
    assert counted.read_text() == "x"
    assert second.cached and second.content == first.content


def test_force_executes_again_and_keeps_the_new_result(counted):
    execute.execute(job())
    forced = execute.execute(job(force=True))
    assert counted.read_text() == "xx" and not forced.cached
    assert execute.execute(job()).content == forced.content


@pytest.mark.parametrize("damage", ["truncated", "changed", "note gone"])
def test_a_damaged_entry_is_executed_again(counted, damage):
    execute.execute(job())
    (entry,) = cache.directory("executed").glob("*.ipynb")
    if damage == "note gone":
        entry.with_name(entry.name + ".json").unlink()
    else:
        content = entry.read_text()
        entry.write_text(
            content[:100] if damage == "truncated" else content.replace("demo", "real")
        )
    assert execute.execute(job()).failure is None
    assert counted.read_text() == "xx"


def test_what_a_notebook_depends_on_decides_its_place_in_the_cache(make_toy, tmp_path, monkeypatch):
    home = make_toy({"toy/02-quick": quick("from earwitness_book import records")})
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    seen = [cache.digest(job().specification)]

    def differs():
        seen.append(cache.digest(job().specification))
        return len(set(seen)) == len(seen)

    assert cache.digest(job().specification) == seen[0]
    seen.append(cache.digest(job(given={"n": 2}).specification))
    assert seen[0] != seen[1]
    (home / "data" / "published" / "toy.yaml").write_text(toy.PUBLISHED + "# changed\n")
    assert differs()
    toy.write_notebook(
        home / "notebooks" / "toy" / "02-quick.ipynb",
        quick("from earwitness_book import records", "n"),
    )
    assert differs()
    (home / "requirements.lock").write_text("numpy==2.0\n")
    assert differs()
    (recordings / "a.wav").write_bytes(b"RIFF")
    monkeypatch.setenv("EARWITNESS_DATA", str(recordings))
    assert differs()
    (recordings / "b.wav").write_bytes(b"RIFF")
    assert differs()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert differs()


@pytest.mark.parametrize(
    ("cell", "error", "message"),
    [
        ("1/0", "ZeroDivisionError", "division by zero"),
        ("import os; os._exit(3)", "DeadKernelError", "Kernel died"),
        ("import time; time.sleep(60)", "CellTimeoutError", "A cell timed out"),
    ],
)
def test_a_failure_names_notebook_cell_and_error_and_keeps_what_was_executed(
    make_toy, cell, error, message
):
    make_toy({"toy/02-quick": quick("print('before')", cell, "print('after')")})
    result = execute.execute(job(timeout=2))
    assert isinstance(result, Executed)
    assert (result.failure.notebook, result.failure.cell, result.failure.error) == (
        "toy/quick",
        4,
        error,
    )
    assert result.failure.message.startswith(message)
    assert str(result.failure).startswith(f"toy/quick failed in cell 4: {error}: {message}")
    assert printed(result) == "before\n"
    shown = json.loads(result.content)["cells"]
    assert [
        output["ename"] for cell in shown for output in cell.get("outputs", []) if "ename" in output
    ] == [error]
    assert not any("papermill-error-cell-tag" in notebooks.tags(cell) for cell in shown)


def test_a_cell_number_counts_the_cells_of_the_source_not_the_injected_one(make_toy):
    make_toy({"toy/02-quick": quick("1/0")})
    assert execute.execute(job(given={"n": 2})).failure.cell == 3


def test_a_failure_is_never_kept_as_good(make_toy, tmp_path):
    flag = tmp_path / "repaired"
    make_toy({"toy/02-quick": quick(f"import os\nassert os.path.exists({str(flag)!r})")})
    assert execute.execute(job()).failure.error == "AssertionError"
    flag.touch()
    assert execute.execute(job()).failure is None


def test_scratch_folders_of_killed_processes_are_removed_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        pass
    with execute.scratch() as own:
        name = Path(own).name.replace(str(os.getpid()), "{}")
        dead, alive = tmp_path / name.format(ended.pid), tmp_path / name.format(os.getppid())
        others = (
            f"earwitness-000000-{ended.pid}-a",
            f"earwitness-{ended.pid}",
            "earwitness-ab",
            name.format("study"),
        )
        strangers = [tmp_path / other for other in others]
        for folder in (dead, alive, *strangers):
            folder.mkdir()
            (folder / "out.ipynb").touch()
        with execute.scratch():
            assert Path(own).is_dir(), "another thread of this process works there"
            assert not dead.exists() and all(
                (left / "out.ipynb").exists() for left in (alive, *strangers)
            )
    assert not Path(own).exists()


def test_two_at_once_that_want_the_same_notebook_execute_it_once(counted):
    done = list(parallel.run([job(), job()], workers=2))
    assert counted.read_text() == "x"
    assert sorted(result.cached for _, result in done) == [False, True]


def test_several_at_once_give_results_as_they_come_and_have_as_many_threads_as_one_alone(
    make_toy, monkeypatch, tmp_path
):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    waits = (
        f"import os, time\nwhile not os.path.exists({str(tmp_path / 'go')!r}):\n    time.sleep(0.1)"
    )
    slow = quick(waits)
    threads = quick("import os; print(os.environ['OMP_NUM_THREADS'])")
    make_toy({"other/01-slow": slow, "toy/03-fails": quick("1/0"), "toy/04-threads": threads})
    jobs, done = [job("slow"), job("fails"), job("threads")], {}
    for finished, result in parallel.run(jobs, workers=2):
        done[finished.notebook] = result
        if len(done) == 2:  # the slow one waits until it is known that the others have come
            (tmp_path / "go").touch()
    assert list(done)[-1] == "other/slow" and done["other/slow"].failure is None
    assert done["toy/fails"].failure.error == "ZeroDivisionError"
    assert printed(done["toy/threads"]) == "3\n"


def test_a_notebook_that_cannot_be_tried_does_not_stop_the_others(make_toy, monkeypatch, tmp_path):
    make_toy({"toy/02-quick": quick("n"), "toy/03-other": quick("n")})
    jobs = [replace(job("other"), source="no notebook"), job("quick")]
    (_, bad), (_, good) = parallel.run(jobs)
    assert isinstance(bad, Failure) and bad.cell == 0 and bad.notebook == "toy/other"
    assert good.failure is None


def test_a_changed_sentence_is_told_and_nothing_executed_but_what_a_changed_cell_makes(
    make_toy, tmp_path
):
    log = tmp_path / "log"
    head = [toy.words("# Quick"), toy.code(f"log: str = {str(log)!r}\nn: int = 1", ["parameters"])]
    home = make_toy({"toy/02-quick": head})

    def runs(*cells):
        toy.write_notebook(home / "notebooks" / "toy" / "02-quick.ipynb", [*head, *cells])
        result = execute.execute(job(given={"n": 2}))
        told = [notebooks.text(cell) for cell in json.loads(result.content)["cells"]]
        return len(log.read_text()), told, printed(result)

    count, shown = toy.code(COUNT), toy.code("print(n)")
    assert runs(toy.words("It is two."), count, shown)[::2] == (1, "2\n")
    times, told, out = runs(toy.words("It is even."), count, shown)
    assert (times, out) == (1, "2\n")
    assert "It is even." in told and "It is two." not in told and len(told) == 6
    assert runs(toy.words("It is even."), count, toy.code("print(-n)"))[::2] == (2, "-2\n")
    assert runs(count, toy.words("It is even."), shown)[0] == 3, "the number of a cell is another"


def test_a_job_executes_the_text_it_was_prepared_with(make_toy):
    home = make_toy({"toy/02-quick": quick("print('old')")})
    prepared = job()
    toy.write_notebook(home / "notebooks" / "toy" / "02-quick.ipynb", quick("print('new')"))
    assert printed(execute.execute(prepared)) == "old\n", (
        "the new text would be kept under the key of the old one"
    )
    assert printed(execute.execute(job())) == "new\n"


def test_notebooks_of_a_chapter_stand_in_one_line_and_runs_of_a_sweep_in_none():
    jobs = [execute.Job(name, "demo", {}, {}) for name in ("a/1", "a/2", "b/1", "c/1", "c/1")]
    assert [[job.notebook for job in line] for line in parallel.lines(jobs)] == [
        ["a/1", "a/2"],
        ["b/1"],
        ["c/1"],
        ["c/1"],
    ]


def test_who_has_no_line_left_helps_with_the_longest(make_toy, tmp_path):
    done = str(tmp_path / "done")
    waits = quick(
        "import os, time\nend = time.monotonic() + 60\n"
        f"while not os.path.exists({done!r}):\n    assert time.monotonic() < end\n"
        "    time.sleep(0.1)"
    )
    make_toy({"other/01-waits": waits, "other/02-helped": quick(f"open({done!r}, 'w').close()")})
    results = [result for _, result in parallel.run([job("waits"), job("helped")], workers=2)]
    assert all(result.failure is None for result in results), (
        "the second of one chapter came only after the first"
    )


def test_what_no_registry_delivers_leaves_a_page_out_and_is_tried_again(make_toy):
    gone = "from earwitness.errors import UnreachableError\nraise UnreachableError('no weights')"
    make_toy({"toy/02-quick": quick("print('before')", gone, "print('after')")})
    result = execute.execute(job())
    assert result.failure.is_left_out and "toy/quick is left out: no weights" in str(result.failure)
    assert printed(result) == "before\n" and "Traceback" not in result.content
    assert failures([(job(), result)]) == [] and not list(
        cache.directory("executed").glob("*.ipynb")
    )
    page = pages.page(notebooks.find("toy/quick"), json.loads(result.content))
    assert "could not be had when the book was built" in page and "no weights" in page


def test_a_notebook_whose_kernel_is_killed_is_tried_again(make_toy, tmp_path):
    log = tmp_path / "log"
    killed = (
        "import os\nwith open(log, 'a') as file: file.write('tried ')\n"
        "if open(log).read().count('tried') < 3: os.kill(os.getpid(), 9)"
    )
    make_toy({"toy/02-quick": toy.lines(killed, parameters=f"log: str = {str(log)!r}")})
    job = execute.prepare(notebooks.find("quick"), "demo", {}, execute.environment_fingerprint())
    assert execute.execute(job).failure is None and log.read_text() == "tried tried tried "
