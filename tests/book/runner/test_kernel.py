"""The kernel of a notebook: what of a user's surroundings reaches it, and what it leaves to be seen
from outside.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
import toy

from earwitness.errors import ParameterError
from earwitness_book.runner import execute, kernel, notebooks

SHOWS = """\
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
print(np.array([1 / 3]), pd.Series([1 / 3]).to_string())
figure, ax = plt.subplots(figsize=(1, 1))
ax.plot([0, 1])
plt.show()"""
WAITS = "from pathlib import Path\nimport time\nPath(log).touch()\ntime.sleep(600)"


def outputs(*cells, parameters="n: int = 1", **how):
    """Return the outputs of a notebook of these cells, after it was executed anew."""
    home = Path(os.environ["EARWITNESS_HOME"])
    toy.write_notebook(
        home / "notebooks" / "toy" / "02-quick.ipynb",
        [
            toy.words("# Quick"),
            toy.code(parameters, ["parameters"]),
            *(toy.code(cell) for cell in cells),
        ],
    )
    prepared = execute.prepare(
        notebooks.find("quick"), "demo", {}, execute.environment_fingerprint(), force=True, **how
    )
    result = execute.execute(prepared)
    assert result.failure is None, result.failure
    return [
        {key: value for key, value in output.items() if key != "execution_count"}
        for cell in json.loads(result.content)["cells"]
        for output in cell.get("outputs", [])
    ]


def test_settings_of_the_user_change_nothing_that_a_page_shows(make_toy, tmp_path, monkeypatch):
    make_toy()
    plain = outputs(SHOWS)
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text(
        "import numpy, pandas\nnumpy.set_printoptions(precision=1)\n"
        "pandas.set_option('display.precision', 1)\n"
    )
    (startup.parent / "ipython_config.py").write_text("c.InlineBackend.figure_formats = {'svg'}\n")
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\n")
    for name, value in {
        "IPYTHONDIR": tmp_path / "ipython",
        "MATPLOTLIBRC": tmp_path / "matplotlibrc",
        "MPLCONFIGDIR": tmp_path,
        "MPLBACKEND": "Agg",
        "PYTHONOPTIMIZE": "1",
        "FORCE_COLOR": "1",
        "PYTHONSTARTUP": startup / "00.py",
        "PYTHONIOENCODING": "ascii",
        "COLUMNS": "20",
    }.items():
        monkeypatch.setenv(name, str(value))
    assert outputs(SHOWS) == plain
    assert any("image/png" in output.get("data", {}) for output in plain)


def test_asserts_hold_whatever_python_is_told(make_toy, monkeypatch):
    make_toy()
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    (shown,) = outputs("print(__debug__)")
    assert "".join(shown["text"]) == "True\n"


@pytest.mark.parametrize("letters", [60, 80, 130])
def test_a_long_name_of_the_folder_for_temporary_files_is_no_obstacle(
    make_toy, monkeypatch, letters
):
    make_toy()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        long = Path(folder) / ("x" * (letters - len(folder) - 1))
        long.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(long))
        assert outputs("print(n)")
        assert not list(long.iterdir()), "nothing is left"


def test_where_no_short_folder_is_the_sentence_names_tmpdir(monkeypatch):
    monkeypatch.setattr(kernel, "short_folders", lambda: [])
    with (
        pytest.raises(ParameterError, match="Set TMPDIR to a shorter one"),
        execute._sockets("/tmp/" + "x" * 120),
    ):
        pass


def test_a_folder_for_temporary_files_that_is_not_there_or_full_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(execute, "SCRATCH_BYTES", 2**80)
    with pytest.raises(ParameterError, match="MB left.* set TMPDIR"):
        execute.temporary_folder()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(ParameterError, match="TMPDIR.*gone"):
        execute.temporary_folder()


def test_a_kernel_that_is_killed_is_started_again_and_its_result_is_whole(make_toy, tmp_path):
    make_toy()
    log = tmp_path / "log"
    dies = (
        f"import os, signal\nopen({str(log)!r}, 'a').write('x')\n"
        f"if len(open({str(log)!r}).read()) < 3:\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "print('alive')"
    )
    (shown,) = outputs(dies)
    assert "".join(shown["text"]) == "alive\n" and log.read_text() == "xxx"


def test_a_kernel_that_dies_each_time_fails_with_its_last_words(make_toy, tmp_path):
    make_toy()
    dies = (
        f"import os\nopen({str(tmp_path / 'log')!r}, 'a').write('x')\n"
        "os.write(2, b'out of memory\\n')\nos._exit(3)"
    )
    with pytest.raises(AssertionError, match=r"Kernel died \(out of memory\)"):
        outputs(dies)
    assert (tmp_path / "log").read_text() == "xxx", "twice again, then it is given up"


def test_processor_seconds_are_noted_by_the_number_of_the_cell_in_the_source(make_toy):
    make_toy()
    toy.write_notebook(
        Path(os.environ["EARWITNESS_HOME"]) / "notebooks" / "toy" / "02-quick.ipynb",
        [
            toy.words("# Quick"),
            toy.code("n: int = 1  # how many; 1 to 9", ["parameters"]),
            toy.code(
                "import time\nend = time.process_time() + 0.6\n"
                "while time.process_time() < end:\n    pass"
            ),
        ],
    )
    prepared = execute.prepare(
        notebooks.find("quick"), "demo", {"n": 2}, execute.environment_fingerprint()
    )
    steps = []
    result = execute.execute(prepared, lambda cell, cells: steps.append((cell, cells)))
    spent = json.loads(result.content)["metadata"]["earwitness"]["processor_s"]
    assert max(spent, key=spent.get) == "3" and spent["3"] >= 0.5
    assert steps[-1] == (4, 4) and steps == sorted(steps)


def test_nothing_that_a_build_starts_listens_on_the_network(make_toy, tmp_path):
    logs = [tmp_path / "a", tmp_path / "b"]
    make_toy(
        {
            f"{chapter}/01-waits": [
                toy.words("# Waits"),
                toy.code(f"log: str = {str(log)!r}", ["parameters"]),
                toy.code(WAITS),
            ]
            for chapter, log in zip("ab", logs, strict=True)
        }
    )
    command = [sys.executable, "-m", "earwitness.cli", "build", "--workers", "3"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as build:
        try:
            while not all(log.exists() for log in logs):
                assert build.poll() is None
                time.sleep(0.1)
            everyone = [
                psutil.Process(build.pid),
                *psutil.Process(build.pid).children(recursive=True),
            ]
            assert len(everyone) >= 3
            listening = [
                link
                for process in everyone
                for link in process.net_connections(kind="inet")
                if link.status == psutil.CONN_LISTEN
            ]
            assert [
                link.laddr for link in listening if link.laddr.ip not in ("127.0.0.1", "::1")
            ] == []
        finally:
            build.kill()
