"""The command line: what it prints, its exit status, and what is left after a kill."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
import toy

from earwitness import cli
from earwitness.errors import DamagedDataError
from earwitness_book import records
from earwitness_book.runner import execute, notebooks, recording, sweep

# far longer than a busy machine needs; whoever takes longer waits for something that does not
# come
FOR_EVER_S = 240
WAITS = """\
import os, time
from pathlib import Path
Path(log).write_text(str(os.getpid()))
while not Path(log + ".go").exists():
    time.sleep(0.1)"""


@pytest.fixture
def call(capfd):
    """Return a function that runs a command and gives (status, stdout, stderr)."""

    def run(*arguments):
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main(list(arguments))
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return run


def lines(*sources, parameters="n: int = 1  # how many; 1 to 9\nwords: list[str] = ['a']"):
    return [
        toy.words("# Quick\n\nText."),
        toy.code(parameters, ["parameters"]),
        *(toy.code(line) for line in sources),
    ]


MEASURE = (
    "from earwitness_book import records\n"
    "records.record('toy/two', 1.0 * n, unit='1', corpus='voices')"
)


def test_list_and_params_read_the_notebooks(make_toy, call):
    make_toy({"toy/02-quick": lines("n")})
    status, out, _ = call("list")
    assert status == 0 and "toy\n" in out and "toy/passes" in out and "Quick" in out
    status, out, _ = call("params", "passes")
    assert status == 0 and all(
        word in out for word in ("n_clips", "int", "2", "clips to look at; 1 to 50")
    )


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["params", "pases"], 2, "Did you mean 'toy/passes'"),
        (["run", "passes", "-p", "n_clip", "3"], 2, "Did you mean 'n_clips'"),
        (["run", "passes", "-p", "n_clips", "-3"], 2, "1 to 50, got -3"),
        (["run", "passes", "-p", "n_clips=99"], 2, "nearest allowed value is 50"),
        (["run", "passes", "-p", "corpus", "fsd"], 2, "Did you mean 'fsdd'"),
        (["run", "passes", "-p", "n_clips"], 2, "needs a name and a value"),
        (["run", "passes", "-p", "n_clips", "3", "-p", "n_clips", "4"], 2, "given twice"),
        (["run", "passes", "--profile", "dema"], 2, "Did you mean 'demo'"),
        (["sweep", "passes"], 2, "needs a parameter"),
        (["sweep", "passes", "-p", "n_clips", "1,1"], 2, "different values"),
        (["sweep", "passes", "-p", "n_clips", "1,two"], 2, "n_clips must be int"),
        (["build", "--workers", "0"], 2, "workers"),
        (["build", "--scheduler", "tcp://127.0.0.1:1"], 2, "No dask scheduler answers"),
        (["record", "toi"], 2, "Did you mean 'toy'"),
        (["run", "passes", "--timeout", "-1"], 2, "above 0, got -1"),
        (["run", "passes", "--timeout", "nan"], 2, "above 0, got nan"),
        (["run", "passes", "--threads", "0"], 2, "threads"),
        (["run", "passes", "--out", "/dev/null/x"], 2, "cannot be a folder"),
        (["build", "--chapter", "toi"], 2, "Did you mean 'toy'"),
        (["serve", "--port", "99999"], 2, "port"),
        (["sweep", "passes", "-p", "methods", ";"], 2, "different values"),
        (["new-chapter", "Room Acoustics"], 2, "small letters"),
        (["new-chapter", "toy"], 2, "already"),
        (["serve"], 1, "No site is built for profile demo"),
        (["train", "AudioNet", "--fold", "second"], 2, "fold must be a number"),
        (["train", "AudioNot"], 2, "Did you mean 'AudioNet'"),
        (["train", "PhoneCNN", "--fold", "all", "--export", "phone-cnn.pt"], 2, "name its fold"),
        (["scoreboard", "--profile", "dema"], 2, "Did you mean 'demo'"),
        (["nothing"], 2, "No such command"),
    ],
)
def test_a_bad_request_is_a_sentence_and_nothing_is_executed(
    make_toy, call, monkeypatch, arguments, status, said
):
    home = make_toy()
    monkeypatch.setattr("earwitness_book.runner.parallel.PATIENCE_S", 1)
    code, out, err = call(*arguments)
    assert (code, said in err.replace("\n", " ")) == (status, True), err
    assert "Traceback" not in err and not list(home.glob("_build/*/executed/*/*.ipynb"))


def test_debug_shows_where_an_error_comes_from(make_toy):
    from earwitness.errors import UnknownNameError

    make_toy()
    with pytest.raises(UnknownNameError):
        cli.main(["--debug", "params", "pases"])


def test_a_run_prints_the_path_and_takes_what_was_asked(make_toy, call, tmp_path):
    home = make_toy({"toy/02-quick": lines("print('n is', n)")})
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
    make_toy({"toy/02-quick": lines("1/0")})
    status, out, err = call("run", "quick")
    assert (
        status == 1
        and "toy/quick failed in cell 3: ZeroDivisionError" in err
        and "Traceback" not in err
    )
    assert "ZeroDivisionError" in Path(out.splitlines()[-1]).read_text()


def test_a_sweep_runs_every_combination_and_tabulates_what_was_recorded(make_toy, call, tmp_path):
    make_toy({"toy/02-quick": lines("assert n != 3", MEASURE)})
    status, out, err = call(
        "sweep", "quick", "-p", "n", "1,2,3", "--out", str(tmp_path / "s"), "--workers", "2"
    )
    rows = list(csv.DictReader((tmp_path / "s" / "table.csv").read_text().splitlines()))
    assert [(row["n"], row["toy/two"]) for row in rows] == [("1", "1.0"), ("2", "2.0"), ("3", "")]
    assert status == 1 and "AssertionError" in rows[2]["failure"] and "AssertionError" in err
    assert (tmp_path / "s" / "n=2" / "toy" / "02-quick.ipynb").exists()
    assert out.splitlines()[-1] == str(tmp_path / "s" / "table.csv") and "toy/two" in out


def test_a_failed_point_of_a_sweep_is_named_by_its_values(make_toy, call, tmp_path):
    make_toy({"toy/02-quick": lines("assert n != 3")})
    _, _, err = call("sweep", "quick", "-p", "n", "2,3", "--out", str(tmp_path / "s"))
    assert err.splitlines()[-1].startswith("n=3: toy/quick failed in cell 3: AssertionError")


def test_a_second_sweep_into_a_folder_keeps_the_first_ones_rows(make_toy, call, tmp_path):
    make_toy({"toy/02-quick": lines(MEASURE)})
    table = tmp_path / "s" / "table.csv"
    call("sweep", "quick", "-p", "n", "1,2", "--out", str(table.parent))
    call("sweep", "quick", "-p", "n", "2,3", "--out", str(table.parent))
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(row["n"], row["toy/two"]) for row in rows] == [
        ("1", "1.0"),
        ("2", "2.0"),
        ("3", "3.0"),
    ]


def test_a_file_in_the_place_of_the_table_is_not_overwritten(make_toy, tmp_path):
    make_toy()
    (tmp_path / "table.csv").write_text("my,notes\n1,2\n")
    with pytest.raises(DamagedDataError, match="no table of a sweep"):
        sweep.write([{"n": 1, "failure": ""}], ["n"], tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == "my,notes\n1,2\n"


def test_combinations_and_values_of_a_sweep(make_toy):
    make_toy({"toy/02-quick": lines("n")})
    tried = sweep.values(notebooks.find("quick"), {"n": "1, 2", "words": "a,b;c"})
    assert tried == {"n": [1, 2], "words": [["a", "b"], ["c"]]}
    made = sweep.combinations(tried)
    assert made == [
        {"n": 1, "words": ["a", "b"]},
        {"n": 1, "words": ["c"]},
        {"n": 2, "words": ["a", "b"]},
        {"n": 2, "words": ["c"]},
    ]
    labels = [sweep.label(each) for each in [*made, {"path": "a/b\\c" * 40}]]
    assert len(set(labels)) == 5 and all(len(name) <= 120 and "/" not in name for name in labels)


def test_a_full_run_is_recorded_with_what_made_it(make_toy, call):
    home = make_toy({"toy/02-quick": lines(MEASURE), "toy/03-fails": lines("1/0")})
    status, out, err = call("record", "toy")
    assert status == 1 and "toy/fails failed in cell 3" in err
    assert out.splitlines()[-1] == str(home / "data" / "recorded" / "toy.yaml")
    kept = {entry["id"]: entry for entry in records.recorded("toy")}
    assert set(kept) == {"toy/one", "toy/two"}
    made = kept["toy/two"]["provenance"]
    assert made["command"] == "earwitness record toy --profile real" and made["profile"] == "real"
    assert all(
        made[key] for key in ("commit", "device", "date", "packages", "python", "parameters")
    )
    assert kept["toy/one"]["corpus"] == "fsdd"


def test_provenance_is_that_of_the_execution_not_of_the_moment_of_writing():
    note = {
        "notebook": "toy/one",
        "commit": "abc",
        "hardware": "a machine",
        "date": "1999-12-31T23:00:00+00:00",
        "profile": "real",
        "python": "3.11",
        "parameters": {"n": 1},
    }
    made = recording.provenance(note, "earwitness record toy")
    assert (made["commit"], made["date"], made["device"]) == ("abc", "1999-12-31", "a machine")


def test_the_scoreboard_as_json_is_a_list_of_objects_with_the_agreed_keys(make_toy, call):
    make_toy({"toy/02-quick": lines(MEASURE)})
    call("run", "quick")
    status, out, _ = call("scoreboard", "--json")
    rows = json.loads(out)
    assert status == 0 and [set(row) for row in rows] == [set(records.KEYS)] * 2
    assert [(row["id"], row["measured"]) for row in rows] == [("toy/one", None), ("toy/two", 1.0)]
    assert "toy/one" not in call("scoreboard")[1] and "One is one." in call("scoreboard")[1]


def test_data_status_names_every_corpus_and_download_wants_a_name(call):
    status, out, _ = call("data", "status")
    assert status == 0 and all(name in out for name in ("fsdd", "aev", "audiomnist", "voices"))
    assert call("data", "download")[0] == 2
    status, _, err = call("data", "download", "fsd")
    assert status == 2 and "Did you mean 'fsdd'" in err


def test_a_new_chapter_builds(make_toy, call, monkeypatch):
    home = make_toy()
    status, out, _ = call("new-chapter", "room-acoustics")
    written = [Path(line).relative_to(home).as_posix() for line in out.splitlines()]
    assert status == 0 and written == [
        "book/room-acoustics/intro.md",
        "data/published/room-acoustics.yaml",
        "notebooks/room-acoustics/01-first-look.ipynb",
        "book/_toc.yml",
    ]
    status, out, err = call("build")
    assert status == 0, err
    html = Path(out.splitlines()[-1]).parent
    assert "What was measured" in (html / "room-acoustics" / "01-first-look.html").read_text()
    assert "toy/01-passes" in (home / "book" / "_toc.yml").read_text(), "the others stay"


def test_the_version_is_said(call):
    status, out, _ = call("--version")
    assert status == 0 and out.startswith("earwitness 0.")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "cp1252"])
def test_a_terminal_without_our_letters_gets_others(encoding):
    for command in (["list"], ["params", "pixel-flipping"], ["scoreboard"]):
        done = subprocess.run(
            [sys.executable, "-m", "earwitness.cli", *command],
            capture_output=True,
            check=False,
            env=os.environ | {"PYTHONIOENCODING": encoding},
        )
        assert (done.returncode, done.stderr) == (0, b""), (command, encoding)


def test_an_error_of_a_file_is_a_sentence_that_names_it(make_toy, call, monkeypatch):
    make_toy()

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/file")

    monkeypatch.setattr("earwitness_book.runner.notebooks.every", full)
    assert call("list") == (1, "", "Error: /somewhere/file: No space left on device.\n")


@pytest.mark.parametrize("content", ["", "{}", "[]", "not JSON"])
def test_an_executed_notebook_or_records_that_are_damaged_are_made_again(make_toy, call, content):
    home = make_toy({"toy/02-quick": lines(MEASURE)})
    call("run", "quick")
    executed = home / "_build" / "demo" / "executed" / "toy" / "02-quick.ipynb"
    before = executed.read_text(), executed.with_suffix(".records.json").read_text()
    executed.write_text(content)
    executed.with_suffix(".records.json").write_text(content)
    assert call("run", "quick")[0] == 0
    assert (executed.read_text(), executed.with_suffix(".records.json").read_text()) == before


@pytest.mark.parametrize(
    "command",
    [
        "",
        "run",
        "sweep",
        "build",
        "train",
        "record",
        "list",
        "params",
        "serve",
        "scoreboard",
        "new-chapter",
        "data",
        "data verify",
    ],
)
def test_help_teaches_every_command(call, command):
    status, out, _ = call(*command.split(), "--help")
    assert status == 0 and "Usage" in out
    assert "Example" in out or command.split(" ")[0] in ("", "data")


def test_help_and_list_load_nothing_heavy(make_toy):
    make_toy()
    code = (
        "import sys\nfrom earwitness import cli\n"
        "try:\n    cli.main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print({'torch', 'pandas', 'numpy', 'papermill', 'distributed'} & set(sys.modules))"
    )
    for arguments in (["--help"], ["list"], ["params", "passes"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "set()", arguments


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
            "toy/02-quick": lines("n"),
            "toy/03-waits": lines(WAITS, parameters=f"log: str = {str(log)!r}"),
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


def test_the_built_site_is_served_on_this_machine(make_toy, tmp_path):
    home = make_toy()
    html = home / "_build" / "demo" / "html"
    html.mkdir(parents=True)
    (html / "index.html").write_text("<h1>here</h1>")
    command = [sys.executable, "-u", "-m", "earwitness.cli", "serve", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=listen_to_interrupts
    ) as server:
        address = server.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == b"<h1>here</h1>"
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=FOR_EVER_S) == 0


def test_one_chapter_of_two_is_executed_and_rendered(make_toy, call):
    home = make_toy({"other/01-quick": lines("1/0")})
    status, out, err = call("build", "--chapter", "toy")
    assert status == 0, err
    html = Path(out.splitlines()[-1]).parent
    assert (html / "toy" / "01-passes.html").exists() and not (html / "other").exists()
    assert not (home / "_build" / "demo" / "executed" / "other").exists(), "it would have failed"
