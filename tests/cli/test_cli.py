"""The command line: what it prints, its exit status, and what is left after a kill."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from earwitness import cli


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
        (["build", "--scheduler", "tcp://127.0.0.1:1"], 2, "No dask scheduler is reached"),
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


def test_the_version_is_said(call):
    status, out, _ = call("--version")
    assert status == 0 and out.startswith("earwitness 0.")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "cp1252"])
@pytest.mark.parametrize("command", ["list", "params pixel-flipping", "scoreboard"])
def test_a_terminal_without_our_letters_gets_others(monkeypatch, encoding, command):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(SystemExit) as end:
        cli.main(command.split())
    out.flush(), err.flush()
    assert (end.value.code, err.buffer.getvalue()) == (0, b"")
    assert len(out.buffer.getvalue().decode(encoding).splitlines()) > 5


def test_so_it_is_for_the_program_itself():
    done = subprocess.run(
        [sys.executable, "-m", "earwitness.cli", "list"],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"") and b"?" in done.stdout


def test_an_error_of_a_file_is_a_sentence_that_names_it(make_toy, call, monkeypatch):
    make_toy()

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/file")

    monkeypatch.setattr("earwitness_book.runner.notebooks.every", full)
    assert call("list") == (1, "", "Error: /somewhere/file: No space left on device.\n")


def every_command() -> list[tuple[str, ...]]:
    """Return the words of each command, those of groups included."""

    def of(command, words=()):
        below = getattr(command, "commands", None)
        if not below:
            return [words]
        return [found for name, each in below.items() for found in of(each, (*words, name))]

    return of(typer.main.get_command(cli.commands()))


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_help_teaches_every_command_by_two_examples(call, words):
    status, out, _ = call(*words, "--help")
    assert status == 0 and "Usage" in out
    examples = " ".join(out[out.index("Examples: ") :].split())
    assert examples.count("earwitness ") >= 2


def test_a_shell_can_complete_commands(call, monkeypatch):
    for name, value in {
        "_EARWITNESS_COMPLETE": "complete_bash",
        "COMP_WORDS": "earwitness sc",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COMP_CWORD", "1")
    status, out, _ = call()
    assert status == 0 and out.split() == ["scoreboard"]


def test_help_and_list_load_nothing_heavy(make_toy):
    make_toy()
    code = (
        "import sys\nfrom earwitness import cli\n"
        "for command in sys.argv[1:]:\n"
        "    try:\n        cli.main(command.split())\n"
        "    except SystemExit as end:\n        assert not end.code\n"
        "print({'torch', 'pandas', 'numpy', 'papermill', 'distributed'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help", "list", "params passes"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    "command", ["sweep passes -p n_clips 1,2", "run passes -p n_clips 2", "build", "record toy"]
)
def test_something_is_said_before_anything_heavy_is_loaded(make_toy, command):
    make_toy()
    code = (
        "import sys\nfrom earwitness import cli\nimport typer\n"
        "def first(*said, **how):\n"
        "    print(said, {'torch', 'pandas', 'scipy', 'papermill'} & set(sys.modules))\n"
        "    raise SystemExit\n"
        "typer.echo = first\ncli.main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split()], capture_output=True, text=True, check=True
    )
    assert done.stdout == "('Looking for what changed.',) set()\n"


TABLES = ["list", "params passes", "cache status", "data status", "scoreboard"]


@pytest.mark.parametrize("command", TABLES)
def test_every_table_can_be_had_as_json(make_toy, call, command):
    make_toy()
    kept = Path(os.environ["EARWITNESS_CACHE"]) / "voices" / "a.wav"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch()
    status, out, _ = call(*command.split(), "--json")
    rows = json.loads(out)
    assert status == 0 and rows and all(isinstance(row, dict) for row in rows)
    assert len({tuple(row) for row in rows}) == 1, "each has the same names"


def test_what_is_not_known_is_null_in_json(capsys):
    from earwitness.cli.output import table

    table([{"a": float("nan"), "b": np.float32(0.5), "c": True}], json=True)
    assert json.loads(capsys.readouterr().out) == [{"a": None, "b": 0.5, "c": True}]


def test_there_are_no_colours_where_no_terminal_is(make_toy, call):
    make_toy()
    for command in (*TABLES, "params pases", "serve", "--help"):
        _, out, err = call(*command.split())
        assert "\x1b" not in out + err, command
