"""The notebook that a reader downloads."""

import json
import os
import subprocess
import sys
import sysconfig
import venv

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


PIP = """\
import os, sys, sysconfig
here = sysconfig.get_path("purelib")
assert sys.argv[1:4] == ["install", "--quiet", "--editable"] and sys.argv[4].endswith("[book]")
for name in os.listdir(os.environ["PACKAGES"]):
    if not name.startswith(("__editable__", "earwitness", "pip")) and not name.endswith(".pth"):
        os.symlink(os.path.join(os.environ["PACKAGES"], name), os.path.join(here, name))
"""  # stands for the package registry: what it would bring is there already


def test_the_first_cell_of_a_download_makes_an_empty_environment_run_the_next_ones(tmp_path):
    notebook = notebooks.find("first-layer")
    first, *rest = json.loads(pages.bare(notebook, str(project.root())))["cells"]
    code = [notebooks.text(cell) for cell in (first, *rest) if cell["cell_type"] == "code"][:3]
    venv.create(tmp_path / "empty", with_pip=False)
    python = next((tmp_path / "empty").glob("*/python"))
    clean = {name: os.environ[name] for name in ("PATH", "EARWITNESS_CACHE") if name in os.environ}
    bare = subprocess.run(
        [python, "-c", "import earwitness_book"], capture_output=True, cwd="/", env=clean
    )
    assert b"ModuleNotFoundError" in bare.stderr
    (packages,) = (tmp_path / "empty").glob("lib/*/site-packages")
    (packages / "pip").mkdir()
    (packages / "pip" / "__main__.py").write_text(PIP)
    (tmp_path / "cells.py").write_text("\n".join([*code, "print(begin.__module__)"]))
    done = subprocess.run(
        [python, "cells.py"], cwd=tmp_path, capture_output=True, text=True,
        env=clean | {"PACKAGES": sysconfig.get_path("purelib")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1].startswith("earwitness_book")


def test_what_a_process_says_on_standard_error_is_no_part_of_its_page():
    said = [
        {"output_type": "stream", "name": name, "text": [f"{name}\n"]}
        for name in ("stdout", "stderr")
    ]
    shown = pages._clean({"cell_type": "code", "outputs": said}, {})["outputs"]
    assert [output["text"] for output in shown] == ["stdout\n"]


def test_a_claim_in_two_tables_has_its_place_in_the_last():
    tables = [
        {"outputs": [{"data": {"text/html": [f'<tr id="{id}">' for id in ids]}}]}
        for ids in (["claim-a", "claim-b"], ["claim-a"])
    ]
    shown = ["".join(cell["outputs"][0]["data"]["text/html"]) for cell in pages._named_once(tables)]
    assert shown == ['<tr><tr id="claim-b">', '<tr id="claim-a">']
