"""The command: a stranger's network and folder of sounds, a report, and sentences."""

import json

import numpy as np
import pytest
import soundfile
import torch

from earwitness import cli

NETWORK = """
from torch import nn

class Mine(nn.Sequential):
    sample_rate = 4000
    def __init__(self):
        super().__init__(nn.Conv1d(1, 4, 9, 2), nn.ReLU(), nn.AdaptiveAvgPool1d(2), nn.Flatten(),
        nn.Linear(8, 3))
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in a folder with a network and a folder of sounds."""
    (tmp_path / "bench_net.py").write_text(NETWORK)
    (tmp_path / "clips").mkdir()
    for number in range(2):
        noise = 0.1 * np.random.default_rng(number).standard_normal(1200)
        soundfile.write(tmp_path / "clips" / f"{number}.wav", noise, 4000)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", *arguments])
    return end.value.code


ASK = ["--model", "bench_net:Mine", "--sounds", "clips", "--method", "gradient", "--cue", "tone"]


def test_it_says_what_came_out_and_writes_a_report(here, capsys):
    assert call(*ASK, "--out", "known") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("The output moves") and said[-1] == "known/report.html"
    assert sorted(path.name for path in (here / "known").iterdir()) == [
        "numbers.json", "plants.csv", "report.html"
    ]  # fmt: skip


def test_json_is_a_list_of_methods(here, capsys):
    assert call(*ASK, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["method"] == "gradient" and -1 <= row["follows"] <= 1


def test_an_onnx_file_gets_the_numbers_of_the_module_that_it_was_written_from(here, capsys):
    pytest.importorskip("onnx")
    space = {}
    exec(NETWORK, space)
    network = space["Mine"]().eval()
    torch.save(network.state_dict(), "net.pt")
    torch.onnx.export(network, (torch.zeros(1, 1, 1200),), "net.onnx", dynamo=False,
                      input_names=["x"], dynamic_axes={"x": {0: "batch"}})  # fmt: skip
    found = []
    for model in (("bench_net:Mine", "--weights", "net.pt"), ("net.onnx", "--sample-rate", "4000")):
        assert (
            call("--model", *model, "--sounds", "clips", "--method", "lrp-epsilon", "--json") == 0
        )
        found.append(json.loads(capsys.readouterr().out)[0])
    for name in ("n", "points", "points_energy", "follows", "flipping_gain", "missing"):
        assert found[0][name] == pytest.approx(found[1][name], abs=1e-4), name


def test_what_cannot_be_done_is_a_sentence(here, capsys):
    assert call("--model", "bench_net:Mine", "--sounds", "clips", "--method", "grad-kam") == 2
    assert "grad-cam" in capsys.readouterr().err
    (here / "empty").mkdir()
    assert call(*ASK[:2], "--sounds", "empty") == 2
    assert "holds no sound" in capsys.readouterr().err
