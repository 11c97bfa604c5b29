"""Kernels that are forked: what is imported, and that nothing else tells them from others."""

import json
import os
import sys
from dataclasses import replace

import psutil
import pytest
import toy

from earwitness_book.runner import execute, notebooks, preloaded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks under Linux only")
STATE = """\
import os, random, sys, tempfile
import numpy as np
import torch
from scipy import signal
print(os.getcwd(), os.environ["EARWITNESS_PROFILE"], tempfile.gettempdir(), sys.path, len(sys.argv))
torch.manual_seed(3)
print(torch.rand(3), torch.get_num_threads(), hash("a"), np.linalg.svd(np.eye(3) + 1)[1])"""
CHANCE = """\
import random
import numpy as np
import tempfile

import torch
print(random.random(), np.random.random(), float(torch.rand(1)), tempfile.mktemp())"""
KNOWN = "import sys\nprint([name in sys.modules for name in ('scipy.signal', 'earwitness')])"


@pytest.fixture
def job(make_toy):
    """Return a function that gives a job of some cells."""
    home = make_toy()

    def prepare(*cells):
        path = home / "notebooks" / "toy" / "02-quick.ipynb"
        head = [toy.words("# Quick"), toy.code("n: int = 1", ["parameters"])]
        toy.write_notebook(path, [*head, *map(toy.code, cells)])
        around = execute.environment_fingerprint()
        return execute.prepare(notebooks.find("quick"), "demo", {}, around, force=True)

    return prepare


def printed(job):
    result = execute.execute(job)
    assert result.failure is None, result.failure
    cells = json.loads(result.content)["cells"]
    return "".join("".join(each["text"]) for cell in cells for each in cell.get("outputs", []))


def servers():
    """Return the processes of ours that fork kernels."""
    ours = psutil.Process().children()
    running = [each for each in ours if each.status() != psutil.STATUS_ZOMBIE]
    return [each for each in running if preloaded.__file__ in each.cmdline()]


def test_libraries_are_imported_before_the_first_cell_and_our_modules_are_not(job):
    asked = job(KNOWN, "from scipy import signal\nfrom earwitness import cache")
    assert {"scipy", "scipy.signal"} <= set(asked.libraries)
    assert printed(asked) == "[True, False]\n"


def test_a_forked_kernel_computes_what_another_one_does(job, monkeypatch):
    asked = job(STATE)
    forked = printed(asked)
    assert servers()
    monkeypatch.setattr(preloaded.sys, "platform", "darwin")
    assert printed(asked) == forked


def test_two_kernels_do_not_draw_the_same(job):
    asked = job(CHANCE)
    first, second = printed(asked), printed(asked)
    assert not set(first.split()) & set(second.split())


@pytest.mark.parametrize("trouble", ["ended", "threads"])
def test_where_none_can_be_forked_a_kernel_starts_as_ever(job, tmp_path, monkeypatch, trouble):
    (tmp_path / "busy.py").write_text("import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()")  # fmt: skip
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    before = servers()
    asked = job("import os\nprint(os.getppid())")
    if trouble == "ended":
        printed(asked)
        (own,) = [each for each in servers() if each not in before]
        own.kill()
        own.wait()
    else:
        asked = replace(asked, libraries=("busy",))
    assert printed(asked) == f"{os.getpid()}\n"


def test_what_ends_a_forked_kernel_is_found_out(job, tmp_path):
    log = tmp_path / "log"
    dies = (
        f"import os\nopen({str(log)!r}, 'w').write(str(os.getppid()))\n"
        "os.write(2, b'no more')\nos._exit(3)"
    )
    asked = job(dies)
    failure = execute.execute(asked).failure
    assert failure.error == "DeadKernelError" and "no more" in failure.message
    assert int(log.read_text()) in [each.pid for each in servers()]
