"""Each notebook runs from first to last cell, through the runner, on the smoke profile."""

import json
from pathlib import Path

import pytest

from earwitness_book.runner import execute, notebooks

EVERY = notebooks.every()


@pytest.mark.parametrize("notebook", EVERY, ids=[notebook.id for notebook in EVERY])
def test_it_runs_through_without_recordings(notebook, monkeypatch):
    monkeypatch.delenv("EARWITNESS_DATA", raising=False)
    fingerprint = execute.environment_fingerprint()
    job = execute.prepare(notebook, "smoke", {}, fingerprint, timeout=120)
    result = execute.execute(job)
    if result.failure and result.failure.is_left_out:
        pytest.skip(str(result.failure))
    assert result.failure is None, str(result.failure)
    cells = json.loads(result.content)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code" and cell["source"]]
    assert code and all(cell["execution_count"] for cell in code)


def test_notebooks_of_a_chapter_share_a_worker_and_other_tests_their_file(request, pytestconfig):
    plugins = pytestconfig.pluginmanager.get_plugins()
    (hooks,) = [plugin for plugin in plugins if hasattr(plugin, "shared_worker")]
    here = [item for item in request.session.items if item.path.name == Path(__file__).name]
    executed = [item for item in here if "notebook" in item.fixturenames]
    chapters = {hooks.shared_worker(item.nodeid).partition("[")[2] for item in executed}
    assert chapters == {item.callspec.params["notebook"].chapter for item in executed}
    assert hooks.shared_worker("tests/a/test_b.py::test_c[x/y]") == "tests/a/test_b.py"
