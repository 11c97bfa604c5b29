"""The page "Explain your own network": its files and commands work as they are written."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

from earwitness_book import project

PAGE = (project.root() / "book" / "explain-your-own-network.md").read_text()
NETWORK, TRAINING, *PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow  # a network is trained and explained four times: 20 s
def test_the_page_works_as_it_is_written(tmp_path, monkeypatch, call, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "whose_voice.py").write_text(NETWORK)
    few = TRAINING.replace("EPOCHS = 20", "EPOCHS = 1").replace(
        "clips(fold.train)", "clips(fold.train[::20])"
    )
    few = few.replace("clips(fold.test)", "clips(fold.test[::30])")
    assert few.count("EPOCHS = 1\n") == 1 and few.count("[::") == 2
    (tmp_path / "train.py").write_text(few)
    runpy.run_path("train.py", run_name="__main__")
    assert "right on voices" in capfd.readouterr().out
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        assert program == "earwitness"
        status, written, err = call(*arguments)
        assert status == 0, err
        files = {path.name for path in Path(written.strip()).parent.iterdir()}
        named = set(
            re.findall(r"`(\w+\.\w+)`", PAGE.split("| file | what |")[1].split("Any number")[0])
        )
        assert named == files
    (tmp_path / "use.py").write_text("\n".join(PYTHON))
    capfd.readouterr()
    runpy.run_path("use.py", run_name="__main__")
    assert capfd.readouterr().out.split()[0] in ("female", "male")
