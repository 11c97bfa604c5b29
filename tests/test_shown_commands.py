"""The commands that README, pages and notebooks show: those that are cheap run as written, the
others are what the command line takes, with notebooks, parameters and values that exist.
"""

import json
import re
import runpy
import shlex

import numpy as np
import pytest
import soundfile
import torch
import typer

from earwitness import cli
from earwitness.cli.output import join_pairs, typed_pairs
from earwitness_book import project
from earwitness_book.runner import notebooks, parameters, profiles, sweep

ROOT = project.root()
FENCE = re.compile(r"^( *)```(?:bash|sh)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(earwitness [a-z][^`]*)`")
PROGRAM = re.compile(r"^(?:[A-Z_]+=\S+ +)*(?:\.venv/bin/)?earwitness +(.*)$")
WORD_NET = """\
from torch import nn

class WordNet(nn.Sequential):
    sample_rate, n_samples, classes = 8000, 400, ("one", "two")

    def __init__(self):
        super().__init__(nn.Conv1d(1, 4, 16, 4), nn.ReLU(), nn.Flatten(), nn.Linear(388, 2))
"""


def shown(text: str) -> list[str]:
    """Return the commands of this program in a text's blocks and sentences, without its name."""
    blocks = [block.replace("\\\n", " ") for _, block in FENCE.findall(text)]
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [" ".join(command.split()) for command in INLINE.findall(text)]
    return [found[1] for line in lines if (found := PROGRAM.match(line.strip()))]


def texts() -> dict[str, str]:
    """Return all that shows commands: README, pages, and notebooks' words."""
    pages = {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for path in [ROOT / "README.md", *sorted((ROOT / "book").rglob("*.md"))]
    }
    for notebook in notebooks.book().notebooks:
        cells = notebook.content()["cells"]
        words = [notebooks.text(cell) for cell in cells if cell["cell_type"] == "markdown"]
        pages[notebook.id] = "\n\n".join(words)
    return {name: text for name, text in pages.items() if shown(text)}


def parsed(line: str) -> tuple[str, dict]:
    """Return the command's name and what the command line's own parser makes of the line; a mere
    name is no call.
    """
    words = join_pairs(shlex.split(line, comments=True))
    command, name = typer.main.get_command(cli.commands()), []
    while hasattr(command, "commands"):
        name.append(words.pop(0))
        assert name[-1] in command.commands, f"there is no command {' '.join(name)}"
        command = command.commands[name[-1]]
    return " ".join(name), command.make_context(name[-1], words).params if words else {}


def check(line: str) -> None:
    """Raise unless the command line takes it, and what it names is there."""
    name, given = parsed(line)
    if profile := given.get("profile"):
        assert profile in profiles.names()
    for chapter in given.get("chapter") or given.get("chapters") or ():
        assert chapter in notebooks.book().chapters()
    if given.get("notebook"):  # a page is taken away without one
        found, pairs = notebooks.find(given["notebook"]), typed_pairs(given.get("parameter"))
        {"sweep": sweep.values}.get(name, parameters.convert)(found, pairs)


PAGES = texts()


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_shown_is_one(page, tmp_path, monkeypatch):
    files = re.findall(r"```yaml\n(class: .*?)```", PAGES[page], re.DOTALL)
    names = re.findall(r"--cluster (\S+\.yaml)", PAGES[page])
    for name, text in zip(names, files, strict=True):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    for line in shown(PAGES[page]):
        try:
            check(line)
        except Exception as error:
            pytest.fail(f"{line}: {error}")


@pytest.mark.parametrize(
    "line",
    ["rum x", "params nothing", "run pixel-flipping -p clip 3", "run pixel-flipping -p seed x",
     "build --chapter nothing", "build --profile nothing", "sweep concepts -p n_channels 1,1"],
)  # fmt: skip
def test_a_command_that_is_none_would_be_found(line):
    with pytest.raises((AssertionError, ValueError)):
        check(line)


def test_what_make_is_asked_for_is_in_the_makefile():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in PAGES:
        if page.endswith(".md"):
            assert set(re.findall(r"^make (\w+)", PAGES[page], re.MULTILINE)) <= set(targets)


QUICK = ("list", "params", "cache status", "data status", "scoreboard")


def test_commands_that_only_look_run_as_shown_first(call, tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))
    lines = [line for page in ("README.md", "book/rerun.md") for line in shown(PAGES[page])]
    looks = sorted({line for line in lines if parsed(line)[0] in QUICK})
    assert {parsed(line)[0] for line in looks} == set(QUICK)
    for line in looks:
        status, out, err = call(*shlex.split(line, comments=True))
        assert status == 0 and len(out.splitlines()) > 1, err
        if "--json" in line:
            assert json.loads(out)


@pytest.fixture
def there(tmp_path, monkeypatch):
    """Work in a folder with what the README's reader has: a network, its weights, recordings."""
    package, folder = tmp_path / "my_package", tmp_path / "recordings" / "yes"
    package.mkdir(), folder.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "networks.py").write_text(WORD_NET)
    rng = np.random.default_rng(0)
    for path in (tmp_path / "word.wav", folder / "a.wav", folder / "b.wav"):
        soundfile.write(path, 0.1 * rng.standard_normal(400), 8000)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    network = runpy.run_path(str(package / "networks.py"))["WordNet"]()
    torch.save(network.state_dict(), tmp_path / "word.pt")
    return tmp_path


def test_the_readme_explains_a_sound_a_corpus_and_reads_the_maps_back(there, call, capfd):
    library, maps = re.findall(r"```python\n(.*?)```", PAGES["README.md"], re.DOTALL)
    exec(compile(library, "README.md", "exec"), {})
    said = capfd.readouterr().out
    assert "conv1d" in said and "supported" in said
    lines = [line for line in shown(PAGES["README.md"]) if "WordNet" in line]
    assert [parsed(line)[0] for line in lines] == ["explain", "attribute"]
    for line in lines:
        # tests/explaining/test_maps.py has two workers, which take seconds to start
        status, _, err = call(*shlex.split(line.replace("--workers 2", "--workers 1")))
        assert status == 0, err
    assert list(there.glob("why/*/report.html"))
    pytest.importorskip("xarray")
    namespace = {}
    exec(compile(maps, "README.md", "exec"), namespace)
    assert namespace["maps"].relevance.sel(attribution="lrp-epsilon").shape == (2, 1, 400)


def test_the_network_of_rerun_is_the_one_that_the_book_has_trained(monkeypatch):
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGES["book/rerun.md"], re.DOTALL)
    asked = {}

    def fit(model, *, corpus, task, fold, **how):
        asked.update(how, model=model, corpus=corpus, task=task, fold=fold)
        raise KeyboardInterrupt

    monkeypatch.setattr("earwitness.training.fit", fit)
    with pytest.raises(KeyboardInterrupt):
        exec(compile(snippet, "rerun.md", "exec"), {})
    defaults = notebooks.find("audiomnist/relevance-maps").parameters
    book = {name: defaults[name].default for name in ("corpus", "fold", "recipe")}
    voices = {name: defaults[name].default for name in ("n_speakers", "repetitions")}
    assert asked == book | {"model": "AudioNet", "task": "digit", "corpus_options": voices}
