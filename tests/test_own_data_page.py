"""The page "With real recordings": from a folder to an explanation, by its commands as written."""

import re
import runpy
import shlex

import numpy as np
import pytest
import soundfile

from earwitness.models import weights
from earwitness_book import project

PAGE = (project.root() / "book" / "own-data.md").read_text()
OWN = PAGE.split("## Your own corpus")[1]
COMMANDS = re.findall(r"```bash\n(.*?)```", OWN, re.DOTALL)
PYTHON, CORPUS = re.findall(r"```python\n(.*?)```", OWN, re.DOTALL)


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


@pytest.fixture
def there(home, monkeypatch):
    """Work in that folder, with a cache of its own."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("EARWITNESS_CACHE", str(home / "cache"))
    return home


def card_and_digest(folder):
    card, _ = weights.read_card(folder / "mine.md")
    return card, card["weights"]["sha256"]


@pytest.mark.slow  # a network is trained and explained: 20 s
def test_the_commands_of_the_page_lead_from_a_folder_to_a_report(there, call):
    train, explain = map(shlex.split, COMMANDS)
    assert train[0] == explain[0] == "earwitness"
    train = [quick(part) if part == "brief" else part for part in train]
    status, said, err = call(*train[1:])
    assert status == 0 and "mine.pt" in said, err
    card, digest = card_and_digest(there)
    assert card["held_out"] and "'pattern=" in card["made"]["command"]
    status, _, err = call(*shlex.split(card["made"]["command"])[1:])
    assert status == 0, err
    assert card_and_digest(there)[1] == digest, "the card's command makes other weights"
    status, written, err = call(*explain[1:])
    report = re.search(r"why/\S+/report\.html", OWN)[0]
    assert status == 0 and report in written, err
    assert (there / report).stat().st_size > 100_000


@pytest.mark.slow  # the network of before comes from the cache: 10 s
@pytest.mark.usefixtures("same_names_afterwards")
def test_the_python_of_the_page_runs_and_its_class_deals_out_speakers(there, capfd):
    use = "corpus = Mine('recordings'); print(len(corpus), len(corpus.folds('digit')))"
    (there / "own.py").write_text(f"{quick(PYTHON)}\n{CORPUS}\n{use}\n")
    runpy.run_path("own.py", run_name="__main__")
    *_, shape, counts = capfd.readouterr().out.splitlines()
    assert (shape, counts) == ("torch.Size([1, 1, 8000])", "10 5")
