"""Buttons that open a notebook with a kernel: where the repository is known, and nowhere else."""

import json
import os
from types import SimpleNamespace

import pytest
import yaml

from earwitness_book import project
from earwitness_book.runner import launch, notebooks, site, theme

PAGE = "audiomnist/01-classifiers"
GITHUB = "https://github.com/someone/earwitness"


def test_binder_opens_the_repositorys_notebook_and_colab_the_one_with_a_first_cell():
    found = launch.links(f"{GITHUB}.git/", "abc1234+", PAGE)
    assert found == {
        "Binder": "https://mybinder.org/v2/gh/someone/earwitness/abc1234"
        f"?urlpath=lab/tree/notebooks/{PAGE}.ipynb",
        "Colab": "https://colab.research.google.com/github/someone/earwitness/blob/colab/"
        f"notebooks/{PAGE}.ipynb",
    }
    assert (project.root() / "notebooks" / f"{PAGE}.ipynb").exists()


def test_colab_knows_github_alone_and_nothing_opens_what_is_nowhere():
    elsewhere = launch.links("https://git.example.org/book", "abc", PAGE)
    assert list(elsewhere) == ["Binder"]
    assert "/git/https%3A%2F%2Fgit.example.org%2Fbook/abc?" in elsewhere["Binder"]
    assert launch.links("", "abc", PAGE) == launch.links(GITHUB, "unknown", PAGE) == {}


@pytest.mark.parametrize(
    ("page", "address", "names"),
    [("a/01-b", GITHUB, ["Binder", "Colab"]), ("a/01-b", "", None), ("a/intro", GITHUB, None)],
)
def test_only_notebooks_of_a_book_whose_place_is_known_have_the_buttons(page, address, names):
    known = {"a/01-b": {"kernelspec": {}}, "a/intro": {}}
    config = SimpleNamespace(ew_launch={"address": address, "commit": "abc"})
    app = SimpleNamespace(config=config, env=SimpleNamespace(metadata=known))
    context = {"header_buttons": []}
    theme._offer_kernels(app, page, "page.html", context, None)
    shown = [each["text"] for group in context["header_buttons"] for each in group["buttons"]]
    assert shown == (names or [])


def test_nobody_has_said_where_this_book_is_until_its_settings_or_the_environment_do(monkeypatch):
    monkeypatch.delenv("EARWITNESS_REPOSITORY", raising=False)
    assert site._config("smoke", [])["sphinx"]["config"]["ew_launch"]["address"] == ""
    monkeypatch.setenv("EARWITNESS_REPOSITORY", GITHUB)
    assert site._config("smoke", [])["sphinx"]["config"]["ew_launch"]["address"] == GITHUB


def test_a_site_on_github_has_the_buttons_and_the_branch_that_colab_opens():
    text = (project.root() / ".github" / "workflows" / "site.yml").read_text()
    steps = yaml.safe_load(text)["jobs"]["build"]["steps"]
    (build,) = [step for step in steps if step.get("run") == "make book PYTHON=python"]
    assert build["env"]["EARWITNESS_REPOSITORY"] == "https://github.com/${{ github.repository }}"
    assert build["env"]["EARWITNESS_DATA"].endswith("/recordings")  # the site shows people
    (colab,) = [step["run"] for step in steps if "for Colab" in step.get("name", "")]
    assert "_build/real/html" in colab
    assert f"--initial-branch {launch.BRANCH}" in colab and "_sources colab/notebooks" in colab


def test_binder_takes_the_environment_for_conda_and_then_the_package():
    folder = project.root() / ".binder"
    assert (folder / "environment.yml").read_text() == (
        project.root() / "environment.yml"
    ).read_text()
    after = folder / "postBuild"
    assert (
        os.access(after, os.X_OK) and "install --quiet --no-deps --editable ." in after.read_text()
    )


def test_notebooks_to_explore_open_with_a_kernel_too():
    assert notebooks.explorers()
    for notebook in notebooks.explorers():
        assert json.loads(notebook.source)["metadata"]["kernelspec"]["name"] == "python3"
