"""Each notebook runs through the runner from first to last cell; a file per chapter, so that they
share the cores.
"""

import json

import pytest

from earwitness_book.runner import execute


@pytest.fixture
def runs_through(monkeypatch):
    """A check that a notebook runs through on the smoke profile, without recordings."""
    monkeypatch.delenv("EARWITNESS_DATA", raising=False)

    def check(notebook) -> None:
        result = execute.execute(
            execute.prepare(notebook, "smoke", {}, execute.environment_fingerprint(), timeout=120)
        )
        assert result.failure is None, str(result.failure)
        cells = [
            cell for cell in json.loads(result.content)["cells"] if cell["cell_type"] == "code"
        ]
        assert all(cell["execution_count"] for cell in cells if cell["source"])

    return check
