"""The book as its sources say: read once, and what is wrong with a file that was edited by hand."""

import json
from pathlib import Path

import pytest
import toy

from earwitness.errors import DamagedDataError, EarwitnessError, NotebookError
from earwitness_book.runner import execute, notebooks, profiles, site

QUICK = [toy.words("# Quick"), toy.code("n: int = 1  # how many", ["parameters"]), toy.code("n")]


def test_each_notebook_is_read_once_however_many_are_prepared(make_toy, monkeypatch):
    make_toy({f"toy/0{number}-quick-{number}": QUICK for number in range(2, 9)})
    read, read_text = [], Path.read_text

    def counting(path, *arguments, **options):
        read.append(path.name)
        return read_text(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", counting)
    around = execute.environment_fingerprint()
    for notebook in site.chapters():
        execute.prepare(notebook, "smoke", {}, around)
        notebooks.find(notebook.id).title()
    assert sorted(name for name in read if name.endswith(".ipynb")) == sorted(
        ["01-passes.ipynb", *(f"0{number}-quick-{number}.ipynb" for number in range(2, 9))]
    )
    assert read.count("smoke.yaml") == 1 and read.count("_toc.yml") == 1


def test_a_file_that_changes_meanwhile_is_read_again(make_toy):
    home = make_toy()
    assert notebooks.find("passes").title() == "Passes"
    toy.write_notebook(
        home / "notebooks" / "toy" / "01-passes.ipynb", [toy.words("# Passed"), *QUICK[1:]]
    )
    assert (
        notebooks.find("passes").title() == "Passed" and "n" in notebooks.find("passes").parameters
    )


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["print(1)"], "cell 1: this is neither a cell"),
        ([{"cell_type": "cod"}], "cell 1: this is neither"),
        ([*QUICK, {"cell_type": "code", "source": 3}], "cell 4: its source is no text"),
        (
            [*QUICK, {"cell_type": "code", "source": "", "metadata": {"tags": "parameters"}}],
            "cell 4: its tags are no list",
        ),
        (
            [*QUICK, {"cell_type": "code", "source": "", "metadata": []}],
            "cell 4: its metadata are no mapping",
        ),
    ],
)
def test_a_cell_that_was_edited_wrongly_is_named(make_toy, cells, said):
    home = make_toy()
    path = home / "notebooks" / "toy" / "01-passes.ipynb"
    path.write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    with pytest.raises(NotebookError, match=f"01-passes.ipynb, {said}"):
        notebooks.find("passes").content()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "notebooks/profiles/demo.yaml",
            b"all: {n_clips: 1\n",
            "demo.yaml, line 2, column 1: this is not YAML",
        ),
        (
            "notebooks/profiles/demo.yaml",
            b"about: x\nall: [n_clips]\n",
            "all: \\['n_clips'\\] in .*demo.yaml is none",
        ),
        (
            "notebooks/profiles/demo.yaml",
            b"about: x\nall: {n_clips: caf\xe9}\n",
            "demo.yaml, line 2: this is not UTF-8",
        ),
        (
            "notebooks/profiles/demo.yaml",
            b"about: !!python/object/apply:os.getcwd []\n",
            "demo.yaml, line 1",
        ),
        ("book/_toc.yml", b"root: index\nchapters:\n - file: a\n- file: b\n", "_toc.yml, line 4"),
        ("book/_toc.yml", b"- index\n", "_toc.yml is no table of contents"),
        (
            "book/_toc.yml",
            b"root: index\nchapters:\n- file: {a: b}\n",
            "belongs the name of a page",
        ),
        (
            "notebooks/toy/01-passes.ipynb",
            b'{"cells": [\n"caf\xe9"]}',
            "01-passes.ipynb, line 2: this is not UTF-8",
        ),
        (
            "notebooks/toy/01-passes.ipynb",
            b'{"cells": [\n1,]}',
            "01-passes.ipynb is no notebook: line 2",
        ),
    ],
)
def test_a_file_that_was_edited_wrongly_is_named_with_the_line(make_toy, name, content, said):
    home = make_toy()
    (home / name).write_bytes(content)
    with pytest.raises(EarwitnessError, match=said) as error:
        profiles.resolve("demo", notebooks.find("passes"), {})
    assert isinstance(error.value, (DamagedDataError, NotebookError, ValueError))
