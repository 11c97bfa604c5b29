"""The notebook that a reader downloads."""

import json
import subprocess
import sys

from earwitness_book import project
from earwitness_book.runner import notebooks, pages


def test_a_kernel_without_the_book_gets_it_by_the_first_cell_of_a_download(tmp_path, monkeypatch):
    notebook, asked, run = notebooks.find("pixel-flipping"), [], subprocess.run
    cells = json.loads(pages.bare(notebook, str(project.root())))["cells"]
    assert pages.bare(notebook, "") == notebook.source and cells[1:] == notebook.content()["cells"]

    def only_git(command, **how):
        """Run git, and of pip only note what it is asked for: it would change this environment."""
        asked.append(command)
        return run(command, **how) if command[0] == "git" else None

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(subprocess, "run", only_git)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exec(compile(cells[0]["source"], "the first cell", "exec"), {})
    home = tmp_path / "earwitness"
    assert asked[-1][:4] == [sys.executable, "-m", "pip", "install"]
    assert asked[-1][-1] == f"{home}[book]" and sys.path[0] == str(home / "src")
    assert (home / "src" / "earwitness_book").is_dir() and (home / "notebooks").is_dir()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    exec(compile(cells[0]["source"], "the first cell", "exec"), {})
    assert len(asked) == 3, "where it is installed nothing is"


def test_a_claim_in_two_tables_has_its_place_in_the_last():
    tables = [
        {"outputs": [{"data": {"text/html": [f'<tr id="{id}">' for id in ids]}}]}
        for ids in (["claim-a", "claim-b"], ["claim-a"])
    ]
    shown = ["".join(cell["outputs"][0]["data"]["text/html"]) for cell in pages._named_once(tables)]
    assert shown == ['<tr><tr id="claim-b">', '<tr id="claim-a">']
