"""Notebooks are ordinary notebooks: Jupyter's own tools run them, from any folder."""

import json
import subprocess
import sys

import pytest

from earwitness_book.runner import notebooks, profiles

NOTEBOOK = "raw-waveform/first-layer"


def of(path):
    """Return outputs of the last code cells, after a whole run."""
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code" and cell["source"]]
    assert all(cell["execution_count"] for cell in code)
    return [output for cell in code for output in cell["outputs"]]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The smoke profile's values, and a folder of nobody's as the one that is worked in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EARWITNESS_PROFILE", raising=False)
    notebook = notebooks.find(NOTEBOOK)
    return notebook, profiles.overrides("smoke", notebook) | {"seed": 3}


def test_papermill_runs_a_notebook_with_other_parameters(small, tmp_path):
    notebook, values = small
    given = [word for name, value in values.items() for word in ("-p", name, str(value))]
    out = tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", str(notebook.path), str(out), *given]
    subprocess.run(command, check=True, capture_output=True)
    assert any("image/png" in output.get("data", {}) for output in of(out))


def test_nbconvert_executes_a_copy_that_lies_anywhere(small, tmp_path):
    notebook, values = small
    content = json.loads(notebook.source)
    (cell,) = [cell for cell in content["cells"] if "parameters" in notebooks.tags(cell)]
    cell["source"] = [*cell["source"], *(f"\n{name} = {value!r}" for name, value in values.items())]
    (tmp_path / "mine.ipynb").write_text(json.dumps(content))
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace"]
    subprocess.run([*command, "mine.ipynb"], check=True, capture_output=True)
    assert any("image/png" in output.get("data", {}) for output in of(tmp_path / "mine.ipynb"))
