"""What every notebook and page must have before anything is executed."""

import ast
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from earwitness_book import project
from earwitness_book.runner import notebooks, parameters, profiles, site

EVERY = notebooks.every()
PLOTS = re.compile(r"\b(plt\.subplots|plt\.figure|figures\.(?!use_style|relevance_limit)\w+\()")
each = pytest.mark.parametrize("notebook", EVERY, ids=[notebook.id for notebook in EVERY])


def cells(notebook, kind):
    return [cell for cell in notebook.content()["cells"] if cell["cell_type"] == kind]


def test_there_are_notebooks_and_all_are_pages_of_the_book():
    assert EVERY and [notebook.page for notebook in site.chapters()] == [
        notebook.page for notebook in EVERY
    ]


@each
def test_it_has_one_parameters_cell_whose_lines_say_what_they_mean(notebook):
    for parameter in parameters.declared(notebook).values():
        assert parameter.meaning, f"{parameter.name} has no comment"
        assert parameter.type != "str" or parameter.choices, f"{parameter.name} lists no choices"


@each
def test_it_holds_no_outputs_and_no_traces_of_an_execution(notebook):
    assert all(
        cell["outputs"] == [] and cell["execution_count"] is None
        for cell in cells(notebook, "code")
    )
    assert (
        "widgets" not in notebook.content()["metadata"]
        and "papermill" not in notebook.content()["metadata"]
    )


@each
def test_its_kernel_is_python3_so_that_any_python_runs_it(notebook):
    assert notebook.content()["metadata"]["kernelspec"]["name"] == "python3"


@each
def test_every_figure_cell_has_an_alternative_text(notebook):
    for cell in cells(notebook, "code"):
        if PLOTS.search(notebooks.text(cell)):
            alternative = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alternative.split()) >= 3, notebooks.text(cell)


@each
def test_it_begins_with_one_heading_and_names_no_folder_of_a_machine(notebook):
    text = "\n".join(notebooks.text(cell) for cell in cells(notebook, "markdown"))
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert len(re.findall(r"^# ", prose, re.MULTILINE)) == 1
    assert notebooks.text(notebook.content()["cells"][0]).startswith("# ")
    everything = json.dumps(notebook.content())
    assert not re.search(r"(?<![\w.])/(work|home|root|Users|tmp)/", everything)
    assert "!pip" not in everything and "sys.path" not in everything


@each
@pytest.mark.parametrize("profile", profiles.names())
def test_every_profile_fits_every_notebook(notebook, profile):
    values = profiles.resolve(profile, notebook, {})
    assert set(values) == set(parameters.declared(notebook))


def test_profiles_are_the_four_and_each_says_what_it_is():
    assert profiles.names() == ["demo", "full", "paper", "real", "smoke"]
    assert all(profiles.about(name) for name in profiles.names())


def test_the_book_executes_nothing_itself_and_asks_no_other_host():
    config = yaml.safe_load((project.root() / "_config.yml").read_text())
    assert (
        config["execute"]["execute_notebooks"] == "off" and config["only_build_toc_files"] is True
    )
    addresses = [
        config["sphinx"]["config"]["mathjax_path"],
        *config["sphinx"]["config"]["nb_ipywidgets_js"],
    ]
    for address in addresses:
        assert (project.root() / "book" / "_extra" / address.removeprefix("../")).exists()


def test_pages_name_each_other_by_a_role_so_that_a_part_of_the_book_renders_without_the_rest():
    bare = re.compile(r"\]\((?!https?:|#)[^)\s]+\)")
    book = project.root() / "book"
    texts = {path.name: path.read_text(encoding="utf-8") for path in book.rglob("*.md")}
    assert not {name: found for name, text in texts.items() if (found := bare.findall(text))}


PIN = re.compile(r"^[a-z0-9][a-z0-9._-]*==[^\s;]+(?: ; .+?)?(?: --hash=sha256:[0-9a-f]{64})+$")


def test_the_lock_file_pins_every_package_with_its_hashes_and_names_no_registry():
    text = (project.root() / "requirements.lock").read_text()
    lines = [re.sub(r"\s*\\\n\s*", " ", entry) for entry in re.split(r"\n(?=\S)", text.strip())]
    assert [line[:80] for line in lines if not PIN.match(line)] == []
    assert not any("://" in line or line.startswith("-") for line in lines)
    asked = tomllib.loads((project.root() / "pyproject.toml").read_text())["project"]
    wanted = [name for extra in asked["optional-dependencies"].values() for name in extra]
    wanted += asked["dependencies"]
    pinned = {line.split("==")[0] for line in lines}
    names = {re.match(r"[\w.-]+", name)[0].replace("_", "-").lower() for name in wanted}
    assert names <= pinned


def test_hashes_are_asked_for_wherever_the_lock_file_is_installed():
    makefile = (project.root() / "Makefile").read_text()
    assert makefile.count("requirements.lock\n") == makefile.count(
        "--require-hashes --requirement requirements.lock\n"
    )


CONDA = {"torch": "pytorch", "soxr": "soxr-python", "soundfile": "pysoundfile"}  # else the same


def test_the_environment_for_conda_has_what_the_book_needs_in_versions_that_the_lock_has():
    root = project.root()
    *conda, other = yaml.safe_load((root / "environment.yml").read_text())["dependencies"]
    asked = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lock = (root / "requirements.lock").read_text()
    pinned = dict(re.findall(r"^([a-z0-9][\w.-]*)==([^\s;\\]+)", lock, re.MULTILINE))
    wanted = map(Requirement, asked["dependencies"] + asked["optional-dependencies"]["book"])
    expected = {"python=3.12", "make", "c-compiler", "pip"}
    for each in wanted:
        version = pinned[each.name.lower()]
        assert each.specifier.contains(version), each
        here = f"{each.name}=={version}"
        if here not in other["pip"]:
            spec = CONDA.get(each.name, each.name), each.specifier
            expected.add(next(line for line in conda if _same(line, *spec)))
        else:
            other["pip"].remove(here)
    assert other["pip"] == [] and set(conda) == expected
    assert SpecifierSet(asked["requires-python"]).contains("3.12")


def _same(line, name, specifier):
    found = Requirement(line) if re.search("[<>=]=|[<>]", line) else None
    return (
        (found.name, found.specifier) == (name, specifier)
        if found
        else (line == name and not str(specifier))
    )


def test_the_c_compiler_that_pesq_needs_is_asked_for_before_anything_is_installed(tmp_path):
    conda = yaml.safe_load((project.root() / "environment.yml").read_text())["dependencies"]
    assert "c-compiler" in conda
    shutil.copy(project.root() / "Makefile", tmp_path)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    said = subprocess.run(
        ["make", f"PYTHON={sys.executable}"], cwd=tmp_path, env=os.environ | {"CC": "no-compiler"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert said.returncode and "needs a C compiler" in said.stderr
    assert not (tmp_path / ".venv").exists()


def test_actions_are_pinned_by_commit():
    for workflow in (project.root() / ".github" / "workflows").glob("*.yml"):
        for line in workflow.read_text().splitlines():
            if "uses:" in line:
                assert re.search(r"uses: [\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", line), line


def test_scripts_of_others_carry_their_licence():
    vendor = project.root() / "book" / "_extra" / "vendor"
    told = (vendor / "README.md").read_text()
    for script in vendor.rglob("*.js"):
        assert script.relative_to(vendor).as_posix() in told
    assert (vendor / "katex" / "LICENSE").exists() and (vendor / "widgets" / "LICENSE").exists()


def test_no_file_in_git_is_a_recording_or_names_a_folder_of_a_machine():
    listed = subprocess.run(
        ["git", "-C", str(project.root()), "ls-files"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        assert Path(name).suffix not in (".wav", ".flac", ".mp3", ".ogg"), name


@each
def test_closing_tables_name_their_claims_where_the_site_can_read_them(notebook):
    calls = [
        call
        for cell in cells(notebook, "code")
        for call in re.findall(r"records\.table\(([^)]*)\)", notebooks.text(cell))
    ]
    assert all('"' in call for call in calls), "a name is not read: write the beginning of ids"


@each
def test_code_on_its_page_has_short_lines_short_cells_and_no_case_for_a_corpus(notebook):
    shown = [cell for cell in cells(notebook, "code") if "parameters" not in notebooks.tags(cell)]
    for cell in shown:
        lines = notebooks.text(cell).splitlines()
        assert len(lines) <= 25, notebooks.text(cell)
        assert not [line for line in lines if len(line) > 100 or '== "voices"' in line]


def calls(node, name):
    """Whether something below a node calls ``name``, written as ``module.function``."""
    found = (each.func for each in ast.walk(node) if isinstance(each, ast.Call))
    return name in map(ast.unparse, found)


@each
def test_no_cell_shows_what_it_records_as_python_writes_it(notebook):
    for cell in cells(notebook, "code"):
        text = notebooks.text(cell).rstrip()
        last = (ast.parse(text).body or [ast.Pass()])[-1]
        named = ast.unparse(last).split("(")[0] if isinstance(last, ast.Expr) else ""
        assert named not in ("records.record", "records.record_many") or text.endswith(";"), text


@each
def test_what_a_cell_says_is_shown(notebook):
    """A computed sentence that is no cell's last expression is never seen."""
    for cell in cells(notebook, "code"):
        text = notebooks.text(cell)
        *before, last = ast.parse(text).body or [ast.Pass()]
        dropped = [node for node in before if isinstance(node, ast.Expr)]
        if isinstance(last, ast.Expr) and text.rstrip().endswith(";"):
            dropped.append(last)
        assert not [node for node in dropped if calls(node, "records.say")], text


# where the tests of a module lie that has no file of its own: (folder, name of the test): modules
ELSEWHERE = {
    ("acoustics", "perceived_quality"): "pesq_program",
    ("attribution", "attribute"): "controls endings question registry validation",
    ("attribution", "lrp"): "lrp/audit lrp/composites lrp/former lrp/layers lrp/methods lrp/steps",
    ("attribution", "lstm"): "lrp/recurrent",
    ("attribution", "operations"): "lrp/dispatch lrp/operations",
    ("corpora", "store"): "../catalogue",
    ("corpora", "survey"): "../cli/new_corpus",
    ("corpora", "voices"): "sentences synthesizer",
    ("explaining", "maps"): "../cli/attribute",
    ("features", "phonetics"): "steady",
    ("explaining", "bench"): "bench_report",
    ("models", "everyday"): "crepe dnsmos resemblyzer silero spectrum",
    ("models", "networks"): "weights",
    ("models", "nisqa"): "sums",
    ("training", "fitting"): "classifiers clips experiment loop recipes tasks trained",
    ("cli", "cli"): "options output",
    ("", "audio"): "containers mpeg",
    ("book/cli", "execute"): "options progress",
    ("book/cli", "write"): "../runner/chapter",
    ("book/records", "board"): "closing ../project",
    ("book/records", "measurements"): "../../provenance",
    ("book/runner", "keys"): "plan",
    ("book/runner", "parallel"): "clusters",
    ("book/runner", "parameters"): "choices",
    ("book/runner", "site"): "render",
}
TOGETHER = {  # what is true of many modules at once
    "attribution/test_attention.py", "attribution/test_spellings.py",
    "attribution/zoo/test_reference.py",
    "attribution/zoo/test_table.py", "book/runner/test_notebook_times.py",
    "book/test_a_strangers_network.py", "book/test_reader.py", "book/test_structure.py",
    "book/test_what_a_tick_means.py",
    "book/test_what_it_costs.py", "book/test_what_libraries_say.py",
    "corpora/test_damaged_tables.py", "corpora/test_registration.py",
    "evaluation/test_quantus.py",
    "figures/test_figures.py", "models/test_nisqa_public.py", "notebooks/test_notebooks.py",
    "notebooks/test_plain_tools.py",
    "test_faults.py", "test_imports.py", "test_methods_bench.py", "test_own_data_page.py",
    "test_own_network_page.py", "test_prose.py", "test_shown_commands.py", "test_wheel.py",
    "test_words.py",
}  # fmt: skip


def test_tests_lie_where_their_modules_lie():
    """``src/earwitness/corpora/fsdd.py`` has ``tests/corpora/test_fsdd.py``; the book's lie in
    ``tests/book``; what differs is stated above.
    """
    tests, sources = project.root() / "tests", project.root() / "src"
    expected = set()
    for package, at in (("earwitness", ""), ("earwitness_book", "book")):
        for path in (sources / package).rglob("[!_]*.py"):
            inside = path.relative_to(sources / package)
            expected.add(posixpath.join(at, inside.with_name(f"test_{inside.name}").as_posix()))
    elsewhere = {}
    for (folder, name), modules in ELSEWHERE.items():
        for module in modules.split():
            at, _, last = posixpath.normpath(posixpath.join(folder, module)).rpartition("/")
            own = posixpath.join(at, f"test_{last}.py")
            elsewhere[own] = posixpath.join(folder, f"test_{name}.py")
    present = {path.relative_to(tests).as_posix() for path in tests.rglob("test_*.py")}
    assert expected - present == set(elsewhere), "state in ELSEWHERE what is tested elsewhere"
    assert present - expected - TOGETHER == set(elsewhere.values()) - expected
    assert TOGETHER | set(elsewhere.values()) <= present
