"""Commands that execute notebooks: paths are printed, killed runs resume."""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import toy

from earwitness_book import records
from earwitness_book.cli import progress
from earwitness_book.runner import execute, notebooks

# far longer than a busy machine needs; whoever takes longer waits for something that does not
# come
FOR_EVER_S = 240

WAITS = """\
import os, time
from pathlib import Path
Path(log).write_text(str(os.getpid()))
while not Path(log + ".go").exists():
    time.sleep(0.1)"""


def test_a_run_prints_the_path_and_takes_what_was_asked(make_toy, call, tmp_path):
    home = make_toy({"toy/02-quick": toy.lines("print('n is', n)")})
    status, out, _ = call("run", "quick", "-p", "n", "7", "--out", str(tmp_path / "out"))
    path = Path(out.splitlines()[-1])
    assert status == 0 and path == tmp_path / "out" / "toy" / "02-quick.ipynb"
    assert "n is 7" in path.read_text()
    status, out, _ = call("run", "quick")
    assert (
        Path(out.splitlines()[-1])
        == home / "_build" / "demo" / "executed" / "toy" / "02-quick.ipynb"
    )
    status, out, _ = call("run", "quick", "-p", "n", "7")
    assert "executed" not in Path(out.splitlines()[-1]).parts, (
        "another n must not pass for the profile's"
    )


def test_a_failing_run_ends_with_status_1_and_leaves_the_notebook(make_toy, call):
    make_toy({"toy/02-quick": toy.lines("1/0")})
    status, out, err = call("run", "quick")
    assert (
        status == 1
        and "toy/quick failed in cell 3: ZeroDivisionError" in err
        and "Traceback" not in err
    )
    assert "ZeroDivisionError" in Path(out.splitlines()[-1]).read_text()


def test_a_sweep_runs_every_combination_and_tabulates_what_was_recorded(make_toy, call, tmp_path):
    make_toy({"toy/02-quick": toy.lines("assert n != 3", toy.MEASURE)})
    status, out, err = call(
        "sweep", "quick", "-p", "n", "1,2,3", "--out", str(tmp_path / "s"), "--workers", "2"
    )
    rows = list(csv.DictReader((tmp_path / "s" / "table.csv").read_text().splitlines()))
    found = [(row["parameter_n"], row["id"], row["value"]) for row in rows]
    assert found == [("1", "toy/two", "1.0"), ("2", "toy/two", "2.0"), ("3", "", "")]
    assert (
        rows[0]["unit"] == "1" and rows[0]["corpus"] == "voices" and float(rows[0]["seconds"]) > 0
    )
    assert status == 1 and "AssertionError" in rows[2]["failure"] and "AssertionError" in err
    assert (Path(rows[1]["folder"]) / "toy" / "02-quick.ipynb").exists()
    assert out.splitlines()[-1] == str(tmp_path / "s" / "table.csv") and "two" in out
    typed = pd.read_parquet(tmp_path / "s" / "table.parquet")
    assert typed["value"].tolist()[:2] == [1.0, 2.0] and np.isnan(typed["value"].iloc[2])


def test_a_failed_point_of_a_sweep_is_named_by_its_values(make_toy, call, tmp_path):
    make_toy({"toy/02-quick": toy.lines("assert n != 3")})
    _, _, err = call("sweep", "quick", "-p", "n", "2,3", "--out", str(tmp_path / "s"))
    assert err.splitlines()[-1].startswith("n=3: toy/quick failed in cell 3: AssertionError")


def test_a_second_sweep_into_a_folder_keeps_the_first_ones_rows(make_toy, call, tmp_path):
    make_toy({"toy/02-quick": toy.lines(toy.MEASURE)})
    table = tmp_path / "s" / "table.csv"
    call("sweep", "quick", "-p", "n", "1,2", "--out", str(table.parent))
    _, out, err = call("sweep", "quick", "-p", "n", "2,3", "--out", str(table.parent), "--json")
    assert [(row["parameter_n"], row["value"], row["low"]) for row in json.loads(out)] == [
        (2, 2.0, ""),
        (3, 3.0, ""),
    ]
    assert str(table) in err, "beside the answer, not in it"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(row["parameter_n"], row["value"]) for row in rows] == [
        ("1", "1.0"),
        ("2", "2.0"),
        ("3", "3.0"),
    ]


def test_runs_with_different_seeds_are_printed_as_one_with_an_interval(make_toy, call, tmp_path):
    make_toy({"toy/02-quick": toy.lines(toy.MEASURE)})
    options = ("--out", str(tmp_path / "s"), "--average", "n")
    status, out, _ = call("sweep", "quick", "-p", "n", "1,2,3", *options)
    assert status == 0 and "2 [-0.4841, 4.484]" in " ".join(out.split())  # 2 ± 4.303 / √3


def test_a_full_run_is_recorded_with_what_made_it(make_toy, call):
    home = make_toy({"toy/02-quick": toy.lines(toy.MEASURE), "toy/03-fails": toy.lines("1/0")})
    status, out, err = call("record", "toy")
    assert status == 1 and "toy/fails failed in cell 3" in err
    assert out.splitlines()[-1] == str(home / "data" / "recorded" / "toy.yaml")
    kept = {entry["id"]: entry for entry in records.recorded("toy")}
    assert set(kept) == {"toy/one", "toy/two"}
    made = kept["toy/two"]["provenance"]
    assert made["command"] == "earwitness record toy --profile full" and made["profile"] == "full"
    assert all(
        made[key] for key in ("commit", "device", "date", "packages", "python", "parameters")
    )
    assert kept["toy/one"]["corpus"] == "fsdd"


@pytest.mark.parametrize("content", ["", "{}", "[]", "not JSON"])
def test_an_executed_notebook_that_is_damaged_is_made_again(make_toy, call, content):
    home = make_toy({"toy/02-quick": toy.lines(toy.MEASURE)})
    call("run", "quick")
    executed = home / "_build" / "demo" / "executed" / "toy" / "02-quick.ipynb"
    before = executed.read_text()
    executed.write_text(content)
    assert call("run", "quick")[0] == 0
    assert executed.read_text() == before


def test_the_terminal_says_at_which_cell_each_notebook_is():
    class Shown:
        def __init__(self):
            self.said = []

        def add_task(self, description, total):
            return total

        def update(self, bar, description, advance=0):
            self.said.append((description, advance))

    shown, (one, two) = Shown(), (execute.Job(f"toy/{name}", "demo", {}, {}) for name in "ab")
    state = progress._State(shown, 2, lambda job: job.notebook)
    state.cell(one, 3, 20)
    state.cell(two, 1, 9)
    state.done(one)
    assert shown.said == [
        ("toy/a, cell 3 of 20", 0),
        ("toy/a, cell 3 of 20; toy/b, cell 1 of 9", 0),
        ("toy/b, cell 1 of 9", 1),
    ]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def listen_to_interrupts():
    """What a shell's ``&`` and ``nohup`` switch off, and programs started from there inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def until(condition, running=None):
    """Wait for a condition, however long a busy machine takes; the limit ends what would wait for
    ever.

    ``running``, a process, has to go on meanwhile: if it ends, nothing is left to wait for.
    """
    end = time.monotonic() + FOR_EVER_S
    while not condition():
        assert running is None or running.poll() is None, (
            f"it ended early: {running.communicate()[1]}"
        )
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.skipif(
    not Path("/proc").is_dir(), reason="looks at /proc to see whether the kernel ended"
)
@pytest.mark.parametrize(
    ("blow", "workers"), [(signal.SIGKILL, "1"), (signal.SIGINT, "1"), (signal.SIGINT, "2")]
)
def test_a_killed_build_loses_only_the_notebooks_in_flight_and_their_kernels_end(
    make_toy, tmp_path, blow, workers
):
    log = tmp_path / "log"
    home = make_toy(
        {
            "toy/02-quick": toy.lines("n"),
            "toy/03-waits": toy.lines(WAITS, parameters=f"log: str = {str(log)!r}"),
        }
    )
    command = [sys.executable, "-m", "earwitness.cli", "build", "--workers", workers]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=listen_to_interrupts
    ) as first:
        try:
            # a notebook counts as done when it is placed, which is after it is cached,
            # perhaps after the next one began
            until(
                lambda: len(list(home.glob("_build/demo/executed/toy/*.ipynb"))) == 2, running=first
            )
            until(lambda: log.exists() and log.read_text(), running=first)
            os.kill(first.pid, blow)
            said = first.communicate(timeout=FOR_EVER_S)[1]
        finally:
            first.kill()  # a failure above must not wait for a build that waits
    assert first.returncode == (-9 if blow == signal.SIGKILL else 130)
    assert "IPKernelApp" not in said, "a kernel's own farewell is for nobody to read"
    assert blow == signal.SIGKILL or (
        "2 of 3 notebooks are done and kept" in said and "Traceback" not in said
    )
    # it would wait for the file that is made only now
    until(lambda: not alive(int(log.read_text())))
    Path(f"{log}.go").touch()
    around = execute.environment_fingerprint()
    jobs = [execute.prepare(notebook, "demo", {}, around) for notebook in notebooks.every()]
    again = [execute.execute(job) for job in jobs]
    assert [(result.failure, result.cached) for result in again] == [
        (None, True),
        (None, True),
        (None, False),
    ]
    assert not list(Path(tempfile.gettempdir()).glob(f"earwitness-*-{first.pid}-*")), (
        "the next run cleans up"
    )


def test_one_chapter_of_two_is_executed_and_rendered(make_toy, call):
    home = make_toy({"other/01-quick": toy.lines("1/0")})
    status, out, err = call("build", "--chapter", "toy")
    assert status == 0, err
    html = Path(out.splitlines()[-1]).parent
    assert (html / "toy" / "01-passes.html").exists() and not (html / "other").exists()
    assert not (home / "_build" / "demo" / "executed" / "other").exists(), "it would have failed"
