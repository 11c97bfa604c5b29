"""The page "With real recordings": from a folder to an explanation, by its commands as written."""

import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from earwitness_book import project

PAGE = (project.root() / "book" / "own-data.md").read_text()
OWN = PAGE.split("## Your own corpus")[1]
COMMANDS = re.findall(r"```sh\n(.*?)```", OWN, re.DOTALL)
PYTHON, CORPUS = re.findall(r"```python\n(.*?)```", OWN, re.DOTALL)


def run(*arguments, folder):
    environment = os.environ | {"EARWITNESS_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def quick(text):
    """Return what the page says with the recipe of tests."""
    assert text.count("brief") == 1
    return text.replace("brief", "smoke")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with recordings named as on the page: two digits, five speakers."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "recordings").mkdir()
    times = np.arange(3200) / 8000
    for number, speaker in enumerate(("anna", "ben", "carl", "dora", "emil")):
        for digit in (3, 7):
            tone = 0.3 * np.sin(2 * np.pi * (100 * digit + 10 * number) * times)
            soundfile.write(folder / "recordings" / f"{digit}_{speaker}_0.wav", tone, 8000)
    return folder


@pytest.mark.slow  # a network is trained and explained: 20 s
def test_the_commands_of_the_page_lead_from_a_folder_to_a_report(home):
    train, explain = map(shlex.split, COMMANDS)
    assert train[0] == explain[0] == "earwitness"
    train = [quick(part) if part == "brief" else part for part in train]
    assert "mine.pt" in run("-m", "earwitness.cli", *train[1:], folder=home)
    assert "held_out: [" in (home / "mine.md").read_text()
    written = run("-m", "earwitness.cli", *explain[1:], folder=home)
    report = re.search(r"why/\S+/report\.html", OWN)[0]
    assert report in written and (home / report).stat().st_size > 100_000


@pytest.mark.slow  # the network of before comes from the cache: 10 s
def test_the_python_of_the_page_runs_and_its_class_deals_out_speakers(home):
    use = "corpus = Mine('recordings'); print(len(corpus), len(corpus.folds('digit')))"
    (home / "own.py").write_text(f"{quick(PYTHON)}\n{CORPUS}\n{use}\n")
    *_, shape, counts = run("own.py", folder=home).splitlines()
    assert (shape, counts) == ("torch.Size([1, 1, 8000])", "10 5")
