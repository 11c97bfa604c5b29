"""The page "Explain your own network": its files and commands work as they are written."""

import re
import shlex
import subprocess
import sys

import pytest

from earwitness_book import project

PAGE = (project.root() / "book" / "explain-your-own-network.md").read_text()
NETWORK, TRAINING, PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def run(*arguments, folder):
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow  # a network is trained and explained four times: 20 s
def test_the_page_works_as_it_is_written(tmp_path):
    (tmp_path / "whose_voice.py").write_text(NETWORK)
    few = TRAINING.replace("EPOCHS = 20", "EPOCHS = 1").replace(
        "clips(fold.train)", "clips(fold.train[::20])"
    )
    few = few.replace("clips(fold.test)", "clips(fold.test[::30])")
    assert few.count("EPOCHS = 1\n") == 1 and few.count("[::") == 2
    (tmp_path / "train.py").write_text(few)
    assert "right on voices" in run("train.py", folder=tmp_path)
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        assert program == "earwitness"
        (written,) = run("-m", "earwitness.cli", *arguments, folder=tmp_path).split()
        files = {path.name for path in (tmp_path / written).parent.iterdir()}
        named = set(
            re.findall(r"`(\w+\.\w+)`", PAGE.split("| file | what |")[1].split("Any number")[0])
        )
        assert named == files
    (tmp_path / "use.py").write_text(PYTHON)
    assert run("use.py", folder=tmp_path).split()[0] in ("female", "male")
