"""Each notebook runs through the runner from its first cell to its last on the smoke profile."""

import json

import pytest

from earwitness.runner import execute, notebooks

EVERY = notebooks.every()


@pytest.mark.parametrize("notebook", EVERY, ids=[notebook.id for notebook in EVERY])
def test_it_runs_through_on_the_smoke_profile(notebook, monkeypatch):
    monkeypatch.delenv("EARWITNESS_DATA", raising=False)
    job = execute.prepare(notebook, "smoke", {}, execute.surroundings(), timeout=120)
    result = execute.execute(job)
    assert result.failure is None, str(result.failure)
    cells = [cell for cell in json.loads(result.content)["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells if cell["source"])
