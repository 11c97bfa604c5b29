"""Shared by all tests."""

import json

import pytest
import toy
from hypothesis import HealthCheck, settings

from earwitness import cli

# a busy machine is no fault of the code
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

NOTEBOOKS = "tests/notebooks/test_notebooks.py"
LONG = (NOTEBOOKS, "tests/book/test_reader.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give the tests of a file to one worker, where what they share is made once: ``loadfile``.

    Notebooks are given chapter by chapter, and with what else takes long before the rest: as one
    file, or last, they would keep one worker busy long after the other is done.
    """
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return shared_worker(nodeid)

        def _assign_work_unit(self, node):
            if long := [scope for scope in self.workqueue if scope.startswith(LONG)]:
                self.workqueue.move_to_end(long[0], last=False)
            super()._assign_work_unit(node)

    return Scheduling(config, log)


def shared_worker(nodeid: str) -> str:
    """Return what the tests of one worker have in common: their file, or a notebook's chapter."""
    file, _, test = nodeid.partition("::")
    return f"{file}::{test.partition('/')[0]}" if file == NOTEBOOKS else file


@pytest.fixture(scope="session")
def foreign_kernel(tmp_path_factory):
    """Return a Jupyter data folder whose ``python3`` kernel does not start."""
    folder = tmp_path_factory.mktemp("jupyter")
    (folder / "kernels" / "python3").mkdir(parents=True)
    spec = {"argv": ["false"], "display_name": "Not this one", "language": "python"}
    (folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
    return folder


@pytest.fixture
def make_toy(tmp_path, monkeypatch, foreign_kernel):
    """Return a function that writes a toy project and makes it the one in use, with an empty
    cache.
    """

    def make(more=None):
        home = toy.project(tmp_path / "toy", more)
        monkeypatch.setenv("EARWITNESS_HOME", str(home))
        monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("JUPYTER_DATA_DIR", str(foreign_kernel))
        monkeypatch.delenv("EARWITNESS_DATA", raising=False)
        monkeypatch.delenv("EARWITNESS_PROFILE", raising=False)
        return home

    return make


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


@pytest.fixture
def same_names_afterwards(monkeypatch):
    """Corpora that a test registers are forgotten after it."""
    from earwitness import corpora
    from earwitness.corpora import base

    corpora.registered()
    monkeypatch.setattr(base, "REGISTERED", dict(base.REGISTERED))
    monkeypatch.setattr(corpora, "REGISTERED", base.REGISTERED)
