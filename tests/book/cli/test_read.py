"""Commands that look: notebooks, parameters, the scoreboard, the served site."""

import json
import signal
import subprocess
import sys
import urllib.request

import toy

from earwitness_book import records

# far longer than a busy machine needs; whoever takes longer waits for something that does not
# come
FOR_EVER_S = 240


def test_list_and_params_read_the_notebooks(make_toy, call):
    make_toy({"toy/02-quick": toy.lines("n")})
    status, out, _ = call("list")
    assert status == 0 and "toy\n" in out and "toy/passes" in out and "Quick" in out
    status, out, _ = call("params", "passes")
    assert status == 0 and all(
        word in out for word in ("n_clips", "int", "2", "clips to look at; 1 to 50")
    )


def test_the_scoreboard_as_json_is_a_list_of_objects_with_the_agreed_keys(make_toy, call):
    make_toy({"toy/02-quick": toy.lines(toy.MEASURE)})
    call("run", "quick")
    status, out, _ = call("scoreboard", "--json")
    rows = json.loads(out)
    assert status == 0 and [set(row) for row in rows] == [set(records.KEYS)] * 2
    assert [(row["id"], row["measured"]) for row in rows] == [("toy/one", None), ("toy/two", 1.0)]
    assert "toy/one" not in call("scoreboard")[1] and "One is one." in call("scoreboard")[1]


def test_without_a_profile_the_scoreboard_leaves_out_what_smoke_measured(
    make_toy, call, monkeypatch
):
    monkeypatch.delenv("EARWITNESS_PROFILE", raising=False)
    make_toy({"toy/02-quick": toy.lines(toy.MEASURE)})
    call("run", "quick", "--profile", "smoke")

    def found(*asked):
        rows = json.loads(call("scoreboard", "--json", *asked)[1])
        return [(row["id"], row["profile"]) for row in rows if row["measured"] is not None]

    assert found() == [] and found("--profile", "smoke") == [("toy/two", "smoke")]
    monkeypatch.setenv("EARWITNESS_PROFILE", "smoke")
    assert found() == [("toy/two", "smoke")]
    monkeypatch.delenv("EARWITNESS_PROFILE")
    call("run", "quick")
    assert found() == [("toy/two", "demo")]


def listen_to_interrupts():
    """What a shell's ``&`` and ``nohup`` switch off, and programs started from there inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


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
